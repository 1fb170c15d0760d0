"""Tiles and reads of a face against a plain loop over its cycles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.fleet.face import Face, prepare
from recore.fleet.tiles import MEASURES, Rows, Tiles, ladder, shear_sums, time_sums

UTC = pa.timestamp("us", "UTC")
HOUR = 3_600_000_000
BEGIN = int(np.datetime64("2026-03-01", "us").astype(np.int64))


def table(rows: list[tuple[int, int, float, float, float]], **more: list[object]) -> pa.Table:
    """Leg cycles from (support, leg, start h, end h, pressure)."""
    support, leg, start, end, p = (np.array(column) for column in zip(*rows, strict=True))
    times = {
        name: pa.array((BEGIN + column * HOUR).astype(np.int64)).cast(UTC)
        for name, column in (("start", start), ("end", end))
    }
    pressures = dict.fromkeys(("setting_mpa", "final_mpa", "max_mpa", "twap_mpa"), p.astype(float))
    return pa.table({"support": support, "leg": leg, **times, **pressures, **more})


def opened(folder: Path, cycles: pa.Table, pairs: pa.Table | None = None, **how: int) -> Face:
    pq.write_table(cycles, folder / "cycles.parquet", **how)
    if pairs is not None:
        pq.write_table(pairs, folder / "support_cycles.parquet")
    return prepare(
        folder / "tiles" / "one",
        folder / "cycles.parquet",
        folder / "support_cycles.parquet" if pairs is not None else None,
    )


def test_a_cell_is_the_mean_weighted_by_time(tmp_path: Path) -> None:
    """20 MPa for half an hour and 30 MPa for a quarter of one: (20·2 + 30) / 3 = 23.33 MPa; idle 15 of 60 min."""
    face = opened(
        tmp_path,
        table(
            [
                (1, 1, 0.0, 0.5, 20.0),
                (1, 1, 0.5, 0.75, 30.0),
                (1, 1, 1.0, 3.0, 40.0),
                (1, 1, 20.0, 20.5, 30.0),
            ]
        ),
    )
    tile = face.tiles.tile("twap_mpa", window=(BEGIN // 1000, BEGIN // 1000 + 3 * 3_600_000), most=(10, 3))
    assert tile.step == 3_600_000
    assert tile.values[0].tolist() == pytest.approx([70 / 3, 40.0, 40.0], abs=1e-4)
    idle = face.tiles.tile("idle", window=(BEGIN // 1000, BEGIN // 1000 + 3 * 3_600_000), most=(10, 3))
    assert idle.values[0].tolist() == pytest.approx([0.25, 0.0, 0.0], abs=1e-6)
    assert face.tiles.means("twap_mpa") == pytest.approx([(20 * 0.5 + 30 * 0.75 + 40 * 2) / 3.25], abs=1e-4)


def naive(rows: Rows, first: int, step: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    weight, sums = np.zeros(shape), np.zeros(shape)
    for support, start, end, value in zip(
        rows.support, rows.start, rows.end, rows.values["twap_mpa"], strict=True
    ):
        for column in range(shape[1]):
            low, high = first + column * step, first + (column + 1) * step
            shared = max(min(end, high) - max(start, low), 0)
            if np.isfinite(value):
                weight[support, column] += shared
                sums[support, column] += shared * round(value / MEASURES["twap_mpa"].step)
    return weight, sums


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 999),
            st.integers(1, 400),
            st.one_of(st.just(float("nan")), st.floats(0, 60)),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_sums_are_those_of_a_plain_loop(cycles: list[tuple[int, int, int, float]]) -> None:
    support, start, length, value = (np.array(column) for column in zip(*cycles, strict=True))
    end = np.minimum(start + length, 1000)
    rows = Rows(support, start, end, start // 100, {"twap_mpa": value.astype(float)})
    for step in (7, 50, 1000):
        shape = (4, -(-1000 // step))
        for found, wanted in zip(
            time_sums(rows, "twap_mpa", 0, step, shape), naive(rows, 0, step, shape), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
    weight, _ = shear_sums(rows, "twap_mpa", 0, (4, 10))
    known = np.isfinite(value) & (end > start)
    assert weight.sum() == (end - start)[known].sum()


def test_coarse_tiles_are_the_means_of_fine_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [
        (s, leg, h, h + 0.9, 20 + 10 * rng.random()) for s in (3, 4, 7) for leg in (1, 2) for h in range(300)
    ]
    face = opened(tmp_path, table(rows))
    whole = face.tiles.span("time")
    by_step = {}
    for columns in (400, 80, 13):
        tile = face.tiles.tile("twap_mpa", window=whole, most=(10, columns))
        assert tile.values.shape[1] <= columns
        by_step[tile.step] = tile
    assert len(by_step) == 3
    assert all(tile.supports.tolist() == [3, 4, 7] for tile in by_step.values())
    hour, day = by_step[3_600_000], by_step[86_400_000]
    # each hour holds 0.9 h of one cycle, so the day is the plain mean of its hours
    np.testing.assert_allclose(day.values[:, 0], hour.values[:, :24].mean(axis=1), atol=2e-3)


def test_a_window_of_cells_is_bounded_and_names_what_is_wrong(tmp_path: Path) -> None:
    face = opened(tmp_path, table([(s, 1, h, h + 1.0, 25.0) for s in range(1, 41) for h in range(10)]))
    assert face.tiles.tile("twap_mpa", most=(8, 5)).values.shape[0] == 8
    assert face.tiles.tile("twap_mpa", supports=(10, 12)).supports.tolist() == [10, 11, 12]
    for asked in (
        {"measure": "../face"},
        {"measure": "leak_mpa_per_min"},
        {"axis": "space"},
        {"window": (0, 1)},
        {"supports": (90, 99)},
    ):
        with pytest.raises(BadInput):
            face.tiles.tile(**{"measure": "twap_mpa", **asked})  # type: ignore[arg-type]
    assert face.tiles.tile("twap_mpa", "shear").values.shape[0] == 40
    with pytest.raises(BadInput):
        face.tiles.tile("idle", "shear")


def test_a_cycle_of_a_century_costs_no_more_cells() -> None:
    grids = ladder(130 * 365 * 86_400_000, 5_000, (300_000, 86_400_000, 31_449_600_000))
    assert grids[0].columns * 5_000 <= 4_000_000
    assert ladder(10**18, 5_000, (300_000,))[0].step == 300_000


@pytest.mark.parametrize("group", [7, 100_000])
def test_cycles_are_found_by_support_leg_and_time(tmp_path: Path, group: int) -> None:
    rows = [
        (s, leg, h + leg / 100, h + 0.9, 10.0 * s + leg + h / 1000)
        for s in (2, 9)
        for leg in (1, 2)
        for h in range(50)
    ]
    sorted_table = table(rows)
    shuffled = sorted_table.take(pa.array(np.random.default_rng(1).permutation(len(rows))))
    for number, cycles in enumerate((sorted_table, shuffled)):
        folder = tmp_path / str(number)
        folder.mkdir()
        face = opened(folder, cycles, row_group_size=group)
        assert (face.tiles.folder / "cycles.parquet").exists() == (number == 1)
        window = (BEGIN + 10 * HOUR, BEGIN + 13 * HOUR)
        found = face.cycles(9, 2, window=window)
        assert found["twap_mpa"].to_pylist() == pytest.approx([92.010, 92.011, 92.012])
        assert found.num_rows == 3
        assert face.cycles(9, most=4)["leg"].to_pylist() == [1] * 4 + [2] * 4
        at = face.newest(BEGIN + 20 * HOUR + HOUR // 2)
        assert at["twap_mpa"].tolist() == pytest.approx([21.02, 22.02, 91.02, 92.02], abs=1e-4)
        assert at["next"].tolist() == [BEGIN + 21 * HOUR + leg * HOUR // 100 for leg in (1, 2, 1, 2)]
        assert (face.newest(BEGIN - 1)["start"] == -1).all()
        assert face.newest_rows()[0]["twap_mpa"].to_pylist() == pytest.approx(
            [21.049, 22.049, 91.049, 92.049]
        )
        assert face.newest_rows()[1] is None
        assert face.support_cycles(9) is None
        assert face.count == 200
        assert face.legs(2) == [1, 2]
        with pytest.raises(BadInput, match="no support 5"):
            face.cycles(5)


def test_large_row_groups_are_cut_for_quick_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recore.fleet.face._GROUP", 10)
    face = opened(tmp_path, table([(1, 1, h, h + 0.9, h) for h in range(90)]))
    copy = face.tiles.folder / "cycles.parquet"
    assert pq.read_metadata(copy).num_row_groups == 9
    assert face.cycles(1, window=(BEGIN + 44 * HOUR, BEGIN + 47 * HOUR))["twap_mpa"].to_pylist() == [
        44,
        45,
        46,
    ]


def test_support_cycles_and_shears_come_with_the_face(tmp_path: Path) -> None:
    legs = table(
        [(s, leg, h + s / 100, h + 0.9, 25.0) for s in (1, 2, 3) for leg in (1, 2) for h in range(40)]
    )
    one = legs.filter(pa.array(legs["leg"].to_numpy() == 1))
    pairs = one.select(["support", "start", "end"]).append_column(
        "adequate", pa.array([h % 4 != 0 for _ in range(3) for h in range(40)])
    )
    face = opened(
        tmp_path, legs, pairs.append_column("imbalance", pa.array([None] * 119 + [0.5], pa.float64()))
    )
    assert face.tiles.means("adequate") == pytest.approx([0.75] * 3)
    assert face.tiles.means("imbalance") == [None, None, pytest.approx(0.5)]
    found = face.support_cycles(2, window=(BEGIN, BEGIN + 3 * HOUR))
    assert found is not None
    assert found.num_rows == 3
    newest = face.newest_rows()[1]
    assert newest is not None
    assert newest["support"].to_pylist() == [1, 2, 3]
    shear = face.tiles.tile("adequate", "shear")
    assert shear.values.shape == (3, 40)
    assert shear.values[0, 0] == 0.0
    assert shear.values[0, 1] == 1.0
    assert face.cycles(1, 1)["shear"].to_pylist() == list(range(1, 41))
    # the same folder is opened again, not made again
    assert Tiles.open(face.tiles.folder) is not None
    assert prepare(face.tiles.folder, tmp_path / "gone.parquet").count == 240


@pytest.mark.parametrize("broken", ["text", "columns", "empty", "pairs", "null"])
def test_what_is_no_cycle_table_is_told(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "cycles.parquet"
    good = table([(1, 1, 0.0, 1.0, 25.0)])
    pairs = None
    if broken == "text":
        path.write_text("no Parquet")
    elif broken == "columns":
        pq.write_table(good.drop_columns(["final_mpa"]), path)
    elif broken == "empty":
        pq.write_table(good.slice(0, 0), path)
    elif broken == "null":
        pq.write_table(good.set_column(0, "support", pa.array([None], pa.int64())), path)
    else:
        pq.write_table(good, path)
        pairs = tmp_path / "pairs.parquet"
        pq.write_table(table([(7, 1, 0.0, 1.0, 25.0)]), pairs)
    with pytest.raises(BadInput):
        prepare(tmp_path / "tiles", path, pairs)
    assert not (tmp_path / "tiles").exists()


def test_a_face_has_no_ten_thousand_supports(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at most"):
        opened(tmp_path, table([(s, 1, 0.0, 1.0, 25.0) for s in range(6_000)]))
