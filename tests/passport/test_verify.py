"""Issue and verify: what holds, what fails, and at which level."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import random
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from recore import jsonio
from recore.errors import BadInput
from recore.passport import SigningKey, attestation, bundle, credential, issue, verify, web_document
from recore.passport.bundle import Part

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as box:
        return {name: box.read(name) for name in box.namelist()}


def rewritten(path: Path, parts: dict[str, bytes]) -> Path:
    """A canonical bundle of changed content, as an attacker would write it."""
    bundle.write(path, [Part(name, len(data), data) for name, data in parts.items()])
    return path


def failed(result) -> dict[str, str]:
    return {f"{check.level} {check.name}": check.reason for check in result.checks if not check.ok}


def resigned(
    parts: dict[str, bytes], key: SigningKey, change=lambda claims: None, now=NOW, **more
) -> dict[str, bytes]:
    """The same bundle signed again in full by another key (a thief with his own name)."""
    document = json.loads(parts["passport.json"])
    claims = document["credentialSubject"]
    new = dict(parts)
    for row in claims["findings"]:
        payload = json.loads(base64.b64decode(json.loads(parts[row["file"]])["payload"]))
        finding = payload["predicate"]["finding"]
        new[row["file"]] = attestation.attest(
            row["id"], row["component"], finding, jsonio.digest(finding), key
        )
        row["sha256"] = hashlib.sha256(new[row["file"]]).hexdigest()
    change(claims)
    _, new["passport.json"] = credential.sign(claims, document["name"], key, now=now, **more)
    return new


def test_a_passport_holds(issued):
    result = verify(issued.path, "L3", now=NOW)
    assert result.ok and {check.level for check in result.checks} == {"L0", "L1", "L3"}
    assert result.issuer == issued.credential["issuer"]
    assert result.subject == issued.credential["credentialSubject"]["id"]
    assert list(result.not_checked) == ["L2"] and "log" in result.not_checked["L2"]
    document = result.json()
    assert document["ok"] is True and document["level"] == "L3"
    assert {tuple(check) for check in document["checks"]} == {("level", "name", "ok", "reason")}
    assert all(check["reason"] for check in document["checks"])
    assert hashlib.sha256(issued.path.read_bytes()).hexdigest() == issued.sha256


def test_levels_stop_where_they_are_told(issued):
    assert {c.level for c in verify(issued.path, "L0", now=NOW).checks} == {"L0"}
    assert {c.level for c in verify(str(issued.path), "L1", now=NOW).checks} == {"L0", "L1"}
    result = verify(issued.path, "L2", now=NOW)
    assert failed(result).keys() == {"L2 log"} and result.checks[-1].ok is None and not result.ok


def test_the_same_appraisal_key_and_time_give_the_same_bytes(appraised, key, tmp_path):
    appraisal = appraised()
    one = issue(appraisal, key, tmp_path / "1.zip", now=NOW)
    two = issue(appraisal, key, tmp_path / "2.zip", now=NOW.astimezone())
    assert one.sha256 == two.sha256 and one.credential == two.credential
    later = issue(appraisal, key, tmp_path / "1.zip", now=NOW + timedelta(seconds=1))
    assert later.sha256 != one.sha256 and later.credential["id"] != one.credential["id"]


def test_no_secret_is_in_a_bundle(issued, key):
    data = issued.path.read_bytes()
    secret = key._private.private_bytes_raw()
    assert secret not in data and secret.hex().encode() not in data and base64.b64encode(secret) not in data


def test_any_flipped_bit_is_found(issued, tmp_path):
    good = issued.path.read_bytes()
    bad = tmp_path / "bad.zip"
    chance = random.Random(11)
    for bit in chance.sample(range(len(good) * 8), 400):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        bad.write_bytes(data)
        result = verify(bad, "L3", now=NOW)
        assert not result.ok and failed(result), bit
        assert all(failed(result).values())


def test_an_attacker_who_writes_the_zip_anew_is_found_at_the_right_level(issued, tmp_path):
    """Every file of the bundle changed by one bit, the container canonical again."""
    good = parts_of(issued.path)
    bad = tmp_path / "bad.zip"
    chance = random.Random(12)
    for name in good:
        for bit in chance.sample(range(len(good[name]) * 8), min(25, len(good[name]) * 8)):
            data = bytearray(good[name])
            data[bit // 8] ^= 1 << bit % 8
            result = verify(rewritten(bad, {**good, name: bytes(data)}), "L3", now=NOW)
            assert not result.ok, (name, bit)
            levels = {key.partition(" ")[0] for key in failed(result)}
            wanted = {"evidence": {"L3"}, "contexts": {"L1"}}.get(name.partition("/")[0], {"L0", "L1"})
            assert levels <= wanted and levels, (name, bit, failed(result))
            assert not any(level in result.not_checked for level in ("L1", "L3")) or "L0" in levels


def test_files_that_are_missing_or_too_many_are_named(issued, tmp_path):
    good = parts_of(issued.path)
    bad = tmp_path / "bad.zip"
    for name in list(good)[1:]:
        result = verify(rewritten(bad, {k: v for k, v in good.items() if k != name}), "L3", now=NOW)
        assert name in failed(result)["L0 names"]
        assert set(result.not_checked) == {"L1", "L2", "L3"}
    for name in (
        "evidence/" + "0" * 64,
        "attestations/more.dsse",
        "rules/more@1.json",
        "contexts/more.jsonld",
    ):
        data = good["attestations/wear.dsse"] if name.startswith("att") else b"{}"
        result = verify(rewritten(bad, {**good, name: data}), "L3", now=NOW)
        assert name in failed(result)["L0 names"]
    result = verify(rewritten(bad, {k: v for k, v in good.items() if k == "passport.json"}), "L3", now=NOW)
    assert " more missing" in failed(result)["L0 names"]


def test_evidence_exchanged_between_two_names_is_found(issued, tmp_path):
    good = parts_of(issued.path)
    one, two, *_ = [name for name in good if name.startswith("evidence/")]
    result = verify(rewritten(tmp_path / "bad.zip", {**good, one: good[two], two: good[one]}), "L3", now=NOW)
    assert "L3 evidence" in failed(result) and "csv" in failed(result)["L3 evidence"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"not json", "not JSON"),
        (b'{"a":1,"a":2}', "stands twice"),
        (b'{"a":NaN}', "not a JSON number"),
        (b"[]", "not the shape"),
        (b"{}", "not the shape"),
        (b"[" * 5000, "nested too deeply"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_passport_that_is_none_is_told_at_l0(issued, tmp_path, text, says):
    parts = {**parts_of(issued.path), "passport.json": text}
    result = verify(rewritten(tmp_path / "bad.zip", parts), now=NOW)
    assert says in failed(result)["L0 passport"] and result.issuer == ""
    assert set(result.not_checked) == {"L1", "L2", "L3", "L4"}


def test_json_in_another_spelling_is_refused(issued, tmp_path):
    good = parts_of(issued.path)
    bad = tmp_path / "bad.zip"
    for name, check in (
        ("passport.json", "L0 passport"),
        ("attestations/wear.dsse", "L0 statements"),
        ("rules/test.cover@1.json", "L0 rule rows"),
    ):
        spelled = json.dumps(json.loads(good[name]), indent=1).encode()
        assert "canonical" in failed(verify(rewritten(bad, {**good, name: spelled}), "L3", now=NOW))[check]
    document = json.loads(good["passport.json"])
    more = jsonio.canonical(document | {"extra": 1})
    assert (
        "extra"
        in failed(verify(rewritten(bad, {**good, "passport.json": more}), "L3", now=NOW))["L0 passport"]
    )
    other = jsonio.canonical(document | {"id": "urn:recore:passport:" + "0" * 64})
    assert (
        "digest"
        in failed(verify(rewritten(bad, {**good, "passport.json": other}), "L3", now=NOW))["L0 passport"]
    )


def test_too_much_json_is_refused(issued, monkeypatch):
    monkeypatch.setattr(bundle, "MAX_JSON_TOTAL", 100)
    assert "too much JSON" in failed(verify(issued.path, "L3", now=NOW))["L0 container"]


def test_what_is_no_bundle_fails_and_what_cannot_be_opened_is_bad_input(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK not really")
    result = verify(tmp_path / "x.zip", now=NOW)
    assert failed(result).keys() == {"L0 container"} and not result.ok
    assert set(result.not_checked) == {"L1", "L2", "L3", "L4"}
    with pytest.raises(BadInput, match="cannot be read"):
        verify(tmp_path / "missing.zip", now=NOW)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"level": "L5"}, "level"),
        ({"level": "l3"}, "level"),
        ({"budget_s": 0}, "budget_s"),
        ({"budget_s": float("nan")}, "budget_s"),
        ({"memory": 1000}, "memory"),
        ({"now": datetime(2026, 5, 1)}, "no zone"),
    ],
)
def test_arguments_out_of_range_are_bad_input(issued, given, says):
    with pytest.raises(BadInput, match=says):
        verify(issued.path, **({"now": NOW} | given))


def test_another_signer_shows_and_fails_where_the_issuer_is_expected(issued, tmp_path, key):
    thief = SigningKey.generate()
    path = rewritten(tmp_path / "bad.zip", resigned(parts_of(issued.path), thief))
    alone = verify(path, "L3", now=NOW)
    assert alone.ok and alone.issuer == thief.did != key.did
    held = verify(path, "L3", now=NOW, expected_issuer=key.did)
    assert failed(held).keys() == {"L1 expected issuer"} and thief.did in failed(held)["L1 expected issuer"]
    assert verify(issued.path, "L3", now=NOW, expected_issuer=key.did).ok


def test_statements_signed_by_another_key_are_found(issued, tmp_path, key):
    good = parts_of(issued.path)
    thief = SigningKey.generate()
    mixed = {**resigned(good, thief), "passport.json": good["passport.json"]}
    result = verify(rewritten(tmp_path / "bad.zip", mixed), "L3", now=NOW)
    assert failed(result).keys() == {"L1 statements"} and "signed by key" in failed(result)["L1 statements"]
    forged = resigned(good, thief)
    envelope = json.loads(forged["attestations/wear.dsse"])
    envelope["signatures"][0]["keyid"] = key.keyid
    mixed["attestations/wear.dsse"] = jsonio.canonical(envelope)
    result = verify(rewritten(tmp_path / "bad.zip", mixed), "L3", now=NOW)
    assert failed(result).keys() == {"L1 statements"}
    assert "does not fit the statement" in failed(result)["L1 statements"]


def test_a_passport_of_one_issuer_under_the_name_of_another_is_found(issued, tmp_path, key):
    good = parts_of(issued.path)
    thief = SigningKey.generate()
    document = json.loads(resigned(good, thief)["passport.json"])
    document["issuer"] = key.did
    changed = {k: v for k, v in document.items() if k not in ("id", "proof")}
    document["id"] = "urn:recore:passport:" + jsonio.digest(changed)
    parts = {**good, "passport.json": jsonio.canonical(document)}
    result = verify(rewritten(tmp_path / "bad.zip", parts), "L3", now=NOW)
    assert "issuer's own key" in failed(result)["L1 issuer key"]
    assert "L3" not in result.not_checked


def set_path(*path_and_value):
    *path, value = path_and_value

    def change(claims):
        holder = claims
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "check", "says"),
    [
        (set_path("machine", "serial", "1"), "L1 subject", "not the machine of the case"),
        (set_path("id", "urn:recore:machine:" + "0" * 64), "L1 subject", "not the machine of the case"),
        (set_path("aliases", 0, "value", "x"), "L1 subject", "not the machine of the case"),
        (set_path("as_of", "2026-05-02"), "L1 validity", "after it was signed"),
        (set_path("rules", "digest", "0" * 64), "L1 rule rows", "another digest"),
        (set_path("rules", "rows", 0, "sha256", "0" * 64), "L1 rule rows", "digest"),
        (set_path("findings", 0, "digest", "0" * 64), "L1 statements", "digest"),
        (set_path("findings", 0, "sha256", "0" * 64), "L1 statements", "digest"),
        (set_path("findings", 0, "file", "attestations/x.dsse"), "L1 statements", "digest"),
        (set_path("findings", 0, "method", "acme.other"), "L1 statements", "another method"),
        (set_path("findings", 0, "version", 2), "L1 statements", "another method"),
        (set_path("findings", 0, "component", "other"), "L1 statements", "component"),
        (set_path("findings", []), "L0 names", "named nowhere"),
        (set_path("case", "step", 0, "method", "acme.count@2"), "L1 statements", "asks for"),
        (set_path("case", "step", 0, "component", "other"), "L0 passport", "not in the case"),
        (set_path("case", "machine", "pin", None), "L0 passport", "one form"),
        (set_path("case", "colour", "red"), "L0 passport", "colour"),
        (set_path("case", "step", 0, "evidence", ["wear.csv", "other.csv"]), "L1 statements", "1 files"),
        (set_path("evidence", 1, "name", "x.csv"), "L1 statements", "another 'wear.csv'"),
        (set_path("evidence", 1, "bytes", 1), "L1 statements", "another 'wear.csv'"),
        (set_path("artifacts", 0, "step", "rows"), "L1 statements", "not those of the findings"),
        (set_path("artifacts", 0, "bytes", 1), "L3 artifacts", "wear"),
    ],
)  # fmt: skip
def test_claims_at_odds_with_the_rest_are_found_whoever_signs(issued, tmp_path, key, change, check, says):
    parts = resigned(parts_of(issued.path), key, change)
    result = verify(rewritten(tmp_path / "bad.zip", parts), "L3", now=NOW)
    assert not result.ok and says in failed(result).get(check, ""), failed(result)


def test_findings_in_another_order_than_the_steps_are_found(issued, tmp_path, key):
    parts = resigned(parts_of(issued.path), key, lambda claims: claims["findings"].reverse())
    result = verify(rewritten(tmp_path / "bad.zip", parts), "L3", now=NOW)
    assert "not those of the case's steps" in failed(result)["L1 statements"]


def test_a_passport_under_the_name_of_another_machine_is_found(issued, tmp_path, key):
    good = parts_of(issued.path)
    document = json.loads(good["passport.json"]) | {"name": "Bohrwerk BW 3 4711"}
    parts = resigned({**good, "passport.json": jsonio.canonical(document)}, key)
    result = verify(rewritten(tmp_path / "bad.zip", parts), "L3", now=NOW)
    assert "not that of the machine" in failed(result)["L1 subject"]


def test_a_finding_made_from_another_file_than_the_step_before_made_is_found(appraised, key, tmp_path):
    appraisal = appraised()
    finding = appraisal.findings["again"]
    other = replace(finding, evidence=({**finding.evidence[0], "sha256": "0" * 64},))
    findings = {**appraisal.findings, "again": other}
    path = issue(replace(appraisal, findings=findings), key, tmp_path / "x.zip", now=NOW).path
    result = verify(path, "L3", now=NOW)
    assert "than step 'wear' made" in failed(result)["L1 statements"]


def test_a_rule_row_of_another_name_is_found(issued, tmp_path, key):
    parts = parts_of(issued.path)
    b, d = "rules/test.wear.b@1.json", "rules/test.wear.d@1.json"
    parts[b], parts[d] = parts[d], parts[b]

    def change(claims):
        for row in claims["rules"]["rows"]:
            name = f"rules/{row['rule_id']}@{row['version']}.json"
            row["sha256"] = hashlib.sha256(parts[name]).hexdigest()

    result = verify(rewritten(tmp_path / "bad.zip", resigned(parts, key, change)), "L3", now=NOW)
    assert "another row than its name says" in failed(result)["L1 rule rows"]


def test_statements_at_odds_with_themselves_are_found(issued, key):
    envelope = json.loads(parts_of(issued.path)["attestations/wear.dsse"])
    statement = json.loads(base64.b64decode(envelope["payload"]))

    def check(change, says):
        changed = copy.deepcopy(statement)
        change(changed)
        payload = jsonio.canonical(changed)
        signature = base64.b64encode(key.sign(attestation.pae(attestation.PAYLOAD_TYPE, payload))).decode()
        data = jsonio.canonical(
            {
                "payloadType": attestation.PAYLOAD_TYPE,
                "payload": base64.b64encode(payload).decode(),
                "signatures": [{"keyid": key.keyid, "sig": signature}],
            }
        )
        public = key._private.public_key()
        with pytest.raises(BadInput, match=says):
            attestation.verified(*attestation.opened(data, where="x"), public, key.keyid, where="x")

    check(set_path("subject", 0, "digest", "sha256", "0" * 64), "another digest than the statement's subject")
    check(set_path("subject", 0, "name", "other"), "subject 'other' holds step 'wear'")
    check(set_path("predicateType", "urn:other"), "predicateType")
    check(set_path("_type", "https://in-toto.io/Statement/v0.1"), "_type")
    check(set_path("predicate", "more", 1), "more")
    check(set_path("predicate", "finding", "results", "mean", "value", 9), "another digest")


def test_the_pre_authentication_encoding_of_dsse():
    # secure-systems-lab/dsse, protocol.md, test vector
    assert attestation.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_base64_in_another_spelling_is_refused(issued):
    data = parts_of(issued.path)["attestations/wear.dsse"]
    envelope = json.loads(data)
    sig = envelope["signatures"][0]["sig"]
    last = sig[-3]
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = other[other.index(last) ^ 1]
    envelope["signatures"][0]["sig"] = sig[:-3] + twin + "=="
    key_ = SigningKey.generate()
    changed, payload = attestation.opened(jsonio.canonical(envelope), where="x")
    with pytest.raises(BadInput, match="base64"):
        attestation.verified(
            changed, payload, key_._private.public_key(), changed.signatures[0].keyid, where="x"
        )
    envelope["payload"] = envelope["payload"].rstrip("=") + "A"
    with pytest.raises(BadInput, match="base64"):
        attestation.opened(jsonio.canonical(envelope), where="x")


def test_validity_in_time(appraised, key, issued, tmp_path):
    early = verify(issued.path, "L1", now=NOW - timedelta(minutes=6))
    assert failed(early).keys() == {"L1 validity"} and "in the future" in failed(early)["L1 validity"]
    assert verify(issued.path, "L1", now=NOW - timedelta(minutes=4)).ok
    assert verify(issued.path, "L1", now=NOW + timedelta(days=36500)).ok
    limited = issue(appraised(), key, tmp_path / "l.zip", now=NOW, valid_until=NOW + timedelta(days=30))
    assert verify(limited.path, "L1", now=NOW + timedelta(days=29)).ok
    late = verify(limited.path, "L1", now=NOW + timedelta(days=30))
    assert "it ended 2026-05-31" in failed(late)["L1 validity"]


def test_signed_at_another_time_than_valid_from_is_found(issued, tmp_path, key):
    document = json.loads(parts_of(issued.path)["passport.json"])
    document["proof"]["created"] = "2026-05-02T12:00:00Z"
    parts = {**parts_of(issued.path), "passport.json": jsonio.canonical(document)}
    result = verify(rewritten(tmp_path / "bad.zip", parts), "L1", now=NOW)
    assert failed(result).keys() == {"L1 signature", "L1 validity"}


def test_what_lies_in_the_future_is_not_issued(appraised, key, tmp_path):
    appraisal = appraised()
    out = tmp_path / "x.zip"
    with pytest.raises(BadInput, match=r"captured at.*set the clock"):
        early = replace(appraisal, as_of=date(2026, 4, 1))
        issue(early, key, out, now=datetime(2026, 4, 30, 9, tzinfo=UTC))
    with pytest.raises(BadInput, match="as of 2026-05-02, after today"):
        issue(replace(appraisal, as_of=date(2026, 5, 2)), key, out, now=NOW)
    with pytest.raises(BadInput, match="ends before it begins"):
        issue(appraisal, key, out, now=NOW, valid_until=NOW)
    with pytest.raises(BadInput, match="no zone"):
        issue(appraisal, key, out, now=datetime(2026, 5, 1, 12))
    assert not out.exists()


def test_evidence_changed_since_the_appraisal_is_not_issued(appraised, key, tmp_path):
    appraisal = appraised()
    next(iter(appraisal.evidence.values())).path.write_text("wear_mm\n0\n")
    with pytest.raises(BadInput, match="changed since it was read"):
        issue(appraisal, key, tmp_path / "x.zip", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_did_web_issuer_needs_its_document(appraised, tmp_path):
    key = SigningKey.generate()
    path = issue(appraised(), key.at_web("parts.example"), tmp_path / "w.zip", now=NOW).path
    result = verify(path, "L3", now=NOW)
    assert "DID document was not given" in failed(result)["L1 issuer key"]
    assert not any(check.name == "signature" for check in result.checks)
    good = verify(path, "L3", now=NOW, issuer_documents=[web_document(key, "parts.example")])
    assert good.ok and good.issuer == "did:web:parts.example"
    other = verify(
        path, "L3", now=NOW, issuer_documents=[web_document(SigningKey.generate(), "parts.example")]
    )
    assert "L1 issuer key" in failed(other)
