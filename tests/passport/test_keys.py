"""Signing keys and the identifiers of their owners."""

from __future__ import annotations

import os
import pickle
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from recore import jsonio
from recore.errors import BadInput
from recore.passport import SigningKey, key_exists, load_key, new_key, web_document
from recore.passport.did import (
    base58btc,
    did_key,
    did_web,
    document_address,
    from_base58btc,
    from_multikey,
    multikey,
    resolve,
)
from recore.passport.keys import config_folder, key_path


def test_base58_vectors_of_the_draft():
    # draft-msporny-base58-03, section 5
    assert base58btc(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert (
        base58btc(b"The quick brown fox jumps over the lazy dog.")
        == "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"
    )
    assert base58btc(bytes.fromhex("0000287fb4cd")) == "11233QC4"


@given(st.binary(max_size=80))
def test_base58_round_trip(data):
    assert from_base58btc(base58btc(data), where="x") == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "+", "ä", "1" * 200])
def test_bad_base58_is_refused(text):
    with pytest.raises(BadInput, match="not base58btc"):
        from_base58btc(text, where="x")


def test_key_pair_of_the_w3c_vectors(shared_data):
    pair = jsonio.loads(shared_data("trust/vc-di-eddsa/keyPair.json").read_bytes(), where="pair")
    public = from_multikey(pair["publicKeyMultibase"], where="pair")
    assert multikey(public.public_bytes_raw()) == pair["publicKeyMultibase"]
    assert did_key(public.public_bytes_raw()) == f"did:key:{pair['publicKeyMultibase']}"


def test_ed25519_against_the_adversarial_vectors(shared_data):
    suite = jsonio.loads(shared_data("trust/wycheproof/ed25519_test.json").read_bytes(), where="suite")
    seen = 0
    for group in suite["testGroups"]:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(group["publicKey"]["pk"]))
        for test in group["tests"]:
            seen += 1
            try:
                public.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
                held = "valid"
            except InvalidSignature:
                held = "invalid"
            assert held == test["result"], test["tcId"]
    assert seen == suite["numberOfTests"] == 151


@pytest.mark.parametrize(
    "y", ["00" * 32, "01" + "00" * 31, "ed" + "ff" * 30 + "7f", "ec" + "ff" * 31,
          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"],
)  # fmt: skip
def test_a_key_of_small_order_is_refused(y):
    with pytest.raises(BadInput, match="accepts any text"):
        from_multikey(multikey(bytes.fromhex(y)), where="did")


def test_another_kind_of_key_is_refused():
    for text in (
        "",
        "z",
        "u" + "A" * 40,
        "z" + base58btc(b"\x12\x00" + bytes(33)),
        "z" + base58btc(b"\xed\x01" + b"x" * 31),
    ):
        with pytest.raises(BadInput, match="no Ed25519 key"):
            from_multikey(text, where="did")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECORE_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_new_key_is_for_its_owner_alone(home):
    assert not key_exists()
    old = os.umask(0)
    try:
        key = new_key()
    finally:
        os.umask(old)
    path = key_path()
    assert path == home / "keys" / "default.pem" and key_exists()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    again = load_key()
    assert again.did == key.did and again.sign(b"x") == key.sign(b"x")
    assert load_key(path).did == key.did
    key_of_file = serialization.load_pem_private_key(path.read_bytes(), None)
    assert did_key(key_of_file.public_key().public_bytes_raw()) == key.did  # type: ignore[union-attr]


def test_a_key_is_never_overwritten(home, monkeypatch):
    key = new_key("a")
    with pytest.raises(BadInput, match="exists"):
        new_key("a")
    monkeypatch.setattr(Path, "exists", lambda self: False)  # as if another process were faster
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: None)
    with pytest.raises(BadInput, match="exists"):
        new_key("a")
    monkeypatch.undo()
    monkeypatch.setenv("RECORE_CONFIG", str(home))
    assert load_key("a").did == key.did
    assert len(list((home / "keys").iterdir())) == 1


def test_a_passphrase_locks_the_file(home):
    key = new_key("locked", passphrase="größe".encode())
    assert b"ENCRYPTED" in key_path("locked").read_bytes()
    assert load_key("locked", passphrase="größe".encode()).did == key.did
    with pytest.raises(BadInput, match="give its passphrase"):
        load_key("locked")
    with pytest.raises(BadInput, match="the passphrase is wrong") as caught:
        load_key("locked", passphrase=b"other")
    assert "other" not in str(caught.value)
    new_key("open")
    assert load_key("open", passphrase=b"not needed")
    with pytest.raises(BadInput, match="empty"):
        new_key("none", passphrase=b"")
    assert not key_exists("none")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_readable_by_others_is_refused(home, mode):
    new_key()
    key_path().chmod(mode)
    with pytest.raises(BadInput, match="chmod 600"):
        load_key()


