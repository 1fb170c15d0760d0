"""Data Integrity proofs and credentials against the official vectors."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recore import jsonio
from recore.errors import BadInput
from recore.passport import SigningKey, credential, proof
from recore.passport.did import from_base58btc, from_multikey, multikey
from recore.passport.shape import Credential, shaped

FOLDER = "trust/vc-di-eddsa"


@pytest.fixture
def signed(shared_data):
    return jsonio.loads(shared_data(f"{FOLDER}/eddsa-jcs-2022/signedJCS.json").read_bytes(), where="signed")


@pytest.fixture
def pair(shared_data):
    return jsonio.loads(shared_data(f"{FOLDER}/keyPair.json").read_bytes(), where="pair")


def by_method(issuer, method):
    """The vectors' issuer is a web page; its key stands in the method."""
    return from_multikey(method.partition("#")[2], where=method)


def test_the_w3c_vector_is_reproduced_bit_by_bit(shared_data, signed, pair):
    def text(name):
        return shared_data(f"{FOLDER}/eddsa-jcs-2022/{name}").read_text()

    unsigned = jsonio.loads(shared_data(f"{FOLDER}/unsigned.json").read_bytes(), where="unsigned")
    config = jsonio.loads(text("proofConfigJCS.json"), where="config")
    assert jsonio.canonical(unsigned).decode() == text("canonDocJCS.txt")
    assert jsonio.canonical(config).decode() == text("proofCanonJCS.txt")
    assert jsonio.digest(unsigned) == text("docHashJCS.txt")
    assert jsonio.digest(config) == text("proofHashJCS.txt")
    assert proof.hash_data(unsigned, config).hex() == text("combinedHashJCS.txt")

    seed = from_base58btc(pair["privateKeyMultibase"][1:], where="pair")
    assert seed[:2] == b"\x80\x26"
    private = Ed25519PrivateKey.from_private_bytes(seed[2:])
    assert multikey(private.public_key().public_bytes_raw()) == pair["publicKeyMultibase"]
    made = proof.create(
        unsigned, private.sign, method=config["verificationMethod"], created=config["created"]
    )
    assert made["proofValue"] == text("sigBTC58JCS.txt")
    assert from_base58btc(made["proofValue"][1:], where="proof").hex() == text("sigHexJCS.txt")
    assert {**unsigned, "proof": made} == signed


def test_the_w3c_vector_verifies(signed):
    proof.check(signed, by_method)


def test_any_change_of_a_signed_document_is_found(signed):
    def paths(value, at=()):
        if isinstance(value, dict):
            for name, item in value.items():
                yield from paths(item, (*at, name))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                yield from paths(item, (*at, place))
        else:
            yield at

    seen = 0
    for path in paths(signed):
        changed = copy.deepcopy(signed)
        *where, last = path
        holder = changed
        for step in where:
            holder = holder[step]
        holder[last] += "x"
        with pytest.raises(BadInput):
            proof.check(changed, by_method)
        seen += 1
    assert seen > 15


def test_the_context_of_the_proof_begins_the_documents(signed):
    longer = copy.deepcopy(signed)
    longer["@context"].append("https://example.org/more")
    proof.check(longer, by_method)  # 3.3.2 step 4: the proof's own context is what was signed
    for wrong in (signed["@context"][:1], [*reversed(signed["@context"])], None):
        with pytest.raises(BadInput, match="@context"):
            proof.check({**signed, "@context": wrong}, by_method)


@pytest.mark.parametrize(
    ("word", "value", "says"),
    [
        ("type", "Ed25519Signature2020", "type is"),
        ("cryptosuite", "eddsa-rdfc-2022", "cryptosuite is"),
        ("proofPurpose", "authentication", "proofPurpose is"),
        ("proofValue", "u" + "A" * 86, "no Ed25519 signature"),
        ("proofValue", "z111", "no Ed25519 signature"),
        ("proofValue", "z0OIl", "not base58btc"),
        ("proofValue", None, "no Ed25519 signature"),
    ],
)
def test_another_kind_of_proof_is_refused(signed, word, value, says):
    with pytest.raises(BadInput, match=says):
        proof.check({**signed, "proof": {**signed["proof"], word: value}}, by_method)


