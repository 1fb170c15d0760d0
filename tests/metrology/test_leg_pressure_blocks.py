"""Samples in blocks, in calm stretches and one by one, interpreted and compiled: always the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recore.metrology.leg_pressure import calm, kernel
from recore.metrology.leg_pressure.glance import glance

LIMITS = kernel.Limits.of(5.0, 3.0, 40.0, 300.0)
SAMPLES = 12_000


def record(seed: int, step_ms: int, *, jitter: float, grain: float, noise: float) -> tuple[Any, Any]:
    """Times [ms] and pressures [MPa] of a leg: set, loaded, sometimes up to its yield valve, released; now and
    then the sensor stands still, drops out, or says nothing."""
    rng = np.random.default_rng(seed)
    steps = step_ms * (1.0 + jitter * rng.uniform(-0.8, 0.8, SAMPLES))
    steps[rng.random(SAMPLES) < 0.0005] *= rng.integers(2, 900)
    ts = np.cumsum(np.maximum(steps, 1.0)).astype(np.int64)
    seconds = ts / 1000.0
    p = np.empty(SAMPLES)
    begin = 0
    while begin < SAMPLES:
        end = int(min(np.searchsorted(seconds, seconds[begin] + rng.uniform(300, 4000)), SAMPLES))
        since = seconds[begin:end] - seconds[begin]
        load = 25.0 + rng.uniform(0.5, 6.0) * np.log1p(since / rng.uniform(60, 400))
        ceiling = 40.3 - 2.5 * ((since // rng.uniform(150, 400)) % 2)
        p[begin:end] = np.minimum(load, ceiling)
        released = int(min(np.searchsorted(seconds, seconds[end - 1] + rng.uniform(8, 40)), SAMPLES))
        p[end:released] = rng.uniform(0.5, 2.5)
        begin = max(released, end)
    p += rng.normal(0.0, noise, SAMPLES) if noise else 0.0
    for at in rng.integers(0, SAMPLES, 6):
        p[at] = rng.choice([0.0, 60.0])
    for at in rng.integers(0, SAMPLES, 3):
        p[at : at + int(rng.integers(100, 900))] = p[at]
    return ts, np.round(p / grain) * grain if grain else p


KINDS = {
    "even": (1000, 0.0, 0.0, 0.05),
    "coarse": (1000, 0.0, 0.1, 0.02),
    "still": (1000, 0.0, 0.1, 0.0),
    "jitter": (1000, 1.0, 0.0, 0.05),
    "fast": (400, 0.0, 0.01, 0.1),
    "slow": (10_000, 0.0, 0.05, 0.05),
    "slower": (30_000, 0.2, 0.0, 0.0),
}


def followed(advance: Any, ts: Any, p: Any) -> bytes:
    state = kernel.new_state()
    written = tuple(np.zeros(4096, kind) for kind in (kernel.CYCLE, kernel.EVENT, kernel.RUN))
    count = np.zeros(3, np.int64)
    i, why = advance(ts, p, 1000, 0, 1, state, *written, count, tuple(LIMITS), kernel.loading_law())
    assert (i, why) == (len(ts), kernel.DONE)
    return b"".join((state.tobytes(), count.tobytes(), *(rows.tobytes() for rows in written)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_blocks_and_samples_give_the_same_bits(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step, jitter, grain, noise = KINDS[kind]
    compiled = kernel.compiled()
    for seed in range(2):
        ts, p = record(seed, step, jitter=jitter, grain=grain, noise=noise)
        whole = kernel.quantised(p)
        taken = {"calm": 0}
        original = calm.take_calm

        def counted(*given: Any, original: Any = original, taken: dict[str, int] = taken) -> int:
            after = int(original(*given))
            taken["calm"] += after - given[5]
            return after

        monkeypatch.setattr(kernel, "take_calm", counted)
        together = followed(kernel.interpreted, ts, whole)
        monkeypatch.setattr(kernel, "take_calm", lambda s, c, ts, p, tick, i, *rest: i)
        in_blocks = followed(kernel.interpreted, ts, whole)
        monkeypatch.setattr(kernel, "take_block", lambda s, c, ts, p, tick, i, steady, *rest: (i, steady))
        assert together == in_blocks == followed(kernel.interpreted, ts, whole)
        monkeypatch.undo()
        if compiled is not None:
            assert followed(compiled, ts, whole) == together
        assert taken["calm"] > SAMPLES // 4 or kind in ("still", "coarse", "jitter", "slower", "slow")


@pytest.mark.parametrize("kind", (np.float32, np.float64))
def test_a_compiled_glance_sees_what_numpy_sees(kind: Any) -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0.1, 60.0, 5000).astype(kind)
    p[:8] = [1e-5 * (k + 0.5) for k in range(1, 9)]  # halves go to even
    ts = np.cumsum(rng.integers(1, 3000, 5000))
    slow, fast = glance(ts, p, small=True), glance(ts, p, small=False)
    assert slow.steps == fast.steps
    assert slow.steps.uneven > 0
    assert slow.whole.tobytes() == fast.whole.tobytes()
    assert not slow.spoilt
    assert not fast.spoilt
    for bad in (np.nan, np.inf, -np.inf, -0.5, 101.0, 1e9, -1e9):
        spoilt = p.copy()
        spoilt[77] = bad
        assert glance(ts, spoilt, small=True).spoilt
        assert glance(ts, spoilt, small=False).spoilt
        if np.isfinite(bad):
            assert (glance(ts, spoilt, small=True).whole == glance(ts, spoilt, small=False).whole).all()
    for n in (0, 1, 2):
        assert glance(ts[:n], p[:n], small=True).steps == glance(ts[:n], p[:n], small=False).steps
    assert glance(ts[::-1].copy(), p, small=True).steps == glance(ts[::-1].copy(), p, small=False).steps
