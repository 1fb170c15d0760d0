"""Decentralised identifiers of issuers: did:key and did:web, resolved without any network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recore.errors import BadInput

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_ED25519_PUB = b"\xed\x01"  # multicodec 0xed as an unsigned varint
_WEB = re.compile(r"did:web:([A-Za-z0-9.-]+(?:%3A\d{1,5})?)((?::[A-Za-z0-9._-]+)*)")
_P = 2**255 - 19
# y coordinates of the points of small order: such a key would accept one signature for any text
_SMALL_ORDER = {
    0,
    1,
    _P - 1,
    _P,
    _P + 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
}


def base58btc(data: bytes) -> str:
    """Base58 with the Bitcoin alphabet (draft-msporny-base58-03)."""
    number, digits = int.from_bytes(data, "big"), []
    while number:
        number, rest = divmod(number, 58)
        digits.append(_ALPHABET[rest])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def from_base58btc(text: str, *, where: str, longest: int = 128) -> bytes:
    """Bytes of a base58btc text; every text has exactly one reading."""
    if len(text) > longest or any(letter not in _VALUE for letter in text):
        raise BadInput("not base58btc", where=where, right=f"up to {longest} of {_ALPHABET}")
    number = 0
    for letter in text:
        number = number * 58 + _VALUE[letter]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def multikey(public: bytes) -> str:
    """Multibase text of an Ed25519 public key: 'z6Mk…' (Controlled Identifiers 1.0, Multikey)."""
    return "z" + base58btc(_ED25519_PUB + public)


def from_multikey(text: str, *, where: str) -> Ed25519PublicKey:
    """Ed25519 public key of a multibase text.

    Raises
    ------
    BadInput : another kind of key, a wrong length, or a point of small order
    """
    data = from_base58btc(text[1:], where=where) if text.startswith("z") else b""
    if len(data) != 34 or not data.startswith(_ED25519_PUB):
        raise BadInput(f"{text[:24]!r} is no Ed25519 key", where=where, right="z6Mk… is wanted")
    if int.from_bytes(data[2:], "little") & (2**255 - 1) in _SMALL_ORDER:
        raise BadInput("a key that accepts any text", where=where, right="the issuer must make a new key")
    return Ed25519PublicKey.from_public_bytes(data[2:])


def did_key(public: bytes) -> str:
    """did:key of an Ed25519 public key (W3C CCG did:key 0.7)."""
    return f"did:key:{multikey(public)}"


def did_web(domain: str) -> str:
    """did:web of a domain and path: 'parts.example/shop' becomes 'did:web:parts.example:shop'.

    Raises
    ------
    BadInput : not a domain with an optional port and path
    """
    host, *path = domain.split("/")
    named = domain.startswith("did:web:")
    did = domain if named else ":".join(["did:web:" + host.replace(":", "%3A"), *path])
    if not _WEB.fullmatch(did):
        raise BadInput(f"{domain!r} is no domain", where="did:web", right="parts.example/shop is wanted")
    return did


def document_address(did: str) -> str:
    """Where the document of a did:web belongs (did:web method, 3.2)."""
    match = _WEB.fullmatch(did)
    if not match:
        raise BadInput(f"{did!r} is no did:web", right="did:web:parts.example is wanted")
    path = match[2].replace(":", "/") or "/.well-known"
    return f"https://{match[1].replace('%3A', ':')}{path}/did.json"


def document(issuer: str, method: str, public: bytes) -> dict[str, Any]:
    """DID document with one assertion key, to be served as did.json (DID Core 1.0)."""
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": issuer,
        "verificationMethod": [
            {
                "id": method,
                "type": "Multikey",
                "controller": issuer,
                "publicKeyMultibase": multikey(public),
            }
        ],
        "assertionMethod": [method],
    }


def resolve(
    issuer: str, method: str, documents: Iterable[dict[str, Any]] = (), *, now: datetime | None = None
) -> Ed25519PublicKey:
    """Key with which `issuer` asserts under the verification method `method`.

    A did:key carries its key; the document of a did:web is taken from `documents`, which the
    verifier got over a channel it trusts. Nothing is fetched.

    Parameters
    ----------
    now : time against which `expires` and `revoked` of the key are held

    Raises
    ------
    BadInput : the method is not the issuer's, or not for assertions, or the document is missing
    """
    if issuer.startswith("did:key:"):
        if method != f"{issuer}#{issuer.removeprefix('did:key:')}":
            raise BadInput(f"the proof names {method[:80]!r}", where=issuer, right="the issuer's own key")
        return from_multikey(issuer.removeprefix("did:key:"), where=issuer)
    if not _WEB.fullmatch(issuer):
        raise BadInput(f"{issuer[:80]!r} is not known", where="issuer", right="did:key or did:web")
    found = [item for item in documents if isinstance(item, dict) and item.get("id") == issuer]
    if not found:
        raise BadInput(
            "its DID document was not given",
            where=issuer,
            right=f"get {document_address(issuer)} over a channel you trust and hand it in",
        )
    entry = _method(found[0], issuer, method)
    for word in ("revoked", "expires"):
        if word in entry and now is not None and now >= _time(entry[word], f"{method}, {word}"):
            raise BadInput(f"the key is over since {entry[word]}", where=method, right="ask the issuer")
    return from_multikey(str(entry.get("publicKeyMultibase", "")), where=method)


def _method(document: dict[str, Any], issuer: str, method: str) -> dict[str, Any]:
    def full(item: Any) -> str:
        id = str(item.get("id", "") if isinstance(item, dict) else item)
        return issuer + id if id.startswith("#") else id

    listed, asserting = document.get("verificationMethod", []), document.get("assertionMethod", [])
    if not isinstance(listed, list) or not isinstance(asserting, list):
        raise BadInput("its DID document is not one", where=issuer, right="lists of methods are wanted")
    if method not in [full(item) for item in asserting]:
        raise BadInput(f"{method[:120]!r} is no assertion method", where=issuer, right="ask the issuer")
    for item in [*listed, *asserting]:
        if isinstance(item, dict) and full(item) == method:
            if item.get("controller") != issuer or item.get("type") != "Multikey":
                raise BadInput(f"{method!r} is not the issuer's Multikey", where=issuer)
            return item
    raise BadInput(f"{method[:120]!r} is not in its DID document", where=issuer, right="ask the issuer")


def _time(text: Any, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise BadInput(f"{text!r:.40} is no time", where=where, right="2026-05-01T12:00:00Z is wanted")
    return moment
