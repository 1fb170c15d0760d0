"""How well `support.cycles` finds load cycles in spoilt and slowly sampled records, as an F1 score.

Faces are made, or read, once a second with the times of all true cycles, and then sampled every 1, 10, 30 and 60 s and
spoilt in one way, or in all: gaps, jitter of the clock, stuck transducers, offsets, logged on change. All is
synthetic: a longwall face of `recore simulate supports`, the second face among the tests (other physics), and the
shared day of 48 supports where the environment variable RECORE_SHARED_DATA names the folder that holds it. Truth are
the cycles of the unspoilt face, also those whose release falls between two samples. A found cycle is right where its
start and its end lie within two samples of those of a true one (`--within`); what begins or ends in a gap, or touches a
stuck stretch, counts neither way.

    python benchmarks/bench_cycle_faults.py [--seeds 100,101] [--steps 1,10,30,60] [--supports 8] [--days 1] [--within 2]
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recore.evidence import Table
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.simulate.supports import Longwall, LongwallFace

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "metrology"))

Leg = tuple[int, int]
FAULTS = ("clean", "gaps", "jitter", "stuck", "offset", "event-driven", "all")
S = 10**6
DEAD_BAND_MPA, HEARTBEAT_S = 0.3, 120.0


@dataclass
class Face:
    """Pressures of each leg once a second from 0 on, MPa, and start and end of its cycles, s."""

    pressure: dict[Leg, np.ndarray]
    cycles: dict[Leg, np.ndarray]


def _face(log: pa.Table, cycles: pa.Table) -> Face:
    def seconds(column: pa.ChunkedArray, begin: int = 0) -> np.ndarray:
        return np.asarray(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy() - begin) / S

    begin = int(seconds(log["ts"]).min()) * S

    grid = np.arange(int(seconds(log["ts"], begin).max()) + 1.0)
    pressure, truth = {}, {}
    for support in pc.unique(log["support"]).to_pylist():
        for leg in pc.unique(log["leg"]).to_pylist():

            def of(table: pa.Table, support: int = support, leg: int = leg) -> pa.Table:
                return table.filter((pc.field("support") == support) & (pc.field("leg") == leg)).sort_by(
                    "ts" if "ts" in table.column_names else "start"
                )

            rows, true = of(log), of(cycles)
            pressure[support, leg] = np.interp(
                grid, seconds(rows["ts"], begin), rows["pressure_mpa"].to_numpy().astype(float)
            )
            truth[support, leg] = np.stack(
                [seconds(true["start"], begin), seconds(true["end"], begin)], axis=1
            )
    return Face(pressure, truth)


def ours(seed: int, supports: int, days: float) -> Face:
    quiet = (
        "power_gaps_per_week",
        "support_gaps_per_week",
        "duplicate_share",
        "spike_share",
        "dropout_share",
    )
    face = Longwall(supports, days=days, faults=("none",), idle_weekends=False, **dict.fromkeys(quiet, 0))
    made = LongwallFace(seed, face)
    return _face(pa.concat_tables(list(made.log())), made.cycles())


def other(seed: int, supports: int, days: float) -> Face:
    from other_face import other_face

    law = ("power", "exponential")[seed % 2]
    made = other_face(seed, supports=supports, days=days, law=law, gaps=0.0, low_s=(8.0, 20.0))
    return _face(made.log, made.cycles)


def shared(seed: int, supports: int, _: float) -> Face:
    """Some of the supports of the shared day; other ones for each seed."""
    folder = Path(os.environ["RECORE_SHARED_DATA"]) / "supports"
    chosen = 1 + np.random.default_rng(seed).permutation(48)[:supports]
    pressure: dict[Leg, np.ndarray] = {}
    marks: dict[Leg, list[tuple[float, float]]] = {}
    with (folder / "leg_pressure_truth_cycles.csv").open() as file:
        for row in csv.DictReader(file):
            marks.setdefault((int(row["support"]), int(row["leg"])), []).append(
                (float(row["start_s"]), float(row["low_s"]))
            )
    log = pq.ParquetFile(folder / "leg_pressure_1day_48supports.parquet")
    for group in range(log.num_row_groups):
        table = log.read_row_group(group)
        leg = int(table["support"][0].as_py()), int(table["leg"][0].as_py())
        if leg[0] in chosen:
            pressure[leg] = table["pressure_mpa"].to_numpy().astype(float)
    # released for low_s from the start on, then set; the first cycle of the record is not whole
    cycles = {
        leg: np.array([(a + low + 1, b) for (a, low), (b, _) in pairwise(m[1:])])
        for leg, m in marks.items()
        if leg in pressure
    }
    return Face(pressure, cycles)


def spoilt(
    face: Face, fault: str, step: float, seed: int
) -> tuple[pa.Table, dict[Leg, list[tuple[float, float]]]]:
    """A log of a face, and what of each leg it does not show."""
    rng = np.random.default_rng([seed, FAULTS.index(fault), int(step)])
    end = float(len(next(iter(face.pressure.values()))))
    has = {name: fault in (name, "all") for name in FAULTS}
    wrong = {
        name: set(map(tuple, rng.permutation(list(face.pressure))[: max(len(face.pressure) // 8, 1)]))
        for name in FAULTS
    }
    columns, hidden = [], {}
    for support in sorted({leg[0] for leg in face.pressure}):
        t = rng.uniform(0, step) + np.arange(0, end - step - 1, step)
        if has["jitter"]:
            t = np.sort(t + rng.uniform(-0.3, 0.3, len(t)) * step).clip(0)
        gaps = []
        if has["gaps"]:
            gaps = [
                (a, a + float(np.exp(rng.uniform(4, 8))))
                for a in rng.uniform(0, end, rng.poisson(3 * end / 86400))
            ]
            for a, b in gaps:
                t = t[(t < a) | (t >= b)]
        for leg in sorted(leg for leg in face.pressure if leg[0] == support):
            p, moments = face.pressure[leg][t.astype(int)].copy(), t
            hidden[leg] = list(gaps)
            if has["offset"] and leg in wrong["offset"]:
                p += rng.choice([-1, 1]) * rng.uniform(1.5, 5)
            if has["stuck"] and leg in wrong["stuck"]:
                a = rng.uniform(0.1, 0.6) * end
                b = a + rng.uniform(2400, 0.3 * end)
                here = (t >= a) & (t < b)
                if here.any():
                    p[here] = p[np.argmax(here)]
                    hidden[leg].append((a, b))
            if has["event-driven"]:
                sent = _sent(moments, p)
                moments, p = moments[sent], p[sent]
            columns.append((moments, np.full(len(p), leg[0]), np.full(len(p), leg[1]), p))
    ts, number, which, p = (np.concatenate(column) for column in zip(*columns, strict=True))
    moments = pa.array(np.round((1_767_225_600 + ts) * 1e3).astype(np.int64), pa.timestamp("ms", "UTC"))
    return pa.table(
        {"ts": moments, "support": number, "leg": which, "pressure_mpa": p.astype(np.float32)}
    ), hidden


def _sent(t: np.ndarray, p: np.ndarray) -> list[int]:
    chosen = [0]
    last, at = p[0], t[0]
    for k, (value, moment) in enumerate(zip(p.tolist(), t.tolist(), strict=True)):
        if abs(value - last) >= DEAD_BAND_MPA or moment - at >= HEARTBEAT_S:
            chosen.append(k)
            last, at = value, moment
    return chosen


def score(
    found: pa.Table, face: Face, hidden: dict[Leg, list[tuple[float, float]]], within: float
) -> np.ndarray:
    """Right, missed and false cycles."""
    count = np.zeros(3, int)
    support, which = found["support"].to_numpy(), found["leg"].to_numpy()
    edges = [(found[name].cast(pa.int64()).to_numpy() / S - 1_767_225_600) for name in ("start", "end")]
    last = float(len(next(iter(face.pressure.values()))))
    for leg, true in face.cycles.items():
        mine = np.stack(edges, axis=1)[(support == leg[0]) & (which == leg[1])]

        def clear(cycle: np.ndarray, leg: Leg = leg) -> bool:
            inside = cycle[0] > 2 * within and cycle[1] < last - 2 * within
            return bool(
                inside and not any(cycle[0] < b + within and cycle[1] > a - within for a, b in hidden[leg])
            )

        free = np.ones(len(mine), bool)
        for cycle in true:
            apart = (
                np.where(free, np.abs(mine - cycle).max(axis=1), np.inf) if len(mine) else np.array([np.inf])
            )
            best = int(np.argmin(apart))
            if apart[best] <= within:
                free[best] = False
                count[0] += clear(cycle)
            else:
                count[1] += clear(cycle)
        known = true[0, 0] - within if len(true) else np.inf
        count[2] += sum(
            clear(cycle) and cycle[0] >= known and cycle[1] <= true[-1, 1] + within for cycle in mine[free]
        )
    return count


def rows(args: argparse.Namespace) -> Iterator[str]:
    makers = {"simulator": ours, "other face": other}
    if os.environ.get("RECORE_SHARED_DATA"):
        makers["shared day"] = shared
    seeds = [int(x) for x in args.seeds.split(",")]
    steps = [float(x) for x in args.steps.split(",")]
    yield f"{'face':12s}{'fault':14s}" + "".join(f"{step:>8g} s" for step in steps)
    for name, make in makers.items():
        faces = {seed: make(seed, args.supports, args.days) for seed in seeds}
        for fault in FAULTS:
            cells = []
            for step in steps:
                count = np.zeros(3, int)
                for seed, face in faces.items():
                    log, hidden = spoilt(face, fault, step, seed)
                    found = support_cycles(Table.of(log)).table
                    count += score(found, face, hidden, max(args.within * step, 3.0))
                cells.append(f"{2 * count[0] / max(2 * count[0] + count[1] + count[2], 1):10.4f}")
            yield f"{name:12s}{fault:14s}" + "".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="100,101")
    parser.add_argument("--steps", default="1,10,30,60")
    parser.add_argument("--supports", type=int, default=8)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--within", type=float, default=2.0)
    begin = time.process_time()
    for line in rows(parser.parse_args()):
        print(line, flush=True)
    print(f"{time.process_time() - begin:.0f} s of CPU")


if __name__ == "__main__":
    main()
