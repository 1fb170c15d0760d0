"""Faults of a machine tool: which results show them, against which limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot

from recore.method import Note
from recore.quantity import Quantity
from recore.restoration.decision import held, share_left
from recore.restoration.machine_tool.core import AxisFinding, Limits


@dataclass(frozen=True)
class Symptom:
    """What a result shows.

    Parameters
    ----------
    symptom : word that the rows of remedies know
    method, results : where it stands; of several results the largest counts
    limit, unit : field of the limits, and its unit
    """

    symptom: str
    method: str
    results: tuple[str, ...]
    limit: str
    unit: str


SYMPTOMS = (
    Symptom("position", "machine.positioning", ("iso_accuracy",), "accuracy_um", "µm"),
    Symptom("reversal", "machine.positioning", ("iso_reversal_error",), "reversal_um", "µm"),
    Symptom("reversal", "machine.circularity", ("backlash_x", "backlash_y"), "reversal_um", "µm"),
    Symptom("squareness", "machine.circularity", ("squareness",), "squareness_um_per_m", "µm/m"),
    Symptom("play", "machine.circularity", ("lateral_play_x", "lateral_play_y"), "play_um", "µm"),
    Symptom("servo", "machine.circularity", ("servo_mismatch",), "servo_ms", "ms"),
)
CIRCULAR = ("bidirectional_circular_deviation", "circular_deviation_ccw", "circular_deviation_cw")


@dataclass(frozen=True)
class Fault:
    """A value held against its limit.

    Parameters
    ----------
    axis, symptom, result, method : what was measured where
    size : its magnitude, with U(k = 2)
    limit : largest permitted magnitude
    verdict : 'pass', 'fail', or 'open' where U straddles the limit or there is none
    floor : what no compensation goes below, the repeatability [same unit]; None where it is not known
    """

    axis: str
    symptom: str
    method: str
    result: str
    size: Quantity
    limit: float | None
    verdict: str
    floor: Quantity | None = None

    @property
    def magnitude(self) -> float:
        assert isinstance(self.size.value, int | float)
        return float(self.size.value)

    @property
    def spread(self) -> float:
        return self.size.uncertainty or 0.0


def faults_of(findings: Iterable[AxisFinding], limits: Limits) -> tuple[list[Fault], list[Note]]:
    """Every symptom in the findings, and what keeps one from being judged."""
    found: list[Fault] = []
    notes: list[Note] = []
    for item in findings:
        finding = item.read()
        asked = [s for s in SYMPTOMS if s.method == finding.method]
        if not asked:
            notes.append(Note("finding-not-used", f"{item.axis}: nothing is read from {finding.method}"))
            continue
        notes += [
            Note("finding-refused", f"{item.axis}, {finding.method}: {r.text}") for r in finding.refusals
        ]
        for symptom in asked:
            sizes = [
                (abs(q.value), name, q)
                for name in symptom.results
                if (q := finding.results.get(name)) is not None and isinstance(q.value, int | float)
            ]
            if not sizes:
                notes.append(
                    Note(
                        "not-measured",
                        f"{item.axis}: {finding.method} says nothing of {' or '.join(symptom.results)}",
                    )
                )
                continue
            _, name, quantity = max(sizes)
            quantity = quantity.to(symptom.unit)
            assert isinstance(quantity.value, int | float)
            size = Quantity(abs(quantity.value), symptom.unit, quantity.uncertainty)
            limit = getattr(limits, symptom.limit)
            floor = finding.results.get("iso_repeatability") if symptom.symptom == "position" else None
            fault = Fault(
                item.axis, symptom.symptom, finding.method, name, size, limit, _verdict(size, limit), floor
            )
            if fault.verdict == "open":
                why = "no limit is given" if limit is None else f"{size} straddles {limit:g} {symptom.unit}"
                notes.append(Note("fault-open", f"{item.axis}, {name}: {why}"))
            found.append(fault)
    return found, notes


def _verdict(size: Quantity, limit: float | None) -> str:
    assert isinstance(size.value, int | float)
    if limit is None:
        return "open"
    verdict = held(float(size.value), size.uncertainty or 0.0, limit)
    return "open" if verdict == "unknown" else verdict


def predicted(fault: Fault, low: float, high: float) -> Quantity:
    """What stays of a fault: a share uniform between two bounds, never below the repeatability.

    The mean with its expanded uncertainty, first order: the share's width and the U of the measured size.
    """
    value, spread = share_left(fault.magnitude, fault.spread, low, high)
    if fault.floor is not None and isinstance(fault.floor.value, int | float):
        floor = fault.floor.to(fault.size.unit)
        assert isinstance(floor.value, int | float)
        if floor.value > value:
            return Quantity(float(floor.value), fault.size.unit, hypot(spread, floor.uncertainty or 0.0))
    return Quantity(value, fault.size.unit, spread)
