"""support.cycles: however a log is cut, ordered, stored or spoilt."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.evidence import Table, open_file
from recore.metrology.leg_pressure import account as leg_pressure_account
from recore.metrology.leg_pressure import kernel
from recore.metrology.leg_pressure import log as leg_pressure_log
from recore.metrology.leg_pressure import survey as leg_pressure_survey
from recore.metrology.leg_pressure.cycles import support_cycles
from recore.metrology.leg_pressure.rows import one_each
from recore.metrology.leg_pressure.segment import Reader, Segment

BEGIN = np.datetime64("2026-01-01T00:00:00", "us")


def spoilt(seed, n=1500):
    """Rows of three legs with gaps, repeats, negatives, missing values and cycles over every edge."""
    rng = np.random.default_rng(seed)
    frames = []
    for leg in range(3):
        p = np.empty(n)
        k = 0
        while k < n:
            span = int(rng.integers(1, 150))
            p[k : k + span] = rng.choice([rng.uniform(-0.3, 4), rng.uniform(4, 43), rng.uniform(38, 43)])
            k += span
        p = np.round(p + rng.normal(0, 0.3, n), 1)
        t = np.cumsum(rng.choice([1, 1, 1, 2, 31, 301], n, p=[0.3, 0.3, 0.3, 0.05, 0.045, 0.005]))
        p[rng.random(n) < 0.01] = np.nan
        p[rng.random(n) < 0.01] = -0.4
        again = np.sort(np.concatenate((np.arange(n), rng.integers(0, n, 20))))
        frames.append(
            (t[again], np.full(len(again), 1 + leg // 2), np.full(len(again), 1 + leg % 2), p[again])
        )
    t, support, leg, p = (np.concatenate(column) for column in zip(*frames, strict=True))
    ts = BEGIN + t.astype("timedelta64[s]")
    return pa.table({"ts": ts, "support": support, "leg": leg, "pressure_mpa": p})


def found(*tables, **given):
    result = support_cycles(*(Table.of(table) for table in tables), **given)
    return (
        result.table,
        result.cycles,
        result.yield_events,
        result.twap_mean,
        result.incomplete_cycles,
        notes(result),
    )


def notes(result):
    return {flag for flag in result.flags if flag.code != "order"}


def same(one, other):
    assert one[0].equals(other[0])
    assert one[1:] == other[1:]


def cut(table, seed):
    rng = np.random.default_rng(seed)
    edges = np.unique(
        np.concatenate(([0, table.num_rows], rng.integers(0, table.num_rows, int(rng.integers(1, 30)))))
    )
    pieces = [table.slice(a, b - a) for a, b in pairwise(edges)]
    return [pieces[k] for k in rng.permutation(len(pieces))]


class TestCuts:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(seed=st.integers(0, 2**32), how=st.integers(0, 2**32))
    def test_any_files_in_any_order(self, seed, how):
        table = spoilt(seed, 400)
        same(found(table), found(*cut(table, how)))

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32), how=st.integers(0, 2**32))
    def test_any_files_of_a_log_in_the_order_of_time(self, seed, how):
        table = spoilt(seed, 300)
        same(found(table), found(*cut(table.sort_by("ts"), how)))

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(seed=st.integers(0, 2**32), group=st.integers(40, 3000))
    def test_any_row_groups(self, tmp_path, seed, group):
        table = spoilt(seed, 400)
        pq.write_table(table, tmp_path / "log.parquet", row_group_size=group)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leg_pressure_log, "TASK_ROWS", (1, group))
            result = support_cycles(open_file(tmp_path / "log.parquet").read(Table))
        assert result.table.equals(found(table)[0])
        assert notes(result) == found(table)[-1]

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 2**32))
    def test_shuffled_rows(self, seed):
        table = spoilt(seed, 150)
        order = np.random.default_rng(seed).permutation(table.num_rows)
        shuffled = support_cycles(Table.of(table.take(order)))
        assert shuffled.table.equals(found(table)[0])
        assert notes(shuffled) == found(table)[-1]
        assert "order" in {flag.code for flag in shuffled.flags}

    def test_one_row_at_a_time(self):
        table = spoilt(3, 60)
        same(found(table), found(*(table.slice(k, 1) for k in range(table.num_rows))))

    def test_a_file_given_twice_counts_once(self):
        table = spoilt(4, 500)
        twice = found(table, table)
        assert twice[0].equals(found(table)[0])

    def test_batches(self, monkeypatch):
        table = spoilt(5)
        whole = found(table)
        original = leg_pressure_survey.stretches

        monkeypatch.setattr(leg_pressure_log, "TASK_ROWS", (1, 700))

        def small(part, faults, **given):
            for one in original(part, faults, **given):
                for k in range(0, len(one.ts), 37):
                    piece = {name: getattr(one, name)[k : k + 37] for name in ("ts", "p", "rows", "whole")}
                    yield one._replace(**piece)

        monkeypatch.setattr(leg_pressure_survey, "stretches", small)
        same(whole, found(table))

    def test_processes(self, tmp_path, monkeypatch):
        monkeypatch.setattr(leg_pressure_log, "TASK_ROWS", (1, 2000))
        table = spoilt(6, 3000)
        pq.write_table(table, tmp_path / "log.parquet", row_group_size=997)
        file = open_file(tmp_path / "log.parquet")
        inline = support_cycles.run([file])
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            processes = support_cycles.run([file], executor=pool)
        assert processes.finding == inline.finding
        assert processes.artifacts == inline.artifacts

    def test_a_thousand_cuts(self):
        """Segments joined in any grouping are one pass: cycles, events, runs and counts."""
        rng = np.random.default_rng(12)
        table = spoilt(12, 400).filter(pa.compute.equal(pa.compute.field("support"), 1))
        table = table.filter(pa.compute.equal(pa.compute.field("leg"), 1))
        good = ~np.isnan(table["pressure_mpa"].to_numpy())
        ts = table["ts"].to_numpy().astype(np.int64)[good]
        p = kernel.quantised(table["pressure_mpa"].to_numpy()[good])
        p[120:190] = p[120]
        ts, p = ts[:240], p[:240]
        reader = Reader(kernel.Limits.of(5, 3, 25, 300), small=True)

        def summed(edges):
            parts = []
            for a, b in pairwise(edges):
                part = Segment()
                assert reader.extend(part, ts[a:b], p[a:b], 1, 0) == (b - a, kernel.DONE)
                parts.append(part)
            while len(parts) > 1:
                k = int(rng.integers(0, len(parts) - 1))
                assert reader.join(parts[k], parts.pop(k + 1))
            whole = Segment(state=kernel.new_state())
            assert reader.join(whole, parts[0])
            reader.finish(whole)
            kinds = (kernel.CYCLE, kernel.EVENT, kernel.RUN)
            written = zip((whole.cycles, whole.events, whole.runs), kinds, strict=True)
            return [kernel.joined(pieces, kind).tobytes() for pieces, kind in written], [
                whole.state[name].tolist() for name in (*kernel.COUNTED, "grain", "run_from", "run_n")
            ]

        expected = summed([0, len(ts)])
        assert all(expected[0])
        for _ in range(1000):
            cuts = np.unique(rng.integers(1, len(ts), int(rng.integers(1, 12))))
            assert summed([0, *cuts.tolist(), len(ts)]) == expected


class TestLongStretches:
    """A leg that is never released is not kept in memory."""

    def stuck(self):
        p = np.concatenate((np.full(900, 30.0), [0, 0, 20, 41, 39, 0, 0], np.full(900, 30.0)))
        return pa.table(rows(p))

    @pytest.mark.parametrize("first", [0, 5, 907, 1200])
    def test_taken_for_the_beginning(self, monkeypatch, first):
        table = self.stuck().slice(first)
        whole = found(table)
        monkeypatch.setattr(leg_pressure_account, "LONG_HEAD", 100)
        pieces = [table.slice(k, 60) for k in range(0, table.num_rows, 60)]
        same(whole, found(*pieces))

    def test_an_earlier_file_turns_up_late(self, monkeypatch):
        table = self.stuck()
        other = pa.table({**rows([0.0]), "leg": [2]})
        # the first row of the late file is early on another leg, so that it is read last
        late = pa.concat_tables(
            [other.set_column(0, "ts", pa.array(table["ts"].to_numpy()[-1:])), table.slice(0, 60)]
        )
        pieces = [late, *(table.slice(k, 60) for k in range(60, table.num_rows, 60))]
        whole = found(pa.concat_tables([table, late.slice(0, 1)]))
        monkeypatch.setattr(leg_pressure_account, "LONG_HEAD", 100)
        same(whole, found(*pieces))


class TestCompiled:
    @pytest.fixture(autouse=True)
    def _present(self):
        pytest.importorskip("numba")

    def test_the_interpreter_gives_the_same_bits(self):
        run = kernel.compiled()
        for seed in range(40):
            rng = np.random.default_rng(seed)
            table = spoilt(seed).filter(pa.compute.equal(pa.compute.field("leg"), 1))
            ts = table["ts"].to_numpy().astype(np.int64)[:1400]
            p = table["pressure_mpa"].to_numpy()[:1400]
            ts, p = ts[~np.isnan(p)], kernel.quantised(p[~np.isnan(p)])
            sizes = (int(rng.integers(1, 8)), int(rng.integers(2, 8)), int(rng.integers(2, 8)))
            kinds = (kernel.CYCLE, kernel.EVENT, kernel.RUN)
            one, other = ([np.zeros(n, kind) for n, kind in zip(sizes, kinds, strict=True)] for _ in range(2))
            limits = tuple(kernel.Limits.of(5, 3, 40, 300))
            a, b = kernel.new_state(), kernel.new_state()
            law = kernel.loading_law()
            at, why = 0, kernel.FULL
            while why == kernel.FULL:
                counts = np.zeros(3, np.int64), np.zeros(3, np.int64)
                told = run(ts, p, 1, at, 1, a, *one, counts[0], limits, law)
                assert told == kernel.interpreted(ts, p, 1, at, 1, b, *other, counts[1], limits, law)
                assert (counts[0] == counts[1]).all()
                assert a.tobytes() == b.tobytes()
                assert [x.tobytes() for x in one] == [x.tobytes() for x in other]
                at, why = told

    def test_a_large_log_takes_the_compiled_one(self, monkeypatch):
        table = spoilt(8)
        small = found(table)
        monkeypatch.setattr(leg_pressure_log, "SMALL_LOG", 0)
        same(small, found(table))

    def test_without_a_compiler(self, monkeypatch):
        table = spoilt(9, 300)
        expected = found(table)
        monkeypatch.setattr(leg_pressure_log, "SMALL_LOG", 0)
        monkeypatch.setattr(kernel, "compiled", lambda: None)
        same(expected, found(table))

    def test_missing_compiler_is_noticed(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "numba", None)
        assert kernel.compiled.__wrapped__() is None


def rows(p, ts=None, **columns):
    ts = BEGIN + np.arange(len(p)).astype("timedelta64[s]") if ts is None else ts
    return {
        "ts": ts,
        "support": np.ones(len(p), int),
        "leg": np.ones(len(p), int),
        "pressure_mpa": p,
        **columns,
    }


def codes(result):
    return {flag.code for flag in result.flags} - {"uncertainty-from-record", "incomplete", "leak-not-told"}


CYCLE = [0.0, 20, 30, 31, 32, 31, 30, 0, 0, 25, 25, 26, 0]


class TestFaults:
    def clean(self):
        return support_cycles(Table.of(rows(CYCLE)))

    def test_missing_values_are_left_out(self):
        p = [*CYCLE[:4], np.nan, *CYCLE[4:]]
        seconds = np.array([0, 1, 2, 3, 3, *range(4, 13)])
        result = support_cycles(Table.of(rows(p, BEGIN + seconds.astype("timedelta64[s]"))))
        assert result.table.equals(self.clean().table)
        assert codes(result) == {"nan"}
        nothing = Table.of(
            rows(pa.array([None if np.isnan(x) else x for x in p]), BEGIN + seconds.astype("timedelta64[s]"))
        )
        assert support_cycles(nothing).table.equals(result.table)

    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinity_is_left_out(self, value):
        result = support_cycles(Table.of(rows([*CYCLE, value])))
        assert result.table.equals(self.clean().table)
        assert codes(result) == {"nan"}

    @pytest.mark.parametrize("moment", ["1970-01-01T00:00:07", "2262-01-01T00:00:00"])
    def test_impossible_dates_are_left_out(self, moment):
        ts = np.append(BEGIN + np.arange(13).astype("timedelta64[s]"), np.datetime64(moment, "us"))
        order = [*range(5), 13, *range(5, 13)]
        result = support_cycles(Table.of(rows(np.array([*CYCLE, 30])[order], ts[order])))
        assert result.table.equals(self.clean().table)
        assert codes(result) == {"clock"}

    def test_a_single_negative_sample_is_a_fault(self):
        p = [*CYCLE[:4], -2.0, *CYCLE[5:]]
        result = support_cycles(Table.of(rows(p)))
        assert result.cycles.value == 2
        assert codes(result) == {"negative"}

    def test_two_negative_samples_are_a_release(self):
        p = [0.0, 20, 20, -0.2, -0.2, 20, 20, -0.2]
        result = support_cycles(Table.of(rows(p)))
        # nothing says that the last one is a fault
        assert (result.cycles.value, result.incomplete_cycles.value) == (2, 0)
        assert result.table["end"][0].value == int(BEGIN.astype(np.int64)) + 3_000_000

    def test_a_slow_negative_sample_is_a_release(self):
        ts = BEGIN + (np.arange(5) * 30).astype("timedelta64[s]")
        assert support_cycles(Table.of(rows([0.0, 20, -0.2, 20, 0], ts))).cycles.value == 2

    def test_repeats_count_once(self):
        again = np.sort([*range(13), 3, 3, 7])
        ts = BEGIN + again.astype("timedelta64[s]")
        result = support_cycles(Table.of(rows(np.array(CYCLE)[again], ts)))
        assert result.table.equals(self.clean().table)
        assert "3 repeated" in next(f.text for f in result.flags if f.code == "duplicate")

    def test_contradictions_are_settled_whatever_the_order(self):
        ts = BEGIN + np.array([0, 1, 2, 2, 3, 4]).astype("timedelta64[s]")
        results = [
            support_cycles(Table.of(rows(p, ts))) for p in ([0.0, 20, 0, 30, 30, 0], [0.0, 20, 30, 0, 30, 0])
        ]
        assert results[0].table.equals(results[1].table)
        assert results[0].table["max_mpa"].to_pylist() == [30]
        assert codes(results[0]) == {"duplicate"}

    def test_gap_limit(self):
        ts = BEGIN + np.array([0, 1, 2, 303, 304]).astype("timedelta64[s]")
        result = support_cycles(Table.of(rows([0.0, 20, 20, 20, 0], ts)))
        assert codes(result) == {"gap"}
        assert support_cycles(Table.of(rows([0.0, 20, 20, 20, 0], ts)), gap_limit_s=301).cycles.value == 1
        assert codes(support_cycles(Table.of(rows([0.0, 20, 20, 20, 0], ts)), gap_limit_s=301)) == set()

    def test_reversed_file(self):
        result = support_cycles(Table.of(pa.table(rows(CYCLE)).take(np.arange(12, -1, -1))))
        assert result.table.equals(self.clean().table)
        assert codes(result) == {"order"}

    def test_implausible_pressures_ask_for_the_unit(self):
        assert "unit" in codes(support_cycles(Table.of(rows(np.array(CYCLE) * 10))))

    def test_bar(self):
        columns = rows(np.array(CYCLE))
        columns["pressure_bar"] = columns.pop("pressure_mpa") * 10
        assert support_cycles(Table.of(columns)).table.equals(self.clean().table)

    @pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint32, np.int64])
    def test_any_integers(self, kind):
        columns = rows(CYCLE, support=np.ones(13, kind), leg=np.ones(13, kind))
        assert support_cycles(Table.of(columns)).table.equals(self.clean().table)

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_any_resolution(self, unit, tmp_path):
        columns = rows(CYCLE, (BEGIN + np.arange(13).astype("timedelta64[s]")).astype(f"datetime64[{unit}]"))
        pq.write_table(pa.table(columns), tmp_path / "log.parquet")
        assert support_cycles(open_file(tmp_path / "log.parquet").read(Table)).table.equals(
            self.clean().table
        )

    def test_csv(self, tmp_path):
        lines = ["ts,support,leg,pressure_mpa"]
        lines += [f"2026-01-01T00:00:{k:02d}Z,1,1,{p}" for k, p in enumerate(CYCLE)]
        (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
        assert support_cycles(open_file(tmp_path / "log.csv").read(Table)).table.equals(self.clean().table)
        (tmp_path / "log.tsv").write_text("\n".join(lines).replace(",", "\t") + "\n")
        assert support_cycles(open_file(tmp_path / "log.tsv").read(Table)).table.equals(self.clean().table)

    def test_nothing_usable(self):
        with pytest.raises(BadInput, match="none of the 3 rows"):
            support_cycles(Table.of(rows([np.nan, np.nan, np.nan])))

    @pytest.mark.parametrize("missing", ["ts", "support", "leg", "pressure_mpa"])
    def test_missing_column(self, missing):
        columns = rows(CYCLE)
        del columns[missing]
        with pytest.raises(BadInput, match=missing):
            support_cycles(Table.of(columns))

    def test_too_far_out_of_order(self, monkeypatch):
        monkeypatch.setattr(leg_pressure_log, "SORTABLE_ROWS", 100)
        p = np.tile(CYCLE, 20)
        ts = BEGIN + np.random.default_rng(0).permutation(len(p)).astype("timedelta64[s]")
        with pytest.raises(BadInput, match=r"260 samples of support 1, leg 1 .* sort the log") as error:
            support_cycles(Table.of(rows(p, ts)))
        first = int(np.flatnonzero(np.diff(ts.astype(np.int64)) < 0)[0]) + 2
        assert error.value.where == f"memory, row {first}"

    def test_disordered_legs_are_sorted_in_turn(self, monkeypatch):
        table = spoilt(10, 300)
        expected = found(table)[0]
        monkeypatch.setattr(leg_pressure_log, "SORTABLE_ROWS", 400)
        order = np.random.default_rng(1).permutation(table.num_rows)
        assert support_cycles(Table.of(table.take(order))).table.equals(expected)

    def test_memory_stays_bounded_by_what_is_in_flight(self, monkeypatch):
        # rows of legs in order never reach the sorting pass
        monkeypatch.setattr(leg_pressure_log, "rows_of", lambda *_: pytest.fail("rows were gathered"))
        one = pa.table(rows(np.tile(CYCLE, 300)))
        table = pa.concat_tables([one, one.set_column(2, "leg", pa.array(np.full(len(one), 2)))]).sort_by(
            "ts"
        )
        assert support_cycles(Table.of(table)).cycles.value > 0
        assert (
            support_cycles(
                *(Table.of(table.slice(k, 500)) for k in range(0, table.num_rows, 500))
            ).cycles.value
            > 0
        )


@given(seed=st.integers(0, 2**32))
def test_one_each(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    ts, p = rng.integers(0, 20, n), rng.integers(0, 4, n).astype(float)
    t, kept, repeats, conflicts = one_each(ts, p)
    assert t.tolist() == sorted(set(ts.tolist()))
    assert all(value in p[ts == moment] for moment, value in zip(t, kept, strict=True))
    assert repeats == n - len(set(zip(ts.tolist(), p.tolist(), strict=True)))
    assert repeats + conflicts + len(t) == n
    order = rng.permutation(n)
    again = one_each(ts[order], p[order])
    assert (again[0] == t).all()
    assert (again[1] == kept).all()
