"""Method `inspection.evaluate`: a filled-in check-list held against the rows of its profile."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from recore.appraisal.inspection.judgement import Judged, Judgement, Tally, judge_inspection
from recore.appraisal.inspection.profile import Profile, profile_of
from recore.appraisal.inspection.record import Inspection
from recore.appraisal.listed import listed
from recore.method import Artifact, Evidence, Note, Tolerance, method
from recore.quantity import Quantity
from recore.rules import RuleSet, Verdict, shipped
from recore.rules.standards import abolished


@dataclass(frozen=True)
class Evaluation:
    """What an inspection came to. Numbers of items [pcs] carry their denominator: met, failed and open of asked."""

    verdict: str
    stop_verdict: str
    stop_failed: tuple[str, ...]
    stop_open: tuple[str, ...]
    score: str
    asked: Quantity
    answered: Quantity
    met: Quantity
    failed: Quantity
    unknown: Quantity
    not_tested: Quantity
    not_applicable: Quantity
    photos_missing: Quantity
    photos_not_bound: Quantity
    structural_condition: str | None
    missing: tuple[str, ...]
    rules_sha256: str
    form: Annotated[Any, Artifact("inspection-report.json")]
    reasons: Annotated[Any, Artifact("reasons.csv")]
    sections: Annotated[Any, Artifact("sections.csv")]
    chart: list[dict[str, Any]]
    flags: tuple[Note, ...]
    _rules: RuleSet  # the rows consulted


@method(
    "inspection.evaluate",
    version=1,
    standard="ISO 10987-3:2017 (shaped after)",
    reproducible=Tolerance(),
)
def evaluate(
    inspection: Inspection,
    photos: tuple[Evidence, ...] = (),
    *,
    rules: RuleSet | None = None,
) -> Evaluation:
    """Judge a filled-in inspection check-list item by item, with what was not tested and what stops the machine.

    Parameters
    ----------
    inspection : profile, family, machine, inspector, day, place, answers, photos, maker's limits
        (docs/inspection.md tells the shape)
    photos : the photo files; a photo counts as bound where one of these has the digest that the inspection states
    rules : rule rows instead of the shipped ones

    Returns
    -------
    Evaluation : `verdict` over every item and `stop_verdict` over those that stop the machine: fail where one
        failed, else unknown where one is open, else pass. An item is open where it was not answered or not tested,
        where the maker's limit is not stated, where the limit lies within the uncertainty of the reading, and where
        its row is missing, expired or contradicted. Numbers of items [pcs]; the reason, row and source of every item
        in reasons.csv; the form in four parts (machine, check-list, inspector, details) in inspection-report.json

    Raises
    ------
    BadInput : no such profile or family, or an answer of another kind than its item asks

    References
    ----------
    ISO 10987-3:2017, 4.1 (form in four parts), 4.2 to 4.4 (groups of items). Decision with uncertainty:
    ISO 14253-1:2017, with a guard band of U.
    """
    profile = profile_of(
        shipped("inspection") if rules is None else rules, inspection.profile, inspection.machine_family()
    )
    judged = judge_inspection(profile, inspection)
    digests = {photo.sha256 for photo in photos}
    tally = Tally.of(judged.items)
    stops = [item for item in judged.items if item.stop and item.counts]
    failed = [item.name for item in stops if item.verdict is Verdict.FAIL]
    open_ones = [item.name for item in stops if item.verdict is Verdict.UNKNOWN]
    unbound = [photo for photo in inspection.photos if photo.sha256 not in digests]
    unproven = [item.name for item in judged.items if item.photo_wanted]
    condition, contradiction = _structure(judged)
    sections = _sections(profile, judged)
    return Evaluation(
        verdict=str(judged.verdict()),
        stop_verdict=str(judged.verdict(stop_only=True)),
        stop_failed=listed(failed),
        stop_open=listed(open_ones),
        score=tally.text(),
        asked=_pieces(tally.asked),
        answered=_pieces(tally.answered),
        met=_pieces(tally.met),
        failed=_pieces(tally.failed),
        unknown=_pieces(tally.unknown),
        not_tested=_pieces(tally.not_tested),
        not_applicable=_pieces(tally.not_applicable),
        photos_missing=_pieces(len(unproven)),
        photos_not_bound=_pieces(len(unbound)),
        structural_condition=condition,
        missing=listed(judged.missing),
        rules_sha256=profile.rules.digest,
        _rules=profile.rules,
        form=_form(profile, inspection, judged, digests, sections),
        reasons=_reasons(judged, digests),
        sections=_table(sections),
        chart=sections,
        flags=(
            *_stop_flags(judged, failed, open_ones),
            *_photo_flags(inspection, judged, unproven, unbound, digests),
            *contradiction,
            *_other_flags(profile, inspection, judged),
        ),
    )


@evaluate.plot
def _draw(result: Evaluation) -> Any:
    """Items met, failed and open by section."""
    import altair as alt

    words = {"met": "#4c7a34", "failed": "#b5541c", "unknown": "#b9b9b9"}
    values = [
        {"section": row["title_en"], "outcome": word, "items": row[word], "place": place}
        for place, row in enumerate(result.chart)
        for word in words
    ]
    return (
        alt.Chart({"values": values})
        .mark_bar()
        .encode(
            x=alt.X("sum(items):Q", title="items", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("section:N", title="", sort=[row["title_en"] for row in result.chart]),
            color=alt.Color(
                "outcome:N", title="", scale=alt.Scale(domain=list(words), range=list(words.values()))
            ),
            order=alt.Order("outcome:N"),
            tooltip=["section:N", "outcome:N", "items:Q"],
        )
        .properties(
            width=480,
            title=alt.Title(
                f"Inspection: {result.verdict}; stop items: {result.stop_verdict}", subtitle=result.score
            ),
        )
    )


def _pieces(number: int) -> Quantity:
    return Quantity(number, "pcs")


def _structure(judged: Judgement) -> tuple[str | None, list[Note]]:
    """The word for the structure as a whole, unless the items it sums up say otherwise."""
    own = next((item for item in judged.items if item.name == "structural_condition"), None)
    if own is None or own.answer.state != "answered" or own.verdict is Verdict.UNKNOWN:
        return None, []
    word = str(own.answer.fact)
    others = [
        item for item in judged.items if item.section == own.section and item is not own and item.counts
    ]
    broken = [item.name for item in others if item.verdict is Verdict.FAIL]
    unproven = [item.name for item in others if item.verdict is Verdict.UNKNOWN]
    if word == "sound" and broken:
        text = f"the structure is called sound, but failed: {', '.join(broken)}; no word for it is given"
        return None, [Note("structure-contradiction", text)]
    if word == "sound" and unproven:
        text = f"the structure is called sound, but open are: {', '.join(unproven)}; no word for it is given"
        return None, [Note("structure-not-proven", text)]
    return word, []


def _sections(profile: Profile, judged: Judgement) -> list[dict[str, Any]]:
    rows = []
    present = {item.section for item in judged.items}
    titles = {section.id: (section.title_en, section.title_zh) for section in profile.sections.values()}
    for name in [*(known for known in titles if known in present), *sorted(present - titles.keys())]:
        own = [item for item in judged.items if item.section == name]
        english, chinese = titles.get(name, (name, name))
        rows.append({"section": name, "title_en": english, "title_zh": chinese, **asdict(Tally.of(own))})
    return rows


def _table(sections: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    return pa.table({name: [row[name] for row in sections] for name in sections[0]})


def _reasons(judged: Judgement, digests: set[str]) -> Any:
    """One line for every item and every row that spoke to it."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "item",
            "section",
            "rule_id",
            "outcome",
            "stop",
            "answer",
            "note",
            "text",
            "legal_basis",
            "source",
            "evidence_level",
            "photo_sha256",
            "photo_bound",
        )
    }
    for item in judged.items:
        for rule, verdict, text in _spoken(item):
            columns["item"].append(item.name)
            columns["section"].append(item.section)
            columns["rule_id"].append(rule.rule_id if rule else "")
            columns["outcome"].append(str(verdict) if item.counts else "not applicable")
            columns["stop"].append(item.stop)
            columns["answer"].append(item.answer.shown)
            columns["note"].append(item.answer.note)
            columns["text"].append(text)
            columns["legal_basis"].append(rule.legal_basis if rule else "")
            columns["source"].append(str(rule.source) if rule else "")
            columns["evidence_level"].append(rule.evidence_level if rule else None)
            columns["photo_sha256"].append(" ".join(photo.sha256 for photo in item.photos))
            columns["photo_bound"].append(bool(item.photos) and {p.sha256 for p in item.photos} <= digests)
    return pa.table(columns)


