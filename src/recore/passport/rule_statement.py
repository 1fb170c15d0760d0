"""A signed statement about a rule set: its digest and that of every row, under the issuer's key.

The statement is JSON with a Data Integrity proof, like the credential. Who trusts the issuer need not trust where
the rows came from: a row that was changed, lost or added is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recore import jsonio
from recore.errors import BadInput
from recore.passport import proof
from recore.passport.checklist import Check, Checklist
from recore.passport.did import resolve
from recore.passport.keys import SigningKey
from recore.passport.shape import TIME, RuleRow, Sha256, shaped
from recore.rules import RuleSet

TYPE = "RecoreRuleSet"
FILE = "rules.signed.json"
CLOCK_SKEW = timedelta(minutes=5)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Proof(_Closed):
    type: Literal["DataIntegrityProof"]
    cryptosuite: Literal["eddsa-jcs-2022"]
    created: str = Field(pattern=TIME)
    verificationMethod: str = Field(max_length=400)
    proofPurpose: Literal["assertionMethod"]
    proofValue: str = Field(pattern=r"^z[1-9A-HJ-NP-Za-km-z]{64,90}$")


class RuleStatement(_Closed):
    """What was signed: the digest of a rule set, and the digest of every version of every row in it."""

    type: Literal["RecoreRuleSet"]
    issuer: str = Field(pattern=r"^did:(key|web):[A-Za-z0-9.:%_-]{1,300}$")
    digest: Sha256
    rows: list[RuleRow]
    proof: _Proof


def sign_rules(rules: RuleSet, key: SigningKey, *, now: datetime) -> dict[str, Any]:
    """Sign a rule set.

    Parameters
    ----------
    now : time of signing, with its zone

    Raises
    ------
    BadInput : there is no row to sign
    """
    from recore.passport.credential import stamp

    if not rules.rows:
        raise BadInput("there is no rule row to sign", right="give a folder of rule tables")
    rows = [{"rule_id": row.rule_id, "version": row.version, "sha256": row.digest} for row in rules.rows]
    document: dict[str, Any] = {"type": TYPE, "issuer": key.did, "digest": rules.digest, "rows": rows}
    document["proof"] = proof.create(document, key.sign, method=key.method, created=stamp(now))
    shaped(RuleStatement, document, where="statement")
    return document


def read_statement(data: bytes, *, where: str) -> tuple[RuleStatement, dict[str, Any]]:
    """A statement from its bytes, of the right shape and not yet believed.

    Raises
    ------
    BadInput : not strict JSON, or not the shape of a statement
    """
    document = jsonio.loads(data, where=where)
    return shaped(RuleStatement, document, where=where), document


def check_signature(
    document: dict[str, Any], *, documents: Iterable[dict[str, Any]] = (), now: datetime
) -> str:
    """Hold a statement against the key of its issuer; says when it was signed.

    Raises
    ------
    BadInput : the key is not known, the signature does not fit, or it lies in the future
    """
    created = str(document["proof"]["created"])
    if datetime.fromisoformat(created) > now + CLOCK_SKEW:
        raise BadInput(
            f"it was signed {created}, in the future",
            right=f"this computer's clock says {now:%FT%TZ}: set it, or wait",
        )
    listed = list(documents)
    proof.check(document, lambda issuer, method: resolve(issuer, method, listed, now=now), where="proof")
    return f"eddsa-jcs-2022, signed {created}"


def verify_rules(
    data: bytes,
    rules: RuleSet | None = None,
    *,
    now: datetime,
    expected_issuer: str | None = None,
    issuer_documents: Sequence[dict[str, Any]] = (),
    where: str = FILE,
) -> list[Check]:
    """Check a statement, and the rule set that it should speak of.

    Parameters
    ----------
    rules : rows to hold against it; None checks the signature alone
    expected_issuer : DID you expect; any other fails. The signature proves the key, not the person

    Returns
    -------
    list of Check : the statement holds where every one of them does
    """
    log = Checklist()
    read: list[tuple[RuleStatement, dict[str, Any]]] = []

    def shape() -> str:
        read.append(read_statement(data, where=where))
        return f"a statement about {len(read[0][0].rows)} rows"

    if not log.hold("L0", "statement", shape):
        return log.checks
    statement, document = read[0]
    if expected_issuer is not None:
        log.hold("L1", "expected issuer", lambda: _expected(statement, expected_issuer))
    log.hold("L1", "signature", lambda: check_signature(document, documents=issuer_documents, now=now))
    if rules is not None:
        log.hold("L3", "rows", lambda: _rows(statement, rules))
    return log.checks


def _expected(statement: RuleStatement, expected: str) -> str:
    if statement.issuer != expected:
        raise BadInput(f"it was signed by {statement.issuer}", right=f"you expect {expected}")
    return "the issuer you expect"


def _rows(statement: RuleStatement, rules: RuleSet) -> str:
    signed = {(row.rule_id, row.version): row.sha256 for row in statement.rows}
    here = {(row.rule_id, row.version): row.digest for row in rules.rows}
    wrong = {
        "changed": [key for key in signed.keys() & here.keys() if signed[key] != here[key]],
        "missing": list(signed.keys() - here.keys()),
        "not signed": list(here.keys() - signed.keys()),
    }
    said = [f"{_named(keys)} {how}" for how, keys in wrong.items() if keys]
    if said:
        raise BadInput("; ".join(said), right="get the rules again from their issuer")
    if len(signed) != len(statement.rows) or statement.digest != rules.digest:
        raise BadInput("the digest of the set is not that of its rows", right="ask the issuer")
    return f"{len(here)} rows, every SHA-256 as signed"


def _named(keys: list[tuple[str, int]]) -> str:
    shown = [f"{rule_id}@{version}" for rule_id, version in sorted(keys)]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def speaks_of(statement: RuleStatement, digest: str, rows: Iterable[tuple[str, int, str]]) -> None:
    """Hold a statement against the set a passport names and the rows it uses.

    Raises
    ------
    BadInput : it speaks of another set, or a row that was used is not in it
    """
    if statement.digest != digest:
        raise BadInput("the statement speaks of another rule set than the passport names", where="rule set")
    signed = {(row.rule_id, row.version): row.sha256 for row in statement.rows}
    for rule_id, version, sha256 in rows:
        if signed.get((rule_id, version)) != sha256:
            raise BadInput(f"{rule_id}@{version} is not a row that was signed", where="rule set")
