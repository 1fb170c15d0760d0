"""Writes record.csv: three probes on a simulated spindle, 24 revolutions of 128 samples.

    python examples/spindle/make_record.py

Probes at 0°, 99.84° and 202.5°; artefact 2 µm off centre with 10 nm of its own form; spindle motion of a few
harmonics; a bearing with 13 balls of 8.7 mm on 45 mm and its cage at 0.403 and outer ring at 5.241 orders; probe noise
4 nm, resolution 1 nm. Synthetic: no spindle was measured.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ANGLES_DEG = (0.0, 99.84, 202.5)
SAMPLES, REVOLUTIONS = 128, 24
# order → amplitude [µm], complex: Re A·exp(ikt)
X: dict[float, complex] = {2: 0.030, 3: 0.018j, 5: 0.010, 9: 0.004, 0.403: 0.012, 5.241: 0.008}
Y: dict[float, complex] = {2: 0.022j, 3: 0.020, 4: 0.008, 7: 0.005, 0.403: -0.012j, 5.241: 0.006j}
FORM: dict[float, complex] = {2: 0.003, 3: 0.002j, 6: 0.001}
ECCENTRICITY_UM, PHASE = 2.0, 0.6
NOISE_UM, SEED = 0.004, 230_7


def record() -> str:
    """The file's text."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    t = 2 * np.pi * np.arange(SAMPLES * REVOLUTIONS) / SAMPLES

    def motion(harmonics: dict[float, complex], angle: NDArray[np.float64]) -> NDArray[np.float64]:
        waves = [np.real(a * np.exp(1j * k * angle)) for k, a in harmonics.items()]
        total: NDArray[np.float64] = np.sum(waves, axis=0)
        return total

    x, y = motion(X, t), motion(Y, t)
    rows = [
        x * np.cos(p)
        + y * np.sin(p)
        + motion(FORM, t - p)
        + ECCENTRICITY_UM * np.cos(t - p + PHASE)
        + NOISE_UM * rng.standard_normal(len(t))
        for p in np.radians(ANGLES_DEG)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"p{i + 1}_um" for i in range(len(rows))])
    writer.writerows([f"{value:.3f}" for value in row] for row in np.column_stack(rows))
    return text.getvalue()


if __name__ == "__main__":
    Path(__file__).with_name("record.csv").write_text(record(), encoding="utf-8")
