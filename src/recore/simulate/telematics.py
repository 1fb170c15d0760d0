"""A fleet of machines with hour meters, what is done to them, and what their telematics say.

A machine works so many hours on most days and never faster than the clock. Its meter counts them; fuel, idle hours
and distance follow. Meters are turned back, set to zero, exchanged between machines and brought back. Telegrams come
at their own pace, rounded, in the maker's units; some come twice, late or wrong, and for some weeks there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

START = datetime(2025, 1, 1, tzinfo=UTC)
MAKES = ("Ardent", "Borealis", "Cobalt", "Dunmore")
MODELS = ("EX220", "WL90", "DT40", "GR14")
KINDS = ("rollback", "reset", "swap")


@dataclass(frozen=True)
class Fleet:
    """Parameters of a fleet.

    Parameters
    ----------
    machines, days : how many, and how long
    cadence_h : a telegram every so many hours; of two, each machine has its own between them
    rounding_h : meters are rounded to one of these
    tampered : share of machines whose meter is tampered with
    wrong, late, twice : share of telegrams that are wrong, that come late, that come twice
    silent : share of machines that fall silent for a while
    noise_h : standard deviation of what a reading is off [h]
    """

    machines: int = 50
    days: int = 365
    cadence_h: tuple[float, ...] = (24.0,)
    rounding_h: tuple[float, ...] = (0.05, 0.1, 0.5, 1.0)
    tampered: float = 0.2
    wrong: float = 0.001
    late: float = 0.01
    twice: float = 0.01
    silent: float = 0.2
    noise_h: float = 0.0

    def __post_init__(self) -> None:
        if not (1 <= self.machines <= 100_000 and 2 <= self.days <= 3660):
            raise BadInput(
                f"{self.machines} machines for {self.days} days",
                right="1 to 100,000 machines, 2 to 3,660 days",
            )
        shares = (self.tampered, self.wrong, self.late, self.twice, self.silent, self.noise_h)
        if not all(0 <= share <= 1 for share in shares):
            raise BadInput(f"shares of {shares}", where="fleet", right="0 to 1")
        if not all(0 < step <= 240 for step in (*self.cadence_h, *self.rounding_h)):
            raise BadInput("a cadence or rounding", where="fleet", right="above 0, at most 240 h")


@dataclass(frozen=True)
class Tampering:
    """What was done to a meter, and the readings around it."""

    machine: int
    kind: str
    before_h: float  # time of the reading before, hours after START
    after_h: float
    hours_before: float
    hours_after: float
    partner: int = -1


@dataclass(frozen=True)
class Telegrams:
    """Readings of a fleet in the order of machine and time, and the truth about them."""

    machine: NDArray[np.int64]
    t_h: NDArray[np.float64]
    arrived_h: NDArray[np.float64]
    hours: NDArray[np.float64]
    idle_h: NDArray[np.float64]
    fuel_l: NDArray[np.float64]
    distance_km: NDArray[np.float64]
    events: tuple[Tampering, ...]
    wrong: NDArray[np.bool_]
    fleet: Fleet
    parameters: dict[str, Any] = field(default_factory=dict)


def telegrams(seed: int, fleet: Fleet) -> Telegrams:
    """Readings of a fleet.

    Parameters
    ----------
    seed : the same seed gives the same fleet
    """
    if len(fleet.cadence_h) not in (1, 2):
        raise BadInput(
            f"{len(fleet.cadence_h)} cadences", where="cadence_h", right="one, or the least and the most"
        )
    rng = np.random.default_rng(seed)
    count, end = fleet.machines, 24.0 * fleet.days
    daily = rng.uniform(2, 12, count)
    work = rng.random((count, fleet.days)) < rng.uniform(0.5, 0.95, count)[:, None]
    work = np.where(work, np.minimum(daily[:, None] * rng.uniform(0.5, 1.4, (count, fleet.days)), 23.0), 0.0)
    starts = rng.uniform(20, 15_000, count)
    run = np.concatenate(
        [np.zeros((count, 1)), np.cumsum(work, axis=1)], axis=1
    )  # hours run at each midnight
    low, high = min(fleet.cadence_h), max(fleet.cadence_h)
    cadence = np.exp(rng.uniform(np.log(low), np.log(high), count))
    plan = _plan(rng, fleet, starts, run)
    parts: list[dict[str, NDArray[Any]]] = []
    for machine in range(count):
        t = np.arange(rng.uniform(0, cadence[machine]), end, cadence[machine])
        t = np.unique(
            np.round((t + rng.normal(0, 0.02 * cadence[machine], len(t))).clip(0, end) * 3600) / 3600
        )
        t = t[~_silence(rng, fleet, t, end, plan.get(machine, []))]
        worked = np.interp(t, np.arange(fleet.days + 1) * 24.0, run[machine])
        shown = starts[machine] + worked
        for change in plan.get(machine, []):
            later = t >= change.at
            shown[later] = change.to + (
                worked[later] - np.interp(change.at, np.arange(fleet.days + 1) * 24.0, run[machine])
            )
        step = rng.choice(fleet.rounding_h)
        hours = (
            np.floor((shown + rng.normal(0, fleet.noise_h, len(t)) if fleet.noise_h else shown) / step + 1e-9)
            * step
        )
        wrong = rng.random(len(t)) < fleet.wrong
        wrong &= ~_near(wrong, 3)
        for change in plan.get(machine, []):
            wrong[np.abs(np.searchsorted(t, change.at) - np.arange(len(t))) <= 3] = False
        wrong[:2] = wrong[-2:] = False
        amount = rng.choice([0.0, 0.5, 1.7, 10.0], len(t))
        hours = np.where(wrong, np.round(hours * amount + 30 * cadence[machine] * (amount > 1), 2), hours)
        total = starts[machine] + worked
        parts.append(
            {
                "machine": np.full(len(t), machine),
                "t": t,
                "arrived": t
                + np.where(rng.random(len(t)) < fleet.late, rng.uniform(24, 24 * 20, len(t)), 0.0),
                "hours": np.round(np.maximum(hours, 0), 4),
                "idle": np.round(0.3 * total, 1),
                "fuel": np.round(14.0 * total, 0),
                "distance": np.round(1.8 * total, 1),
                "wrong": wrong,
            }
        )
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    events = tuple(
        event for machine, part in enumerate(parts) for event in _events(machine, part, plan.get(machine, []))
    )
    return Telegrams(
        whole["machine"],
        whole["t"],
        whole["arrived"],
        whole["hours"],
        whole["idle"],
        whole["fuel"],
        whole["distance"],
        events,
        whole["wrong"].astype(bool),
        fleet,
        {"seed": seed},
    )


@dataclass(frozen=True)
class _Change:
    at: float
    kind: str
    to: float  # what the meter shows just after
    partner: int = -1


def _plan(
    rng: np.random.Generator, fleet: Fleet, starts: NDArray[np.float64], run: NDArray[np.float64]
) -> dict[int, list[_Change]]:
    end = 24.0 * fleet.days
    midnights = np.arange(fleet.days + 1) * 24.0

    def shown(machine: int, at: float) -> float:
        return float(starts[machine] + np.interp(at, midnights, run[machine]))

    chosen = rng.permutation(fleet.machines)[: round(fleet.tampered * fleet.machines)].tolist()
    plan: dict[int, list[_Change]] = {}
    margin = max(0.15 * end, 12 * max(fleet.cadence_h))
    if 2 * margin > end:
        return plan
    while chosen:
        machine, at = chosen.pop(), float(rng.uniform(margin, end - margin))
        kind = KINDS[int(rng.integers(3))]
        now = shown(machine, at)
        if kind == "rollback" and now > 700:
            # not so little that two readings later the meter is past the old value, not so much that it looks new
            plan[machine] = [_Change(at, kind, now - float(rng.uniform(250, max(260, 0.7 * now))))]
        elif kind == "swap" and chosen:
            other = chosen.pop()
            theirs = shown(other, at)
            if abs(theirs - now) > 250:
                plan[machine] = [_Change(at, kind, theirs, other)]
                plan[other] = [_Change(at, kind, now, machine)]
        elif now > 700:
            plan[machine] = [_Change(at, "reset", 0.0)]
    return plan


def _silence(
    rng: np.random.Generator, fleet: Fleet, t: NDArray[np.float64], end: float, changes: list[_Change]
) -> NDArray[np.bool_]:
    if rng.random() >= fleet.silent:
        return np.zeros(len(t), bool)
    start = float(rng.uniform(0.1 * end, 0.6 * end))
    stop = start + float(rng.uniform(72, 0.15 * end + 96))
    if changes:  # a meter is turned back where nobody looks: some days of silence, then another value
        start, stop = changes[0].at - float(rng.uniform(24, 168)), changes[0].at + float(rng.uniform(1, 24))
    gone = (t > start) & (t < stop)
    for change in changes:  # enough readings on either side to tell
        if min((~gone & (t < change.at)).sum(), (~gone & (t >= change.at)).sum()) < 4:
            return np.zeros(len(t), bool)
    return gone


def _near(chosen: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Those that come within a few places after another one."""
    before = np.concatenate([[0], np.cumsum(chosen)])
    place = np.arange(len(chosen))
    return np.asarray(before[place] - before[np.maximum(place - reach, 0)] > 0)


def _events(machine: int, part: dict[str, NDArray[Any]], changes: list[_Change]) -> list[Tampering]:
    found = []
    for change in changes:
        after = int(np.searchsorted(part["t"], change.at))
        if 0 < after < len(part["t"]):
            t, h = part["t"], part["hours"]
            found.append(
                Tampering(
                    machine,
                    change.kind,
                    float(t[after - 1]),
                    float(t[after]),
                    float(h[after - 1]),
                    float(h[after]),
                    change.partner,
                )
            )
    return found


def moment(hours: float) -> str:
    """A time of a telegram, as ISO/TS 15143-3 writes it."""
    return (START + timedelta(seconds=round(hours * 3600))).strftime("%Y-%m-%dT%H:%M:%SZ")


def pin(machine: int) -> str:
    """The PIN of a machine: 17 characters, as ISO 10261 has them."""
    return f"RCR{MODELS[machine % 4]:0<5}{machine:09d}"[:17]
