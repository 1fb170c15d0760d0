"""Strict JSON in, canonical JSON out (RFC 8785, the JSON Canonicalization Scheme)."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, NoReturn

from recore.errors import BadInput

MAX_DEPTH = 64
MAX_BYTES = 64 * 2**20
_MAX_EXACT = 2**53 - 1
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(data: bytes | str, *, where: str) -> Any:
    """Parse one JSON document (RFC 8259), refusing what RFC 7493 (I-JSON) forbids.

    Refused are duplicate keys, NaN and infinity, lone surrogates, text that is not UTF-8,
    integers past 2^53 - 1 that no double holds, nesting deeper than `MAX_DEPTH` and documents past `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise BadInput(
            f"the JSON document has {len(data)} bytes", where=where, right=f"at most {MAX_BYTES} are read"
        )
    if isinstance(data, bytes):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(
                f"byte {error.start} is not UTF-8", where=where, right="save the document as UTF-8"
            ) from None
    else:
        text = data
    if not text.strip():
        raise BadInput("the document is empty", where=where, right="a JSON object is wanted")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            names = [name for name, _ in pairs]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise BadInput(
                f"key {', '.join(map(repr, twice))} stands twice", where=where, right="give it once"
            )
        return result

    def constant(word: str) -> NoReturn:
        raise BadInput(f"{word} is not a JSON number", where=where, right="give a finite number or null")

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise BadInput(f"{text} is beyond a double", where=where, right="give a finite number")
        return value

    def integer(text: str) -> int | float:
        if len(text) < 16 or (len(text) < 20 and abs(int(text)) <= _MAX_EXACT):
            return int(text)
        # the canonical form writes doubles up to 1e21 without a point; any other number would be rounded
        if len(text) <= 22 and canonical(float(text)) == text.encode():
            return float(text)
        raise BadInput(
            f"the integer {text[:24]} is beyond 2^53 - 1", where=where, right="write it as a string"
        )

    try:
        document = json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_float=number, parse_int=integer
        )
    except json.JSONDecodeError as error:
        if sum(map(text.count, "[{")) - sum(map(text.count, "]}")) > MAX_DEPTH:
            raise BadInput("nested too deeply", where=where, right=f"at most {MAX_DEPTH} levels") from None
        raise BadInput(
            f"not JSON: {error.msg.lower()}", where=f"{where}, line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise BadInput("nested too deeply", where=where, right=f"at most {MAX_DEPTH} levels") from None
    if _depth(document) > MAX_DEPTH:
        raise BadInput("nested too deeply", where=where, right=f"at most {MAX_DEPTH} levels")
    if _SURROGATE.search(text) or (
        "\\u" in text and _SURROGATE.search(json.dumps(document, ensure_ascii=False))
    ):
        raise BadInput("a lone surrogate is not text", where=where, right="use valid Unicode")
    return document


def _depth(value: Any) -> int:
    level, deepest = [value], 0
    while level:
        deepest += 1
        if deepest > MAX_DEPTH:
            break
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
    return deepest


class _NotPlain(Exception):
    """A value whose canonical form the fast path does not know."""


def canonical(value: Any) -> bytes:
    """Canonical bytes of a JSON value (RFC 8785).

    The interpreter's own encoder agrees with RFC 8785 except for whole-valued, very small
    and very large floats and for keys beyond the basic plane: whole floats become integers
    here, and the rest goes to the rfc8785 package, which is also the oracle in the tests.
    """
    try:
        return json.dumps(
            _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
        ).encode()
    except (_NotPlain, UnicodeEncodeError, RecursionError):
        import rfc8785

        try:
            return rfc8785.dumps(value)
        except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
            raise BadInput(f"no canonical JSON form: {error}") from None


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        try:
            names = "".join(value)
        except TypeError:
            raise _NotPlain from None
        if not names.isascii() and _ASTRAL.search(names):
            raise _NotPlain
        return {key: item if type(item) is str else _plain(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [_plain(item) for item in value]
    if kind is int:
        if -_MAX_EXACT <= value <= _MAX_EXACT:
            return value
        raise _NotPlain
    if kind is float:
        size = abs(value)
        if 1e-4 <= size < 1e16:
            return int(value) if value == int(value) else value
        if size == 0.0:
            return 0
    raise _NotPlain


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()
