"""One signed statement per finding: in-toto Statement v1 in a DSSE envelope."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recore import jsonio
from recore.errors import BadInput
from recore.passport.keys import SigningKey
from recore.passport.shape import Envelope, Predicate, Statement, shaped

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:recore:predicate:finding:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def file_name(step: str) -> str:
    """Where a step's statement stands in the bundle."""
    return f"attestations/{step}.dsse"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding of DSSE 1.0: what the signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def attest(step: str, component: str, finding: dict[str, Any], digest: str, key: SigningKey) -> bytes:
    """Envelope with the signed statement about one finding, in canonical JSON.

    Parameters
    ----------
    step, component : ids in the case
    finding : the finding's JSON, which becomes the predicate
    digest : SHA-256 of its canonical form, which becomes the subject's digest
    """
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": step, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": {"step": step, "component": component, "finding": finding},
    }
    payload = jsonio.canonical(statement)
    return jsonio.canonical(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [
                {"keyid": key.keyid, "sig": base64.b64encode(key.sign(pae(PAYLOAD_TYPE, payload))).decode()}
            ],
        }
    )


def opened(data: bytes, *, where: str) -> tuple[Envelope, bytes]:
    """Envelope of canonical bytes and the payload in it, unverified.

    Raises
    ------
    BadInput : not the one canonical form of a DSSE envelope
    """
    document = jsonio.loads(data, where=where)
    envelope = shaped(Envelope, document, where=where)
    if jsonio.canonical(document) != data:
        raise BadInput("not in canonical form (RFC 8785)", where=where)
    return envelope, _plain(envelope.payload, where)


def _plain(text: str, where: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise BadInput("not canonical base64", where=where)
    return data


def verified(
    envelope: Envelope, payload: bytes, key: Ed25519PublicKey, keyid: str, *, where: str
) -> Predicate:
    """Check the signature, then read exactly the bytes it covers.

    Returns
    -------
    the predicate, whose finding has the digest the subject states

    Raises
    ------
    BadInput : another key, a signature that does not fit, or a statement at odds with itself
    """
    signature = envelope.signatures[0]
    if signature.keyid != keyid:
        raise BadInput(f"signed by key {signature.keyid[:60]!r}", where=where, right="the issuer's key")
    try:
        key.verify(_plain(signature.sig, where), pae(envelope.payloadType, payload))
    except InvalidSignature:
        raise BadInput(
            "the signature does not fit the statement", where=where, right="something in it was changed"
        ) from None
    document = jsonio.loads(payload, where=where)
    statement = shaped(Statement, document, where=where)
    about = statement.subject[0]
    if jsonio.digest(statement.predicate.finding) != about.digest.sha256:
        raise BadInput("the finding has another digest than the statement's subject", where=where)
    if about.name != statement.predicate.step:
        raise BadInput(f"subject {about.name!r} holds step {statement.predicate.step!r}", where=where)
    return statement.predicate
