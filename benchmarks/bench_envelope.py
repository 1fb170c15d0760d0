"""Squared envelope spectra: time against the plain analytic signal and the physical limit; answers on measured records.

    python benchmarks/bench_envelope.py [--repeat 7] [--data ../shared/data/vibration]

The limit is one pass: the bytes of the record divided by the speed at which this machine sums them. Measured records
are read from a folder with an index.csv (file, set, fault, rpm, fs_hz) and are left out where there is none.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import hilbert

from recore.evidence import Table
from recore.metrology.vibration.envelope import envelope
from recore.metrology.vibration.envelope_spectrum import squared_envelope_spectrum

N = 2**20
RATE = 48_000.0


def naive(x: np.ndarray) -> np.ndarray:
    """The textbook: analytic signal of the whole record, a full complex transform of its square."""
    return np.abs(np.fft.fft(np.abs(hilbert(x)) ** 2))[: len(x) // 2 + 1] * 2 / len(x)


def best_of(repeat: int, call: Callable[[], object]) -> float:
    """Processor seconds, so that a busy machine does not count against either."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def speed(repeat: int) -> None:
    x = np.random.default_rng(1).standard_normal(N)
    single = x.astype(np.float32)
    limit = best_of(repeat, x.sum)
    peer = best_of(repeat, lambda: naive(x))
    quarter = (RATE / 8, RATE / 4)
    rows = [
        ("full band", best_of(repeat, lambda: squared_envelope_spectrum(x, RATE))),
        ("quarter band", best_of(repeat, lambda: squared_envelope_spectrum(x, RATE, quarter))),
        ("full, single", best_of(repeat, lambda: squared_envelope_spectrum(single, RATE))),
        ("quarter, single", best_of(repeat, lambda: squared_envelope_spectrum(single, RATE, quarter))),
    ]
    _, level = squared_envelope_spectrum(x, RATE)
    expected = naive(x)[1:]
    error = np.abs(level[1:] - expected).max() / expected.max()
    print(
        f"2^20 samples; analytic signal and complex transform {1e3 * peer:.0f} ms, one pass {1e3 * limit:.2f} ms"
    )
    for name, seconds in rows:
        print(
            f"  {name:15s} {1e3 * seconds:6.1f} ms   {peer / seconds:4.1f} × faster, {seconds / limit:.0f} passes"
        )
    print(f"  largest difference from it {error:.1e} of the largest line")
    record = Table.of({"accel_g": x[: N // 8]})
    whole = best_of(
        3, lambda: envelope(record, bearing="6205", speed_rpm=1797.0, rate_hz=12_000.0, trials=200)
    )
    print(f"  whole diagnosis of 2^17 samples at 12 kHz: {whole:.2f} s")


def answers(folder: Path) -> None:
    if not (folder / "index.csv").exists():
        print(f"no measured records in {folder}: the table of answers is left out")
        return
    right: Counter[tuple[str, str]] = Counter()
    count: Counter[tuple[str, str]] = Counter()
    for row in csv.DictReader((folder / "index.csv").open()):
        x = np.load(folder / row["file"])["accel_g"].astype(float).ravel()
        found = envelope(
            Table.of({"accel_g": x}),
            bearing="6205-2RS" if row["set"] == "CWRU" else "NICE",
            speed_rpm=float(row["rpm"]),
            rate_hz=float(row["fs_hz"]),
            trials=0,
        )
        truth = "none" if row["fault"] == "normal" else row["fault"]
        key = (row["set"], truth)
        count[key] += 1
        right[key] += found.fault.value == truth
        scores = "  ".join(f"{p} {getattr(found, f'score_{p}')}" for p in ("outer", "inner", "ball"))
        print(f"  {row['file']:34s} {truth:6s} -> {found.fault.value!s:10s} {scores}")
    for key in count:
        print(f"  {key[0]} {key[1]}: {right[key]} of {count[key]}")


def sound_segments(folder: Path, turns: float = 50.5) -> None:
    """False alarms on pieces of a sound record, each asked about every bearing of the table it could be."""
    path = folder / "cwru_de_normal_0.npz"
    if not path.exists():
        return
    x = np.load(path)["accel_g"].astype(float).ravel()
    length = int(turns * 60 / 1796 * 48_000)
    asked = alarms = 0
    for start in range(0, len(x) - length + 1, length // 4):
        for bearing in ("6205", "UER204", "NICE", "ZA-2115"):
            found = envelope(
                Table.of({"accel_g": x[start : start + length]}),
                bearing=bearing,
                speed_rpm=1796.0,
                rate_hz=48_000.0,
                trials=0,
            )
            asked += 1
            alarms += found.fault.value in ("outer", "inner", "ball")
    print(
        f"  sound record in overlapping pieces of {turns:g} turns, four bearings: {alarms} alarms in {asked}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    default = Path(os.environ.get("RECORE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default / "vibration")
    given = parser.parse_args()
    speed(given.repeat)
    answers(given.data)
    sound_segments(given.data)


if __name__ == "__main__":
    main()
