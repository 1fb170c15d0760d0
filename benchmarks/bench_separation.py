"""Multi-probe separation of 3 x 1024 x 500 samples: time and error, mpr-tools in the same run, a plain transpose.

    python benchmarks/bench_separation.py [--repeat 200] [--peer DIR]

DIR is the folder `src` of a checkout of mpr-tools (github.com/tuomastiainen/mpr-tools, MIT, last commit 2020-01), which
is not published as a package (a package of that name holds something else). Without it the times published for it are
printed. Its own code runs unchanged; only the drawing and file modules that it imports and does not need are left out.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recore.evidence import Table
from recore.metrology.spindle.separation.linear import layout, layout_rows, separate_signals
from recore.metrology.spindle.separation.revolutions import revolutions_of
from recore.metrology.spindle.separation.separate import separate

SAMPLES, TURNS, UPR = 1024, 500, 50
OPT50, FOUR = (0.0, 248.846, 307.644), (0.0, 38.0, 67.0, 180.0)
_NOT_NEEDED = (
    "matplotlib", "matplotlib.pyplot", "mpl_toolkits", "mpl_toolkits.mplot3d", "generate_signals", "plot_utils", "lvm_read",
)  # fmt: skip


def rig(angles: tuple[float, ...], seed: int, noise: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    """Record (P, n) [µm] with 5 µm of eccentricity and 10 nm of asynchronous motion, and its X, Y, R (3, K + 1)."""
    rng = np.random.default_rng(seed)
    k = np.arange(UPR + 1)
    truth = (rng.normal(size=(3, UPR + 1)) + 1j * rng.normal(size=(3, UPR + 1))) / np.maximum(k, 1)
    truth[:, :2] = 0
    t = 2 * np.pi * np.arange(SAMPLES) / SAMPLES
    waves = np.exp(1j * np.outer(k, t))
    truth *= (np.array([0.03, 0.03, 0.05]) / np.ptp((truth @ waves).real, axis=1))[:, None]
    phi = np.radians(angles)
    turn = (np.einsum("kpq,qk->pk", layout_rows(phi, UPR), truth) @ waves).real
    signals = np.tile(turn + 5 * np.cos(t - phi[:, None] + 0.7), TURNS)
    if noise:
        long = 2 * np.pi * np.arange(SAMPLES * TURNS) / SAMPLES
        for order in rng.uniform(0.3, 9.7, 3):
            x, y = 0.01 * np.sqrt(2 / 3) * np.cos(order * long + rng.uniform(0, 6, (2, 1)))
            signals += np.cos(phi)[:, None] * x + np.sin(phi)[:, None] * y
        signals += noise * rng.standard_normal(signals.shape)
    return signals, truth


def timed(repeat: int, call: Callable[[], Any]) -> tuple[float, float]:
    """Best and median time [ms]."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times), statistics.median(times)


def told(what: str, ms: tuple[float, float], beside: str = "") -> None:
    print(f"{what:<58} {ms[0]:>9.3f} {ms[1]:>9.3f}  {beside}")


def peer(folder: Path) -> tuple[Any, Any]:
    """The modules mpr_tools and data_utils of a checkout."""
    for name in _NOT_NEEDED:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]  # type: ignore[attr-defined]
    sys.modules["mpl_toolkits.mplot3d"].Axes3D = None  # type: ignore[attr-defined]
    sys.modules["generate_signals"].generate_profile_signals = None  # type: ignore[attr-defined]
    sys.modules["generate_signals"].polar_to_cartesian = None  # type: ignore[attr-defined]
    sys.modules["plot_utils"].polar_plot = None  # type: ignore[attr-defined]
    sys.path.insert(0, str(folder))
    import data_utils  # type: ignore[import-not-found]
    import mpr_tools  # type: ignore[import-not-found]

    return mpr_tools, data_utils


