"""Who signs, and whom a user trusts: the options and their words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recore.cli_shared import say
from recore.errors import BadInput

if TYPE_CHECKING:
    from recore.passport import SigningKey

Passphrase = Annotated[
    bool, typer.Option("--passphrase", help="Ask for the key's passphrase (or take RECORE_PASSPHRASE).")
]
IssuerDocuments = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="DID document of a did:web issuer.")
]


def signing_key(name: str, passphrase: bool) -> SigningKey:
    """The named key; the default key is made at its first use, and that is said."""
    from recore.passport import key_exists, load_key, new_key

    if name == "default" and not key_exists(name):
        key = new_key(name, passphrase=secret(passphrase, confirm=True))
        say(f"recore: made your signing key {key.did}")
        return key
    return load_key(name, passphrase=secret(passphrase))


def expected_issuer(issuer: str | None) -> str | None:
    """The DID of `--issuer`."""
    if issuer is not None and not issuer.startswith("did:"):
        raise BadInput(f"{issuer!r}", where="--issuer", right="a DID as in did:key:z6Mk… is wanted")
    return issuer


def issuer_documents(paths: list[Path] | None) -> tuple[Any, ...]:
    """The documents of `--issuer-document`."""
    from recore import jsonio

    return tuple(jsonio.loads(path.read_bytes(), where=str(path)) for path in paths or [])


def secret(wanted: bool, *, confirm: bool = False) -> bytes | None:
    """The passphrase, from the environment before it is asked for."""
    if "RECORE_PASSPHRASE" in os.environ:
        return os.environ["RECORE_PASSPHRASE"].encode()
    if not wanted:
        return None
    text: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return text.encode()
