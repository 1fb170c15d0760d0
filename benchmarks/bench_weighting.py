"""Breaks of the roof found by support.weighting and by the simple rule, on faces of two simulators.

    python benchmarks/bench_weighting.py [--faces 2] [--days 6] [--supports 24]

The simple rule: a shear of the whole face whose mean TWAP lies above mean + k sigma of all shears, with the k of those
tried that suits the truth best (in favour of the rule). A break counts as found where it overlaps a true one in time
and supports (intersection over union at least 0.3), each once.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "metrology"))

from other_face import Other, other_face

from recore.evidence import Table
from recore.metrology.support.weighting import weighting
from recore.simulate.supports.face import LongwallFace
from recore.simulate.supports.longwall import Longwall


def boxes(table: pa.Table) -> np.ndarray:
    """from, to [s], support_from, support_to + 1."""
    times = [
        table[name].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6 for name in ("from", "to")
    ]
    return np.stack([*times, table["support_from"].to_numpy(), table["support_to"].to_numpy() + 1.0], axis=1)


def hits(found: np.ndarray, true: np.ndarray) -> int:
    """Breaks found, each matched once."""
    free, count = set(range(len(found))), 0
    for t0, t1, a, b in true:
        best, at = 0.3, None
        for k in free:
            u0, u1, c, d = found[k]
            both = max(0.0, min(t1, u1) - max(t0, u0)) * max(0.0, min(b, d) - max(a, c))
            share = both / ((t1 - t0) * (b - a) + (u1 - u0) * (d - c) - both)
            if share > best:
                best, at = share, k
        if at is not None:
            free.discard(at)
            count += 1
    return count


def simple(by_shear: pa.Table, k: float, supports: int) -> np.ndarray:
    """Runs of shears above mean + k sigma, over the whole face."""
    twap = by_shear["twap_mpa"].to_numpy(zero_copy_only=False)
    begin, end = (
        by_shear[name].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6 for name in ("from", "to")
    )
    above = np.concatenate([[False], twap > np.nanmean(twap) + k * np.nanstd(twap), [False]])
    first, after = (np.flatnonzero(np.diff(above.astype(int)) == sign) for sign in (1, -1))
    rows = [
        (begin[i], end[min(j, len(end) - 1)], 1.0, supports + 1.0) for i, j in zip(first, after, strict=True)
    ]
    return np.array(rows).reshape(-1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=2)
    parser.add_argument("--days", type=float, default=6.0)
    parser.add_argument("--supports", type=int, default=24)
    parser.add_argument("--seed", type=int, default=900)
    wanted = parser.parse_args()
    for name in ("longwall", "other"):
        results: list[Any] = []
        seconds = 0.0
        for seed in range(wanted.seed, wanted.seed + wanted.faces):
            if name == "longwall":
                face = LongwallFace(
                    seed,
                    Longwall(
                        supports=wanted.supports, days=wanted.days, interval_s=10.0, zones=2, severe_share=0.2
                    ),
                )
                log, true, limit = (
                    pa.concat_tables(list(face.log())),
                    face.weighting(),
                    face.longwall.yield_mpa,
                )
            else:
                how = Other(supports=wanted.supports, days=wanted.days, interval_s=10.0)
                drawn = other_face(seed, how)
                log, true, limit = drawn.log, drawn.weighting, how.yielding
            begin = time.process_time()
            result = weighting(Table.of(log), web_m=0.8, yield_mpa=limit)
            seconds += time.process_time() - begin
            results.append((result, boxes(true)))
        true_count = sum(len(true) for _, true in results)

        def f1(found: list[np.ndarray], true_count: int = true_count, results: list[Any] = results) -> float:
            met = sum(hits(f, true) for f, (_, true) in zip(found, results, strict=True))
            return 2 * met / max(sum(map(len, found)) + true_count, 1)

        ours = f1([boxes(result.zones) for result, _ in results])
        rule = max(
            f1([simple(result.by_shear, k, wanted.supports) for result, _ in results])
            for k in (0.5, 1, 1.5, 2)
        )
        print(
            f"{name}: {true_count} breaks, F1 {ours:.3f}, simple rule {rule:.3f}, ratio {ours / max(rule, 1e-9):.1f}; "
            f"{seconds:.1f} CPU-s"
        )


if __name__ == "__main__":
    main()
