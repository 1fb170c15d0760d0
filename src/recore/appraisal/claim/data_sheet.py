"""Method `circularity.data-sheet`: a product circularity data sheet in six blocks, with the evidence of each statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from recore.appraisal.claim.record import Sha256, Text
from recore.errors import BadInput
from recore.method import Artifact, Evidence, Note, Tolerance, method
from recore.model.case import Slug, Word
from recore.model.trade import Day, Document
from recore.quantity import Quantity
from recore.rules import Rule, RuleSet, Verdict, shipped

DOMAIN, BLOCKS = "circularity", "circularity-block"
PROFILE = "iso-59040-shaped"
NOT_STATED = "not stated"


class Statement(Document):
    """What is said of one statement: a word of its list or a text, with the digest of what proves it."""

    answer: Text
    evidence_sha256: Sha256 | None = None
    reference: Text | None = None


class CircularitySheet(Document):
    """Answers by statement."""

    format: Literal["recore-circularity"] = "recore-circularity"
    profile: Word = PROFILE
    product: Word
    day: Day
    statements: Annotated[dict[Slug, Statement], Field(max_length=500, default_factory=dict)]


class _Params(Document):
    model_config = ConfigDict(extra="ignore", frozen=True)

    question: str
    block: int
    order: int
    kind: Literal["text", "yes_no", "band"]
    statement_en: str
    statement_zh: str
    bands: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return ("yes", "no") if self.kind == "yes_no" else self.bands


@dataclass(frozen=True)
class DataSheet:
    """How many statements there are, were answered, and have their evidence in this finding."""

    statements: Quantity
    answered: Quantity
    with_evidence: Quantity
    evidence_bound: Quantity
    rules_sha256: str
    sheet: Annotated[Any, Artifact("data-sheet.json")]
    text: Annotated[Any, Artifact("data-sheet.txt")]
    flags: tuple[Note, ...]
    _rules: RuleSet  # the rows consulted


@method(
    "circularity.data-sheet", version=1, standard="ISO 59040:2025 (shaped after)", reproducible=Tolerance()
)
def data_sheet(
    sheet: CircularitySheet, evidence: tuple[Evidence, ...] = (), *, rules: RuleSet | None = None
) -> DataSheet:
    """A product circularity data sheet: statements in six blocks, yes or no or in bands, each with its evidence.

    Parameters
    ----------
    sheet : product, day, answers by statement
    evidence : files that prove statements; one counts as bound where a file has the digest that it states
    rules : rule rows instead of the shipped ones

    Returns
    -------
    DataSheet : the sheet as JSON and as text; a statement without an answer stands there as not stated

    Bands and yes or no disclose no secret. What is stated is the issuer's word: without bound evidence nothing here
    is proven.

    Raises
    ------
    BadInput : no such profile, a statement that it does not have, or an answer that is none of its words

    References
    ----------
    ISO 59040:2025, clause 6 (six areas); statements and bands are our own.
    """
    rows = shipped("process") if rules is None else rules
    found = _statements(rows, sheet)
    strangers = sorted(sheet.statements.keys() - {params.question for _, params in found})
    if strangers:
        there = ", ".join(params.question for _, params in found)
        raise BadInput(
            f"the profile has no statement {', '.join(strangers)}",
            where="statements",
            right=f"it has: {there}",
        )
    digests = {file.sha256 for file in evidence}
    drawn = [_drawn(rule, params, sheet, digests) for rule, params in found]
    blocks = [
        {**block, "statements": [entry for entry in drawn if entry["block"] == block["block"]]}
        for block in _blocks(rows, sheet, drawn)
    ]
    answered = [entry for entry in drawn if entry["answer"] != NOT_STATED]
    used = RuleSet(rule for rule, _ in found)
    open_ones = [entry["statement"] for entry in drawn if entry["answer"] == NOT_STATED]
    unbound = [
        entry["statement"] for entry in drawn if entry["evidence_sha256"] and not entry["evidence_bound"]
    ]
    document = {
        "format": "recore-circularity-data-sheet",
        "profile": sheet.profile,
        "product": sheet.product,
        "day": sheet.day.isoformat(),
        "version": used.digest,
        "blocks": blocks,
    }
    flags = [Note("not-stated", f"no answer to: {', '.join(open_ones)}")] if open_ones else []
    if unbound:
        flags.append(
            Note("evidence-not-bound", f"no file was given with the stated digest: {', '.join(unbound)}")
        )
    return DataSheet(
        statements=Quantity(len(drawn), "pcs"),
        answered=Quantity(len(answered), "pcs"),
        with_evidence=Quantity(sum(bool(entry["evidence_sha256"]) for entry in drawn), "pcs"),
        evidence_bound=Quantity(sum(entry["evidence_bound"] for entry in drawn), "pcs"),
        rules_sha256=used.digest,
        _rules=used,
        sheet=document,
        text=_text(document),
        flags=tuple(flags),
    )


def _statements(rules: RuleSet, sheet: CircularitySheet) -> list[tuple[Rule, _Params]]:
    found = []
    for rule in rules.known().rows:
        if rule.domain != DOMAIN or not rule.names_profile(sheet.profile) or not rule.valid_on(sheet.day):
            continue
        try:
            found.append((rule, _Params.model_validate(rule.params)))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in ("params", *fault["loc"]))
            raise BadInput(f"{where}: {fault['msg']}", where=f"rule {rule.rule_id!r}") from None
    if not found:
        raise BadInput(
            f"no statement of the profile {sheet.profile!r} is in force on {sheet.day}",
            where="profile",
            right=f"the shipped profile is {PROFILE}, in force since 2025-02-01",
        )
    return sorted(found, key=lambda entry: (entry[1].block, entry[1].order, entry[0].rule_id))


def _drawn(rule: Rule, params: _Params, sheet: CircularitySheet, digests: set[str]) -> dict[str, Any]:
    said = sheet.statements.get(params.question)
    if said is not None and rule.outcome(_facts(sheet), sheet.day).verdict is not Verdict.PASS:
        raise BadInput(
            f"{said.answer!r:.60} is no answer",
            where=f"statements.{params.question}",
            right=f"one of: {', '.join(params.words)}" if params.words else "a text is wanted",
        )
    return {
        "block": params.block,
        "statement": params.question,
        "statement_en": params.statement_en,
        "statement_zh": params.statement_zh,
        "answer": said.answer if said else NOT_STATED,
        "reference": said.reference if said else None,
        "evidence_sha256": said.evidence_sha256 if said else None,
        "evidence_bound": bool(said and said.evidence_sha256 in digests),
        "rule_id": rule.rule_id,
        "source": str(rule.source),
    }


def _facts(sheet: CircularitySheet) -> dict[str, Any]:
    return sheet.model_dump(mode="json", exclude_none=True)


def _blocks(rules: RuleSet, sheet: CircularitySheet, drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks that hold a statement, in order; one without a row goes by its number."""
    titles = {
        rule.params.get("block"): rule.params
        for rule in rules.known().rows
        if rule.domain == BLOCKS and rule.valid_on(sheet.day)
    }
    named = []
    for number in sorted({entry["block"] for entry in drawn}):
        params = titles.get(number, {})
        fallback = f"Block {number}"
        named.append(
            {
                "block": number,
                "title_en": params.get("title_en", fallback),
                "title_zh": params.get("title_zh", fallback),
            }
        )
    return named


def _text(document: dict[str, Any]) -> str:
    lines = [
        "Product circularity data sheet",
        f"Product: {document['product']}",
        f"As of {document['day']}; profile {document['profile']}; statements {document['version']}",
    ]
    for block in document["blocks"]:
        lines += ["", f"{block['block']}. {block['title_en']} / {block['title_zh']}"]
        for entry in block["statements"]:
            proof = "evidence in this finding" if entry["evidence_bound"] else "evidence named, not bound"
            suffix = f" [{proof}: {entry['evidence_sha256']}]" if entry["evidence_sha256"] else ""
            reference = f" ({entry['reference']})" if entry["reference"] else ""
            lines.append(
                f"   {entry['statement_en']} / {entry['statement_zh']}: {entry['answer']}{reference}{suffix}"
            )
    return "\n".join(lines) + "\n"
