"""Shears, weighting and risk of a face: from tables of cycles with known truth, and through the real door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from face_cycles import Cut, Drawn, Roof, breaks, draw
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.method import Refusal
from recore.metrology.support.breaks import intervals, mean_and_u, shear_means
from recore.metrology.support.risk import assess
from recore.metrology.support.shears import shears
from recore.metrology.support.weighting import Weighting, weigh
from recore.metrology.support.zones import Zone, find_zones
from recore.rules import RuleSet, shipped
from recore.rules.known import Known
from recore.simulate.supports.face import LongwallFace
from recore.simulate.supports.longwall import Longwall

SMALL = Cut(supports=20, shears=50)


def rows() -> Known:
    return Known(shipped("supports"), None)


def found(drawn: Drawn, yield_mpa: float = 42.0) -> Weighting:
    return weigh(drawn.table, (), rows(), 0.8, yield_mpa)


def agreement(drawn: Drawn) -> float:
    """Share of leg cycles whose shear differs from the truth by what most differ."""
    off = shears(drawn.table).row_shear - drawn.shear
    return float(np.mean(off == np.bincount(off - off.min()).argmax() + off.min()))


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(SMALL, id="both ways"),
        pytest.param(replace(SMALL, both_ways=False, sampling_s=30.0), id="one way, 30 s"),
        pytest.param(replace(SMALL, sampling_s=60.0, weekend_every_s=86400.0), id="60 s, idle days"),
        pytest.param(
            replace(SMALL, missing=0.08, again=0.04, tried=0.04, gap=0.0), id="missing, again, tried"
        ),
        pytest.param(
            replace(SMALL, pass_s=1.0, jitter_s=60.0, turn_s=(2400.0, 4000.0), stop=0.0), id="all at once"
        ),
        pytest.param(replace(SMALL, supports=6, legs=4), id="six supports of four legs"),
    ],
)
def test_every_cycle_knows_its_shear(cut: Cut) -> None:
    assert agreement(draw(1, replace(cut, gap=0.0))) > 0.97


def test_a_shear_says_when_where_and_which_way() -> None:
    drawn = draw(2, replace(SMALL, gap=0.0, stop=0.0, missing=0.0, again=0.0, tried=0.0))
    table = shears(drawn.table).table
    assert table.num_rows == 50
    assert table["supports"].to_pylist() == [20] * 50
    assert table["direction"].to_pylist() == ["up", "down"] * 25
    begin = table["from"].to_numpy().astype("datetime64[s]").astype(float)
    assert np.all(np.diff(begin) > 0)


def test_cycles_of_one_support_that_is_lost_for_days_shift_no_count() -> None:
    drawn = draw(3, replace(SMALL, gap=0.0))
    support = drawn.table["support"].to_numpy()
    keep = ~((support == 7) & (drawn.shear > 10) & (drawn.shear < 35))
    cut = Drawn(drawn.table.filter(pa.array(keep)), drawn.shear[keep], drawn.start, drawn.end)
    assert agreement(cut) > 0.99


def test_no_cycle_is_no_shear() -> None:
    assert shears(draw(1, SMALL).table.slice(0, 0)).table.num_rows == 0


@given(order=st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_changes_nothing(order: Any) -> None:
    table = draw(4, replace(SMALL, supports=6, shears=15)).table
    places = list(range(table.num_rows))
    order.shuffle(places)
    assert np.array_equal(shears(table).row_shear[places], shears(table.take(places)).row_shear)


@pytest.mark.parametrize(
    ("roof", "supports"),
    [
        pytest.param(Roof(), 2, id="logarithmic"),
        pytest.param(Roof(law="power", factor=1.6, seen_yields=False), 2, id="power law, yields not seen"),
        # a break is as high as three spreads of one place here: its side is told within a fifth of the face
        pytest.param(Roof(law="saturating", scatter=0.35, drift=0.3), 4, id="saturating, drift"),
    ],
)
def test_breaks_are_found_with_their_zones_and_shears(roof: Roof, supports: int) -> None:
    zones = breaks(11, 50, 20)
    assert len(zones) >= 2
    result = found(draw(11, replace(SMALL, gap=0.0), replace(roof, zones=zones)))
    seen = [
        (z["first_shear"], z["last_shear"], z["support_from"], z["support_to"])
        for z in result.zones.to_pylist()
    ]
    assert len(seen) == len(zones)
    for one, other in zip(seen, zones, strict=True):
        assert np.all(np.abs(np.subtract(one, other)) <= (1, 1, supports, supports))
    true = np.mean(np.diff([z[0] for z in zones])) * 0.8
    assert result.interval_m is not None and abs(result.interval_m.value - true) <= 0.8


def test_a_quiet_roof_has_no_break() -> None:
    result = found(draw(12, replace(SMALL, gap=0.0)))
    assert result.breaks.value == 0 and result.zones.num_rows == 0
    assert [note.code for note in result.refusals] == ["interval", "persistence"]
    assert result.interval_m is None and result.persistence_m is None


def test_a_step_in_a_map_is_found_where_it_is() -> None:
    load = np.random.default_rng(0).normal(0, 1, (60, 40))
    load[20:26, 10:25] += 5.0
    load[40:46, 8:20] += 4.0
    load[np.random.default_rng(1).uniform(size=load.shape) < 0.1] = np.nan
    assert [(z.first, z.last, z.left, z.right) for z in find_zones(load)] == [
        (20, 25, 10, 24),
        (40, 45, 8, 19),
    ]
    assert find_zones(np.full((5, 5), np.nan)) == ()


def test_breaks_side_by_side_that_end_apart_are_two() -> None:
    load = np.random.default_rng(2).normal(0, 1, (60, 40))
    load[20:24, 2:18] += 8.0
    load[22:29, 18:36] += 8.0
    load[45:47, 5:30] += 8.0
    assert [(z.first, z.last, z.left, z.right) for z in find_zones(load)] == [
        (20, 23, 2, 17),
        (22, 28, 18, 35),
        (45, 46, 5, 29),
    ]


def places(load: np.ndarray) -> list[tuple[int, int, int, int]]:
    return [(z.first, z.last, z.left, z.right) for z in find_zones(load)]


def test_breaks_in_more_than_half_of_all_shears_are_told_from_the_quiet() -> None:
    load = np.random.default_rng(3).normal(0, 1, (48, 30))
    for first in range(2, 44, 6):
        load[first : first + 4, 5:22] += 6.0
    found_ = places(load)
    assert [(z[0], z[1]) for z in found_] == [(k, k + 3) for k in range(2, 44, 6)]
    assert all(abs(z[2] - 5) <= 1 and abs(z[3] - 21) <= 1 for z in found_)


def test_a_break_of_a_single_shear_counts_where_it_is_strong() -> None:
    load = np.random.default_rng(4).normal(0, 1, (60, 30))
    load[20, 4:20] += 8.0
    assert places(load) == [(20, 20, 4, 19)]
    load[20, 4:20] -= 7.0
    assert places(load) == []


def test_three_quiet_supports_part_two_zones_and_two_faulty_ones_do_not() -> None:
    load = np.random.default_rng(5).normal(0, 1, (60, 30))
    load[20:24, 2:27] += 9.0
    load[20:24, 12:14] = np.random.default_rng(6).normal(0, 1, (4, 2))
    assert places(load) == [(20, 23, 2, 26)]
    load[20:24, 11:15] = np.random.default_rng(6).normal(0, 1, (4, 4))
    assert places(load) == [(20, 23, 2, 10), (20, 23, 15, 26)]


def test_two_breaks_with_one_quiet_shear_between_are_two_and_an_unknown_shear_parts_none() -> None:
    load = np.random.default_rng(7).normal(0, 1, (60, 30))
    load[20:23, 2:20] += 9.0
    load[24:27, 2:20] += 9.0
    assert places(load) == [(20, 22, 2, 19), (24, 26, 2, 19)]
    load[23] = np.nan
    assert places(load) == [(20, 26, 2, 19)]


@pytest.mark.parametrize("seed", [8, 9, 10])
def test_what_the_whole_face_has_in_common_is_no_break(seed: int) -> None:
    rng = np.random.default_rng(seed)
    common = np.exp(rng.normal(0, 0.4, (120, 1)))  # heavier upper tail, and no number of supports averages it
    assert places(common * 3 + rng.normal(0, 1, (120, 50))) == []


def test_a_narrow_load_beside_wide_breaks_is_a_local_one() -> None:
    load = np.random.default_rng(11).normal(0, 1, (80, 40))
    for first in (10, 30, 50):
        load[first : first + 3, 5:35] += 8.0
    load[65:69, 10:16] += 8.0
    assert [z[0] for z in places(load)] == [10, 30, 50]


def test_an_idle_day_is_no_break_and_hides_none() -> None:
    zones = ((20, 22, 3, 18),)
    cut = replace(SMALL, gap=0.0, stop=0.0)
    drawn = draw(17, cut, Roof(zones=zones))
    shift = np.where(drawn.shear >= 35, 30_000_000_000, 0)
    late = np.where(drawn.shear >= 34, 30_000_000_000, 0)
    table = drawn.table
    for name, by in (("start", shift), ("end", late)):
        moved = table[name].to_numpy().astype("datetime64[us]").astype(np.int64) + by
        table = table.set_column(
            table.column_names.index(name), name, pa.array(moved, pa.int64()).cast(pa.timestamp("us", "UTC"))
        )
    rise = np.where(drawn.shear == 34, 8.0, 0.0)  # what the roof adds over the idle hours
    for name in ("final_mpa", "twap_mpa"):
        table = table.set_column(
            table.column_names.index(name), name, pa.array(table[name].to_numpy() + rise)
        )
    result = weigh(table, (), rows(), 0.8, 42.0).zones.to_pylist()
    assert [(z["first_shear"], z["last_shear"]) for z in result] == [(20, 22)]


def test_who_is_not_set_unknown_or_stuck_does_not_work() -> None:
    drawn = draw(16, replace(SMALL, gap=0.0, stop=0.0, missing=0.0, again=0.0, tried=0.0))
    numbered = shears(drawn.table)
    support, leg = drawn.table["support"].to_numpy(), drawn.table["leg"].to_numpy()
    keep = ~((drawn.shear == 10) & (support == 3)) & ~((drawn.shear == 11) & (support == 4) & (leg == 1))
    table = drawn.table.filter(pa.array(keep))
    begin = numbered.table["from"][20:22].combine_chunks()
    quality = pa.table(
        {
            "support": [5],
            "leg": [2],
            "kind": ["stuck"],
            "from": begin[:1],
            "to": begin[1:],
            "value_mpa": [30.0],
        }
    )
    share = shear_means(table, shears(table), quality, 5.0)["not_working_share"]
    where = {int(k): round(float(v) * 20) for k, v in enumerate(share) if v}
    assert len(where) == 3 and set(where.values()) == {1}


def test_intervals_are_of_the_same_supports() -> None:
    zones = (Zone(5, 8, 0, 9, 1.0), Zone(7, 9, 20, 29, 1.0), Zone(20, 24, 1, 8, 1.0))
    assert intervals(zones) == [15]
    assert mean_and_u([15], 0.8) == (12.0, None)
    mean, u = mean_and_u([14, 16], 0.8)
    assert mean == 12.0
    assert u == pytest.approx(2 * 0.8 * np.sqrt(2 / 2 + 1 / 12))


def test_severity_is_what_the_rows_say() -> None:
    known = rows()
    words = [
        row.params["severity"] if row else None
        for row in (
            known.about("supports", "weighting:severity", {"peak_share": s}) for s in (0.7, 0.75, 0.9, 0.91)
        )
    ]
    assert words == [None, "normal", "normal", "severe"]


def test_what_would_be_a_guess_is_refused() -> None:
    drawn = draw(13, replace(SMALL, shears=30, gap=0.0))
    support = drawn.table["support"].to_numpy()
    with pytest.raises(Refusal, match="few-shears"):
        weigh(drawn.table.filter(pa.array(drawn.shear < 6)), (), rows(), 0.8, 42.0)
    with pytest.raises(Refusal, match="supports-apart"):
        weigh(drawn.table.filter(pa.array(support % 3 == 0)), (), rows(), 0.8, 42.0)
    with pytest.raises(Refusal, match="rule-row-missing"):
        weigh(drawn.table, (), Known(RuleSet(()), None), 0.8, 42.0)


def leaky(table: pa.Table) -> pa.Table:
    """Support 4 leaks and is set low, support 9 has a leg that carries nothing."""
    support, leg = table["support"].to_numpy(), table["leg"].to_numpy()
    setting, twap = table["setting_mpa"].to_numpy().copy(), table["twap_mpa"].to_numpy().copy()
    setting[support == 4] *= 0.6
    twap[(support == 9) & (leg == 1)] *= 0.3
    leak = np.where(support == 4, 0.5, 0.0)
    for name, values in (("setting_mpa", setting), ("twap_mpa", twap)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table.append_column("leak_mpa_per_min", pa.array(leak))


def test_risk_names_the_support_and_the_reason() -> None:
    table = leaky(draw(14, replace(SMALL, gap=0.0), Roof(slow_legs=0.0)).table)
    result = assess(table, (), rows(), 42.0, 27.0)
    by_support = {row["support"]: row for row in result.supports.to_pylist()}
    assert "loses pressure" in by_support[4]["reasons"] and "set low" in by_support[4]["reasons"]
    assert "legs apart" in by_support[9]["reasons"] and "carries little" in by_support[9]["reasons"]
    assert by_support[9]["health"] < by_support[12]["health"] and by_support[4]["health"] < 80
    assert by_support[12]["health"] > 85
    why = {(row["support"], row["sign"]) for row in result.evidence.to_pylist() if row["shears"] > 20}
    assert {(4, "leaking"), (9, "imbalance")} <= why


def test_no_support_is_called_high_for_its_setting_alone() -> None:
    table = draw(15, replace(SMALL, gap=0.0), Roof(rise_mpa=3.0)).table.append_column(
        "leak_mpa_per_min",
        pa.array(np.zeros(draw(15, replace(SMALL, gap=0.0), Roof(rise_mpa=3.0)).table.num_rows)),
    )
    result = assess(table, (), rows(), 42.0, 60.0)  # every setting is far below such a rating
    assert all(row["setting_adequacy"] < 0.1 and row["health"] > 60 for row in result.supports.to_pylist())
    assert result.high_supports.value == 0
    unrated = assess(table, (), rows(), 42.0, None)
    assert "setting-not-judged" in [note.code for note in unrated.flags]
    with pytest.raises(Refusal, match="few-shears"):
        assess(table.slice(0, 3), (), rows(), 42.0, 27.0)
    with pytest.raises(Refusal, match="rule-row-missing"):
        assess(table, (), Known(RuleSet(()), None), 42.0, 27.0)


def test_a_log_goes_through_the_real_door(recore: Callable[..., Any], tmp_path: Path) -> None:
    # supports stand released for longer than two samples of a sparse log, so that it holds every cycle
    sparse = Longwall(supports=8, days=2.0, interval_s=75.0, low_s=(160.0, 210.0), faults=())
    face = LongwallFace(5, sparse)
    log = tmp_path / "log.parquet"
    pq.write_table(pa.concat_tables(list(face.log())), log)
    ended = recore(
        "run",
        "support.weighting",
        log,
        "-p",
        "web_m=0.8",
        "-p",
        "yield_mpa=42",
        "--out",
        tmp_path / "w",
        "--json",
    )
    assert ended.status == 0, ended.err
    zones = pq.read_table(tmp_path / "w" / "weighting.parquet").to_pylist()
    true = face.weighting().to_pylist()
    assert len(zones) == len(true)
    for one, other in zip(zones, true, strict=True):
        assert abs(one["support_from"] - other["support_from"]) <= 2
        assert abs((one["from"] - other["from"]).total_seconds()) < 3600
    assert (tmp_path / "w" / "shears.csv").exists()
    ended = recore("run", "support.risk", log, "-p", "yield_mpa=42", "--out", tmp_path / "r", "--json")
    assert ended.status == 0, ended.err
    assert pq.read_table(tmp_path / "r" / "risk.parquet").num_rows == 8
    ended = recore("run", "support.weighting", log, "-p", "web_m=-1")
    assert ended.status == 2
