"""The signed passport: identity, keys, credential, attestations, the bundle and its verification."""

from recore.passport.issue import IssuedBundle, issue
from recore.passport.keys import Key, load_key, new_key
from recore.passport.verify import Check, Verification, verify

__all__ = ["Check", "IssuedBundle", "Key", "Verification", "issue", "load_key", "new_key", "verify"]
