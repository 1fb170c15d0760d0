"""What the findings say about a spindle: one quantity for each question, with where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recore.errors import BadInput
from recore.finding import Finding
from recore.method import Note
from recore.quantity import Quantity, kind_of
from recore.restoration.spindle.core import SpindleCore

# what is asked → the methods and results that answer it, in the order they are believed
ANSWERS: dict[str, tuple[tuple[str, str], ...]] = {
    "synchronous_rotating": (("spindle.error-motion", "synchronous_rotating"),),
    "asynchronous_rotating": (("spindle.error-motion", "asynchronous_rotating"),),
    "synchronous_fixed": (("spindle.error-motion", "synchronous_fixed"),),
    "asynchronous_fixed": (("spindle.error-motion", "asynchronous_fixed"),),
    "bearing_fault": (("vibration.envelope", "fault"),),
    "velocity": (("vibration.severity", "velocity_rms"), ("vibration.severity", "velocity")),
    "unbalance": (("", "unbalance"),),
    "taper_run_out_nose": (("", "taper_run_out_nose"),),
    "taper_run_out_bar": (("", "taper_run_out_bar"),),
}
_KINDS = {
    "bearing_fault": None,
    "velocity": "speed",
    "unbalance": "unbalance",
}
_LARGEST = 1e6


@dataclass(frozen=True)
class Known:
    """A quantity and the finding it stands in ('stated by hand' where no method found it)."""

    quantity: Quantity
    origin: str

    @property
    def value(self) -> float:
        value = self.quantity.value
        assert isinstance(value, int | float)
        return float(value)

    @property
    def spread(self) -> float:
        """Expanded uncertainty; 0 where none is stated."""
        return self.quantity.uncertainty or 0.0


@dataclass(frozen=True)
class State:
    """What is known of a spindle at one time.

    Parameters
    ----------
    known : question → quantity
    notes : refusals of the findings, and values without uncertainty
    """

    known: Mapping[str, Known]
    notes: tuple[Note, ...] = ()

    def get(self, question: str) -> Known | None:
        return self.known.get(question)

    def motion(self, core: SpindleCore, which: str) -> Known | None:
        """Synchronous or asynchronous error motion in the sensitive direction of the machine."""
        return self.known.get(f"{which}_{core.sensitive_direction}")


def state_of(documents: Iterable[Mapping[str, Any]], *, where: str) -> State:
    """Gather what findings say.

    Parameters
    ----------
    documents : findings as `recore run … --json` prints them, or a sheet {"results": {name: quantity}} of
        values that a person read off
    where : name in errors

    Raises
    ------
    BadInput : neither of the two, a value in a unit of another kind, or one question answered twice and not alike
    """
    known: dict[str, Known] = {}
    notes: list[Note] = []
    for number, document in enumerate(documents, 1):
        at = f"{where}, document {number}"
        method, results = _results(document, at)
        if method:
            refused = document.get("refusals", [])
            notes += [Note("finding-refused", f"{method}: {note['text']}") for note in refused]
        for question, answers in ANSWERS.items():
            name = next((n for wanted, n in answers if wanted == method and n in results), question)
            if name not in results or (method and (method, name) not in answers):
                continue
            found = Known(_checked(question, results[name], f"{at}, result {name!r}"), method or "by hand")
            earlier = known.get(question)
            if earlier is not None and earlier.quantity != found.quantity:
                raise BadInput(
                    f"{question} is answered twice, by {earlier.origin} and {found.origin}",
                    where=at,
                    right="give one finding for each test; before and after are two lists",
                )
            known[question] = found
    for question, item in known.items():
        if item.quantity.uncertainty is None and not isinstance(item.quantity.value, str):
            notes.append(
                Note(
                    "no-uncertainty",
                    f"{question} ({item.origin}) carries no uncertainty; it is taken as exact",
                )
            )
    if by_hand := sorted(q for q, item in known.items() if item.origin == "by hand"):
        notes.append(
            Note("stated-by-hand", f"{', '.join(by_hand)}: read off by a person, not computed from evidence")
        )
    return State(known, tuple(notes))


def _results(document: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Quantity]]:
    if "method" in document:
        finding = Finding.from_json(dict(document), where=where)
        return finding.method, finding.results
    results = document.get("results")
    if not isinstance(results, Mapping) or set(document) - {"results", "note"}:
        raise BadInput(
            "is no finding and no sheet of results",
            where=where,
            right='give what `recore run … --json` prints, or {"results": {"unbalance": {"value": 3.1, "unit": "g·mm"}}}',
        )
    return "", {
        str(name): Quantity.from_json(item, where=f"{where}, result {name!r}")
        for name, item in results.items()
    }


def _checked(question: str, quantity: Quantity, where: str) -> Quantity:
    kind = _KINDS.get(question, "length")
    if kind is None:
        if not isinstance(quantity.value, str):
            raise BadInput(
                f"{quantity} is no word", where=where, right="none, inner, outer, ball or undecided"
            )
        return quantity
    if isinstance(quantity.value, str | bool | tuple) or kind_of(quantity.unit) != kind:
        raise BadInput(
            f"{quantity} is no {kind}", where=where, right=f"a number with a unit of {kind} is wanted"
        )
    found = quantity.to({"length": "µm", "speed": "mm/s", "unbalance": "g·mm"}[kind])
    value = found.value
    if (
        not isinstance(value, int | float)
        or not 0 <= value <= _LARGEST
        or (found.uncertainty or 0) > _LARGEST
    ):
        raise BadInput(
            f"{quantity} is no amount of {question.replace('_', ' ')}",
            where=where,
            right=f"0 to {_LARGEST:g} {found.unit} is wanted",
        )
    return found
