"""Rows per CPU second of `support.cycles` over Parquet, against DuckDB and Polars on the same file.

Each contender runs in a process of its own on one thread and is timed in CPU seconds, compilation and
import left out (printed apart). The peers get the same sorted file, as window queries by support and leg
and in the fastest formulation known to us, which trusts the order of the file and needs no partition
(file order). Their task is the same but for two points: the leak is a plain slope, and the final pressure
the last sample of the cycle. A yield event is one fast step to them, and a slow fall of 1 MPa one more to the
state machine, so these counts are printed side by side; cycles and the sum of the TWAPs must agree.
The physical limit is the bare decoding of the columns that the method reads. Seen on a busy machine of two
cores: 0.23 to 0.38 of it (0.60 is asked), and 11 times the Polars windows (20 are asked).

    python benchmarks/bench_supports.py [--log FILE] [--repeat N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("RECORE_SHARED_DATA", ROOT.parent / "shared" / "data"))
LOG = SHARED / "supports" / "leg_pressure_1day_48supports.parquet"
SET, RELEASE, BAND, DROP = 4.99999, 2.99999, 39.19999, 1.00001
HEAD_US, QUIET_US = 30e6, 180e6
CONTENDERS = (
    "recore", "decode", "polars windows", "duckdb windows", "polars file order", "duckdb file order"
)  # fmt: skip

_PER_CYCLE = f"""
    bool_or(not s) ended, min(t) filter (s) first_t, max(t) filter (s) final_t, min(t) filter (not s) release_t,
    count(*) filter (s) samples, max(p) filter (s) high, max(p) filter (s and t - start <= {HEAD_US}) setting,
    arg_max(p, t) filter (s) final, sum((p + q) / 2 * (t - u)) filter (held) area,
    count(*) filter (held and q >= {BAND} and p < q - {DROP} and p > q / 2) yields,
    regr_slope(p, (t - start) / 6e7) filter (s and t - start >= {QUIET_US} and p < {BAND}) slope
"""
_ANSWER = "select count(*), sum(yields), sum(area / (final_t - first_t)), sum(setting + high + final + slope) from e"
DUCKDB_FILE_ORDER = f"""
with a as (
  select epoch_us(ts) t, pressure_mpa::double p, row_number() over () n,
    lag(epoch_us(ts)) over () u, lag(pressure_mpa::double) over () q,
    support is distinct from lag(support) over () or leg is distinct from lag(leg) over () as fresh
  from '{{log}}'),
b as (
  select *,
    coalesce(max(case when p >= {SET} then n end) over (rows unbounded preceding), 0)
    > coalesce(max(case when p < {RELEASE} or (fresh and p < {SET}) then n end)
               over (rows unbounded preceding), 0) s
  from a),
c as (select *, not fresh and s and not lag(s) over () rise, not fresh and s and lag(s) over () held from b),
d as (
  select *, sum((fresh or rise)::int) over (rows unbounded preceding) id,
    max(case when rise then t end) over (rows unbounded preceding) start
  from c),
e as (select id, bool_or(rise) complete, {_PER_CYCLE} from d group by id)
{_ANSWER} where complete and ended
"""
DUCKDB_WINDOWS = f"""
with a as (
  select support, leg, epoch_us(ts) t, pressure_mpa::double p,
    case when pressure_mpa >= {SET} then true when pressure_mpa < {RELEASE} then false end mark,
    lag(pressure_mpa::double) over w q, lag(epoch_us(ts)) over w u
  from '{{log}}' window w as (partition by support, leg order by ts)),
b as (
  select *, coalesce(last_value(mark ignore nulls) over w, false) s from a
  window w as (partition by support, leg order by t)),
c as (select *, lag(s) over w r from b window w as (partition by support, leg order by t)),
d as (
  select *, sum((s and not r)::int) over w id, max(case when s and not r then t end) over w start, s and r as held
  from c window w as (partition by support, leg order by t rows unbounded preceding)),
