"""support.cycles through its door: logs in every layout, and records that are spoilt in every way."""

from __future__ import annotations

import csv
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recore.evidence import Table, Unread, delimited, open_file
from recore.metrology.leg_pressure import clock, telegrams, trace, units, zero
from recore.metrology.leg_pressure import log as leg_pressure_log
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.metrology.leg_pressure.layout import layout

BEGIN = int(np.datetime64("2026-03-02T00:00:00", "us").astype(np.int64))
S = 10**6
STEP_S = 5


def face(supports=2, legs=2, hours=12.0, step_s=STEP_S, seed=1, noise=0.06):
    """Long rows (ts µs, support, leg, p) of a quiet face; the legs of a support move together."""
    rng = np.random.default_rng(seed)
    t = np.arange(0, int(hours * 3600), step_s)
    columns = []
    for support in range(1, supports + 1):
        edges = np.cumsum(rng.uniform(1500, 3000, int(hours * 3600 / 1500) + 2)) - 1200
        for leg in range(1, legs + 1):
            age = t - edges[np.searchsorted(edges, t, side="right") - 1]
            setting = rng.uniform(25, 29, len(edges))[np.searchsorted(edges, t, side="right") - 1]
            back = rng.uniform(0.4, 1.6, len(edges))[np.searchsorted(edges, t, side="right") - 1]
            p = np.where(age < 40, back, setting + 2.0 * np.log1p(np.maximum(age - 40, 0) / 120))
            p = np.round((p + rng.normal(0, noise, len(t))) / 0.1) * 0.1
            columns.append((BEGIN + t * S, np.full(len(t), support), np.full(len(t), leg), np.abs(p)))
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def long(rows, pressure="pressure_mpa", tick="us"):
    ts, support, leg, p = rows
    moments = pa.array(ts // {"us": 1, "ms": 1000, "s": S}[tick], pa.timestamp(tick, "UTC"))
    return pa.table({"ts": moments, "support": support, "leg": leg, pressure: p})


def wide(rows, unit="mpa", legs=2):
    """The wide layout of the same samples; an empty cell where a leg has none."""
    ts, support, leg, p = rows
    keys = sorted(set(zip(support.tolist(), ts.tolist(), strict=True)))
    place = {key: k for k, key in enumerate(keys)}
    cells = [[None] * len(keys) for _ in range(legs)]
    for moment, number, which, value in zip(
        ts.tolist(), support.tolist(), leg.tolist(), p.tolist(), strict=True
    ):
        cells[which - 1][place[number, moment]] = value
    columns = {
        "ts": pa.array([moment for _, moment in keys], pa.timestamp("us", "UTC")),
        "support": [number for number, _ in keys],
    }
    columns |= {f"leg{k + 1}_{unit}": pa.array(cells[k], pa.float64()) for k in range(legs)}
    return pa.table(columns)


def of(rows, support, leg):
    return (rows[1] == support) & (rows[2] == leg)


def cycles(*tables, **given):
    return support_cycles(*(Table.of(table) for table in tables), **given)


def texts(result, code):
    return [flag.text for flag in result.flags if flag.code == code]


def codes(result):
    usual = {"uncertainty-from-record", "incomplete", "leak-not-told", "yield-outside"}
    return {flag.code for flag in result.flags} - usual


def kinds(result, kind):
    return [row for row in result.quality.to_pylist() if row["kind"] == kind]


def pieces(table, seed, count=7):
    rng = np.random.default_rng(seed)
    edges = np.unique([0, table.num_rows, *rng.integers(1, table.num_rows, count)])
    cut = [table.slice(a, b - a) for a, b in pairwise(edges.tolist())]
    return [cut[k] for k in rng.permutation(len(cut))]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """The compiled kernel, where there is one: these logs are too long for the interpreter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leg_pressure_log, "SMALL_LOG", 0)
        yield


@pytest.fixture(scope="module")
def quiet():
    return face()


@pytest.fixture(scope="module")
def expected(quiet):
    result = cycles(long(quiet))
    assert result.cycles.value > 60
    assert codes(result) == set()
    assert result.quality.num_rows == 0
    return result


@pytest.fixture(scope="module")
def seen():
    """Three supports, so that the face says what a released leg shows."""
    return face(3, 2, 12.0, 10, seed=4)


@pytest.fixture(scope="module")
def told(seen):
    return cycles(long(seen))


@pytest.fixture
def run(recore, tmp_path):
    """The door: files in, (finding, folder of artifacts) out."""

    def go(*tables, given=()):
        files = []
        for k, table in enumerate(tables):
            files.append(tmp_path / f"part{k}.parquet")
            pq.write_table(table, files[-1])
        ended = recore("run", "support.cycles", *files, *given, "--out", tmp_path / "out", "--json")
        assert ended.status == 0, ended.err
        return ended.json, tmp_path / "out"

    return go


class TestLayouts:
    @pytest.mark.parametrize("unit", ["mpa", "bar"])
    def test_wide_gives_the_bits_of_long(self, quiet, run, unit):
        rows = [*quiet[:3], np.round(quiet[3] * 10)] if unit == "bar" else quiet
        finding, folder = run(wide(rows, unit))
        told = cycles(long(rows, f"pressure_{unit}"))
        assert pq.read_table(folder / "cycles.parquet").equals(told.table)
        assert not {"nan", "unit", "missing-leg"} & {flag["code"] for flag in finding["flags"]}

    def test_four_legs_empty_cells_and_other_columns(self):
        rows = face(3, 4, 6.0)
        kept = np.random.default_rng(5).random(len(rows[0])) > 0.05
        kept &= ~of(rows, 3, 4)
        rows = [column[kept] for column in rows]
        table = wide(rows, legs=4).append_column("shearer", pa.array(["a"] * len(wide(rows, legs=4))))
        one, other = cycles(table), cycles(long(rows))
        assert one.table.equals(other.table)
        assert codes(one) == codes(other) == {"missing-leg"}
        assert [(row["support"], row["leg"]) for row in kinds(one, "missing-leg")] == [(3, 4)]

    def test_csv_with_empty_cells(self, quiet, tmp_path, recore):
        table = wide([column[of(quiet, 1, 1) | of(quiet, 1, 2)] for column in quiet])
        rows = table.to_pylist()
        rows[7]["leg2_mpa"] = None
        with (tmp_path / "log.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.column_names)
            writer.writerows([row["ts"].isoformat(), *list(row.values())[1:]] for row in rows)
        ended = recore("run", "support.cycles", tmp_path / "log.csv", "--out", tmp_path / "out", "--json")
        assert ended.status == 0
        assert "nan" not in {flag["code"] for flag in ended.json["flags"]}
        assert pq.read_table(tmp_path / "out" / "cycles.parquet").equals(
            cycles(pa.Table.from_pylist(rows, table.schema)).table
        )

    def test_schema_changes_within_a_folder(self, quiet, expected):
        """Wide and long, bar and MPa, another resolution of time, renamed and added columns: one log."""
        quarter = np.searchsorted(np.linspace(0, 12 * 3600 * S, 6)[1:-1], quiet[0] - BEGIN)
        part = [[column[quarter == k] for column in quiet] for k in range(5)]
        in_bar = [*part[1][:3], np.round(part[1][3] * 10, 6)]
        renamed = long(part[3]).rename_columns(["timestamp", "shield", "leg", "pressure_mpa"])
        tables = [
            wide(part[0]),
            long(in_bar, "pressure_bar"),
            long(part[2], tick="s"),
            renamed.append_column("note", pa.array(["x"] * len(renamed))),
            long(part[4], tick="ms"),
        ]
        for order in ([0, 1, 2, 3, 4], [3, 0, 4, 2, 1]):
            result = cycles(*(tables[k] for k in order))
            assert (
                result.table.drop(["leak_mpa_per_min"])
                .to_pandas()
                .round(9)
                .equals(expected.table.drop(["leak_mpa_per_min"]).to_pandas().round(9))
            )
            assert codes(result) == set()

    def test_a_leg_column_without_a_unit_is_told(self):
        table = pa.table({"ts": pa.array([0], pa.timestamp("us")), "support": [1], "leg1": [3.0]})
        with pytest.raises(ValueError, match="states no unit"):
            layout(Table.of(table).source)


class TestTelegrams:
    def event_driven(self, rows, change=0.3, beat_s=60):
        """What a logger sends that reports changes."""
        kept = []
        for support, leg in sorted(set(zip(rows[1].tolist(), rows[2].tolist(), strict=True))):
            index = np.flatnonzero(of(rows, support, leg))
            at, value = -(10**18), np.inf
            for k, t, p in zip(index, rows[0][index].tolist(), rows[3][index].tolist(), strict=True):
                if abs(p - value) >= change - 1e-9 or t - at >= beat_s * S:
                    kept.append(k)
                    at, value = t, p
        return [column[kept] for column in rows]

    @pytest.mark.parametrize(("change", "beat_s"), [(0.3, 60), (0.5, 600), (0.3, 10**9)])
    def test_cycles_are_those_of_the_regular_log(self, quiet, expected, change, beat_s):
        result = cycles(long(self.event_driven(quiet, change, beat_s)))
        assert codes(result) == set()
        for name in ("support", "leg", "start", "end", "yield_events"):
            assert result.table[name].equals(expected.table[name]), name
        for name in ("setting_mpa", "final_mpa", "twap_mpa"):
            assert (
                np.abs(result.table[name].to_numpy() - expected.table[name].to_numpy()).max() <= change + 0.05
            )

    def test_a_value_holds_until_the_next_telegram(self):
        steps = np.array([60, 60, 7, 100, 60, 3, 220, 60, 60, 5] * 6)
        ts = np.cumsum(np.append(0, steps))
        p = np.where(np.arange(len(ts)) % 10 < 2, 1.0, 20.0 + np.arange(len(ts)) % 10)
        table = long([BEGIN + ts * S, np.ones(len(ts), int), np.ones(len(ts), int), p])
        result = cycles(table)
        row = result.table.to_pylist()[0]
        within = (BEGIN + ts * S >= int(row["start"].timestamp() * S)) & (
            BEGIN + ts * S < int(row["end"].timestamp() * S)
        )
        k = np.flatnonzero(within)
        by_steps = np.sum(p[k] * (ts[k + 1] - ts[k])) / (ts[k[-1] + 1] - ts[k[0]])
        assert row["twap_mpa"] == pytest.approx(by_steps, rel=2e-3)
        assert row["final_mpa"] == p[k[-1]]
        assert codes(result) == set()

    @pytest.mark.parametrize("seed", range(3))
    def test_however_it_is_cut(self, quiet, seed):
        table = long(self.event_driven(quiet))
        whole, cut = cycles(table), cycles(*pieces(table, seed, 40))
        assert cut.table.equals(whole.table)
        assert cut.flags == whole.flags
        assert cut.quality.equals(whole.quality)

    def test_jitter_gaps_and_lost_rows_are_no_telegrams(self):
        rng = np.random.default_rng(3)
        t = np.arange(20_000) * S
        jittered = t + (np.clip(rng.normal(0, 0.3, len(t)), -0.4, 0.4) * S).astype(np.int64)
        lost = t[rng.random(len(t)) > 0.3]
        with_gaps = t[(t // (1000 * S)) % 5 != 0]
        slower = np.concatenate((t[:5000], t[5000] + np.arange(5000) * 30 * S))
        for ts in (t, jittered, lost, with_gaps, slower):
            assert not trace.event_driven(ts)

    def test_a_long_silence_is_a_gap_where_there_is_a_heartbeat(self):
        ts = np.cumsum(np.tile([60, 60, 60, 2, 1], 40)) * S
        late = np.append(ts, ts[-1] + 3600 * S)
        (moments, _), *_ = telegrams.held(late, np.ones(len(late)), 300 * S)
        assert telegrams.heartbeat(ts) == 60 * S
        assert np.diff(moments).max() == 3600 * S
        assert np.sort(np.diff(moments))[-2] <= telegrams.GRID_US
        assert (np.diff(moments) > 0).all()


CHANGES = {
    "logger counts from 1970": lambda ts: ts - ts[0] + 7 * S,
    "a hundred years ahead": lambda ts: ts + 36525 * 86400 * S,
    "ten years ahead": lambda ts: ts + 3652 * 86400 * S,
    "a month ahead": lambda ts: ts + 30 * 86400 * S,
    "a day ahead": lambda ts: ts + 86400 * S,
    "2000": lambda ts: ts - ts[0] + int(np.datetime64("2000-01-01", "us").astype(np.int64)),
    "all the same": lambda ts: np.zeros_like(ts),
}


class TestClock:
    """Stretches with a wrong clock between good rows are put back where they belong."""

    def spoil(self, quiet, change, begin=2000, end=2300, legs=((1, 1), (1, 2))):
        rows = [column.copy() for column in quiet]
        for leg in legs:
            index = np.flatnonzero(of(rows, *leg))[begin:end]
            rows[0][index] = change(rows[0][index])
        return rows

    @pytest.mark.parametrize("how", CHANGES)
    def test_put_back(self, quiet, expected, run, how):
        finding, folder = run(long(self.spoil(quiet, CHANGES[how])))
        assert pq.read_table(folder / "cycles.parquet").equals(expected.table)
        flags = {flag["code"]: flag["text"] for flag in finding["flags"]}
        assert "600 put back" in flags["clock"]
        assert ", 0 left out" in flags["clock"]
        quality = pq.read_table(folder / "quality.parquet").to_pylist()
        told = [(row["support"], row["leg"], row["count"]) for row in quality if row["kind"] == "clock"]
        assert told == [(1, 1, 300), (1, 2, 300)]

    def test_rows_in_the_order_of_time(self, quiet, expected):
        rows = self.spoil(quiet, CHANGES["logger counts from 1970"])
        order = np.argsort(quiet[0], kind="stable")
        assert cycles(long([column[order] for column in rows])).table.equals(expected.table)

    @pytest.mark.parametrize("seed", range(3))
    def test_cut_outside_of_the_stretch(self, quiet, expected, seed):
        table = long(self.spoil(quiet, CHANGES["ten years ahead"]))
        assert cycles(*pieces(table, seed)).table.equals(expected.table)

    def test_left_out_where_it_does_not_fit(self, quiet):
        rows = self.spoil(quiet, lambda ts: 3 * (ts - ts[0]))
        lost = np.zeros(len(rows[0]), bool)
        for leg in (1, 2):
            lost[np.flatnonzero(of(rows, 1, leg))[2000:2300:2]] = True
        result = cycles(long([column[~lost] for column in rows]))
        (text,) = texts(result, "clock")
        assert ": 0 put back" in text
        assert "300 left out" in text
        assert [row["count"] for row in kinds(result, "clock")] == [150, 150]
        assert len(kinds(result, "gap")) == 2

    def test_after_a_restart_the_hole_is_longer(self, quiet):
        rows = self.spoil(quiet, CHANGES["logger counts from 1970"])
        lost = np.zeros(len(rows[0]), bool)
        lost[np.flatnonzero(of(rows, 1, 1))[1990:2000]] = True
        result = cycles(long([column[~lost] for column in rows]))
        without = cycles(long([column[~lost] for column in quiet]))
        assert result.table.equals(without.table)

    def test_two_campaigns_are_no_stray_times(self, quiet):
        rows = [column.copy() for column in quiet]
        rows[0][rows[0] > BEGIN + 8 * 3600 * S] += 200 * 86400 * S
        assert "clock" not in codes(cycles(long(rows)))
        spans = [np.array([[0, 10 * S, 1000]]), np.array([[400 * 86400 * S, 401 * 86400 * S, 200]])]
        assert clock.bulk(spans) == (0, 401 * 86400 * S)
        spans[1][0, 2] = 20
        assert clock.bulk(spans) == (0, 10 * S)

    def test_nothing_to_hold_it_against(self):
        ts = np.array([0, 5, 10]) * S
        told = clock.put_back(ts, (100 * S, 200 * S), S)
        assert told[2].all()
        assert not told[1].any()


class TestUnits:
    @pytest.mark.parametrize("span", [(0, 10**9), (0, 4000), (3000, 6000), (5000, 10**9)])
    def test_bar_under_the_name_of_mpa(self, quiet, expected, run, span):
        rows = [column.copy() for column in quiet]
        index = np.flatnonzero(of(rows, 2, 1))[slice(*span)]
        rows[3][index] = np.round(rows[3][index] * 10)
        finding, folder = run(long(rows))
        told = pq.read_table(folder / "cycles.parquet")
        for name in ("support", "leg", "start", "end"):
            assert told[name].equals(expected.table[name])
        assert np.abs(told["twap_mpa"].to_numpy() - expected.table["twap_mpa"].to_numpy()).max() < 1e-6
        (flag,) = [flag for flag in finding["flags"] if flag["code"] == "unit"]
        assert "divided by 10" in flag["text"]
        (row,) = [r for r in pq.read_table(folder / "quality.parquet").to_pylist() if r["kind"] == "unit"]
        assert (row["support"], row["leg"], row["count"]) == (2, 1, len(index))

    def test_a_whole_log_in_bar(self, quiet, expected):
        result = cycles(long([*quiet[:3], np.round(quiet[3] * 10)]))
        assert result.table["start"].equals(expected.table["start"])
        assert codes(result) == {"unit"}

    def test_what_is_in_no_unit_is_left_out(self, quiet, expected):
        rows = [column.copy() for column in quiet]
        index = np.flatnonzero(of(rows, 1, 1))[[100, 2000, 3000]]
        rows[3][index] = [9999.0, 650.0, 150.0]
        result = cycles(long(rows))
        assert "3 are in no known unit" in texts(result, "unit")[0]
        assert result.table["start"].equals(expected.table["start"])
        assert np.abs(result.table["max_mpa"].to_numpy() - expected.table["max_mpa"].to_numpy()).max() < 0.3

    def test_another_unit_is_not_guessed(self, quiet):
        rows = [column.copy() for column in quiet]
        mine = of(rows, 1, 1)
        rows[3][mine] *= 145.0  # psi
        result = cycles(long(rows))
        assert codes(result) >= {"unit"}
        assert "; 0 sample(s) are in bar" in texts(result, "unit")[0]
        assert set(result.table["support"].to_pylist()) == {1, 2}
        assert not ((result.table["support"].to_numpy() == 1) & (result.table["leg"].to_numpy() == 1)).any()

    def test_nothing_above_is_nothing_done(self):
        ts, p = np.arange(5) * S, np.array([1.0, 20, 30, 40, 1])
        told, bar, useless = units.in_mpa(ts, p)
        assert told is p
        assert not bar.any()
        assert not useless.any()


class TestFiles:
    def test_truncated_files_among_good_ones(self, quiet, expected, run, recore, tmp_path):
        pq.write_table(long(quiet), tmp_path / "good.parquet")
        data = (tmp_path / "good.parquet").read_bytes()
        (tmp_path / "short.parquet").write_bytes(data[: len(data) // 2])
        (tmp_path / "empty.parquet").write_bytes(b"")
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        (tmp_path / "noise.parquet").write_bytes(bytes(range(256)))
        names = ["short.parquet", "good.parquet", "empty.parquet", "other.csv", "noise.parquet"]
        out = tmp_path / "out"
        ended = recore("run", "support.cycles", *(tmp_path / n for n in names), "--out", out, "--json")
        assert ended.status == 0
        told = [flag["text"] for flag in ended.json["flags"] if flag["code"] == "file-not-read"]
        assert [any(name in text for text in told) for name in names] == [True, False, True, True, True]
        assert len(told) == 4
        assert pq.read_table(out / "cycles.parquet").equals(expected.table)
        files = list(csv.DictReader((out / "files.csv").read_text().splitlines()))
        assert [row["name"] for row in files] == names
        assert [row["read"] for row in files] == ["false", "true", "false", "false", "false"]
        assert [int(row["rows"]) for row in files] == [0, len(quiet[0]), 0, 0, 0]
        assert [item["name"] for item in ended.json["evidence"]] == names
        assert all(len(item["sha256"]) == 64 for item in ended.json["evidence"])

    def test_rows_before_the_fault_count(self, quiet, tmp_path, monkeypatch):
        mine = [column[of(quiet, 1, 1)] for column in quiet]
        lines = ["ts,support,leg,pressure_mpa"]
        moments = mine[0].astype("datetime64[us]")
        lines += [f"{t}Z,1,1,{p:.1f}" for t, p in zip(moments, mine[3], strict=True)]
        (tmp_path / "log.csv").write_text("\n".join(lines)[:-3])
        monkeypatch.setattr(delimited, "_BLOCK", 2**16)
        (tmp_path / "more.csv").write_text("\n".join(lines[:6000]) + "\n2026-03-02T08:00")
        whole, part = (
            support_cycles.run([open_file(tmp_path / name)]).result for name in ("log.csv", "more.csv")
        )
        assert "file-not-read" not in codes(whole)
        assert codes(part) == {"file-not-read"}
        assert "line 6001" in texts(part, "file-not-read")[0]
        (row,) = part.files.to_pylist()
        assert 3000 < row["rows"] < 6000
        assert part.table.equals(whole.table.slice(0, len(part.table)))

    def test_a_damaged_row_group(self, quiet, tmp_path):
        table = long(quiet)
        pq.write_table(table, tmp_path / "log.parquet", row_group_size=8640, compression="none")
        meta = pq.ParquetFile(tmp_path / "log.parquet").metadata
        start = meta.row_group(1).column(3).data_page_offset
        data = bytearray((tmp_path / "log.parquet").read_bytes())
        data[start : start + 40] = b"\xff" * 40
        (tmp_path / "log.parquet").write_bytes(data)
        result = support_cycles.run([open_file(tmp_path / "log.parquet")]).result
        assert "file-not-read" in codes(result)
        (row,) = result.files.to_pylist()
        assert not row["read"]
        assert 0 < row["rows"] < len(table)
        assert set(result.table["support"].to_pylist()) == {1, 2}

    def test_nothing_readable(self, recore, tmp_path):
        (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
        (tmp_path / "b.csv").write_text("")
        ended = recore("run", "support.cycles", tmp_path / "a.parquet", tmp_path / "b.csv", "--json")
        assert ended.status == 2
        assert "a.parquet" in ended.err
        assert "b.csv" in ended.err

    def test_many_unread_files_are_summed_up(self, quiet):
        bad = [Unread(f"f{k}.parquet", f"f{k}.parquet: is not whole") for k in range(25)]
        result = support_cycles(Table.of(long(quiet)), *bad)
        assert len(texts(result, "file-not-read")) == 21
        assert result.files.num_rows == 26


class TestReport:
    def test_every_kind_of_row(self, quiet, run):
        rows = [column.copy() for column in quiet]
        index = np.flatnonzero(of(rows, 1, 2))
        rows[3][index[100:120]] = np.nan
        rows[3][index[500]] = np.inf
        rows[3][index[3000]] = -2.0
        keep = np.ones(len(rows[0]), bool)
        keep[index[4000:4100]] = False  # 500 s
        keep[np.flatnonzero(of(rows, 2, 1))[4000:6000]] = False  # nearly three hours
        twice = np.sort(np.append(np.flatnonzero(keep), index[[10, 20, 30]]))
        twice[[7, 8]] = twice[[8, 7]]
        finding, folder = run(long([column[twice] for column in rows]))
        assert {flag["code"] for flag in finding["flags"]} >= {
            "nan",
            "negative",
            "gap",
            "duplicate",
            "order",
            "missing-leg",
        }
        quality = pq.read_table(folder / "quality.parquet")
        assert quality.column_names == ["support", "leg", "kind", "from", "to", "count", "value_mpa", "text"]
        told = {(r["support"], r["leg"], r["kind"]): r for r in quality.to_pylist()}
        assert told[1, 2, "nan"]["count"] == 21
        assert told[1, 2, "negative"]["count"] == 1
        assert told[1, 2, "duplicate"]["count"] == 3
        gap = told[1, 2, "gap"]
        assert (gap["to"] - gap["from"]).total_seconds() == 505
        missing = told[2, 1, "missing-leg"]
        assert (missing["to"] - missing["from"]).total_seconds() == 2001 * STEP_S
        assert (1, 1, "order") in told

    def test_a_leg_missing_for_a_month_and_from_the_beginning(self):
        day = 86400 * S
        own = np.array([[10 * day, 20 * day, 5], [55 * day, 60 * day, 5]])
        others = np.array([[0, 60 * day, 50]])
        from recore.metrology.leg_pressure.quality import _silent

        assert _silent(own, others) == [(0, 10 * day), (20 * day, 55 * day)]
        assert _silent(others, own) == []

    def test_many_gaps_are_one_row(self):
        n = 400
        ts = BEGIN + np.arange(n) * 400 * S
        p = np.where(np.arange(n) % 10 < 2, 1.0, 30.0)
        result = cycles(long([ts, np.ones(n, int), np.ones(n, int), p]))
        (row,) = kinds(result, "gap")
        assert row["count"] == n - 1


class TestZero:
    def test_floors_do_not_count_dips(self):
        ts = np.arange(3000) * S
        p = np.where((ts // S) % 1000 < 15, 6.0, 32.0)
        p[1500] = 0.0
        found = zero.floors(ts, p)
        assert found.p.tolist() == [6.0, 6.0, 6.0]
        assert not len(zero.floors(ts, np.full(3000, 30.0)).p)
        assert not len(zero.floors(ts[:2], p[:2]).p)

    def test_pieces(self):
        rng = np.random.default_rng(1)
        floor = rng.normal(1.2, 0.4, 60)
        assert zero.pieces(floor, 0.8) == [(0, 60)]
        floor[20:45] += 3.0
        assert zero.pieces(floor, 0.8) == [(0, 20), (20, 45), (45, 60)]
        assert zero.pieces(floor[:0], 0.8) == []

    def test_reference(self):
        normal = zero.reference([1.0, 1.2, 1.1, 6.0, np.nan], 0.8, 3.0)
        assert normal.level == pytest.approx(1.1)  # a leg at 6 MPa is off, and does not count
        assert normal.least == 0.8
        assert zero.reference([1.2], 0.8, 3.0) == (1.2, pytest.approx(1.8))
        assert zero.reference([], 0.8, 3.0) == (1.0, 2.0)
        assert zero.reference([-4.0] * 5, 0.8, 3.0).level == 1.0

    @pytest.mark.parametrize("offset", [-6.0, -1.5, 1.5, 4.0, 8.0])
    def test_thresholds_apply_after_the_offset_is_removed(self, seen, told, run, offset):
        rows = [column.copy() for column in seen]
        rows[3][of(rows, 2, 2)] += offset
        finding, folder = run(long(rows))
        table = pq.read_table(folder / "cycles.parquet")
        for name in ("support", "leg", "start", "end"):
            assert table[name].equals(told.table[name])
        for name in ("setting_mpa", "final_mpa", "twap_mpa", "low_mpa"):
            apart = np.abs(table[name].to_numpy() - told.table[name].to_numpy())
            assert np.nanmax(apart) < 0.4, name
        (row,) = [r for r in pq.read_table(folder / "quality.parquet").to_pylist() if r["kind"] == "offset"]
        assert (row["support"], row["leg"]) == (2, 2)
        assert row["value_mpa"] == pytest.approx(offset, abs=0.4)
        assert "support 2 leg 2" in next(f["text"] for f in finding["flags"] if f["code"] == "offset")

    @pytest.mark.parametrize("offset", [-4.0, 5.0])
    def test_an_offset_that_begins_and_ends(self, seen, told, offset):
        rows = [column.copy() for column in seen]
        index = np.flatnonzero(of(rows, 1, 1))[1500:3300]
        rows[3][index] += offset
        result = cycles(long(rows))
        for name in ("support", "leg", "start", "end"):
            assert result.table[name].equals(told.table[name])
        (row,) = kinds(result, "offset")
        for name, k in (("from", index[0]), ("to", index[-1] + 1)):
            assert row[name].timestamp() * S == pytest.approx(int(rows[0][k]), abs=1800 * S)

    def test_a_zero_that_drifts_is_followed(self, seen, told):
        rows = [column.copy() for column in seen]
        mine = of(rows, 1, 1)
        rows[3][mine] -= np.linspace(0, 6, np.count_nonzero(mine))
        result = cycles(long(rows))
        assert abs(len(result.table) - len(told.table)) <= 1
        assert [row["value_mpa"] for row in kinds(result, "offset")][-1] < -3.0

    @pytest.mark.parametrize("seed", range(2))
    def test_however_it_is_cut(self, seen, seed):
        rows = [column.copy() for column in seen]
        rows[3][of(rows, 2, 2)] += 5.0
        table = long(rows)
        whole, cut = cycles(table), cycles(*pieces(table, seed, 30))
        assert cut.table.equals(whole.table)
        assert cut.quality.equals(whole.quality)

    def test_back_pressure_is_no_offset(self, seen, told):
        assert "offset" not in codes(told)
        rows = [column.copy() for column in seen]
        low = rows[3] < 3.0
        rows[3][low & of(rows, 1, 1)] += 0.6
        assert "offset" not in codes(cycles(long(rows)))

    def test_the_change_is_found_within_a_cycle(self):
        ts = np.arange(40_000) * S
        p = np.where((ts // S) % 2000 < 20, 1.0, 30.0)
        p[23_456:] += 4.0
        zeros = zero.offsets(ts, p, zero.Reference(1.0, 0.8))
        assert [(z.first, z.offset) for z in zeros] == [(0, 0.0), (23_456 * S, 4.0)]
        assert (zero.zeroed(ts, p, zeros) <= 30.0).all()

    @pytest.mark.parametrize(("step", "offset"), [(10, 5.2), (10, 2.5), (20, 3.5)])
    def test_released_legs_of_a_slow_record_stand_at_many_pressures(self, step, offset):
        rng = np.random.default_rng(step)
        ts = np.arange(60_000) // step * step * S
        ts = np.unique(ts)
        second = ts // S
        p = 30.0 + rng.normal(0.0, 0.15, len(ts))
        low = second % 1500 < 4 * step
        p[low] = np.repeat(rng.uniform(0.0, 2.2, len(ts)), 4)[: int(low.sum())]
        off = (second >= 20_000) & (second < 45_000)
        p[off] += offset
        zeros = [one for one in zero.offsets(ts, p, zero.Reference(1.1, 0.8)) if one.offset]
        assert len(zeros) == 1
        assert zeros[0].offset == pytest.approx(offset, abs=0.8)
        assert abs(zeros[0].first / S - 20_000) <= 3000
        assert abs(zeros[0].last / S - 45_000) <= 3000

    def test_a_leg_that_leaks_between_few_releases_is_not_off(self):
        ts = np.arange(0, 40_000, 30) * S
        second = ts // S
        p = 30.0 - 24.0 * np.clip((second % 2000) / 1990, 0.0, 1.0)  # down to 6 MPa before it is set anew
        p[(second % 6000) < 30] = 1.0  # one release in three has a sample
        assert not any(one.offset for one in zero.offsets(ts, p, zero.Reference(1.1, 0.8)))


class TestStuck:
    """A transducer that shows one value while the other leg of the support is let go and set again."""

    def spoil(self, seen, begin, end):
        rows = [column.copy() for column in seen]
        index = np.flatnonzero(of(rows, 1, 2))[begin:end]
        rows[3][index] = rows[3][index[0]]
        return rows, index

    @pytest.mark.parametrize("span", [(1000, 2500), (1030, 2000), (0, 1500), (3000, 4400)])
    def test_no_cycle_touches_it(self, seen, told, run, span):
        rows, index = self.spoil(seen, *span)
        finding, folder = run(long(rows))
        (row,) = [r for r in pq.read_table(folder / "quality.parquet").to_pylist() if r["kind"] == "stuck"]
        first, last = int(rows[0][index[0]]), int(rows[0][index[-1]])
        assert (row["support"], row["leg"]) == (1, 2)
        assert row["from"].timestamp() * S == pytest.approx(first, abs=30 * S)
        assert row["to"].timestamp() * S == pytest.approx(last, abs=30 * S)
        assert row["value_mpa"] == pytest.approx(rows[3][index[0]], abs=1e-6)
        assert "support 1 leg 2" in next(f["text"] for f in finding["flags"] if f["code"] == "stuck")
        table = pq.read_table(folder / "cycles.parquet").to_pylist()
        away = [
            r
            for r in told.table.to_pylist()
            if (r["support"], r["leg"]) != (1, 2)
            or r["end"].timestamp() * S < first
            or r["start"].timestamp() * S > last + 20 * S
        ]
        keys = [[(r["support"], r["leg"], r["start"], r["end"]) for r in part] for part in (table, away)]
        assert keys[0] == keys[1]

    def test_the_same_value_on_both_sides_of_a_gap(self, seen):
        rows = [column.copy() for column in seen]
        kept = ~((rows[1] == 1) & (rows[0] > BEGIN + 3 * 3600 * S) & (rows[0] < BEGIN + 5 * 3600 * S))
        for leg in (1, 2):
            index = np.flatnonzero(of(rows, 1, leg) & kept)
            gap = int(np.argmax(np.diff(rows[0][index])))
            rows[3][index[gap - 3 : gap + 4]] = 30.0
        assert codes(cycles(long([column[kept] for column in rows]))) == {"gap"}

    def test_a_parked_support_is_not_stuck(self, seen):
        rows = [column.copy() for column in seen]
        for leg in (1, 2):
            rows[3][np.flatnonzero(of(rows, 1, leg))[1500:3500]] = 0.0
        assert "stuck" not in codes(cycles(long(rows)))

    def test_without_another_leg_noise_tells(self, seen):
        rows, _ = self.spoil(seen, 1300, 2700)
        mine = of(rows, 1, 2)
        assert "stuck" in codes(cycles(long([column[mine] for column in rows])))
