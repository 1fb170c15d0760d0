"""Planning of probe angles: gains and time beside published layouts and a plain random search.

    python benchmarks/bench_plan_probes.py [--seeds 3]

The peer is a random search with numpy's matrix inverse, given as long as the planner took. The first lines time the
command from a cold start, as a user waits for it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from recore.metrology.spindle.layout_gain import worst_gains
from recore.metrology.spindle.plan_probes import plan_probes
from recore.metrology.spindle.published_layouts import PUBLISHED

# probes, UPR, worst spindle gain to reach
GOALS = [(4, 100, 1.75), (4, 50, 1.50), (3, 50, 2.85), (3, 100, 3.65), (5, 100, 1.15)]


def by_inverse(angles: np.ndarray, highest: int) -> float:
    """Worst spindle gain of one layout, harmonic by harmonic from (H^H H)^-1."""
    phi = np.radians(angles)
    k = np.arange(2, highest + 1)
    form = np.exp(-1j * k[:, None] * phi)
    rows = np.stack(
        (np.broadcast_to(np.cos(phi), form.shape), np.broadcast_to(np.sin(phi), form.shape), form), axis=-1
    )
    normal = np.conj(rows.transpose(0, 2, 1)) @ rows
    if np.linalg.cond(normal).max() > 1e12:
        return np.inf
    return float(np.sqrt(np.linalg.eigvalsh(np.linalg.inv(normal)[:, :2, :2].real)[:, -1].max()))


def random_search(probes: int, highest: int, spacing: float, seconds: float) -> tuple[float, int]:
    """Best worst gain of random layouts within a time, and how many were tried."""
    rng = np.random.default_rng(1)
    best, tried, end = np.inf, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        share = rng.standard_exponential(probes)
        steps = spacing + (360 - probes * spacing) * share / share.sum()
        best = min(best, by_inverse(np.concatenate(([0.0], np.cumsum(steps)[:-1])), highest))
        tried += 1
    return best, tried


def command(probes: int, highest: int) -> tuple[float, float, float]:
    """Wall and processor time of the whole command, and the gain it prints."""
    words = ["run", "spindle.plan-probes", "-p", f"probes={probes}", "-p", f"max_upr={highest}"]
    start, before = time.perf_counter(), os.times()
    ended = subprocess.run(
        [sys.executable, "-m", "recore", *words, "-p", "min_spacing_deg=25", "--json"],
        check=True,
        capture_output=True,
    )
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, json.loads(ended.stdout)["results"]["spindle_gain"]["value"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    print("the command from a cold start, spacing 25 deg, goal 3 s")
    for probes, highest, goal in GOALS:
        wall, cpu, gain = command(probes, highest)
        print(
            f"  {probes} probes to {highest:3d} UPR: {wall:5.2f} s ({cpu:.2f} s of CPU)  gain {gain:.3f} (goal {goal})"
        )
    print("in process: worst gain, spindle / artefact; the peer is a random search of the same time")
    for probes, highest, goal in GOALS:
        for seed in range(1, seeds + 1):
            start, cpu = time.perf_counter(), time.process_time()
            plan = plan_probes(probes=probes, max_upr=highest, seed=seed)
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
            peer, tried = random_search(probes, highest, 25, wall)
            angles = "/".join(f"{angle:g}" for angle in plan.angles_deg.value)
            mine = plan.spindle_gain.value
            print(
                f"  {probes} probes to {highest:3d} UPR, seed {seed}: {mine:.3f} / {plan.artefact_gain.value:.3f}  "
                f"goal {goal} {'reached' if mine <= goal else 'MISSED'}  {wall:.2f} s ({cpu:.2f} s of CPU)  "
                f"peer {peer:.3f} from {tried} layouts, ratio {peer / mine:.2f}  {angles}"
            )
    print("published layouts")
    for layout in PUBLISHED:
        for highest in (50, 100):
            spindle, artefact = worst_gains(np.array([layout.angles_deg]), 2, highest)[0]
            planned = plan_probes(probes=len(layout.angles_deg), max_upr=highest, trials=0).spindle_gain.value
            print(
                f"  {layout.name:16s} {'/'.join(f'{a:g}' for a in layout.angles_deg):18s} to {highest:3d} UPR: "
                f"{spindle:.3f} / {artefact:.3f}, planned {planned:.3f}, ratio {spindle / planned:.2f}"
            )


if __name__ == "__main__":
    main()
