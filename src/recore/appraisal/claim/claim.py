"""Method `reman.claim`: which condition word a process record allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from recore.appraisal.claim.record import ProcessRecord
from recore.appraisal.claim.words import NONE, ConditionWord, Words, decide_words
from recore.appraisal.listed import listed
from recore.method import Artifact, Evidence, Note, Tolerance, method
from recore.rules import Decision, RuleSet, Verdict, shipped
from recore.rules.standards import abolished, cited, register, told


@dataclass(frozen=True)
class Claim:
    """The word that may be said: the wanted one, or a lower one with the reasons why not."""

    granted: str
    wanted: str
    wanted_verdict: str
    may_say: tuple[str, ...]
    process_verdict: str
    missing: tuple[str, ...]
    rules_sha256: str
    reasons: Annotated[Any, Artifact("reasons.csv")]
    flags: tuple[Note, ...]
    _rules: RuleSet  # the rows consulted


@method(
    "reman.claim",
    version=1,
    standard="ISO 10987-2:2017; BS 8887-220:2010 (shaped after)",
    reproducible=Tolerance(),
)
def claim(
    record: ProcessRecord,
    evidence: tuple[Evidence, ...] = (),
    *,
    wanted: str = "",
    rules: RuleSet | None = None,
) -> Claim:
    """Which condition word may be said of a thing, by the record of what was done to it.

    Parameters
    ----------
    record : profile, product, gates, faults, warranty, performance, authorisation, marking (docs/inspection.md)
    evidence : files that prove the record; digests that the record states and no file has are flagged
    wanted : word that is wanted, instead of the record's own (as_is, repaired, reconditioned, remanufactured, upgraded)
    rules : rule rows instead of the shipped ones

    Returns
    -------
    Claim : `granted`, the wanted word or else the highest lower one that every row allows ('none' where not even
        the lowest is); `wanted_verdict`; `may_say`, every word allowed; the verdict over the process gates; each
        reason with row and source in reasons.csv

    Unknown evidence never grants: a fact that is not stated, a gate without its record, or a row that is missing,
    expired, unverified or contradicted leaves a word unknown, and an unknown word is not said.

    Raises
    ------
    BadInput : no such profile, or a word that the profile does not know

    References
    ----------
    ISO 10987-2:2017, 3.5; BS 8887-220:2010; BS 8887-240:2011; common definition of remanufacturing, 2016;
    GB/T 28618-2012, Annex A (gates).
    """
    decided = decide_words(record, shipped("process") if rules is None else rules)
    asked = wanted or record.wanted or ""
    word = decided.named(asked) if asked else None
    granted = _granted(decided, word)
    heard = [word.decision] if word else [one.decision for one in decided.words]
    missing = dict.fromkeys(path for decision in heard for path in decision.missing)
    return Claim(
        granted=granted,
        wanted=word.name if word else NONE,
        wanted_verdict=str(word.decision.verdict if word else Verdict.UNKNOWN),
        may_say=listed(one.name for one in decided.words if one.granted),
        process_verdict=str(decided.process.verdict if decided.process else Verdict.UNKNOWN),
        missing=listed(missing),
        rules_sha256=decided.rules.digest,
        _rules=decided.rules,
        reasons=_reasons(decided),
        flags=(
            *_flags(record, decided, word, granted),
            *_evidence_flags(record, {file.sha256 for file in evidence}),
            *_standards(decided.rules, record.day),
        ),
    )


def _granted(decided: Words, word: ConditionWord | None) -> str:
    if word is None:
        return decided.best()
    if word.granted:
        return word.name
    return decided.best(word.rank if word.rank >= 0 else None)


def _lines(decided: Words) -> list[tuple[str, Decision]]:
    lines = [(word.name, word.decision) for word in decided.words]
    return [*lines, ("process", decided.process)] if decided.process else lines


def _reasons(decided: Words) -> Any:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "word",
            "verdict",
            "question",
            "rule_id",
            "outcome",
            "text",
            "legal_basis",
            "source",
            "evidence_level",
        )
    }

    def add(*values: Any) -> None:
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)

    for name, decision in _lines(decided):
        verdict = str(decision.verdict)
        for question, rule, outcome in decision.reasons():
            basis, source, level = rule.legal_basis, str(rule.source), rule.evidence_level
            add(
                name,
                verdict,
                question,
                rule.rule_id,
                str(outcome.verdict),
                outcome.text,
                basis,
                source,
                level,
            )
        if not decision.covers:
            text = f"no row in force on {decision.day} says what this needs"
            add(name, verdict, "coverage", "", "unknown", text, "", "", None)
    return pa.table(columns)


def _flags(record: ProcessRecord, decided: Words, word: ConditionWord | None, granted: str) -> list[Note]:
    notes = []
    if word is not None and not word.granted:
        against = [one for one in word.decision.answers if one.judgement.verdict is not Verdict.PASS]
        failed = [
            f"{one.question} ({one.judgement.text})"
            for one in against
            if one.judgement.verdict is Verdict.FAIL
        ]
        unknown = [one.question for one in against if one.judgement.verdict is Verdict.UNKNOWN]
        why = [f"not met: {'; '.join(failed)}"] if failed else []
        why += [f"not proven: {', '.join(unknown)}"] if unknown else []
        why += [] if word.decision.covers else ["no row in force says what the word needs"]
        said = f"{word.name!r} may not be said; what the record allows is {granted!r}; {'; '.join(why)}"
        notes.append(Note("downgraded", said))
    rejected = [name for name, gate in record.gates.items() if gate.result == "reject"]
    if rejected:
        notes.append(Note("gate-rejected", f"rejected at: {', '.join(rejected)}"))
    asked = {str(rule.params.get("gate", "")) for rule in decided.rules.rows}
    stray = sorted(record.gates.keys() - asked)
    if stray:
        notes.append(Note("gate-not-asked", f"the profile knows no gate {', '.join(stray)}"))
    return notes


def _evidence_flags(record: ProcessRecord, digests: set[str]) -> list[Note]:
    stated = {
        **{f"gate {name}": gate.evidence_sha256 for name, gate in record.gates.items()},
        **{f"record {name}": entry.evidence_sha256 for name, entry in record.records.items()},
        "performance": record.performance.evidence_sha256,
        "authorisation": record.authorisation.evidence_sha256,
        "upgrade": record.upgrade.evidence_sha256,
    }
    unbound = [name for name, digest in stated.items() if digest is not None and digest not in digests]
    if not unbound:
        return []
    return [Note("evidence-not-bound", f"no file was given with the stated digest: {', '.join(unbound)}")]


def _standards(rules: RuleSet, day: date) -> list[Note]:
    """What the register says of the standards that the profile is shaped after."""
    names = dict.fromkeys(
        str(name)
        for rule in rules.rows
        if isinstance(rule.params.get("standards"), list)
        for name in rule.params["standards"]
    )
    rows = dict.fromkeys(row.rule_id for name in names for row in cited(name, register(), day))
    by_id = {row.rule_id: row for row in register()}
    unread = [told(by_id[rule_id]) for rule_id in rows if not by_id[rule_id].params.get("text_obtained")]
    notes = []
    if unread:
        text = (
            f"shaped after texts that were not at hand; requirements are our own words: {'; '.join(unread)}"
        )
        notes.append(Note("text-not-obtained", text))
    return [*notes, *(Note("abolished-standard", text) for _, text in abolished(rules.rows, day))]
