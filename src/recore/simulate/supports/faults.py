"""Faults with dates and sizes, and where they are put on a face."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.simulate.supports.longwall import Longwall
from recore.simulate.supports.operation import DAY_S, Numbers, Operation

# what `size` means
FAULTS = {
    "leg_leak": "pressure lost, MPa/min",
    "check_valve_leak": "share of the setting pressure lost in the first 3 min",
    "yield_low": "opening pressure as a share of the yield pressure",
    "yield_high": "opening pressure as a share of the yield pressure",
    "yield_slow": "reseat pressure as a share of the opening pressure",
    "sensor_stuck": "the pressure shown, MPa",
    "sensor_offset": "offset, MPa",
    "sensor_swapped": "the support whose leg is shown",
    "low_supply": "setting pressure as a share of what it should be",
    "roof_load": "loading as a multiple of the quiet roof's",
}
FACE_FAULTS = ("low_supply", "roof_load")
_SIZES = {
    "leg_leak": (0.08, 0.30),
    "check_valve_leak": (0.16, 0.38),
    "yield_low": (0.78, 0.88),
    "yield_high": (1.12, 1.20),
    "yield_slow": (0.55, 0.72),
    "sensor_offset": (1.5, 6.0),
    "low_supply": (0.55, 0.74),
    "roof_load": (3.0, 5.0),
}


@dataclass(frozen=True)
class Fault:
    """A fault of a leg (None: of all legs of the support) from `begin` to `end`, s after the beginning."""

    support: int
    leg: int | None
    fault: str
    begin: float
    end: float
    size: float

    def concerns(self, leg: int) -> bool:
        return self.leg is None or self.leg == leg


def wanted(codes: Iterable[str]) -> tuple[str, ...]:
    """The fault codes that a list stands for.

    Raises
    ------
    BadInput : a code is unknown
    """
    codes = tuple(codes)
    if codes in (("all",), ("none",), ()):
        return tuple(FAULTS) if codes == ("all",) else ()
    unknown = [code for code in codes if code not in FAULTS]
    if unknown:
        raise BadInput(f"{unknown[0]!r}", where="faults", right=f"all, none, or some of {', '.join(FAULTS)}")
    return tuple(code for code in FAULTS if code in codes)


def place(rng: np.random.Generator, face: Longwall, operation: Operation) -> list[Fault]:
    """Put the wanted faults on a face; those of the whole face change `operation`.

    A support has one fault of its own as long as there are supports without, then a leg has one; what then
    finds no leg is left out.
    """
    codes = wanted(face.faults)
    faults: list[Fault] = []
    free = _Legs(rng, face)
    for code in codes:
        if code in FACE_FAULTS:
            continue
        for _ in range(max(1, round(face.fault_share * face.supports))):
            faults += _leg_fault(rng, face, operation, free, code)
    if "low_supply" in codes:
        faults += _low_supply(rng, face, operation)
    if "roof_load" in codes:
        faults += _roof_load(rng, face, operation)
    return sorted(faults, key=lambda f: (f.support, f.leg or 0, f.begin))


class _Legs:
    """Legs without a fault."""

    def __init__(self, rng: np.random.Generator, face: Longwall) -> None:
        drawn = rng.permutation(face.supports * face.legs)
        self.legs = [(1 + int(k) // face.legs, 1 + int(k) % face.legs) for k in drawn]
        self.used: set[int] = set()

    def take(self, fits: Callable[[int, int], bool]) -> tuple[int, int] | None:
        """A leg that fits, of a support without a fault where there is one."""
        for fresh in (True, False):
            for key in self.legs:
                if (not fresh or key[0] not in self.used) and fits(*key):
                    self.legs.remove(key)
                    self.used.add(key[0])
                    return key
        return None


def _leg_fault(
    rng: np.random.Generator, face: Longwall, operation: Operation, free: _Legs, code: str
) -> list[Fault]:
    seconds = face.days * DAY_S
    if code == "sensor_swapped":
        return _swap(rng, face, free, float(rng.uniform(0.25, 0.6) * seconds))
    middle = [b for b in operation.breaks if b.support_to - b.support_from >= 2]

    def loaded(support: int, leg: int) -> bool:
        """A yield valve shows itself only where the roof loads it."""
        return not middle or any(b.support_from < support < b.support_to for b in middle)

    key = free.take(loaded if code.startswith("yield") else lambda support, leg: True)
    if key is None:
        return []
    support, leg = key
    begin = float(rng.uniform(0.1, 0.4) * seconds)
    end = min(begin + float(rng.uniform(0.35, 0.7)) * seconds, seconds)
    if code == "sensor_stuck":
        end = begin + float(rng.uniform(0.05, 0.2)) * min(seconds, 10 * DAY_S)
        # the value is that of the moment; `LongwallFace` fills it in
        return [Fault(support, leg, code, begin, end, float("nan"))]
    size = float(rng.uniform(*_SIZES[code]))
    if code == "sensor_offset":
        return [Fault(support, leg, code, begin, end, float(np.round(size * rng.choice([-1, 1]), 2)))]
    lower = operation.lower_s[:, support - 1]
    if code.startswith("yield"):
        mine = [b for b in middle if b.support_from < support < b.support_to]
        hits = [b for b in mine if begin <= lower[b.first_shear] and lower[b.last_shear + 1] <= end]
        if mine and not hits:  # reach out to the nearest break
            near = min(mine, key=lambda b: abs(lower[b.first_shear] - begin))
            begin = min(begin, float(lower[near.first_shear]))
            end = max(end, float(lower[near.last_shear + 1]))
    begin, end = _whole_cycles(lower, begin, end)
    return [Fault(support, leg, code, begin, end, round(size, 4))]


def _whole_cycles(lower: Numbers, begin: float, end: float) -> tuple[float, float]:
    """A span widened to whole cycles of a support."""
    first = max(int(np.searchsorted(lower, begin, side="right")) - 1, 0)
    last = min(int(np.searchsorted(lower, end, side="left")), len(lower) - 1)
    return float(lower[first]), float(lower[last])


def _swap(rng: np.random.Generator, face: Longwall, free: _Legs, begin: float) -> list[Fault]:
    """The cables of two neighbours are exchanged: each shows the other's pressure."""
    seconds = face.days * DAY_S

    def pair(support: int, leg: int) -> bool:
        return (support + 1, leg) in free.legs

    key = free.take(pair)
    if key is None:
        return []
    support, leg = key
    free.legs.remove((support + 1, leg))
    free.used.add(support + 1)
    return [
        Fault(a, leg, "sensor_swapped", begin, seconds, float(b))
        for a, b in ((support, support + 1), (support + 1, support))
    ]