def _spoken(item: Judged) -> list[tuple[Any, Verdict, str]]:
    if not item.reasons:
        return [(item.item.rule if item.item else None, item.verdict, item.text)]
    if len(item.reasons) == 1:
        # the judgement may know more than the row: that it is unverified, or waits for another
        return [(item.reasons[0][0], item.verdict, item.text)]
    return [(rule, outcome.verdict, outcome.text) for rule, outcome in item.reasons]


def _form(
    profile: Profile,
    inspection: Inspection,
    judged: Judgement,
    digests: set[str],
    sections: list[dict[str, Any]],
) -> dict[str, Any]:
    """The report in the four parts of ISO 10987-3:2017, 4.1."""
    machine = inspection.machine.model_dump(mode="json", exclude_none=True)
    inspector = inspection.inspector.model_dump(exclude_none=True) if inspection.inspector else {}
    return {
        "format": "recore-inspection-report",
        "profile": profile.name,
        "family": profile.family,
        "version": profile.rules.digest,
        "machine": machine,
        "checklist": {
            "verdict": str(judged.verdict()),
            "stop_verdict": str(judged.verdict(stop_only=True)),
            "score": Tally.of(judged.items).text(),
            "sections": sections,
        },
        "inspector": {**inspector, "when": inspection.when, "place": inspection.place},
        "details": [_detail(item, digests) for item in judged.items],
        "not_tested": [
            {"item": item.name, "stop": item.stop, "reason": item.answer.reason}
            for item in judged.items
            if item.answer.state == "not_tested"
        ],
        "not_answered": [item.name for item in judged.items if item.answer.state == "unanswered"],
        "photos_missing": [item.name for item in judged.items if item.photo_wanted],
        "photos_not_bound": [
            {"item": photo.item, "file": photo.file}
            for photo in inspection.photos
            if photo.sha256 not in digests
        ],
        "missing": list(judged.missing),
        "remarks": inspection.remarks,
    }


