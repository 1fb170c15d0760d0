"""Signing keys: Ed25519, in the user's configuration folder, readable by the user alone."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from recore.atomic import sync_folder
from recore.errors import BadInput
from recore.passport.did import did_key, did_web, document, multikey

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A signing key and the name its owner signs under.

    Parameters
    ----------
    did : issuer of what it signs: did:key of the key itself, or the did:web it was published at
    method : the verification method that proofs name
    """

    _private: Ed25519PrivateKey = field(repr=False)
    did: str
    method: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> SigningKey:
        """The key under its own did:key."""
        public = private.public_key().public_bytes_raw()
        name = did_key(public)
        return cls(private, name, f"{name}#{multikey(public)}")

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key that is stored nowhere."""
        return cls.of(Ed25519PrivateKey.generate())

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._private.public_key().public_bytes_raw()

    @property
    def keyid(self) -> str:
        """Fragment of the verification method, as DSSE signatures carry it."""
        return self.method.partition("#")[2]

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature (RFC 8032)."""
        return self._private.sign(message)

    def at_web(self, domain: str) -> SigningKey:
        """The same key under the did:web of a domain; publish its `web_document` there."""
        issuer = did_web(domain)
        return replace(self, did=issuer, method=f"{issuer}#{multikey(self.public)}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is never copied out of its process")


def config_folder() -> Path:
    """The user's folder: RECORE_CONFIG, or recore in XDG_CONFIG_HOME or ~/.config."""
    if own := os.environ.get("RECORE_CONFIG"):
        return Path(own)
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "recore"


def key_path(name: str = "default", *, folder: Path | None = None) -> Path:
    """File of a named key; it need not exist."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"key name {name!r}", right="letters, digits, '-' and '_' are wanted")
    return (folder or config_folder()) / "keys" / f"{name}.pem"


def new_key(
    name: str = "default", *, passphrase: bytes | None = None, folder: Path | None = None
) -> SigningKey:
    """Make an Ed25519 key and store it as PKCS#8 PEM, mode 0600, in a folder of mode 0700.

    Parameters
    ----------
    name : its name among the user's keys
    passphrase : encrypts the file; None leaves its protection to the file mode
    folder : configuration folder; the user's where it is not given

    Raises
    ------
    BadInput : a key of that name exists (it is never overwritten), or the passphrase is empty
    """
    path = key_path(name, folder=folder)
    if path.exists():
        raise BadInput("a key of this name exists", where=str(path), right="choose another name")
    private = Ed25519PrivateKey.generate()
    if passphrase is not None and not passphrase:
        raise BadInput("the passphrase is empty", right="give one, or none at all")
    lock: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    if not path.parent.parent.exists():
        path.parent.parent.mkdir(parents=True, mode=0o700)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    _store_once(path, data)
    return SigningKey.of(private)


def _store_once(path: Path, data: bytes) -> None:
    """Whole or not at all, and never over another file: `link` refuses a name that is taken."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            raise BadInput(
                "a key of this name exists", where=str(path), right="choose another name"
            ) from None
    finally:
        part.unlink()
    sync_folder(path.parent)


def web_document(key: SigningKey, domain: str) -> dict[str, Any]:
    """The issuer document of a key under a did:web, to be served as did.json."""
    named = key.at_web(domain)
    return document(named.did, named.method, named.public)


def key_exists(name: str = "default", *, folder: Path | None = None) -> bool:
    """Whether a key of that name is stored."""
    return key_path(name, folder=folder).exists()


def load_key(
    name: str | Path = "default", *, passphrase: bytes | None = None, folder: Path | None = None
) -> SigningKey:
    """Load a stored key by its name, or from a path.

    Raises
    ------
    BadInput : no such key, readable by others, not an Ed25519 key in PKCS#8 PEM, or wrong passphrase
    """
    path = name if isinstance(name, Path) else key_path(name, folder=folder)
    data = _read(path)
    locked = data.lstrip().startswith(_ENCRYPTED)
    if locked and not passphrase:
        raise BadInput("the key is locked", where=str(path), right="give its passphrase")
    try:
        private = load_pem_private_key(data, passphrase if locked else None)
    except Exception:  # never chained: the library's text may quote the file
        raise BadInput(
            "the passphrase is wrong" if locked else "not a private key",
            where=str(path),
            right="try again" if locked else "an Ed25519 key in PKCS#8 PEM is wanted",
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise BadInput("not an Ed25519 key", where=str(path), right="make one with `recore key new`")
    return SigningKey.of(private)


def _read(path: Path) -> bytes:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise BadInput("no such key", where=str(path), right="make one with `recore key new`") from None
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=str(path)) from None
    with file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise BadInput("not a file", where=str(path), right="a key file is wanted")
        if about.st_mode & 0o077:
            raise BadInput(
                f"readable by others (mode {stat.S_IMODE(about.st_mode):04o})",
                where=str(path),
                right=f"run: chmod 600 {path}",
            )
        return file.read(65536)
