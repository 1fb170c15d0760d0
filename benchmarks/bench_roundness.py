"""Minimum zone circle: time, error against known truth, HiGHS in the same run, and the physical limit.

    python benchmarks/bench_roundness.py [--repeat 7] [--largest 1000000]

The limit is one pass over the points: the bytes of x and y divided by the speed at which this
machine sums them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import linprog

from recore.metrology import circles
from recore.metrology.roundness import Profile, form


def known_truth(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Points of a profile whose minimum zone is known by construction: x, y, zone, radius."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(5, 100)
    half = radius * 10 ** rng.uniform(-6, -4)
    angle = np.arange(n) * 2 * np.pi / n
    e = rng.uniform(-0.95, 0.95, n) * half
    contacts = [int(rng.integers(k * n // 4 + n // 16, (k + 1) * n // 4 - n // 16)) for k in range(4)]
    e[contacts] = half * np.array([1, -1, 1, -1])
    cx, cy = rng.normal(0, 0.5, 2)
    return cx + (radius + e) * np.cos(angle), cy + (radius + e) * np.sin(angle), 2 * half, radius


def highs(x: np.ndarray, y: np.ndarray) -> float:
    """Zone from the same linearised programme, solved with HiGHS until the centre stands."""
    cx, cy = x.mean(), y.mean()
    for _ in range(5):
        d = np.hypot(x - cx, y - cy)
        n = np.column_stack(((x - cx) / d, (y - cy) / d, np.ones_like(d)))
        h = np.ones((len(d), 1))
        a = np.vstack((np.hstack((-n, -h)), np.hstack((n, -h))))
        lp = linprog([0, 0, 0, 1], a, np.r_[-d, d], bounds=[(None, None)] * 4, method="highs")
        cx, cy = cx + lp.x[0], cy + lp.x[1]
        if np.hypot(lp.x[0], lp.x[1]) < 1e-13 * d.max():
            break
    return float(np.ptp(np.hypot(x - cx, y - cy)))


def best_of(repeat: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--peer-to", type=int, default=100_000, help="most points that HiGHS is given")
    given = parser.parse_args()
    print(f"{'points':>8} {'mzc ms':>9} {'lsc ms':>9} {'mcc ms':>9} {'mic ms':>9} {'form ms':>9} {'HiGHS ms':>9} "
          f"{'ratio':>7} {'limit ms':>9} {'x limit':>8} {'error/R':>9} {'HiGHS':>9} {'residual':>9} proven")  # fmt: skip
    for n in (360, 1024, 100_000, 1_000_000):
        if n > given.largest:
            continue
        x, y, zone, radius = known_truth(n, n)
        found = circles.minimum_zone(x, y)
        mine = best_of(given.repeat, lambda x=x, y=y: circles.minimum_zone(x, y))
        others = [
            best_of(given.repeat, lambda solve=solve, x=x, y=y: solve(x, y))
            for solve in (circles.least_squares, circles.minimum_circumscribed, circles.maximum_inscribed)
        ]
        profile = Profile(1000 * x, 1000 * y)
        whole = best_of(3, lambda profile=profile: form(profile, reference="mzc", trials=0))
        limit = best_of(given.repeat, lambda x=x, y=y: (x.sum(), y.sum()))
        peer, off = float("nan"), float("nan")
        if n <= given.peer_to:
            peer = best_of(2, lambda x=x, y=y: highs(x, y))
            off = abs(highs(x, y) - zone) / radius
        print(
            f"{n:>8} {1e3 * mine:>9.3f} "
            + " ".join(f"{1e3 * t:>9.3f}" for t in (*others, whole, peer))
            + f" {peer / mine:>7.0f} {1e3 * limit:>9.4f} {mine / limit:>8.1f} "
            f"{abs(found.deviation - zone) / radius:>9.1e} {off:>9.1e} {found.residual:>9.1e} {found.proven}"
        )
    errors, residuals, proven = [], [], 0
    for seed in range(100):
        x, y, zone, radius = known_truth((120, 360, 1024)[seed % 3], 1000 + seed)
        found = circles.minimum_zone(x, y)
        errors.append(abs(found.deviation - zone) / radius)
        residuals.append(found.residual)
        proven += found.proven
    print(
        f"100 profiles with known zone: largest error {max(errors):.1e} of the radius, "
        f"largest certificate residual {max(residuals):.1e}, {proven} proven global"
    )


if __name__ == "__main__":
    main()
