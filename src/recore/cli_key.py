"""Commands of `recore key`: the signing keys of this user."""

from __future__ import annotations

from typing import Annotated

import typer

from recore.cli_shared import Json, print_json
from recore.cli_signing import Passphrase, secret

app = typer.Typer(help="Signing keys of this user.", no_args_is_help=True)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the key.")] = "default",
    passphrase: Passphrase = False,
    json_: Json = False,
) -> None:
    """Make a signing key (Ed25519) in the configuration folder, readable by you alone."""
    from recore.passport import new_key

    key = new_key(name, passphrase=secret(passphrase, confirm=True))
    print_json({"name": name, "did": key.did}) if json_ else print(key.did)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of the key.")] = "default",
    web: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Print the DID document for did:web:DOMAIN instead.")
    ] = None,
    passphrase: Passphrase = False,
) -> None:
    """Print the public identity of a key."""
    from recore.passport import load_key, web_document

    key = load_key(name, passphrase=secret(passphrase))
    print_json(web_document(key, web)) if web else print(key.did)
