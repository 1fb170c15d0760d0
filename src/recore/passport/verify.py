"""Verify a bundle: a straight list of checks, in the order of the levels, each with its reason.

Nothing is fetched. L0 to L3 parse and hash only; L4 runs installed methods in a process of its own
that is bounded in time and memory.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from recore import jsonio
from recore.errors import BadInput
from recore.finding import Finding
from recore.method import Progress
from recore.model.identity import aliases, machine_urn
from recore.passport import attestation, bundle, credential
from recore.passport.bundle import Bundle
from recore.passport.checklist import Check, Checklist
from recore.passport.did import resolve
from recore.passport.issue import plain, raw_evidence, rule_file_name
from recore.passport.shape import CONTEXT_FILE, Envelope, Passport

if TYPE_CHECKING:
    from recore.model.case import Case, Step
    from recore.rules import RuleSet

LEVELS = ("L0", "L1", "L2", "L3", "L4")
CLOCK_SKEW = timedelta(minutes=5)
NO_LOG = "this version of the bundle carries no transparency log; time and order rest on the issuer's word"


@dataclass(frozen=True)
class Verification:
    """What a verification came to.

    Parameters
    ----------
    level : level that was asked for
    ok : every check up to that level holds
    issuer, subject : who signed and what machine it is about, as the bundle says; '' if unreadable.
        The signature proves the key, not the person: compare the issuer with whom you expect
    not_checked : levels that were left out, and why
    """

    level: str
    ok: bool
    checks: tuple[Check, ...]
    issuer: str = ""
    subject: str = ""
    not_checked: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "ok": self.ok,
            "checks": [check.json() for check in self.checks],
            "issuer": self.issuer,
            "subject": self.subject,
            "not_checked": self.not_checked,
        }


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement file: its envelope, the payload in it, and the SHA-256 of the file."""

    envelope: Envelope
    payload: bytes
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What L0 read from a bundle."""

    parsed: credential.Parsed
    statements: dict[str, SignedStatement]  # by step id
    context: bytes
    rows: dict[str, bytes]  # rule rows by file name
    case: Case
    rule_statement: bytes = b""  # signed statement about the whole rule set, where the issuer carries one

    @property
    def passport(self) -> Passport:
        return self.parsed.passport


def verify(
    path: Path | str,
    level: str = "L4",
    *,
    now: datetime | None = None,
    issuer_documents: Sequence[dict[str, Any]] = (),
    expected_issuer: str | None = None,
    budget_s: float = 900.0,
    memory: int = 16 * 2**30,
    progress: Progress | None = None,
) -> Verification:
    """Verify a passport bundle, offline, up to a level.

    L0 shape · L1 signature, key and validity · L3 every digest of evidence and artifacts · L4 every
    finding and the grade computed again. A level that fails does not hide a later one that can still
    be checked safely; L4 runs only on a bundle whose other levels hold.

    Parameters
    ----------
    level : 'L0' to 'L4'
    now : time the validity is held against; the clock of this computer where it is not given
    issuer_documents : DID documents of did:web issuers, got over a channel you trust
    expected_issuer : DID you expect; any other fails at L1
    budget_s : wall time in seconds that L4 may take
    memory : bytes of address space that L4 may take

    Raises
    ------
    BadInput : the file cannot be opened, or an argument is out of range
    """
    moment = _arguments(level, now, budget_s, memory)
    asked = LEVELS[: LEVELS.index(level) + 1]
    log = Checklist()
    left_out = {"L2": NO_LOG} if "L2" in asked else {}
    opened: Bundle | None
    try:
        opened = Bundle(Path(path))
    except bundle.NotCanonical as error:
        log.checks.append(Check("L0", "container", False, str(error)))
        # a bundle that was packed again holds no longer, but what is in it may still be told
        opened = Bundle.salvaged(Path(path))
    if opened is None:
        left_out |= dict.fromkeys(set(asked) - {"L0", "L2"}, "the container cannot be read")
        return Verification(level, False, tuple(log.checks), not_checked=_in_order(left_out))
    with opened as box:
        contents = _shape(box, log)
        if contents is None:
            left_out |= dict.fromkeys(
                set(asked) - {"L0", "L2"}, "the content has not the shape of a passport"
            )
            return Verification(level, False, tuple(log.checks), not_checked=_in_order(left_out))
        if "L1" in asked:
            _authenticity(contents, log, moment, issuer_documents, expected_issuer)
        if level == "L2":
            log.checks.append(Check("L2", "log", None, NO_LOG))
        if "L3" in asked:
            _digests(box, contents, log)
        if "L4" in asked:
            if log.ok:
                from recore.passport.rerun import in_worker

                log.checks.extend(in_worker(box, budget_s=budget_s, memory=memory, progress=progress))
            else:
                left_out["L4"] = "methods are run only on a bundle whose other levels hold"
    return Verification(
        level,
        log.ok,
        tuple(log.checks),
        contents.passport.issuer,
        contents.passport.credentialSubject.id,
        _in_order(left_out),
    )


def _in_order(left_out: dict[str, str]) -> dict[str, str]:
    return dict(sorted(left_out.items()))


def _arguments(level: str, now: datetime | None, budget_s: float, memory: int) -> datetime:
    if level not in LEVELS:
        raise BadInput(f"level {level!r:.40}", right=f"one of {', '.join(LEVELS)} is wanted")
    if not (math.isfinite(budget_s) and 0 < budget_s <= 7 * 86400):
        raise BadInput(f"budget_s {budget_s!r}", right="more than 0 and at most a week, in seconds")
    if not 2**28 <= memory <= 2**46:
        raise BadInput(f"memory {memory!r}", right="at least 256 MiB, in bytes")
    moment = now or datetime.now(UTC)
    if moment.tzinfo is None:
        raise BadInput(f"time {moment} has no zone", right="give it in UTC")
    return moment


def contents_of(box: Bundle) -> Contents:
    """Read all JSON of a bundle whose container is canonical, checking every shape.

    Raises
    ------
    BadInput : the first part that is wrong
    """
    log = Checklist()
    found = _shape(box, log)
    if found is None:
        raise BadInput(log.checks[-1].reason)
    return found


# ---- L0: shape -------------------------------------------------------------------------------------


def _shape(box: Bundle, log: Checklist) -> Contents | None:
    parts: dict[str, bytes] = {}

    def container() -> str:
        names = [name for name in box.entries if not name.startswith("evidence/")]
        if sum(box.entries[name].size for name in names) > bundle.MAX_JSON_TOTAL:
            raise BadInput(
                "too much JSON", where=box.path.name, right=f"at most {bundle.MAX_JSON_TOTAL} bytes"
            )
        parts.update({name: box.read(name) for name in names})
        return f"{len(box.entries)} files, every header as it must be"

    read: dict[str, Any] = {"statements": {}, "rows": {}}

    def passport() -> str:
        from recore.appraisal.case import case_from

        read["parsed"] = parsed = credential.parse(parts[bundle.PASSPORT])
        claimed = parsed.document["credentialSubject"]["case"]
        read["case"] = case = case_from(claimed, where=f"{bundle.PASSPORT}, case")
        if jsonio.canonical(plain(case)) != jsonio.canonical(claimed):
            raise BadInput("the case is not in its one form", where=bundle.PASSPORT)
        return "strict JSON in canonical form, with every field a passport has and no other"

    def statements() -> str:
        for name, data in parts.items():
            if name.startswith("attestations/"):
                step = name.removeprefix("attestations/").removesuffix(".dsse")
                read["statements"][step] = SignedStatement(
                    *attestation.opened(data, where=name), hashlib.sha256(data).hexdigest()
                )
        return f"{len(read['statements'])} DSSE envelopes"

    def rows() -> str:
        for name, data in parts.items():
            if name.startswith("rules/"):
                if jsonio.canonical(jsonio.loads(data, where=name)) != data:
                    raise BadInput("not in canonical form (RFC 8785)", where=name)
                read["rows"][name] = data
        return f"{len(read['rows'])} rule rows"

    def names() -> str:
        claims = read["parsed"].passport.credentialSubject
        wanted = {
            bundle.PASSPORT,
            CONTEXT_FILE,
            *(attestation.file_name(row.id) for row in claims.findings),
            *(rule_file_name(row.rule_id, row.version) for row in claims.rules.rows),
            *(f"evidence/{row.sha256}" for row in [*claims.evidence, *claims.artifacts]),
        }
        if claims.rules.set is not None and claims.rules.set.statement is not None:
            wanted.add(bundle.RULE_SET)
        if missing := sorted(wanted - box.entries.keys()):
            raise BadInput(f"{_few(missing)} missing", where=box.path.name, right="get the bundle again")
        if strange := sorted(box.entries.keys() - wanted):
            raise BadInput(f"{_few(strange)} named nowhere in the passport", where=box.path.name)
        return "every file is named in the passport, and every name has its file"

    for name, check in (
        ("container" if log.ok else "parts", container),
        ("passport", passport),
        ("statements", statements),
        ("rule rows", rows),
        ("names", names),
    ):
        if not log.hold("L0", name, check):
            return None
    return Contents(**read, context=parts[CONTEXT_FILE], rule_statement=parts.get(bundle.RULE_SET, b""))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# ---- L1: who says so -------------------------------------------------------------------------------


def _authenticity(
    contents: Contents,
    log: Checklist,
    now: datetime,
    documents: Iterable[dict[str, Any]],
    expected: str | None,
) -> None:
    passport = contents.passport
    found: list[Ed25519PublicKey] = []

    def key() -> str:
        found.append(resolve(passport.issuer, passport.proof.verificationMethod, documents, now=now))
        return f"the key of {passport.issuer}"

    def issuer() -> str:
        if passport.issuer != expected:
            raise BadInput(f"it was issued by {passport.issuer}", right=f"you expect {expected}")
        return "the issuer you expect"

    def signature() -> str:
        credential.check_proof(contents.parsed, lambda *_: found[0])
        return f"eddsa-jcs-2022, signed {passport.proof.created}"

    log.hold("L1", "issuer key", key)
    if expected is not None:
        log.hold("L1", "expected issuer", issuer)
    if found:
        log.hold("L1", "signature", signature)
    log.hold("L1", "validity", lambda: _validity(passport, now))
    log.hold("L1", "subject", lambda: _subject(contents))
    log.hold("L1", "context", lambda: _context(contents))
    if found:
        log.hold("L1", "statements", lambda: _statements(contents, found[0]))
    log.hold("L1", "rule rows", lambda: _rules(contents))
    if passport.credentialSubject.rules.set is not None:
        listed = list(documents)
        log.hold("L1", "rule set", lambda: _whole_rule_set(contents, listed, now))


def _validity(passport: Passport, now: datetime) -> str:
    begin = datetime.fromisoformat(passport.validFrom)
    if passport.proof.created != passport.validFrom:
        raise BadInput("was not signed at the time it is valid from", where=passport.validFrom)
    if begin > now + CLOCK_SKEW:
        raise BadInput(
            f"it is valid from {passport.validFrom}, in the future",
            right=f"this computer's clock says {now:%FT%TZ}: set it, or wait",
        )
    if passport.validUntil is not None and now >= datetime.fromisoformat(passport.validUntil):
        raise BadInput(f"it ended {passport.validUntil}", right="ask the issuer for a new one")
    if date.fromisoformat(passport.credentialSubject.as_of) > begin.date():
        raise BadInput("its rules were read as of a day after it was signed", where="as_of")
    until = f" until {passport.validUntil}" if passport.validUntil else ""
    return f"valid from {passport.validFrom}{until}"


def _subject(contents: Contents) -> str:
    claims, case = contents.passport.credentialSubject, contents.case
    machine = case.machine
    same = (
        claims.id == machine_urn(machine.maker, machine.model, machine.serial)
        and jsonio.digest(claims.machine) == jsonio.digest(plain(machine))
        and [_alias(item) for item in claims.aliases] == [_alias(item) for item in aliases(machine)]
    )
    if not same:
        raise BadInput("the machine named is not the machine of the case", where=claims.id)
    if contents.passport.name != f"{machine.maker} {machine.model} {machine.serial}":
        raise BadInput("the name is not that of the machine", where="name")
    return f"{contents.passport.name}, {claims.id}"


def _alias(item: dict[str, Any]) -> tuple[Any, Any]:
    # what is noted about an alias may grow with our knowledge; what it is may not
    return item.get("scheme"), item.get("value")


def _context(contents: Contents) -> str:
    stated = contents.passport.relatedResource[0].digestSRI
    if contents.context != credential.own_context() or stated != credential.integrity(contents.context):
        raise BadInput("the JSON-LD context has another digest", where=CONTEXT_FILE)
    return "the terms are those this version of Recore knows"


def _statements(contents: Contents, key: Ed25519PublicKey) -> str:
    passport = contents.passport
    rows = passport.credentialSubject.findings
    if [row.id for row in rows] != [step.id for step in contents.case.step]:
        raise BadInput("the findings are not those of the case's steps", where=bundle.PASSPORT)
    keyid = passport.proof.verificationMethod.partition("#")[2]
    for row in rows:
        where = attestation.file_name(row.id)
        held = contents.statements[row.id]
        said = attestation.verified(held.envelope, held.payload, key, keyid, where=where)
        if row.file != where or row.sha256 != held.sha256:
            raise BadInput("is not the statement the passport names (digest)", where=where)
        if (said.step, said.component) != (row.id, row.component):
            raise BadInput("is about another step or component", where=where)
    findings_of(contents)
    return f"{len(rows)} statements, signed by the same key, with the digests the passport names"


def findings_of(contents: Contents) -> dict[str, Finding]:
    """Recorded findings by step id, held against the passport's lists of findings, evidence and artifacts.

    Raises
    ------
    BadInput : the first thing that does not fit
    """
    claims = contents.passport.credentialSubject
    evidence = {row.name: row for row in claims.evidence}
    made = [(row.step, row.name, row.file, row.sha256, row.media_type) for row in claims.artifacts]
    used: set[str] = set()
    listed: list[tuple[str, str, str, str, str]] = []
    findings: dict[str, Finding] = {}
    for row, step in zip(claims.findings, contents.case.step, strict=True):
        where = attestation.file_name(row.id)
        said = jsonio.loads(contents.statements[row.id].payload, where=where)["predicate"]["finding"]
        findings[row.id] = finding = Finding.from_json(said, where=where)
        if not row.digest == finding.digest == jsonio.digest(said):
            raise BadInput("is not the finding the passport names (digest)", where=where)
        if (finding.method, finding.version, row.component) != (row.method, row.version, step.component):
            raise BadInput("was made by another method or about another component", where=where)
        if step.method not in (row.method, f"{row.method}@{row.version}"):
            raise BadInput(f"the case asks for {step.method}", where=where)
        for name, entry in raw_evidence(step.evidence, finding):
            known = evidence.get(name)
            if known is None or (known.sha256, known.bytes) != (entry["sha256"], entry["bytes"]):
                raise BadInput(f"was made from another {name!r} than the passport lists", where=where)
            used.add(name)
        _chained(step, finding, findings, where)
        listed += [(row.id, a["name"], a["file"], a["sha256"], a["media_type"]) for a in finding.artifacts]
    if used != evidence.keys() or len(used) != len(claims.evidence) or listed != made:
        raise BadInput(
            "its lists of evidence and artifacts are not those of the findings", where=bundle.PASSPORT
        )
    return findings


def _chained(step: Step, finding: Finding, earlier: dict[str, Finding], where: str) -> None:
    """Evidence that an earlier step made must be what that step's finding says it made."""
    for name, entry in zip(step.evidence, finding.evidence, strict=True):
        head, colon, wanted = name.partition(":")
        made = (
            [a["sha256"] for a in earlier[head].artifacts if wanted in (a["name"], a["file"])]
            if colon
            else []
        )
        if colon and entry["sha256"] not in made:
            raise BadInput(f"was made from another {name!r} than step {head!r} made", where=where)


