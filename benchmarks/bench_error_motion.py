"""The full ISO 230-7 set on 3 probes × 500 revolutions × 1,024 samples, against plain NumPy and the memory.

    python benchmarks/bench_error_motion.py [--repeat 9]

The set: synchronous, asynchronous and total error motion in the fixed directions x and y and in the rotating
sensitive direction, with the standard deviation at every angle, from the raw probe signals. The limit is one pass
over the record: its bytes divided by the speed at which this machine sums them. NumPy does the same arithmetic with
whole arrays. The only other open code for multi-probe records (mpr-tools on GitHub) has no ISO 230-7 values, and the
package of that name on the package index is another program: there is nothing to compare with.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recore.evidence import Table
from recore.metrology.spindle.error_motion import error_motion
from recore.metrology.spindle.motion_values import asynchronous, synchronous, total
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.polar_statistics import PolarStatistics

Floats = NDArray[np.float64]

ANGLES = (0.0, 99.84, 202.5)
MOTIONS = ("x", "y", "rotating")


def record(revolutions: int, samples: int) -> Floats:
    """Eccentricity 5 µm, a few harmonics, asynchronous motion 10 nm, noise 5 nm; [probe, revolution, sample]."""
    rng = np.random.default_rng(1)
    t = 2 * np.pi * np.arange(revolutions * samples) / samples
    x = 0.02 * np.cos(2 * t) + 0.01 * np.cos(5 * t + 1) + 0.01 * np.cos(0.41 * t)
    y = 0.015 * np.cos(3 * t) + 0.01 * np.sin(0.41 * t)
    rows = [
        x * np.cos(p) + y * np.sin(p) + 5 * np.cos(t - p + 0.3) + 0.005 * rng.standard_normal(len(t))
        for p in np.radians(ANGLES)
    ]
    return np.stack(rows).reshape(len(ANGLES), revolutions, samples)


def ours(signal: Floats) -> list[float]:
    setup = Setup(ANGLES, (), 0, signal.shape[2], 1, 0.0)
    weights = setup.weights()
    statistics = PolarStatistics(np.stack([weights[name] for name in MOTIONS]))
    statistics.update(signal)
    return [f(p) for p in statistics.polars() for f in (lambda p: synchronous(p.mean), asynchronous, total)]


def plain(signal: Floats) -> list[float]:
    """The same values from whole arrays."""
    angles = np.radians(ANGLES)
    x, y = np.einsum("qp,pra->qra", np.linalg.pinv(np.column_stack((np.cos(angles), np.sin(angles)))), signal)
    t = 2 * np.pi * np.arange(signal.shape[2]) / signal.shape[2]
    found = []
    for motion in (x, y, x * np.cos(t) + y * np.sin(t)):
        mean = motion.mean(axis=0)
        motion.std(axis=0, ddof=1)
        spectrum = np.fft.rfft(mean)
        spectrum[2:] = 0
        off = np.fft.irfft(spectrum, len(mean))
        high, low = motion.max(axis=0), motion.min(axis=0)
        found += [np.ptp(mean - off), (high - low).max(), (high - off).max() - (low - off).min()]
    return [float(value) for value in found]


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
    parser.add_argument("--repeat", type=int, default=9)
    given = parser.parse_args()
    signal = record(500, 1024)
    apart = max(abs(a - b) for a, b in zip(ours(signal), plain(signal), strict=True))
    mine = best_of(given.repeat, lambda: ours(signal))
    numpy = best_of(given.repeat, lambda: plain(signal))
    limit = best_of(given.repeat, signal.sum)
    print(
        f"3 x 500 x 1,024, {signal.nbytes / 2**20:.1f} MiB; largest difference of the values {1e3 * apart:.1e} nm"
    )
    print(f"ISO 230-7 set        {1e3 * mine:8.2f} ms   (goal 10 ms)")
    print(f"plain NumPy          {1e3 * numpy:8.2f} ms   ratio {numpy / mine:.1f}")
    print(f"one pass of a sum    {1e3 * limit:8.2f} ms   we take {mine / limit:.1f} times the limit")
    table = Table.of({f"p{i + 1}_um": row.ravel() for i, row in enumerate(signal)})
    ask = {"probe_angles_deg": list(ANGLES), "samples_per_revolution": 1024}
    for words, more in (
        ("values and bands", {"trials": 0, "spectrum_to_order": 0}),
        ("with order spectrum", {"trials": 0}),
        ("with Monte Carlo", {}),
    ):
        whole = best_of(3, lambda more=more: error_motion(table, **ask, **more))
        print(f"method, {words:<20} {1e3 * whole:8.1f} ms")


if __name__ == "__main__":
    main()