e as (select {_PER_CYCLE} from d where id > 0 group by support, leg, id)
{_ANSWER} where ended
"""


def recore(log: Path) -> tuple[int, int, float]:
    from recore.evidence import Table, open_file
    from recore.metrology.leg_pressure.cycles import support_cycles

    global _table
    if _table is None:
        _table = open_file(log).read(Table)
    found = support_cycles(_table)
    return found.cycles.value, found.yield_events.value, float(found.table["twap_mpa"].to_numpy().sum())


_table: Any = None


def decode(log: Path) -> tuple[int, int, float]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(log) as file:
        for group in range(file.num_row_groups):
            file.read_row_group(group, columns=["ts", "pressure_mpa"], use_threads=False)
    return 0, 0, 0.0


def _polars(windows: bool) -> Callable[[Path], tuple[int, int, float]]:
    def run(log: Path) -> tuple[int, int, float]:
        import polars as pl

        def over(expression: Any) -> Any:
            return expression.over("support", "leg") if windows else expression

        t, p, q, s = (pl.col(name) for name in "tpqs")
        support, leg, fresh = (pl.col(name) for name in ("support", "leg", "fresh"))
        minutes = (t - pl.col("start")) / 6e7
        quiet = s & (t - pl.col("start") >= QUIET_US) & (p < BAND)
        x, y = minutes.filter(quiet), p.filter(quiet)
        key = ["support", "leg", "id"] if windows else ["id"]
        frame = (
            pl.scan_parquet(log)
            .with_columns(
                pl.col("ts").dt.epoch("us").alias("t"),
                pl.col("pressure_mpa").cast(pl.Float64).alias("p"),
                over(pl.int_range(pl.len()) == 0).alias("fresh")
                if windows
                else (support.ne_missing(support.shift()) | leg.ne_missing(leg.shift())).alias("fresh"),
            )
            .with_columns(
                over(
                    pl.when(p >= SET).then(True).when((p < RELEASE) | fresh).then(False).otherwise(None)
                    .forward_fill()
                ).alias("s"),
                over(p.shift()).alias("q"),
                over(t.diff()).alias("dt"),
            )
            .with_columns((~fresh & s & ~over(s.shift())).alias("rise"), (~fresh & s & over(s.shift())).alias("held"))
            .with_columns(
                over((fresh | pl.col("rise")).cum_sum()).alias("id"),
                over(pl.when("rise").then(t).forward_fill()).alias("start"),
            )
            .group_by(key)
            .agg(
                pl.col("rise").any().alias("complete"),
                (~s).any().alias("ended"),
                t.filter(~s).min().alias("release"),
                s.sum().alias("samples"),
                p.filter(s).max().alias("high"),
                p.filter(s & (t - pl.col("start") <= HEAD_US)).max().alias("setting"),
                p.filter(s).last().alias("final"),
                pl.when("held").then((p + q) * pl.col("dt")).sum().alias("area"),
                pl.when("held").then("dt").sum().alias("span"),
                (pl.col("held") & (q >= BAND) & (p < q - DROP) & (p > q / 2)).sum().alias("yields"),
                (((x * y).mean() - x.mean() * y.mean()) / ((x * x).mean() - x.mean() ** 2)).alias("slope"),
            )
            .filter(pl.col("complete") & pl.col("ended"))
            .select(
                pl.len(),
                pl.col("yields").sum(),
                (pl.col("area") / 2 / pl.col("span")).sum().alias("twap"),
                (pl.col("setting") + pl.col("high") + pl.col("final") + pl.col("slope").fill_nan(0)).sum().alias("rest"),
            )
        )  # fmt: skip
        count, yields, twap, _ = frame.collect().row(0)
        return int(count), int(yields), float(twap)

    return run


def _duckdb(query: str) -> Callable[[Path], tuple[int, int, float]]:
    def run(log: Path) -> tuple[int, int, float]:
        import duckdb

        connection = duckdb.connect()
        connection.execute("set threads = 1")
        count, yields, twap, _ = connection.execute(query.format(log=log)).fetchone() or (0, 0, 0.0, 0.0)
        return int(count), int(yields), float(twap)

    return run


RUN: dict[str, Callable[[Path], tuple[int, int, float]]] = {
    "recore": recore,
    "decode": decode,
    "polars windows": _polars(True),
    "duckdb windows": _duckdb(DUCKDB_WINDOWS),
    "polars file order": _polars(False),
    "duckdb file order": _duckdb(DUCKDB_FILE_ORDER),
}


def contend(name: str, log: Path, repeat: int) -> None:
    """Child process: run one contender and print what it took."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    begin = time.process_time()
    answer = RUN[name](log)
    first = time.process_time() - begin
    best = first
    for _ in range(repeat):
        begin = time.process_time()
        assert RUN[name](log)[:2] == answer[:2]  # the order of Polars' groups, and so its sums, vary
        best = min(best, time.process_time() - begin)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"answer": answer, "first": first, "best": best, "rss_mib": rss}))


