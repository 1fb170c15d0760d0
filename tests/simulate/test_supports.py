"""The simulated face does what its description says."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recore.simulate.supports import Face, demo_log, supports

QUIET = Face(noise_mpa=0.0, resolution_mpa=0.0)


def leg_of(simulated, support=1, leg=1):
    table = simulated.log.filter((pc.field("support") == support) & (pc.field("leg") == leg))
    t = (table["ts"].to_numpy() - np.datetime64("2026-01-01")) / np.timedelta64(1, "s")
    return t, table["pressure_mpa"].to_numpy().astype(float)


def test_the_seed_decides():
    assert supports(1, days=0.05).log.equals(supports(1, days=0.05).log)
    assert not supports(1, days=0.05).log.equals(supports(2, days=0.05).log)
    # a leg does not depend on how many others there are
    a, b = supports(1, supports=1, days=0.05), supports(1, supports=3, days=0.05)
    assert a.log.equals(b.log.slice(0, a.log.num_rows))


def test_log_is_sorted_and_complete():
    log = supports(3, supports=2, days=0.1).log
    assert log.num_rows == 4 * 8640
    assert log.schema.field("pressure_mpa").type == pa.float32()
    assert log.equals(log.sort_by([("support", "ascending"), ("leg", "ascending"), ("ts", "ascending")]))


def test_a_leg_holds_by_the_loading_law_and_leaks():
    simulated = supports(
        4, supports=1, days=0.2, face=Face(**{**vars(QUIET), "leaking": (((1, 1), 0.2),), "yield_mpa": 99})
    )
    t, p = leg_of(simulated)
    cycle = simulated.cycles.filter((pc.field("leg") == 1) & (pc.field("start_s") > 0)).to_pylist()[0]
    set_at = t[(t > cycle["start_s"]) & (p >= cycle["setting_mpa"] - 0.2)][0]
    for moment in (600, 1500):
        k = np.searchsorted(t, set_at + moment)
        expected = (
            cycle["setting_mpa"]
            + cycle["loading_mpa"] * np.log1p(moment / cycle["tau_s"])
            - 0.2 * moment / 60
        )
        assert p[k] == pytest.approx(expected, abs=0.05)


def test_legs_of_a_support_move_together():
    cycles = supports(5, supports=1, days=0.2).cycles
    one, other = (
        cycles.filter(pc.field("leg") == leg).select(["start_s", "release_s", "end_s"]) for leg in (1, 2)
    )
    assert one.equals(other)


def test_the_yield_valve_opens_and_reseats():
    face = Face(**{**vars(QUIET), "setting_mpa": 36.0, "loading_mpa": (3.0, 3.0)})
    simulated = supports(6, supports=1, days=0.3, face=face)
    t, p = leg_of(simulated)
    assert p.max() <= face.yield_mpa + 0.05
    for cycle in simulated.cycles.filter((pc.field("leg") == 1) & (pc.field("start_s") > 0)).to_pylist()[:-1]:
        held = p[(t > cycle["start_s"] + 10) & (t < cycle["release_s"])]
        assert np.count_nonzero(np.diff(held) < -1) == cycle["yields"] > 0


def test_faults_of_the_record():
    face = Face(gaps=((1000.0, 2000.0),), stuck=(((1, 2), (3000.0, 4000.0)),), offset=(((1, 1), 3.0),))
    clean, spoilt = supports(7, supports=1, days=0.1), supports(7, supports=1, days=0.1, face=face)
    t, p = leg_of(spoilt)
    assert not ((t >= 1000) & (t < 2000)).any()
    assert p[t < 1000] == pytest.approx(leg_of(clean)[1][:1000] + 3, abs=0.11)
    t, p = leg_of(spoilt, leg=2)
    assert len(set(p[(t >= 3000) & (t < 4000)])) == 1
    assert spoilt.legs.to_pylist()[0] == {"support": 1, "leg": 1, "leak_mpa_per_min": 0.0, "offset_mpa": 3.0}


def test_event_driven_record():
    face = Face(report_change_mpa=0.2, heartbeat_s=60.0)
    full, sparse = supports(8, supports=1, days=0.1), supports(8, supports=1, days=0.1, face=face)
    t, p = leg_of(sparse)
    assert sparse.log.num_rows < full.log.num_rows / 5
    assert np.diff(t).max() <= 61
    grid, whole = leg_of(full)
    held = p[np.searchsorted(t, grid, side="right") - 1]
    assert np.abs(held - whole).max() <= 0.2 + 1e-5


def test_jitter_keeps_the_order():
    t, _ = leg_of(supports(9, supports=1, days=0.05, face=Face(jitter_s=0.3)))
    assert (np.diff(t) > 0).all()
    assert np.diff(t).std() > 0.1


def test_demo_log_is_small_enough_to_ship():
    sink = io.BytesIO()
    pq.write_table(
        demo_log(),
        sink,
        compression="zstd",
        row_group_size=21_000,
        use_dictionary=["support", "leg", "pressure_mpa"],
        column_encoding={"ts": "DELTA_BINARY_PACKED"},
    )
    assert sink.tell() < 300_000
