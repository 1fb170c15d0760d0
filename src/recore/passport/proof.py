"""Data Integrity proof with the cryptosuite eddsa-jcs-2022 (W3C vc-di-eddsa 1.0, section 3.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recore import jsonio
from recore.errors import BadInput
from recore.passport.did import base58btc, from_base58btc

SUITE = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022"}
PURPOSE = "assertionMethod"


def hash_data(document: dict[str, Any], config: dict[str, Any]) -> bytes:
    """What is signed: SHA-256 of the canonical proof options, then of the canonical document (3.3.4).

    Parameters
    ----------
    document : the credential without its proof
    config : the proof without its value
    """
    return hashed(jsonio.canonical(document), config)


def hashed(canonical: bytes, config: dict[str, Any]) -> bytes:
    """As `hash_data`, for a document whose canonical bytes are at hand."""
    return hashlib.sha256(jsonio.canonical(config)).digest() + hashlib.sha256(canonical).digest()


def create(
    document: dict[str, Any],
    sign: Callable[[bytes], bytes],
    *,
    method: str,
    created: str,
) -> dict[str, Any]:
    """Proof over a document (3.3.1), to be put under its key `proof`.

    Parameters
    ----------
    sign : Ed25519 signature of bytes
    method : DID URL of the verification method
    created : time of signing, as in '2026-05-01T12:00:00Z'
    """
    return create_hashed(document, jsonio.canonical(document), sign, method=method, created=created)


def create_hashed(
    document: dict[str, Any],
    canonical: bytes,
    sign: Callable[[bytes], bytes],
    *,
    method: str,
    created: str,
) -> dict[str, Any]:
    """As `create`, for a document whose canonical bytes are at hand."""
    config: dict[str, Any] = {
        **SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": PURPOSE,
    }
    if "@context" in document:
        config["@context"] = document["@context"]
    return {**config, "proofValue": "z" + base58btc(sign(hashed(canonical, config)))}


def check(
    secured: dict[str, Any], resolve: Callable[[str, str], Ed25519PublicKey], *, where: str = "proof"
) -> None:
    """Verify the proof of a secured document (3.3.2); returns if it holds.

    Parameters
    ----------
    secured : document with one proof
    resolve : (issuer, verification method) → key; it refuses a method that is not the issuer's

    Raises
    ------
    BadInput : what is wrong with the proof
    """
    proof = secured.get("proof")
    if not isinstance(proof, dict):
        raise BadInput("the document has no proof", where=where, right="one DataIntegrityProof is wanted")
    document = {name: value for name, value in secured.items() if name != "proof"}
    config = {name: value for name, value in proof.items() if name != "proofValue"}
    for word, right in {**SUITE, "proofPurpose": PURPOSE}.items():
        if config.get(word) != right:
            raise BadInput(f"{word} is {config.get(word)!r:.60}", where=where, right=f"{right} is wanted")
    if "@context" in config:
        own, whole = _listed(config["@context"]), _listed(document.get("@context"))
        if whole[: len(own)] != own:
            raise BadInput("its @context is not where the document's begins", where=where)
        document["@context"] = config["@context"]
    issuer = document.get("issuer")
    name = issuer.get("id") if isinstance(issuer, dict) else issuer
    check_signature(proof, hash_data(document, config), str(name), resolve, where=where)


def check_signature(
    proof: dict[str, Any],
    data: bytes,
    issuer: str,
    resolve: Callable[[str, str], Ed25519PublicKey],
    *,
    where: str,
) -> None:
    """Hold the proof's value against the hashed data."""
    value = str(proof.get("proofValue", ""))
    signature = from_base58btc(value[1:], where=f"{where}, proofValue") if value.startswith("z") else b""
    if len(signature) != 64:
        raise BadInput("proofValue is no Ed25519 signature", where=where, right="z and base58 of 64 bytes")
    key = resolve(issuer, str(proof.get("verificationMethod", "")))
    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise BadInput(
            "the signature does not fit the content", where=where, right="something in it was changed"
        ) from None


def _listed(context: Any) -> list[Any]:
    return context if isinstance(context, list) else [context]