def generated(folder: Path, seed: int) -> Path:
    """A log of our own simulator, sorted, one row group per leg."""
    import pyarrow.parquet as pq

    from recore.simulate.supports import Face, supports

    log = folder / "leg_pressure.parquet"
    pq.write_table(
        supports(seed, 48, 1.0, face=Face(release_s=(0.5, 0.9))).log, log, row_group_size=86_400, compression="zstd"
    )  # fmt: skip
    return log


def cold(log: Path) -> float:
    """Seconds from starting the interpreter to the finding, with the compiled kernel in its cache."""
    code = (
        f"from benchmarks.bench_supports import recore; from pathlib import Path; recore(Path({str(log)!r}))"
    )
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=_environment())
    return time.perf_counter() - begin


def _environment() -> dict[str, str]:
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "POLARS_MAX_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--log", type=Path, help="sorted Parquet log; else the shared one, else a generated one"
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        contend(given.contender, given.log, given.repeat)
        return
    with tempfile.TemporaryDirectory() as folder:
        log = given.log or (LOG if LOG.exists() else generated(Path(folder), given.seed))
        import pyarrow.parquet as pq

        rows = pq.read_metadata(log).num_rows
        print(f"{log.name}: {rows / 1e6:.1f} M rows, {log.stat().st_size / 1e6:.1f} MB")
        print(
            f"{'':16}{'M rows/CPU-s':>14}{'first run s':>13}{'RSS MiB':>9}  cycles  yields  sum of TWAP / MPa"
        )
        speed, answers = {}, {}
        for name in CONTENDERS:
            command = [
                sys.executable,
                __file__,
                "--log",
                str(log),
                "--contender",
                name,
                "--repeat",
                str(given.repeat),
            ]
            out = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment())
            told = json.loads(out.stdout.splitlines()[-1])
            speed[name], answers[name] = rows / 1e6 / told["best"], told["answer"]
            cycles, yields, twap = told["answer"]
            print(
                f"{name:18}{speed[name]:14.1f}{told['first']:13.2f}{told['rss_mib']:9.0f}"
                + (f"{cycles:8d}{yields:8d}  {twap:.6f}" if cycles else "")
            )
        for name in CONTENDERS[2:]:
            assert answers[name][0] == answers["recore"][0], name
            assert abs(answers[name][2] - answers["recore"][2]) <= 1e-9 * answers["recore"][2], name
        for kind in ("windows", "file order"):
            best = max(speed[f"polars {kind}"], speed[f"duckdb {kind}"])
            asked = "   (asked: 20)" if kind == "windows" else ""
            print(f"ratio to the best of {kind:10} {speed['recore'] / best:6.1f}{asked}")
        print(f"ratio to bare decoding        {speed['recore'] / speed['decode']:6.2f}   (asked: 0.60)")
        print(f"cold, from the interpreter    {cold(log):6.2f} s")


if __name__ == "__main__":
    main()