def rms(error: np.ndarray) -> float:
    """Of harmonics from 3 on [nm]."""
    return 1e3 * float(np.sqrt((np.abs(error[..., 3:]) ** 2).sum() / 2))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--peer", type=Path, default=None)
    given = parser.parse_args()

    signals, truth = rig(OPT50, 1)
    phi = np.radians(OPT50)
    lay = layout(phi, UPR, 10.0)
    print(f"3 x {SAMPLES} x {TURNS} samples, {UPR} UPR{'best ms':>40} {'median':>9}")
    ours = timed(given.repeat, lambda: separate_signals(signals, SAMPLES, lay.solver))
    told("separation in memory: average, transform, solve", ours, "goal 1 ms")
    told("building the estimators of a layout", timed(20, lambda: layout(phi, UPR, 10.0)))
    blocks = np.array_split(signals, 4, axis=1)
    one_pass = timed(10, lambda: revolutions_of(blocks, 3, SAMPLES, UPR))
    told("one pass with what the noise estimate needs", one_pass)
    table = Table.of({f"p{p + 1}_um": signal for p, signal in enumerate(signals)})

    def method(trials: int) -> Any:
        return separate(
            table, probe_angles_deg=list(OPT50), samples_per_revolution=SAMPLES, max_upr=UPR, trials=trials
        )

    told("whole method without Monte Carlo", timed(5, lambda: method(0)))
    told("whole method, 1000 Monte Carlo trials", timed(3, lambda: method(1000)))
    told("limit: the sum of all samples", timed(given.repeat, signals.sum))

    errors = []
    for seed in range(10):
        record, known = rig(OPT50, seed)
        errors.append(rms((separate_signals(record, SAMPLES, lay.solver) - known)[2]))
    clean, known = rig(OPT50, 1, noise=0)
    exact = np.abs(separate_signals(clean, SAMPLES, lay.solver) - known)[:, 2:].max() / 0.03
    print(
        f"form error from 3 UPR on, 10 rigs: mean {np.mean(errors):.4f} nm, largest {max(errors):.4f} nm; "
        f"without noise {exact:.1e} of the peak-to-valley"
    )

    # second formulation: the plain transpose of the complex rows
    four, known = rig(FOUR, 2)
    wide = layout(np.radians(FOUR), UPR, 10.0)
    rows = layout_rows(np.radians(FOUR), UPR)[2:]
    plain = np.linalg.inv(rows.swapaxes(1, 2) @ rows) @ rows.swapaxes(1, 2)
    mean = np.fft.rfft(four.reshape(4, TURNS, SAMPLES).mean(axis=1), axis=1)[:, 2 : UPR + 1] * 2 / SAMPLES
    theirs = np.einsum("kqp,pk->qk", plain, mean)[2] - known[2, 2:]
    mine = (separate_signals(four, SAMPLES, wide.solver) - known)[2]
    gain = {
        "conjugate": float(np.sqrt((wide.solver.gain[2:, 2] ** 2).mean())),
        "plain": float(np.sqrt((np.abs(plain[:, 2]) ** 2).sum(axis=1).mean())),
    }
    print(
        f"4 probes at 0/38/67/180°: rms gain {gain['conjugate']:.3f} with the conjugate transpose, {gain['plain']:.3f} with "
        f"the plain one; error from 3 UPR on {rms(mine):.4f} and {rms(np.r_[0, 0, theirs]):.4f} nm in this record"
    )

    if given.peer is None:
        print(
            "mpr-tools was not given (--peer DIR) and cannot be installed as a package; published for it: 7 to 8.5 ms for "
            f"the coefficients of one revolution, that is {7 / ours[0]:.0f} to {8.5 / ours[0]:.0f} times the separation here "
            "with its averaging over 500 revolutions, and 74 ms for averaging one probe"
        )
        return
    tools, data = peer(given.peer)
    averaged = data.average([np.array(s) for s in signals], SAMPLES)
    coefficients = timed(10, lambda: tools.ozono_f_coeff(averaged, list(OPT50)))
    told(
        "mpr-tools: coefficients from averaged signals",
        coefficients,
        f"{coefficients[0] / ours[0]:.0f} times",
    )
    one_probe = timed(1, lambda: data.average([np.array(signals[0])], SAMPLES))
    told("mpr-tools: averaging one probe", one_probe, f"{one_probe[0] / ours[0]:.0f} times")
    error = tools.ozono_f_coeff(averaged, list(OPT50))[: UPR + 1] * 2 / SAMPLES - truth[2]
    print(
        f"form error from 3 UPR on, the same record: {rms(error):.4f} nm, here "
        f"{rms((separate_signals(signals, SAMPLES, lay.solver) - truth)[2]):.4f} nm"
    )
    try:
        found = tools.jansen_roundness_f_coeff(data.average(list(four), SAMPLES), list(FOUR), UPR)
        print(f"mpr-tools, 4 probes: {rms(found[: UPR + 1] * 2 / SAMPLES - known[2]):.4f} nm")
    except Exception as broken:
        print(f"mpr-tools, 4 probes: breaks on numpy {np.__version__} ({type(broken).__name__}: {broken})")


if __name__ == "__main__":
    main()
