"""The key that passports are signed with. It is read by the process that signs, never by a page."""

from __future__ import annotations

import os
from dataclasses import dataclass

from recore.errors import BadInput


@dataclass(frozen=True)
class Issuer:
    """A signing key of the user who runs the server, by its name."""

    name: str = "default"

    def did(self) -> tuple[str, str]:
        """Public identity of the key and '', or '' and why there is none."""
        from recore.passport import load_key

        try:
            return load_key(self.name, passphrase=_passphrase()).did, ""
        except BadInput as error:
            return "", str(error)

    def ready(self) -> str:
        """Name of the key; the default key is made at its first use.

        Raises
        ------
        BadInput : there is no such key, or it cannot be used without its passphrase
        """
        from recore.passport import key_exists, load_key, new_key

        if self.name == "default" and not key_exists(self.name):
            new_key(self.name, passphrase=_passphrase())
        load_key(self.name, passphrase=_passphrase())
        return self.name

    def can_issue(self) -> bool:
        """Whether a passport can be issued without asking anybody."""
        from recore.passport import key_exists

        return bool(self.did()[0]) or (self.name == "default" and not key_exists(self.name))


def _passphrase() -> bytes | None:
    """The passphrase that the worker, which signs, will take as well."""
    word = os.environ.get("RECORE_PASSPHRASE")
    return None if word is None else word.encode()
