"""support.cycles: releases that fall between two samples of a slow record."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest

from recore.evidence import Table
from recore.metrology.leg_pressure import unseen
from recore.metrology.leg_pressure.cycles import support_cycles

S = 10**6
BEGIN = int(np.datetime64("2026-03-02T00:00:00", "us").astype(np.int64))
STEP_S = 30


def face(low_s, hours=16.0, seed=3, step_s=STEP_S, yields=False):
    """Long table of one support whose legs are let go together, and its cycles (start, end) in s."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(1800, 3000, int(hours * 2))
    lows = rng.uniform(*low_s, len(lengths))
    begins = 600 + np.cumsum(lengths + lows) - lengths - lows
    ends = begins + lengths
    t = np.arange(0, int(hours * 3600), step_s)
    k = np.searchsorted(begins, t, "right") - 1
    age = t - begins[np.maximum(k, 0)]
    is_set = (k >= 0) & (t < ends[np.maximum(k, 0)])
    columns = []
    for leg in (1, 2):
        setting = rng.normal(27, 0.5, len(lengths))[np.maximum(k, 0)]
        p = setting + 2.0 * np.log1p(np.maximum(age, 0) / 120)
        if yields:  # opens at 40, reseats 30 % below
            p = 28 + (setting - 27 + np.maximum(age, 0) / 60) % 12
        p = np.where(is_set, p, 1.0) + rng.normal(0, 0.05, len(t))
        columns.append((BEGIN + t * S, np.full(len(t), 1), np.full(len(t), leg), np.round(p, 1)))
    ts, support, leg, p = (np.concatenate(column) for column in zip(*columns, strict=True))
    table = pa.table(
        {"ts": pa.array(ts, pa.timestamp("us", "UTC")), "support": support, "leg": leg, "pressure_mpa": p}
    )
    whole = ends < hours * 3600 - 2 * step_s
    return table, np.stack((begins[whole], ends[whole]), axis=1)


def found(result, leg):
    rows = result.table.filter(pa.compute.equal(result.table["leg"], leg))
    return np.stack(
        [(rows[name].cast(pa.int64()).to_numpy() - BEGIN) / S for name in ("start", "end")], axis=1
    )


@pytest.fixture(scope="module")
def missed():
    return face((8, 15))


@pytest.fixture(scope="module")
def told(missed):
    return support_cycles(Table.of(missed[0]))


class TestBetweenSamples:
    def test_every_cycle_within_a_step(self, missed, told):
        for leg in (1, 2):
            cycles = found(told, leg)
            assert len(cycles) == len(missed[1])
            assert np.abs(cycles - missed[1]).max() <= STEP_S
            assert (cycles[:-1, 1] < cycles[1:, 0]).all()

    def test_says_so(self, told):
        (flag,) = [flag for flag in told.flags if flag.code == "release-unseen"]
        rows = [row for row in told.quality.to_pylist() if row["kind"] == "release-unseen"]
        assert [row["leg"] for row in rows] == [1, 2]
        assert flag.text.startswith(f"{sum(row['count'] for row in rows)} release(s)")
        # nobody saw how low
        empty = sum(row["low_mpa"] is None for row in told.table.to_pylist())
        assert empty >= sum(row["count"] for row in rows) - 2
        assert np.nanmin(told.table["low_mpa"].to_numpy()) > 0

    def test_can_be_left(self, missed, told):
        left = support_cycles(Table.of(missed[0]), unseen_releases=False)
        assert left.cycles.value < told.cycles.value / 2
        assert "release-unseen" not in {flag.code for flag in left.flags}

    def test_however_the_log_is_cut(self, missed, told):
        table = missed[0]
        cut = [table.slice(a, 700) for a in range(0, table.num_rows, 700)]
        again = support_cycles(*(Table.of(cut[k]) for k in (2, 0, 4, 1, 3, *range(5, len(cut)))))
        assert again.table.equals(told.table)


class TestNoneWhereNone:
    @pytest.mark.parametrize("low_s", [(70, 200)])
    def test_every_release_is_seen(self, low_s):
        table, truth = face(low_s)
        result = support_cycles(Table.of(table))
        assert "release-unseen" not in {flag.code for flag in result.flags}
        assert result.cycles.value == 2 * len(truth)

    def test_a_valve_that_reseats_far_below_is_no_release(self):
        table, truth = face((70, 200), yields=True)
        result = support_cycles(Table.of(table))
        assert result.cycles.value == 2 * len(truth)

    def test_a_bump_and_an_excursion(self):
        table, truth = face((70, 200))
        p = table["pressure_mpa"].to_numpy().copy()
        where = 20 + np.flatnonzero((p[:-1] < 3) & (p[1:] > 10))
        p[where[2:20:3]] -= 9.0  # comes back
        p[where[3] : where[3] + 30] += 3.0  # does not, for a while
        result = support_cycles(Table.of(table.set_column(3, "pressure_mpa", pa.array(p))))
        assert result.cycles.value == 2 * len(truth)

    def test_fast_records_are_not_looked_at(self):
        table, _ = face((8, 15), hours=3.0, step_s=5)
        assert "release-unseen" not in {flag.code for flag in support_cycles(Table.of(table)).flags}


def test_too_few_releases_tell_no_setting():
    assert unseen._expected(np.array([27.0, 28.0]), np.zeros(2), np.array([26.0])) is None
