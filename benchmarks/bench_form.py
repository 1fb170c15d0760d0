"""Minimum zones of line, plane, cylinder and sphere: time, error against known truth, and HiGHS in the same run.

    python benchmarks/bench_form.py [--repeat 3] [--largest 1000000]

Every zone is known by construction (tests/metrology/form_truth.py): contacts at ± h whose multipliers balance, all
other points strictly between. The peer solves the same linearised programme with scipy's HiGHS until the pose
stands. The limit is one pass over the points: the bytes of the coordinates at the speed this machine sums them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import linprog

from recore.metrology.form.feature import Cylinder, Feature, Flat, Pose, Scaled, Sphere
from recore.metrology.form.least_squares import least_squares_of
from recore.metrology.form.one_sided import circumscribed, inscribed
from recore.metrology.form.zone import minimum_zone

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "metrology"))
from form_truth import known_one_sided, known_zone, rigid

FEATURES: dict[str, Feature] = {"line": Flat(2), "plane": Flat(3), "cylinder": Cylinder(), "sphere": Sphere()}
HALF = 1e-5


def best_of(repeat: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def highs(feature: Feature, points: np.ndarray, pose: Pose) -> float:
    """Width of the zone from the linearised programme, solved with HiGHS until the pose stands."""
    for _ in range(6):
        local = pose.local(points)
        e, rows = feature.distances(local), feature.rows(local)
        one = np.ones((len(e), 1))
        matrix = np.vstack((np.hstack((-rows, -one)), np.hstack((rows, -one))))
        cost = [0.0] * feature.unknowns + [1.0]
        found = linprog(cost, matrix, np.r_[-e, e], bounds=[(None, None)] * len(cost), method="highs")
        pose = feature.moved(pose, found.x[:-1])
        if np.abs(found.x[:-2]).max() < 1e-13:
            break
    return float(np.ptp(feature.distances(pose.local(points))))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--peer-to", type=int, default=10_000, help="most points that HiGHS is given")
    given = parser.parse_args()
    print(
        f"{'feature':>9} {'points':>8} {'ls ms':>8} {'zone ms':>8} {'HiGHS ms':>9} {'ratio':>6} {'limit ms':>8} "
        f"{'x limit':>8} {'error':>8} {'HiGHS':>8} {'residual':>8} proven"
    )
    for name, feature in FEATURES.items():
        for n in (100, 1024, 10_000, 1_000_000):
            if n > given.largest:
                continue
            rng = np.random.default_rng(n)
            points, _ = known_zone(feature, n, HALF, rng)
            scaled = Scaled.of(rigid(points, rng))
            start = least_squares_of(feature, scaled.points).pose
            least = best_of(given.repeat, lambda f=feature, s=scaled: least_squares_of(f, s.points))
            zone = minimum_zone(feature, scaled.points, start)
            mine = best_of(given.repeat, lambda f=feature, s=scaled, p=start: minimum_zone(f, s.points, p))
            limit = best_of(given.repeat, lambda s=scaled: s.points.sum())
            peer, off = float("nan"), float("nan")
            if n <= given.peer_to:
                peer = best_of(1, lambda f=feature, s=scaled, p=start: highs(f, s.points, p))
                off = abs(highs(feature, scaled.points, start) * scaled.unit - 2 * HALF)
            print(
                f"{name:>9} {n:>8} {1e3 * least:>8.2f} {1e3 * mine:>8.2f} {1e3 * peer:>9.1f} {peer / mine:>6.0f} "
                f"{1e3 * limit:>8.4f} {mine / limit:>8.1f} {abs(zone.width * scaled.unit - 2 * HALF):>8.1e} {off:>8.1e} "
                f"{zone.residual:>8.1e} {zone.proven}"
            )
    for n in (1024, 1_000_000):
        for side, word, solve in ((1, "circumscribed", circumscribed), (-1, "inscribed", inscribed)):
            if n > given.largest:
                continue
            points, _ = known_one_sided(n, HALF, side, np.random.default_rng(n))
            scaled = Scaled.of(points)
            start = least_squares_of(Cylinder(), scaled.points).pose
            zone = solve(scaled.points, start)
            mine = best_of(given.repeat, lambda s=scaled, p=start, solve=solve: solve(s.points, p))
            error = abs(zone.size * scaled.unit - 0.4 - side * HALF)
            print(
                f"{word} cylinder, {n} points: {1e3 * mine:.1f} ms, error {error:.1e}, residual {zone.residual:.1e}"
            )


if __name__ == "__main__":
    main()
