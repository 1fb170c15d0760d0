"""The signed passport: identity, keys, credential, attestations, the bundle and its verification."""

from recore.passport.issue import IssuedBundle, issue
from recore.passport.keys import SigningKey, key_exists, load_key, new_key, web_document
from recore.passport.verify import Check, Verification, verify

__all__ = [
    "Check",
    "IssuedBundle",
    "SigningKey",
    "Verification",
    "issue",
    "key_exists",
    "load_key",
    "new_key",
    "verify",
    "web_document",
]
