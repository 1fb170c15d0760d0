"""How well `support.diagnose` finds faults, on faces of two simulators that share no physics.

For each setting (sampling, noise, legs, days, law of the roof) a face with all ten faults and a healthy one are simulated,
written as Parquet and diagnosed through the method as anyone calls it. A fault counts as found where a row has its
support, leg and code and overlaps it in time; a row that matches none is a false alarm. Printed are the F1 of each code
over all settings of a simulator, their mean (the macro-F1), false alarms per support-month on the healthy faces, and the
error of the leak slope. The second simulator stands among the tests.

    python benchmarks/bench_diagnose.py [--seeds N] [--supports S] [--days D] [--long]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recore.evidence import Table
from recore.metrology.support.diagnose import support_diagnose
from recore.metrology.support.diagnose_limits import FAULTS
from recore.simulate.supports import Longwall, LongwallFace

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "metrology"))


@dataclass
class Tally:
    """What was found over some faces."""

    hit: Counter[str] = field(default_factory=Counter)
    miss: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)  # on healthy faces
    months: float = 0.0
    slopes: list[float] = field(default_factory=list)
    sure: list[tuple[float, bool]] = field(default_factory=list)

    def f1(self, code: str) -> float:
        hit, wrong = self.hit[code], self.miss[code] + self.false[code]
        return 2 * hit / (2 * hit + wrong) if hit + wrong else float("nan")


def judge(tally: Tally, found: pa.Table, truth: list[dict[str, Any]]) -> list[str]:
    """Add a face with faults to a tally; returns what was missed or false, in words."""
    rows = found.to_pylist()
    used: set[int] = set()
    words = []
    for fault in truth:
        same = [
            k
            for k, row in enumerate(rows)
            if all(row[name] == fault[name] for name in ("support", "leg", "fault"))
            and row["from"] < fault["to"]
            and row["to"] > fault["from"]
        ]
        used |= set(same)
        (tally.hit if same else tally.miss)[fault["fault"]] += 1
        if not same:
            words.append(f"missed {_words(fault)}, size {fault['size']:.3g}")
        elif fault["fault"] == "leg_leak":
            tally.slopes.append(rows[same[0]]["value"] - fault["size"])
    for k, row in enumerate(rows):
        tally.sure.append((row["confidence"], k in used))
        if k not in used:
            tally.false[row["fault"]] += 1
            words.append(f"false {_words(row)}, value {row['value']:.3g}, {row['cycles']} cycles")
    return words


def _words(row: dict[str, Any]) -> str:
    return f"{row['fault']} {row['support']}/{row['leg']} {row['from']:%d %H:%M} to {row['to']:%d %H:%M}"


def settings(supports: int, days: float, long: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Faces: interval_s, noise, legs, supports, days, law."""
    base: dict[str, Any] = {"supports": supports, "days": days, "legs": 2, "interval_s": 1.0, "noise": 0.05}
    slow = {"interval_s": 10.0}
    yield "1 s", base
    yield "10 s, noise 0.1 MPa", {**base, **slow, "noise": 0.1}
    yield "30 s", {**base, "interval_s": 30.0}
    yield "4 legs", {**base, "supports": max(supports // 2, 10), "legs": 4, "interval_s": 5.0}
    if long:
        yield "noise 0.2 MPa", {**base, "interval_s": 5.0, "noise": 0.2}
        yield "2 days", {**base, "days": 2.0, "interval_s": 5.0}
        yield "14 days", {**base, **slow, "days": 14.0}


def first(
    seed: int, face: dict[str, Any], healthy: bool
) -> tuple[pa.Table, list[dict[str, Any]], float, float]:
    """A face of `recore simulate supports`: log, faults, setting and yield pressure."""
    longwall = Longwall(
        supports=face["supports"],
        days=face["days"],
        legs=face["legs"],
        interval_s=face["interval_s"],
        noise_mpa=face["noise"],
        # a record that samples more slowly than supports stand released misses cycles; faults are asked for here
        low_s=(max(8.0, 2.0 * face["interval_s"]), max(18.0, 3.0 * face["interval_s"])),
        faults=("none",) if healthy else ("all",),
        idle_weekends=False,
    )
    made = LongwallFace(seed, longwall)
    return (
        pa.concat_tables(made.log()),
        made.fault_table().to_pylist(),
        longwall.setting_mpa,
        longwall.yield_mpa,
    )


def second(
    seed: int, face: dict[str, Any], healthy: bool
) -> tuple[pa.Table, list[dict[str, Any]], float, float]:
    """A face of the other simulator."""
    from other_face import FAULTS as KINDS
    from other_face import Other, other_face

    other = Other(
        supports=face["supports"],
        days=face["days"],
        legs=face["legs"],
        interval_s=face["interval_s"],
        noise=face["noise"],
        low_s=(max(10.0, 2.0 * face["interval_s"]), max(30.0, 3.0 * face["interval_s"])),
        faults=() if healthy else KINDS,
        law="power" if seed % 2 else "exponential",
    )
    made = other_face(seed, other)
    return made.log, made.faults.to_pylist(), other.setting, other.yielding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1001)
    parser.add_argument("--supports", type=int, default=20)
    parser.add_argument("--days", type=float, default=4.0)
    parser.add_argument("--long", action="store_true", help="more noise, 2 and 14 days")
    parser.add_argument("--words", action="store_true", help="print every fault missed and every false alarm")
    given = parser.parse_args()
    macro = {}
    for name, make in (("recore simulate supports", first), ("other physics", second)):
        whole = Tally()
        print(
            f"\n{name}\n{'face':24}{'macro-F1':>10}{'healthy alarms/support-month':>30}{'leak error':>12}{'s':>7}"
        )
        for words, face in settings(given.supports, given.days, given.long):
            tally = Tally()
            began = time.perf_counter()
            for seed in range(given.first_seed, given.first_seed + given.seeds):
                for healthy in (False, True):
                    log, truth, setting, opening = make(seed, face, healthy)
                    found = support_diagnose(Table.of(log), setting_mpa=setting, yield_mpa=opening)
                    if healthy:
                        alarms = Counter(found.faults["fault"].to_pylist())
                        for one in (tally, whole):
                            one.alarms += alarms
                            one.months += found.support_months.value
                        told = [f"healthy: {_words(row)}" for row in found.faults.to_pylist()]
                    else:
                        judge(whole, found.faults, truth)
                        told = judge(tally, found.faults, truth)
                    if given.words:
                        print(*(f"    seed {seed}: {line}" for line in told), sep="\n")
            print(
                f"{words:24}{_macro(tally):10.3f}{sum(tally.alarms.values()) / tally.months:30.2f}"
                f"{_error(tally.slopes):>12}{time.perf_counter() - began:7.0f}"
            )
        macro[name] = _macro(whole)
        print(
            f"{'all':24}{macro[name]:10.3f}{sum(whole.alarms.values()) / whole.months:30.2f}{_error(whole.slopes):>12}"
        )
        print("   " + "".join(f"{code:>18}" for code in FAULTS))
        print("F1 " + "".join(f"{whole.f1(code):18.3f}" for code in FAULTS))
        print("n  " + "".join(f"{whole.hit[code] + whole.miss[code]:18}" for code in FAULTS))
        sure = np.array([s for s, _ in whole.sure])
        right = np.array([r for _, r in whole.sure])
        for low, high in ((0.0, 0.9), (0.9, 0.99), (0.99, 1.01)):
            here = (sure >= low) & (sure < high)
            if here.any():
                print(
                    f"confidence {low:.2f} to {min(high, 1):.2f}: {right[here].mean():.3f} right of {here.sum()}"
                )
    one, two = macro.values()
    print(
        f"\nchange of simulator: {100 * (one - two):+.1f} points (asked: macro-F1 >= 0.95, loss <= 3 points)"
    )


def _macro(tally: Tally) -> float:
    return float(np.nanmean([tally.f1(code) for code in FAULTS]))


def _error(slopes: list[float]) -> str:
    return f"{max(map(abs, slopes)):.3f}" if slopes else "-"


if __name__ == "__main__":
    main()
