"""The signed passport: identity, keys, credential, attestations, the bundle and its verification."""

from recore.passport.checklist import Check
from recore.passport.issue import IssuedBundle, issue
from recore.passport.keys import SigningKey, key_exists, load_key, new_key, web_document
from recore.passport.rule_statement import sign_rules, verify_rules
from recore.passport.verify import Verification, verify

__all__ = [
    "Check",
    "IssuedBundle",
    "SigningKey",
    "Verification",
    "issue",
    "key_exists",
    "load_key",
    "new_key",
    "sign_rules",
    "verify",
    "verify_rules",
    "web_document",
]