def _calm(operation: Operation, first: int, lasting: int) -> bool:
    """No break near these shears."""
    return all(b.last_shear < first - 1 or b.first_shear > first + lasting for b in operation.breaks)


def _shears(rng: np.random.Generator, operation: Operation, lasting: int) -> int:
    """Where some shears begin, away from the breaks and from the ends of the record where that can be."""
    latest = max(operation.shears - lasting - 2, 1)
    tries = [int(v) for v in rng.integers(min(2, latest), latest + 1, 60)]
    return next((first for first in tries if _calm(operation, first, lasting)), tries[0])


def _affected(
    operation: Operation, supports: NDArray[np.int64], first: int, last: int
) -> list[tuple[int, float, float]]:
    last = min(last, operation.shears - 1)
    return [
        (int(s), float(operation.lower_s[first, s - 1]), float(operation.lower_s[last + 1, s - 1]))
        for s in supports
    ]


def _low_supply(rng: np.random.Generator, face: Longwall, operation: Operation) -> list[Fault]:
    faults = []
    for _ in range(max(1, round(face.days / 10))):
        lasting = int(rng.integers(3, 9))
        first = _shears(rng, operation, lasting)
        last = first + lasting - 1
        size = round(float(rng.uniform(*_SIZES["low_supply"])), 3)
        count = max(1, round(rng.uniform(0.75, 0.95) * face.supports))
        # the supports nearest to the pump still get what they need
        supports = np.arange(1, face.supports + 1)[-count:]
        operation.supply[first : last + 1, supports - 1] = size
        faults += [
            Fault(s, None, "low_supply", begin, end, size)
            for s, begin, end in _affected(operation, supports, first, last)
        ]
    return faults


def _roof_load(rng: np.random.Generator, face: Longwall, operation: Operation) -> list[Fault]:
    faults = []
    quiet = sum(face.loading_mpa) / 2
    for _ in range(max(1, round(face.days / 10))):
        lasting = int(rng.integers(3, 7))
        for _ in range(20):
            first = _shears(rng, operation, lasting)
            if (operation.supply[first : first + lasting] == 1.0).all():
                break
        last = first + lasting - 1
        loading = float(rng.uniform(*face.break_loading_mpa))
        count = min(int(rng.integers(3, 11)), max(face.supports // 3, 1))
        begin = int(rng.integers(1, face.supports - count + 2))
        supports = np.arange(begin, begin + count)
        part = operation.loading_mpa[first : last + 1, supports - 1]
        operation.loading_mpa[first : last + 1, supports - 1] = np.maximum(
            part, loading * rng.uniform(0.9, 1.1, part.shape)
        )
        faults += [
            Fault(s, None, "roof_load", start, end, round(loading / max(quiet, 1e-9), 2))
            for s, start, end in _affected(operation, supports, first, last)
        ]
    return faults