def _detail(item: Judged, digests: set[str]) -> dict[str, Any]:
    params = item.item.params if item.item else None
    return {
        "item": item.name,
        "section": item.section,
        "ask_en": params.ask_en if params else "",
        "ask_zh": params.ask_zh if params else "",
        "answer": item.answer.shown,
        "note": item.answer.note,
        "outcome": str(item.verdict) if item.counts else "not applicable",
        "text": item.text,
        "stop": item.stop,
        "rule_ids": [rule.rule_id for rule, _ in item.reasons],
        "photos": [
            {"file": photo.file, "sha256": photo.sha256, "bound": photo.sha256 in digests}
            for photo in item.photos
        ],
    }


def _stop_flags(judged: Judgement, failed: list[str], open_ones: list[str]) -> list[Note]:
    texts = {item.name: item.text for item in judged.items}
    notes = [Note("stop-item-failed", f"{name}: {texts[name]}") for name in failed]
    if open_ones:
        text = f"{len(open_ones)} items that can stop the machine are open: {', '.join(open_ones)}"
        notes.append(Note("stop-item-open", text))
    return notes


def _photo_flags(
    inspection: Inspection, judged: Judgement, unproven: list[str], unbound: list[Any], digests: set[str]
) -> list[Note]:
    notes = []
    if unproven:
        notes.append(Note("photo-missing", f"wanted and not there: {', '.join(unproven)}"))
    if unbound:
        names = ", ".join(f"{photo.item} ({photo.file})" for photo in unbound)
        notes.append(Note("photo-not-bound", f"no file was given that has the stated digest: {names}"))
    known = {item.name for item in judged.items}
    stray = sorted({photo.item for photo in inspection.photos} - known)
    if stray:
        notes.append(
            Note("photo-of-unknown-item", f"photos name items that are not asked: {', '.join(stray)}")
        )
    idle = len(digests - {photo.sha256 for photo in inspection.photos})
    if idle:
        notes.append(Note("photo-not-named", f"{idle} of the files given are named by no answer"))
    return notes


def _other_flags(profile: Profile, inspection: Inspection, judged: Judgement) -> list[Note]:
    notes = []
    if judged.not_asked:
        text = f"answers to items that are not asked were left out: {', '.join(judged.not_asked)}"
        notes.append(Note("answer-not-asked", text))
    if inspection.version and inspection.version != profile.rules.digest:
        text = "the list was filled in from other rows than it is judged by; draw it anew to see what changed"
        notes.append(Note("other-version", text))
    if not judged.covered:
        text = (
            f"no row in force says what the inspection of a {profile.family} needs, or the machine is not "
            "identified: there is no verdict"
        )
        notes.append(Note("not-covered", text))
    unstated = [
        word
        for word, stated in (("inspector", inspection.inspector), ("place", inspection.place))
        if not stated
    ]
    if unstated:
        notes.append(Note("not-stated", f"the form does not state: {', '.join(unstated)}"))
    unverified = sum(rule.evidence_level == 5 for rule in profile.rules.rows)
    if unverified:
        notes.append(
            Note("unverified-rows", f"{unverified} rows are unverified (evidence level 5) and decide nothing")
        )
    return [
        *notes,
        *(Note("abolished-standard", text) for _, text in abolished(profile.rules.rows, inspection.day)),
    ]