def test_what_is_no_key_says_so(home, tmp_path):
    with pytest.raises(BadInput, match=r"no such key.*recore key new"):
        load_key("missing")
    for name in ("../x", "", ".a", "a/b", "a" * 65):
        with pytest.raises(BadInput, match="key name"):
            load_key(name)
    path = tmp_path / "k.pem"
    path.write_bytes(b"not a key")
    path.chmod(0o600)
    with pytest.raises(BadInput, match="not a private key"):
        load_key(path)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(other)
    with pytest.raises(BadInput, match="not an Ed25519 key"):
        load_key(path)
    with pytest.raises(BadInput, match=r"not a file|cannot be read"):
        load_key(tmp_path)


def test_secrets_are_never_shown_or_copied(home):
    key = new_key()
    secret = key_path().read_text().splitlines()[1]
    assert "private" not in repr(key).lower() and secret not in repr(key) and secret not in str(vars(key))
    with pytest.raises(TypeError, match="never copied"):
        pickle.dumps(key)


def test_the_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("RECORE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_folder() == tmp_path / "recore"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_folder() == tmp_path / ".config" / "recore"


def test_did_web_names_and_addresses():
    assert did_web("parts.example") == "did:web:parts.example"
    assert did_web("parts.example:8443/shop/a") == "did:web:parts.example%3A8443:shop:a"
    assert did_web("did:web:parts.example:shop") == "did:web:parts.example:shop"
    assert document_address("did:web:parts.example") == "https://parts.example/.well-known/did.json"
    assert document_address("did:web:parts.example%3A8443:shop") == "https://parts.example:8443/shop/did.json"
    for bad in ("", "a b", "parts.example/../x?", "https://parts.example"):
        with pytest.raises(BadInput, match="no domain"):
            did_web(bad)
    with pytest.raises(BadInput, match="no did:web"):
        document_address("did:key:z6Mk")


def test_a_did_web_key_resolves_from_the_document_handed_in():
    key = SigningKey.generate()
    document = web_document(key, "parts.example")
    named = key.at_web("parts.example")
    assert named.did == document["id"] == "did:web:parts.example" and named.keyid == key.keyid
    assert resolve(named.did, named.method, [document]).public_bytes_raw() == key.public
    short = {**document, "assertionMethod": ["#" + named.keyid]}
    assert resolve(named.did, named.method, [{}, short]).public_bytes_raw() == key.public
    embedded = {"id": named.did, "assertionMethod": document["verificationMethod"]}
    assert resolve(named.did, named.method, [embedded]).public_bytes_raw() == key.public


def test_a_did_web_that_does_not_vouch_for_the_key_is_refused():
    key = SigningKey.generate()
    document = web_document(key, "parts.example")
    named = key.at_web("parts.example")
    entry = document["verificationMethod"][0]
    now = datetime(2026, 5, 1, tzinfo=UTC)
    for documents, says in (
        ([], "DID document was not given.*https://parts.example/.well-known/did.json"),
        ([{**document, "id": "did:web:other.example"}], "was not given"),
        ([{**document, "assertionMethod": []}], "no assertion method"),
        ([{**document, "assertionMethod": "x"}], "not one"),
        ([{**document, "verificationMethod": []}], "not in its DID document"),
        (
            [{**document, "verificationMethod": [{**entry, "controller": "did:web:x.example"}]}],
            "not the issuer's",
        ),
        ([{**document, "verificationMethod": [{**entry, "type": "JsonWebKey"}]}], "not the issuer's"),
        ([{**document, "verificationMethod": [{**entry, "revoked": "2026-01-01T00:00:00Z"}]}], "over since"),
        ([{**document, "verificationMethod": [{**entry, "expires": "soon"}]}], "no time"),
    ):
        with pytest.raises(BadInput, match=says):
            resolve(named.did, named.method, documents, now=now)
    later = {**document, "verificationMethod": [{**entry, "expires": "2027-01-01T00:00:00Z"}]}
    assert resolve(named.did, named.method, [later], now=now)


def test_a_did_key_speaks_for_itself_only():
    key, other = SigningKey.generate(), SigningKey.generate()
    assert resolve(key.did, key.method).public_bytes_raw() == key.public
    with pytest.raises(BadInput, match="the issuer's own key"):
        resolve(key.did, other.method)
    with pytest.raises(BadInput, match="not known"):
        resolve("did:example:x", "did:example:x#1")
