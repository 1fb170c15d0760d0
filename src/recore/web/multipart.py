"""Forms with files, read while they arrive.

The parts go straight from the network into whoever keeps them (the evidence store, which hashes as it
writes), so that a file of 10 GB needs neither memory nor a second copy on disk. Runs in a worker thread.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Generic, TypeVar, cast
from urllib.parse import parse_qsl

import anyio.from_thread
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from recore.errors import BadInput

T = TypeVar("T")
MAX_BODY = 64 * 2**30
MAX_FIELD = 2**20
MAX_PARTS = 2_000


class TooLarge(BadInput):
    """An upload past the limit (HTTP 413)."""


@dataclass
class Form(Generic[T]):
    """Fields and kept files of a form, each name with its values in order."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[T]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Last value of a field, stripped; '' where the form has none."""
        return self.fields.get(name, [""])[-1].strip()

    def all(self, name: str) -> list[str]:
        """Every value of a field that is not empty."""
        return [value for value in self.fields.get(name, []) if value.strip()]


@dataclass
class _Begin:
    name: str
    file: str | None


class _End:
    pass


class _Parts:
    """Pulls chunks of the body and turns them into begin, data and end events."""

    def __init__(self, chunks: Iterator[bytes], boundary: bytes) -> None:
        self.chunks = chunks
        self.events: deque[_Begin | _End | bytes] = deque()
        self.headers: dict[str, str] = {}
        self.name, self.value = bytearray(), bytearray()
        self.finished = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self.headers.clear,
                "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
                "on_part_end": lambda: self.events.append(_End()),
                "on_header_field": lambda data, start, end: self.name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self.value.extend(data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._begin,
                "on_end": self._finish,
            },
        )

    def _header(self) -> None:
        self.headers[self.name.decode("latin-1").lower()] = self.value.decode("latin-1")
        self.name.clear()
        self.value.clear()

    def _begin(self) -> None:
        _, options = parse_options_header(self.headers.get("content-disposition", ""))
        name = options.get(b"name")
        if name is None:
            raise BadInput("a part has no name", where="form", right="name every part of the form")
        file = options.get(b"filename")
        self.events.append(
            _Begin(name.decode("utf-8", "replace"), None if file is None else file.decode("utf-8", "replace"))
        )

    def _finish(self) -> None:
        self.finished = True

    def next(self) -> _Begin | _End | bytes | None:
        while not self.events:
            chunk = next(self.chunks, b"")
            if not chunk:
                if not self.finished:
                    raise BadInput("the form ends in the middle", where="form", right="send it again")
                return None
            try:
                self.parser.write(chunk)
            except FormParserError as error:
                raise BadInput(f"not a form: {error}", where="form") from None
        return self.events.popleft()


class _Part(io.RawIOBase):
    """The bytes of one part, as a file that can be read once."""

    def __init__(self, parts: _Parts) -> None:
        self.parts, self.rest, self.ended = parts, memoryview(b""), False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        while not self.rest and not self.ended:
            event = self.parts.next()
            if isinstance(event, bytes):
                self.rest = memoryview(event)
            else:
                self.ended = True
        target = memoryview(cast(bytearray, buffer)).cast("B")
        count = min(len(target), len(self.rest))
        target[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def read_form(
    request: Request,
    keep: Callable[[str, str, BinaryIO], T | None],
    *,
    before_files: Callable[[Form[T]], None] = lambda form: None,
    max_body: int = MAX_BODY,
) -> Form[T]:
    """Read a form from a worker thread.

    Parameters
    ----------
    keep : called with field name, file name and a stream for each file; what it returns stands in the form,
        unless that is None
    before_files : called with the fields so far before the first file is kept; may refuse by raising
    max_body : bytes that the whole body may have

    Raises
    ------
    BadInput : not a form, cut short, or a field too large
    TooLarge : the body is past `max_body`
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    chunks = _bounded(request, max_body)
    form: Form[T] = Form()
    if kind == b"application/x-www-form-urlencoded":
        for name, value in _urlencoded(chunks):
            form.fields.setdefault(name, []).append(value)
        before_files(form)
        return form
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise BadInput(
            f"content type {kind.decode('latin-1')!r}",
            where="header Content-Type",
            right="send multipart/form-data",
        )
    parts, count, checked = _Parts(chunks, options[b"boundary"]), 0, False
    while (event := parts.next()) is not None:
        if not isinstance(event, _Begin):
            continue
        count += 1
        if count > MAX_PARTS:
            raise BadInput(f"more than {MAX_PARTS} parts", where="form", right="send fewer files at once")
        part = _Part(parts)
        if event.file is None:
            data = io.BufferedReader(part).read(MAX_FIELD + 1)
            if len(data) > MAX_FIELD:
                raise BadInput(
                    f"more than {MAX_FIELD} bytes of text", where=event.name, right="send it as a file"
                )
            form.fields.setdefault(event.name, []).append(_text(data, event.name))
            continue
        if not checked:
            before_files(form)
            checked = True
        stream = io.BufferedReader(part, 2**18)
        # a browser sends an empty nameless part for a file input that was left empty
        if event.file or stream.peek(1):
            kept = keep(event.name, event.file, stream)
            if kept is not None:
                form.files.setdefault(event.name, []).append(kept)
        while stream.read(2**18):
            pass
    if not checked:
        before_files(form)
    return form


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput("the field is not UTF-8", where=where, right="send text as UTF-8") from None


def _bounded(request: Request, limit: int) -> Iterator[bytes]:
    """Chunks of the body, pulled out of the event loop one at a time."""
    stream = request.stream()

    async def pull() -> bytes:
        async for chunk in stream:
            if chunk:
                return chunk
        return b""

    declared = request.headers.get("content-length", "0")
    total = int(declared) if declared.isdecimal() else 0
    if total > limit:
        raise TooLarge(
            f"the upload has {total} bytes", where="form", right=f"at most {limit} bytes are taken"
        )
    total = 0
    while True:
        try:
            chunk = anyio.from_thread.run(pull)
        except ClientDisconnect:
            raise BadInput("the connection broke off", where="form", right="send it again") from None
        if not chunk:
            return
        total += len(chunk)
        if total > limit:
            raise TooLarge("the upload is too large", where="form", right=f"at most {limit} bytes are taken")
        yield chunk


def _urlencoded(chunks: Iterator[bytes]) -> list[tuple[str, str]]:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_FIELD:
            raise BadInput(f"more than {MAX_FIELD} bytes of fields", where="form", right="send less at once")
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError:
        raise BadInput("not a form", where="form", right="send fields as UTF-8, and fewer of them") from None