def test_a_document_without_a_proof_is_refused(signed):
    for value in ({}, {"proof": None}, {"proof": [signed["proof"]]}):
        with pytest.raises(BadInput, match="no proof"):
            proof.check({k: v for k, v in signed.items() if k != "proof"} | value, by_method)


def test_a_document_without_context_can_be_signed():
    key = SigningKey.generate()
    document = {"issuer": {"id": key.did}, "n": 1.0}
    made = proof.create(document, key.sign, method=key.method, created="2026-05-01T12:00:00Z")
    assert "@context" not in made
    proof.check({**document, "proof": made}, credential_resolver)
    with pytest.raises(BadInput, match="does not fit"):
        proof.check({**document, "n": 2, "proof": made}, credential_resolver)


def credential_resolver(issuer, method):
    from recore.passport.did import resolve

    return resolve(issuer, method)


NAMES = [
    "credential-issuer-null-fail", "credential-proof-ok", "credential-schema-ok", "credential-no-issuer-fail",
    "credential-validfrom-invalid-fail", "credential-issuer-object-ok", "credential-status-ok",
    "credential-no-subject-fail", "credential-no-type-fail", "credential-status-missing-type-fail",
    "credential-validUntil-validFrom-ok", "credential-id-single-ok", "credential-name-ok", "credential-ok",
    "credential-no-context-fail-or-inject",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_shapes_of_the_data_model_vectors(shared_data, name):
    document = json.loads(shared_data(f"trust/vc-data-model-2.0/{name}.json").read_text())
    # the suite lets the tested issuer fill in itself and the dates
    if "issuer" not in name:
        document["issuer"] = "did:example:issuer"
    if document.get("issuer") == {}:
        document["issuer"] = {"id": "did:example:issuer"}
    for word, right in (("validFrom", "2020-01-01T00:00:00Z"), ("validUntil", "2099-01-01T00:00:00Z")):
        if document.get(word, "").endswith(" DATE"):
            document[word] = right
    if name.endswith("-ok"):
        shaped(Credential, document, where=name)
    else:
        with pytest.raises(BadInput):
            shaped(Credential, document, where=name)


@pytest.mark.parametrize(
    "change",
    [
        {"@context": ["https://example.org"]},
        {"@context": []},
        {"type": "Other"},
        {"issuer": "nobody"},
        {"credentialSubject": []},
        {"credentialSubject": [{}]},
        {"validFrom": "2026-05-01"},
        {"validFrom": "2026-13-01T00:00:00Z"},
    ],
)
def test_shape_of_any_credential(change):
    good = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": "VerifiableCredential",
        "issuer": "did:example:a",
        "credentialSubject": {"id": "did:example:b"},
        "validFrom": "2026-05-01T12:00:00.5+02:00",
    }
    shaped(Credential, good, where="x")
    with pytest.raises(BadInput):
        shaped(Credential, good | change, where="x")


def test_a_passport_is_a_verifiable_credential(issued):
    shaped(Credential, issued.credential, where="passport")
    proof.check(issued.credential, credential_resolver)
    assert issued.credential["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert issued.credential["issuer"] == issued.credential["proof"]["verificationMethod"].partition("#")[0]


def test_our_context_defines_every_term_and_says_what_is_plain_data(issued):
    context = json.loads(credential.own_context())["@context"]
    terms = context["RecoreMachine"]["@context"]
    claims = issued.credential["credentialSubject"]
    assert set(claims) - {"id", "type"} == set(terms) - {"@protected"}
    assert all(
        terms[name]["@type"] == "@json" for name, value in claims.items() if isinstance(value, dict | list)
    )
    assert issued.credential["relatedResource"][0]["digestSRI"] == credential.integrity(
        credential.own_context()
    )


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(BadInput, match="has no zone"):
        credential.stamp(datetime(2026, 5, 1))
    assert credential.stamp(datetime(2026, 5, 1, 12, tzinfo=UTC)) == "2026-05-01T12:00:00Z"
