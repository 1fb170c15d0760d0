"""Signed rule sets: what was changed, lost or added is named; and the passport carries the whole set's hash."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW, rule_rows
from test_verify import failed, parts_of, resigned, rewritten

from recore import jsonio
from recore.errors import BadInput
from recore.passport import SigningKey, issue, sign_rules, verify, verify_rules, web_document
from recore.rules import RuleSet

ROWS = rule_rows()


def said(document: Any, rules: RuleSet | None = ROWS, **more: Any) -> dict[str, tuple[bool | None, str]]:
    data = document if isinstance(document, bytes) else jsonio.canonical(document)
    return {
        check.name: (check.ok, check.reason) for check in verify_rules(data, rules, **({"now": NOW} | more))
    }


def test_a_signed_set_holds_for_its_rows_and_its_issuer(key: SigningKey) -> None:
    statement = sign_rules(ROWS, key, now=NOW)
    assert statement["digest"] == ROWS.digest
    assert [row["sha256"] for row in statement["rows"]] == [row.digest for row in ROWS.rows]
    found = said(statement, expected_issuer=key.did)
    assert {name: ok for name, (ok, _) in found.items()} == dict.fromkeys(
        ["statement", "expected issuer", "signature", "rows"], True
    )
    assert "2026-05-01T12:00:00Z" in found["signature"][1]
    # pretty-printed, in another order of members: the same statement
    assert all(
        ok for ok, _ in said(json.dumps(dict(reversed(statement.items())), indent=2).encode()).values()
    )
    assert "rows" not in said(statement, None)
    assert said(statement, expected_issuer="did:key:z6Mk")["expected issuer"][0] is False


def test_rows_that_differ_are_named(key: SigningKey) -> None:
    statement = sign_rules(ROWS, key, now=NOW)
    first, *others = ROWS.json()
    for rows, word in (
        ([{**first, "title": "another"}, *others], "test.cover@1 changed"),
        (others, "test.cover@1 missing"),
        ([*ROWS.json(), {**first, "version": 2}], "test.cover@2 not signed"),
        ([{**first, "rule_id": f"new.{n}"} for n in range(8)], "new.4@1 and 3 more not signed"),
    ):
        ok, reason = said(statement, RuleSet.from_json(rows))["rows"]
        assert ok is False
        assert word in reason


@pytest.mark.parametrize(
    ("change", "check", "word"),
    [
        (lambda d: d.update(digest="0" * 64), "signature", "does not fit"),
        (lambda d: d["rows"].pop(), "signature", "does not fit"),
        (lambda d: d["rows"][0].update(sha256="0" * 64), "signature", "does not fit"),
        (lambda d: d["proof"].update(created="2026-04-01T12:00:00Z"), "signature", "does not fit"),
        (lambda d: d.update(issuer=SigningKey.generate().did), "signature", "own key"),
        (lambda d: d["proof"].update(created="2027-04-01T12:00:00Z"), "signature", "in the future"),
        (lambda d: d.update(extra=1), "statement", "extra"),
        (lambda d: d.update(type="RecorePassport"), "statement", "RecoreRuleSet"),
        (lambda d: d.pop("proof"), "statement", "proof"),
        (lambda d: d["proof"].update(cryptosuite="eddsa-rdfc-2022"), "statement", "eddsa-jcs-2022"),
    ],
)  # fmt: skip
def test_a_changed_statement_does_not_hold(key: SigningKey, change: Any, check: str, word: str) -> None:
    statement = sign_rules(ROWS, key, now=NOW)
    change(statement)
    ok, reason = said(statement)[check]
    assert ok is False
    assert word in reason


def test_what_is_no_statement() -> None:
    for data in (b"", b"[]", b"{", b"\xff", b'{"a":1,"a":2}'):
        assert [ok for ok, _ in said(data).values()] == [False]
    with pytest.raises(BadInput, match="no rule row to sign"):
        sign_rules(RuleSet([]), SigningKey.generate(), now=NOW)


def test_a_digest_of_the_set_at_odds_with_its_rows_is_found(key: SigningKey) -> None:
    from recore.passport import proof

    statement = sign_rules(ROWS, key, now=NOW)
    for change in ({"digest": "0" * 64}, {"rows": [*statement["rows"], statement["rows"][0]]}):
        lied = {name: value for name, value in (statement | change).items() if name != "proof"}
        lied["proof"] = proof.create(lied, key.sign, method=key.method, created="2026-05-01T12:00:00Z")
        found = said(lied)
        assert found["signature"][0] is True
        assert found["rows"][0] is False


def test_an_issuer_with_a_domain(key: SigningKey) -> None:
    statement = sign_rules(ROWS, key.at_web("rules.example"), now=NOW)
    assert statement["issuer"] == "did:web:rules.example"
    assert "DID document" in said(statement)["signature"][1]
    document = web_document(key, "rules.example")
    assert all(ok for ok, _ in said(statement, issuer_documents=(document,)).values())
    document["verificationMethod"][0]["revoked"] = "2026-04-01T00:00:00Z"
    assert "is over" in said(statement, issuer_documents=(document,))["signature"][1]


# ---- in the passport -------------------------------------------------------------------------------


def test_the_passport_names_the_whole_set(appraised, issued) -> None:
    claims = issued.credential["credentialSubject"]["rules"]
    assert claims["set"] == {"digest": ROWS.digest, "rows": 3}
    assert appraised().rule_set == ROWS
    result = verify(issued.path, "L3", now=NOW)
    assert result.ok
    assert any(check.name == "rule set" and "3 of 3 rows" in check.reason for check in result.checks)


def test_the_passport_carries_the_signed_statement(appraised, key, tmp_path) -> None:
    own = SigningKey.generate()
    statement = sign_rules(ROWS, own, now=NOW)
    one = issue(appraised(), key, tmp_path / "1.zip", now=NOW, rule_statement=statement)
    result = verify(one.path, "L3", now=NOW)
    assert result.ok, failed(result)
    assert own.did in next(check.reason for check in result.checks if check.name == "rule set")
    assert json.loads(parts_of(one.path)["rule-set.json"]) == statement
    with pytest.raises(BadInput, match="another rule set"):
        issue(
            appraised(),
            key,
            tmp_path / "2.zip",
            now=NOW,
            rule_statement=sign_rules(RuleSet(ROWS.rows[1:]), own, now=NOW),
        )
    with pytest.raises(BadInput, match="rule_statement"):
        issue(appraised(), key, tmp_path / "2.zip", now=NOW, rule_statement={"type": "x"})


def test_a_larger_set_is_named_by_what_was_used(appraised, key, tmp_path) -> None:
    more = RuleSet.from_json([*ROWS.json(), {**ROWS.json()[0], "rule_id": "unused"}])
    appraisal = replace(appraised(), rule_set=more)
    one = issue(appraisal, key, tmp_path / "1.zip", now=NOW, rule_statement=sign_rules(more, key, now=NOW))
    result = verify(one.path, "L3", now=NOW)
    assert result.ok
    assert any("3 of 4 rows" in check.reason for check in result.checks)


@pytest.mark.parametrize("level", ["L1", "L4"])
def test_an_old_bundle_without_the_set_still_verifies(issued, key, tmp_path, level) -> None:
    parts = resigned(parts_of(issued.path), key, lambda claims: claims["rules"].pop("set"))
    result = verify(rewritten(tmp_path / "old.zip", parts), level, now=NOW)
    assert result.ok, failed(result)
    assert "rule set" not in {check.name for check in result.checks}


def test_what_does_not_fit_the_set_is_found(appraised, key, tmp_path) -> None:
    statement = sign_rules(ROWS, key, now=NOW)
    one = issue(appraised(), key, tmp_path / "1.zip", now=NOW, rule_statement=statement)
    parts = parts_of(one.path)

    def tried(change: Any, new: dict[str, bytes] | None = None, moment: Any = NOW) -> dict[str, str]:
        path = rewritten(tmp_path / "bad.zip", resigned(parts | (new or {}), key, change))
        return failed(verify(path, "L3", now=moment))

    assert "does not hold the rows" in tried(lambda c: c["rules"]["set"].update(rows=2))["L1 rule set"]
    assert (
        "does not hold the rows" in tried(lambda c: c["rules"]["set"].update(digest="0" * 64))["L1 rule set"]
    )
    assert (
        "another rule set"
        in tried(lambda c: c["rules"]["set"].update(digest="0" * 64, rows=9))["L1 rule set"]
    )
    other = jsonio.canonical(sign_rules(RuleSet(ROWS.rows[1:]), key, now=NOW))
    assert "(digest)" in tried(lambda c: None, {"rule-set.json": other})["L1 rule set"]
    assert (
        "missing"
        in failed(
            verify(
                rewritten(tmp_path / "b.zip", {n: d for n, d in parts.items() if n != "rule-set.json"}),
                "L1",
                now=NOW,
            )
        )["L0 names"]
    )
    assert "named nowhere" in tried(lambda c: c["rules"]["set"].pop("statement"))["L0 names"]
    late = sign_rules(ROWS, key, now=NOW + timedelta(days=9))
    data = jsonio.canonical(late)
    import hashlib

    named = hashlib.sha256(data).hexdigest()
    found = tried(lambda c: c["rules"]["set"].update(statement=named), {"rule-set.json": data})
    assert "in the future" in found["L1 rule set"]


def test_a_row_that_was_not_signed_is_found(appraised, key, tmp_path) -> None:
    import hashlib

    from recore.passport import proof

    statement = sign_rules(ROWS, key, now=NOW)
    one = issue(appraised(), key, tmp_path / "1.zip", now=NOW, rule_statement=statement)
    less = {name: value for name, value in statement.items() if name != "proof"} | {
        "rows": statement["rows"][1:]
    }
    less["proof"] = proof.create(less, key.sign, method=key.method, created="2026-05-01T12:00:00Z")
    data = jsonio.canonical(less)
    parts = resigned(
        parts_of(one.path) | {"rule-set.json": data},
        key,
        lambda c: c["rules"]["set"].update(statement=hashlib.sha256(data).hexdigest()),
    )
    found = failed(verify(rewritten(tmp_path / "bad.zip", parts), "L1", now=NOW))
    assert "is not a row that was signed" in found["L1 rule set"]
