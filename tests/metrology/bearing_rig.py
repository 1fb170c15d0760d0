"""A bearing test rig in numbers: impacts through a resonance among shaft lines, gears and coloured noise.

Written from the physics, without the code under test: every impact is placed in shaft angle, carries a random slip,
and is weighted by the load zone it happens in.
"""

from __future__ import annotations

import numpy as np

# (BPFO, BPFI, BSF, FTF) of 9 balls of 0.3126 in on 1.537 in
ORDERS = (3.58479, 5.41521, 2.35672, 0.39831)
RATE = 12_000.0
SHAFT = 30.0


def record(part, *, seed, turns=120, snr=0.5, slip=0.004, jitter=0.005, shaft=SHAFT, sway=0.0, machine=True):
    """Samples, and the shaft angle [turns] at each.

    part : 'none', 'outer', 'inner', 'ball' or several joined by '+'
    snr : rms of the impacts over that of everything else
    slip : how far the fundamental lies from its kinematic place; jitter : scatter of each gap between impacts
    sway : relative swing of the speed
    """
    rng = np.random.default_rng(seed)
    n = int(turns / shaft * RATE)
    t = np.arange(n) / RATE
    speed = shaft * (1 + sway * np.sin(2 * np.pi * t * 3 / t[-1]))
    angle = np.cumsum(speed) / RATE
    noise = rng.standard_normal(n + 64)
    x = np.convolve(noise, 0.8 ** np.arange(16) * np.cos(np.arange(16)), "valid")[:n]
    x /= x.std()
    if machine:
        turn = 2 * np.pi * angle
        for k in range(1, 9):
            x += 0.3 / k * np.cos(k * turn + rng.uniform(0, 6))
        x += 0.5 * (1 + 0.3 * np.cos(turn + 1)) * np.cos(23 * turn)
        x *= 1 + 0.15 * np.cos(turn + rng.uniform(0, 6))
    scale = x.std()
    for one in part.split("+"):
        if one != "none":
            y = _impacts(one, angle, rng, slip, jitter)
            x += snr * scale * y / y.std()
    return x, angle


def _impacts(part, angle, rng, slip, jitter):
    order = {"outer": ORDERS[0], "inner": ORDERS[1], "ball": 2 * ORDERS[2]}[part] * (1 + slip)
    gaps = (1 + jitter * rng.standard_normal(int(angle[-1] * order) + 8)) / order
    at = np.cumsum(gaps)
    at = at[at < angle[-1]]
    strength = 1 + 0.1 * rng.standard_normal(len(at))
    if part == "inner":  # a spot on the shaft's ring passes the load zone once a turn
        strength *= np.clip(0.2 + np.cos(2 * np.pi * at), 0, None)
    if part == "ball":  # a ball passes it once a turn of the cage, and strikes the rings unequally
        strength *= (1 + 0.7 * np.cos(2 * np.pi * ORDERS[3] * at)) * np.where(
            np.arange(len(at)) % 2, 1.0, 0.8
        )
    train = np.zeros(len(angle))
    np.add.at(train, np.searchsorted(angle, at), strength)
    tau = np.arange(int(0.01 * RATE)) / RATE
    ring = np.exp(-2 * np.pi * 120 * tau) * np.sin(2 * np.pi * 3500 * tau)
    return np.convolve(train, ring)[: len(angle)]


def pulses(angle, per_turn=1):
    """A tacho: high for a third of each pulse."""
    return np.where((angle * per_turn) % 1 < 1 / 3, 5.0, 0.0)
