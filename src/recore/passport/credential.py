"""The credential: a W3C Verifiable Credential 2.0 about one machine, in canonical JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recore import jsonio
from recore.errors import BadInput
from recore.passport import proof
from recore.passport.keys import SigningKey
from recore.passport.shape import CONTEXT_FILE, OWN_CONTEXT, TYPES, W3C_CONTEXT, Passport, shaped

URN = "urn:recore:passport:"


@cache
def own_context() -> bytes:
    """Our JSON-LD context, as it stands in every bundle."""
    return (files("recore.passport") / CONTEXT_FILE).read_bytes()


def integrity(data: bytes) -> str:
    """Subresource integrity of bytes, as `digestSRI` carries it (VC Data Model 2.0, 5.3)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def stamp(moment: datetime) -> str:
    """A time as credentials carry it: UTC, whole seconds.

    Raises
    ------
    BadInput : a time without a zone
    """
    if moment.tzinfo is None:
        raise BadInput(f"time {moment} has no zone", right="give it in UTC")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _members(document: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: jsonio.canonical(name) + b":" + jsonio.canonical(value) for name, value in document.items()}


def _joined(members: Mapping[str, bytes], *without: str) -> bytes:
    """Canonical object of members, some left out; our member names are ASCII, so they sort as UTF-16."""
    return b"{" + b",".join(members[name] for name in sorted(members) if name not in without) + b"}"


def sign(
    subject: dict[str, Any],
    name: str,
    key: SigningKey,
    *,
    now: datetime,
    valid_until: datetime | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Build and sign a passport credential.

    The id is the digest of everything else but the proof, so equal claims at an equal time by one
    issuer are one passport.

    Parameters
    ----------
    subject : the credential subject
    name : what a reader may call it
    now : becomes validFrom and the time of the proof

    Returns
    -------
    the credential and its canonical bytes
    """
    document: dict[str, Any] = {
        "@context": [W3C_CONTEXT, OWN_CONTEXT],
        "type": list(TYPES),
        "name": name,
        "issuer": key.did,
        "validFrom": stamp(now),
        "relatedResource": [
            {
                "id": OWN_CONTEXT,
                "digestSRI": integrity(own_context()),
                "mediaType": "application/ld+json",
            }
        ],
        "credentialSubject": subject,
    }
    if valid_until is not None:
        document["validUntil"] = stamp(valid_until)
    members = _members(document)
    document["id"] = URN + hashlib.sha256(_joined(members)).hexdigest()
    members |= _members({"id": document["id"]})
    document["proof"] = proof.create_hashed(
        document, _joined(members), key.sign, method=key.method, created=stamp(now)
    )
    members |= _members({"proof": document["proof"]})
    shaped(Passport, document, where="passport")
    return document, _joined(members)


@dataclass(frozen=True)
class Parsed:
    """A credential read from its bytes: of the right shape, canonical, and not yet believed."""

    passport: Passport
    document: dict[str, Any]
    members: dict[str, bytes]


def parse(data: bytes, *, where: str = "passport.json") -> Parsed:
    """Read a credential.

    Raises
    ------
    BadInput : not strict JSON, not the shape of a passport, or not in canonical form
    """
    document = jsonio.loads(data, where=where)
    passport = shaped(Passport, document, where=where)
    members = _members(document)
    if _joined(members) != data:
        raise BadInput("not in canonical form (RFC 8785)", where=where)
    if passport.id != URN + hashlib.sha256(_joined(members, "id", "proof")).hexdigest():
        raise BadInput("the id is not the digest of the content", where=where)
    return Parsed(passport, document, members)


def check_proof(parsed: Parsed, resolve: Callable[[str, str], Ed25519PublicKey]) -> None:
    """Verify the proof of a parsed credential.

    Its @context was held to be the one list we sign, so the prefix rule of `proof.check` is met.

    Raises
    ------
    BadInput : the key is not the issuer's, or the signature does not fit
    """
    given: dict[str, Any] = parsed.document["proof"]
    config = {name: value for name, value in given.items() if name != "proofValue"}
    data = proof.hashed(_joined(parsed.members, "proof"), config)
    proof.check_signature(given, data, parsed.passport.issuer, resolve, where="proof")