def _rules(contents: Contents) -> str:
    claims = contents.passport.credentialSubject.rules
    for row in claims.rows:
        name = rule_file_name(row.rule_id, row.version)
        data = contents.rows[name]
        said = jsonio.loads(data, where=name)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            raise BadInput("is not the row the passport names (digest)", where=name)
        if (said.get("rule_id"), said.get("version")) != (row.rule_id, row.version):
            raise BadInput("is another row than its name says", where=name)
    if rule_set(contents).digest != claims.digest:
        raise BadInput("the rule rows together have another digest", where="rules")
    return f"{len(claims.rows)} rows with the digests the passport names"


def _whole_rule_set(contents: Contents, documents: Sequence[dict[str, Any]], now: datetime) -> str:
    """The set that was in force: named by its digest, and signed where the issuer carries a statement."""
    claims = contents.passport.credentialSubject.rules
    whole = claims.set
    assert whole is not None
    if whole.rows < len(claims.rows) or (whole.rows == len(claims.rows) and whole.digest != claims.digest):
        raise BadInput("the whole rule set does not hold the rows that were used", where="rules")
    named = f"{len(claims.rows)} of {whole.rows} rows of the set {whole.digest[:12]}…"
    if whole.statement is None:
        return named
    if hashlib.sha256(contents.rule_statement).hexdigest() != whole.statement:
        raise BadInput("is not the statement the passport names (digest)", where=bundle.RULE_SET)
    from recore.passport.rule_statement import check_signature, read_statement, speaks_of

    statement, document = read_statement(contents.rule_statement, where=bundle.RULE_SET)
    speaks_of(statement, whole.digest, ((row.rule_id, row.version, row.sha256) for row in claims.rows))
    said = check_signature(document, documents=documents, now=now)
    return f"{named}, signed by {statement.issuer} ({said})"


