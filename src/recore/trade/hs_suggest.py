"""Which HS subheading a machine may belong to: three, with score and reasons, never one in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
from pydantic import Field

from recore.errors import BadInput
from recore.finding import Note
from recore.method import Artifact, Refusal, method
from recore.model.trade import Day, OneOrMany, TradeMachine
from recore.trade.hs_headings import Heading, Headings, headings, plain

TOP = 3
LEAST, LOW, NEAR = 0.30, 0.60, 0.10
_NAMED, _BY_MODEL, _BY_LIKENESS = 0.75, 0.62, 0.60
_FITS, _HINTED, _AGAINST = 0.04, 0.06, 0.35


class DescribedMachine(TradeMachine):
    """A machine as its papers describe it, and a text about it in English or Chinese."""

    text: Annotated[str, Field(max_length=2000)] | None = None

    @property
    def description(self) -> str:
        return " ".join(part for part in (self.text, self.family, self.maker, self.model) if part)


@dataclass(frozen=True)
class Candidate:
    """One subheading with its score from 0 to 1 and what spoke for and against it."""

    heading: Heading
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Suggestions:
    """The nearest headings: for one machine as results, for all in the table."""

    edition: str
    suggestions: Annotated[pa.Table, Artifact("suggestions.csv")]
    hs: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


@method("trade.hs-suggest", version=1, standard="HS 2022")
def hs_suggest(machines: OneOrMany[DescribedMachine], *, shipment_date: Day | None = None) -> Suggestions:
    """Suggest HS subheadings for a machine, with reasons.

    Parameters
    ----------
    machines : one description or a list: text, family, maker, model, power_kw, mass_kg, road_vehicle;
        English or Chinese
    shipment_date : is held against the end of the edition

    Returns
    -------
    Suggestions : hs and scores (0 to 1) of the nearest three; table suggestions: machine, rank, hs, title,
        score, reasons

    Phrases of a table in our own words decide first, the longest phrase taking the place of a shorter one
    within it ('concrete pump truck' is no concrete pump); then the way makers name models; then the likeness
    of character n-grams. Power, mass and use on the road speak for or against. A score is no probability,
    and a suggestion no ruling: the customs of the country decide. What is ambiguous or weak is flagged, and
    where nothing fits it is refused.

    Raises
    ------
    BadInput : a machine without any word about it

    References
    ----------
    World Customs Organization, HS Nomenclature 2022, headings 84.08 to 87.05. General interpretative rules 1
    and 6.
    """
    table = headings()
    flags: list[Note] = []
    refusals: list[Note] = []
    lines: list[dict[str, object]] = []
    many = len(machines.root) > 1
    if shipment_date is not None and shipment_date > table.valid_to:
        flags.append(
            Note("edition-ended", f"{table.edition} ends on {table.valid_to}: the next one may differ")
        )
    found: list[Candidate] = []
    for number, machine in enumerate(machines.root, 1):
        who = f"machine {number}: " if many else ""
        if not plain(machine.description):
            raise BadInput(
                "nothing describes the machine",
                where=f"machine {number}",
                right="give text, family, maker or model",
            )
        found = candidates(machine, table)[:TOP]
        if not found or found[0].score < LEAST:
            text = f"{who}nothing in the table is like {machine.description[:80]!r}"
            if not many:
                raise Refusal("no-heading", text)
            refusals.append(Note("no-heading", text))
            continue
        flags += [Note(code, who + text) for code, text in _doubts(machine, found)]
        lines += [
            {
                "machine": number,
                "rank": rank,
                "hs": candidate.heading.hs,
                "title": candidate.heading.title,
                "score": candidate.score,
                "reasons": "; ".join(candidate.reasons),
            }
            for rank, candidate in enumerate(found, 1)
        ]
    return Suggestions(
        table.edition,
        pa.Table.from_pylist(lines, _COLUMNS),
        hs=None if many else tuple(candidate.heading.hs for candidate in found),
        scores=None if many else tuple(candidate.score for candidate in found),
        flags=tuple(flags),
        refusals=tuple(refusals),
    )


_COLUMNS = pa.schema(
    {
        "machine": pa.int32(),
        "rank": pa.int32(),
        "hs": pa.string(),
        "title": pa.string(),
        "score": pa.float64(),
        "reasons": pa.string(),
    }
)


def candidates(machine: DescribedMachine, table: Headings) -> list[Candidate]:
    """Every heading of a table with its score, the nearest first."""
    text = plain(machine.description)
    named: dict[str, str] = {}
    for word, heading in table.named_in(text):
        named.setdefault(heading.hs, word)
    like = table.likeness(text)
    found = [
        _weighed(heading, machine, text, like.get(heading.hs, 0.0), named.get(heading.hs))
        for heading in table.rows
    ]
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.heading.hs))


def _weighed(
    heading: Heading, machine: DescribedMachine, text: str, likeness: float, word: str | None
) -> Candidate:
    score, reasons = _BY_LIKENESS * likeness, [f"likeness of the text {likeness:.2f}"]
    model = next((m[0] for p in heading.patterns if (m := p.search(machine.description.upper()))), None)
    if model is not None and word is None:
        score = max(score, _BY_MODEL)
        reasons.append(f"{model} reads like a model of this kind")
    if word is not None:
        score = _NAMED + (1 - _NAMED - 2 * _HINTED) * likeness + (_FITS if model else 0.0)
        reasons.append(f"the text names {word!r}")
        hint = next((hint for hint in heading.hints if plain(hint) in text), None)
        if hint is not None:
            score += _HINTED
            reasons.append(f"{hint!r} speaks for it")
    if score >= LEAST / 2:
        for fits, reason in _facts(heading, machine):
            score = score + _FITS if fits else score * _AGAINST
            reasons.append(reason)
    return Candidate(heading, round(min(score, 0.99), 3), tuple(reasons))


def _facts(heading: Heading, machine: DescribedMachine) -> list[tuple[bool, str]]:
    found = []
    if heading.road is not None and machine.road_vehicle is not None:
        fits = heading.road is machine.road_vehicle
        kind = "a road vehicle" if machine.road_vehicle else "no road vehicle"
        found.append((fits, f"it is {kind}, as these are" if fits else f"it is {kind}, these are otherwise"))
    for name, unit in (("power_kw", "kW"), ("mass_kg", "kg")):
        value, bounds = getattr(machine, name), getattr(heading, name)
        if value is not None and bounds is not None:
            low, high = bounds
            fits = low < value <= high
            found.append(
                (fits, f"{value:g} {unit} {'lies' if fits else 'does not lie'} in {low:g} to {high:g}")
            )
    return found


def _doubts(machine: DescribedMachine, found: list[Candidate]) -> list[tuple[str, str]]:
    """What must be said beside the three."""
    first, others = found[0], found[1:]
    doubts = []
    bare = (machine.hs or "").replace(".", "").replace(" ", "")
    if bare and not any(_same(bare, candidate.heading.hs) for candidate in found):
        doubts.append(("hs-differs", f"the stated {machine.hs} is none of the three"))
    near = [c.heading.hs for c in others if c.score >= max(first.score - NEAR, LEAST)]
    if near:
        tell = _telling(first.heading, [c.heading for c in others if c.heading.hs in near], machine)
        doubts.append(("ambiguous", f"{first.heading.hs} or {' or '.join(near)}{tell}"))
    if first.score < LOW:
        doubts.append(
            ("low-score", f"{first.heading.hs} reaches {first.score:.2f} only: describe it further")
        )
    return doubts


def _same(stated: str, hs: str) -> bool:
    own = hs.replace(".", "")
    return stated.startswith(own) or own.startswith(stated)


def _telling(first: Heading, others: list[Heading], machine: DescribedMachine) -> str:
    """Which unstated fact would tell the headings apart."""
    wanted = {
        "road_vehicle": machine.road_vehicle is None and any(h.road is not first.road for h in others),
        "power_kw": machine.power_kw is None and any(h.power_kw != first.power_kw for h in others),
        "mass_kg": machine.mass_kg is None and any(h.mass_kg != first.mass_kg for h in others),
    }
    names = [name for name, tells in wanted.items() if tells]
    return f"; {' and '.join(names)} would tell" if names else ""
