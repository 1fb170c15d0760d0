"""Faults of hydraulic supports, told from the pressure of their legs."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table, Unread
from recore.execute import Inline
from recore.method import Artifact, Note, Progress, Tolerance, Unit, method, silent
from recore.metrology.leg_pressure.cycles import LegCycles, support_cycles
from recore.metrology.support import diagnose_face as face
from recore.metrology.support import diagnose_legs as legs
from recore.metrology.support import diagnose_roof as overhead
from recore.metrology.support import diagnose_sensors as sensors
from recore.metrology.support.diagnose_fault import Fault, evidence_table, fault_table
from recore.metrology.support.diagnose_limits import FAULTS, Book
from recore.metrology.support.diagnose_record import Record
from recore.metrology.support.diagnose_valves import cut_by_valve, yield_valves
from recore.quantity import Quantity
from recore.rules import RuleSet

_INLINE = Inline()
# a yield pressure that no leg comes to, for a log whose yield pressure is not known
_NO_YIELD_MPA = 200.0
_DAY_S = 86400.0
_MONTH_DAYS = 30.0
_YIELDS = ("yield_low", "yield_high", "yield_slow")
_LEAST_CYCLES = 5
_UNSEEN = "release-unseen"  # kind of row in the data-quality report


@dataclass(frozen=True)
class Diagnosis:
    """Faults of the supports of a face.

    `faults_found` counts rows of `faults`, and the quantities after it those of each kind; `faulty_supports` the
    supports that have any; `support_months` is how much was looked at.
    `faults` : support, leg (empty: all legs), fault, from, to (UTC), confidence (probability that the true value lies
    beyond the limit), value with its standard uncertainty u, limit, unit, cycles behind it, for a leak its rate at the
    setting pressure if it goes with the pressure, and for an exchanged sensor the other support and leg
    `evidence` : every cycle (or opening of the valve) behind each row of `faults`, by its number
    """

    faults_found: Annotated[Quantity, Unit("1")]
    faulty_supports: Annotated[Quantity, Unit("1")]
    leg_leak: Annotated[Quantity, Unit("1")]
    check_valve_leak: Annotated[Quantity, Unit("1")]
    yield_low: Annotated[Quantity, Unit("1")]
    yield_high: Annotated[Quantity, Unit("1")]
    yield_slow: Annotated[Quantity, Unit("1")]
    sensor_stuck: Annotated[Quantity, Unit("1")]
    sensor_offset: Annotated[Quantity, Unit("1")]
    sensor_swapped: Annotated[Quantity, Unit("1")]
    low_supply: Annotated[Quantity, Unit("1")]
    roof_load: Annotated[Quantity, Unit("1")]
    cycles: Annotated[Quantity, Unit("1")]
    support_months: Annotated[Quantity, Unit("1")]
    faults: Annotated[pa.Table, Artifact("faults.parquet")]
    evidence: Annotated[pa.Table, Artifact("evidence.parquet")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _rules: RuleSet
    _supports: tuple[int, ...] = ()


@method("support.diagnose", version=1, reproducible=Tolerance(absolute=1e-6, relative=1e-6))
def support_diagnose(
    *logs: Table | Unread,
    setting_mpa: Annotated[float | None, Unit("MPa"), Field(gt=0, le=200)] = None,
    yield_mpa: Annotated[float | None, Unit("MPa"), Field(gt=0, le=200)] = None,
    set_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 5.0,
    release_threshold_mpa: Annotated[float, Unit("MPa"), Field(gt=0, le=100)] = 3.0,
    gap_limit_s: Annotated[float, Unit("s"), Field(gt=0, le=86400)] = 300.0,
    rules: RuleSet | None = None,
    executor: Executor = _INLINE,
    progress: Progress = silent,
) -> Diagnosis:
    """Faults of hydraulic supports: leaking legs, check and yield valves, sensors, supply, and roof load.

    Parameters
    ----------
    logs : pressure logs as for `support.cycles`; in any order together one log
    setting_mpa : setting pressure that the pump should give, MPa; without it no weak supply is told
    yield_mpa : opening pressure of sound yield valves, MPa; without it no valve and no roof load is judged
    set_threshold_mpa, release_threshold_mpa, gap_limit_s : as in `support.cycles`
    rules : rule rows that say what a fault is; None takes the shipped ones
    executor : where the log is read; the finding does not depend on it
    progress : told the share that is done, and what is being done

    Returns
    -------
    Diagnosis : counts of each fault, and the tables of faults (pressures in MPa, leaks in MPa/min, shares of the yield
        or setting pressure as 1) and of the cycles behind them

    Notes
    -----
    All is told from the cycles of `support.cycles`. A leg is compared with the other legs of its support in the
    same cycle, which stand under the same roof, and with the legs of the neighbouring supports. A fault is a stretch of
    cycles, not a cycle: that with the largest sum of deviations from the decision limit in units of their scatter
    (generalised CUSUM), large enough that in all legs and stretches searched one in a hundred logs would have one by
    chance. The scatter is that of the face itself, widened for the correlation of successive cycles.

    *leg_leak*: rate of loss above that of the fellows; `value` is the mean loss in the quiet part of the cycle, as the
    column `leak_mpa_per_min` of `support.cycles` has it, and `value_at_setting` the rate at the setting pressure if the
    loss goes with the pressure (a laminar gap). *check_valve_leak*: share of the setting pressure lost in 3 min above
    that of the fellows, less what a leak explains. *yield_low*: the leg's pressure is held
    below the limit by openings close to each other while the fellows go on; *yield_high*: pressures beyond the limit;
    *yield_slow*: right opening, low reseat. A valve that empties its leg from one sample of a slow record to the next looks
    like a release that was not seen, but its fellows stay set. *sensor_stuck*, *sensor_offset*: from the data-quality report.
    *sensor_swapped*: two legs keep the times of each other's supports. *low_supply*: most sets of a pass along the face
    below the limit. *roof_load*: neighbours that all load fast and yield together, as an exception of this face: periodic
    weighting takes in more of it, or comes again.

    `confidence` is the probability that the true value lies beyond the limit, from the scatter of the cycles and the
    standard uncertainty that the rule row gives for what does not average out. It is not the probability that
    this part is broken.

    Refuses, with the reason in the finding, what cannot be told: valves without `yield_mpa` or without a leg that comes to
    its valve, supply without `setting_mpa`, legs with fewer than five cycles or without a fellow, and faults without a rule row.

    Raises
    ------
    BadInput : as `support.cycles`; setting pressure not below the yield pressure

    References
    ----------
    Leaking legs and the working state of yield valves from leg pressures: Advances in Civil Engineering 2018, 3031714.
    Peak, reseat and recovery of yield valves from roof pressure: Sensors 23 (2023) 8853. State after setting: Journal
    of Mine Automation 2024-7. CUSUM: E. S. Page, Biometrika 41 (1954) 100-115.
    """
    if setting_mpa is not None and yield_mpa is not None and not setting_mpa < yield_mpa:
        raise BadInput(
            f"setting and yield at {setting_mpa:g} and {yield_mpa:g} MPa",
            where="parameters of support.diagnose",
            right="setting pressure < yield pressure is wanted",
        )
    given: dict[str, Any] = {
        "set_threshold_mpa": set_threshold_mpa,
        "release_threshold_mpa": release_threshold_mpa,
        "gap_limit_s": gap_limit_s,
        "executor": executor,
        "progress": progress,
    }
    book = Book.of(rules)
    params = {code: row for code in (*FAULTS, "search") if (row := book.params(code)) is not None}
    found = support_cycles(*logs, yield_mpa=_NO_YIELD_MPA if yield_mpa is None else yield_mpa, **given)
    quality: pa.Table = found.quality
    events, seen = found.yields, None
    if yield_mpa is not None:
        # a valve that opens low never comes to the yield band: look once more, from far below it
        lowest = params["yield_low"]["lowest_share"] * yield_mpa if "yield_low" in params else yield_mpa
        lowest = min(max(lowest, 1.05 * set_threshold_mpa), yield_mpa)
        events = (
            support_cycles(*logs, yield_mpa=lowest, **given).yields if lowest < yield_mpa else found.yields
        )
        if _UNSEEN in quality["kind"].to_pylist():
            again = support_cycles(*logs, yield_mpa=lowest, unseen_releases=False, **given)
            seen = Record.of(again.table, again.yields)
    record = _record(found.table, events, params, yield_mpa)
    faults, flags = _judged(record, seen, quality, params, setting_mpa, yield_mpa)
    refusals = [*book.notes(), *_untold(record, params, setting_mpa, yield_mpa)]
    counted = Counter(fault.fault for fault in faults)
    supports = tuple(sorted(record.supports))
    return Diagnosis(
        faults_found=Quantity(len(faults)),
        faulty_supports=Quantity(len({fault.support for fault in faults})),
        **{code: Quantity(counted[code]) for code in FAULTS},
        cycles=Quantity(len(record)),
        support_months=Quantity(_support_months(record)),
        faults=fault_table(faults),
        evidence=evidence_table(faults),
        flags=(*_of_cycles(found), *flags),
        refusals=tuple(refusals),
        _rules=RuleSet(book.known.used.values()),
        _supports=supports,
    )


def _record(
    cycles: pa.Table, events: pa.Table, params: dict[str, dict[str, Any]], yield_mpa: float | None
) -> Record:
    """The record, with openings of valves that are well from where one would be called low on."""
    share = params["yield_low"]["share"] if "yield_low" in params else 0.0
    least = (1.0 - share) * (yield_mpa or 0.0)
    return Record.of(cycles, events.filter(pc.greater_equal(events["opening_mpa"], least)), events)


def _judged(
    record: Record,
    seen: Record | None,
    quality: pa.Table,
    params: dict[str, dict[str, Any]],
    setting_mpa: float | None,
    yield_mpa: float | None,
) -> tuple[list[Fault], list[Note]]:
    """All faults, by support, leg and time, and what to say about them.

    `seen` : the record without the releases that fell between two samples, where there are such
    """
    found: list[Fault] = []
    flags: list[Note] = []
    alarms = params["search"]["false_alarms"] if "search" in params else None
    if "sensor_stuck" in params:
        found += sensors.stuck(quality, params["sensor_stuck"], record)
    if "sensor_offset" in params:
        found += sensors.offset(quality, params["sensor_offset"], record)
    if alarms is not None:
        if "sensor_swapped" in params:
            swapped = sensors.swapped(record, params["sensor_swapped"], alarms)
            for fault in swapped:
                record.part((fault.support, int(fault.leg or 0)), fault.begin, fault.end)
            found += swapped
        early: list[Fault] = []
        valves: list[Fault] = []
        if yield_mpa is not None:
            rows = {code: params[code] for code in _YIELDS if code in params}
            off = [fault for fault in found if fault.fault == "sensor_offset"]
            valves = yield_valves(
                seen or record, rows, yield_mpa, alarms, off, record if seen is not None else None
            )
        if seen is not None:
            record.forget(cut_by_valve(record, seen, valves))
        if "check_valve_leak" in params:
            early = legs.check_valves(record, params["check_valve_leak"], alarms)
        found += early + valves
        if "leg_leak" in params:
            low = [fault for fault in valves if fault.fault == "yield_low"]
            found += legs.leaks(record, params["leg_leak"], alarms, early, low)
    roof = params.get("roof_load")
    together = face.support_cycles(record, yield_mpa, roof["at_yield"] if roof else 1.0, found)
    if "low_supply" in params and setting_mpa is not None:
        found += face.low_supply(together, setting_mpa, params["low_supply"])
    if roof is not None and yield_mpa is not None:
        loads, weighting = overhead.roof_loads(together, roof)
        found += loads
        if weighting:
            flags.append(
                Note(
                    "periodic-weighting",
                    f"{weighting} group(s) of supports loaded fast and yielded as in periodic weighting; they are no "
                    "fault: see support.weighting",
                )
            )
    order = {code: k for k, code in enumerate(FAULTS)}
    found = [replace(f, confidence=min(max(f.confidence, 0.0), 1.0)) for f in found]
    return sorted(found, key=lambda f: (f.support, f.leg or 0, f.begin, order[f.fault])), flags


def _untold(
    record: Record, params: dict[str, dict[str, Any]], setting_mpa: float | None, yield_mpa: float | None
) -> list[Note]:
    """What this log does not tell, and why."""
    notes = []

    def note(code: str, text: str) -> None:
        notes.append(Note(code, text))

    if "search" not in params:
        note(
            "not-searched",
            "without the row on how sure a fault must be only sensors, supply and roof are judged",
        )
    if yield_mpa is None:
        note(
            "no-yield-pressure",
            "yield_low, yield_high, yield_slow and roof_load cannot be told without yield_mpa",
        )
    else:
        reached = sum(leg in record.event_legs for leg in record.legs)
        if reached < len(record.legs):
            note(
                "valve-not-seen",
                f"{len(record.legs) - reached} of {len(record.legs)} leg(s) never open their yield valve: whether it "
                "opens low or closes late is not told",
            )
    if setting_mpa is None:
        note("no-setting-pressure", "low_supply cannot be told without setting_mpa")
    elif "low_supply" in params and len(record.supports) < params["low_supply"]["least_supports"]:
        least = params["low_supply"]["least_supports"]
        note("few-supports", f"low_supply cannot be told from fewer than {least} supports")
    short = [leg for leg, at in record.legs.items() if at.stop - at.start < _LEAST_CYCLES]
    if short or not record.legs:
        named = ", ".join(f"{s}/{n}" for s, n in short[:8]) + (" …" if len(short) > 8 else "")
        note(
            "few-cycles",
            f"{len(short)} leg(s) ({named}) have fewer than {_LEAST_CYCLES} complete cycles: their leg, valves and "
            "sensor are not judged"
            if short
            else "no leg has a complete cycle: nothing is judged but sensors that are stuck or offset",
        )
    alone = [support for support, own in record.supports.items() if len(own) == 1]
    if alone:
        note(
            "single-leg",
            f"{len(alone)} support(s) have one leg in the log: it is compared with the face, a weaker reference, and "
            "an exchanged sensor is not told",
        )
    return notes


def _of_cycles(found: LegCycles) -> list[Note]:
    """Flags about the record itself; those about the numbers of `support.cycles` concern nobody here."""
    without = {"uncertainty-from-record", "leak-not-told", "yield-outside", "incomplete"}
    return [note for note in found.flags if note.code not in without]


def _support_months(record: Record) -> float:
    """How many months how many supports were looked at, together."""
    total = 0.0
    for own in record.supports.values():
        begins = [record["start"][record.legs[leg]].min() for leg in own]
        ends = [record["end"][record.legs[leg]].max() for leg in own]
        total += (max(ends) - min(begins)) / _DAY_S / _MONTH_DAYS
    return round(total, 6)


@support_diagnose.plot
def _draw(result: Diagnosis) -> Any:
    """Strip of the face: supports over time, with the faults."""
    from recore.metrology.support.diagnose_plot import draw

    return draw(result.faults, result._supports)