def rule_set(contents: Contents) -> RuleSet:
    """The rule rows of a bundle."""
    from recore.rules import RuleSet

    return RuleSet.from_json([jsonio.loads(data, where=name) for name, data in contents.rows.items()])


# ---- L3: the files ---------------------------------------------------------------------------------


def _digests(box: Bundle, contents: Contents, log: Checklist) -> None:
    claims = contents.passport.credentialSubject
    seen: dict[str, str] = {}

    def all_of(rows: Sequence[Any]) -> str:
        total, wrong = 0, []
        for row in rows:
            name = f"evidence/{row.sha256}"
            if name not in seen:
                sha256, whole = box.digest(name, helper)
                seen[name] = sha256 if whole else ""
            if seen[name] != row.sha256 or box.entries[name].size != row.bytes:
                wrong.append(row.name)
            total += row.bytes
        if wrong:
            raise BadInput(
                f"{_few(wrong)} changed: the bytes are not those that were signed",
                right="get the bundle again from its issuer",
            )
        return f"{len(rows)} files, {total} bytes, every SHA-256 as signed"

    with ThreadPoolExecutor(1) as helper:
        log.hold("L3", "evidence", lambda: all_of(claims.evidence))
        log.hold("L3", "artifacts", lambda: all_of(claims.artifacts))
