"""Rows per second and core of `support.cycles` on two processes and on a Dask cluster, against one process.

A log of many days is made of one day (the shared one, or a simulated one) with its times shifted, one file a day.
Each executor reads it twice and the second time counts: workers are started and the kernel is loaded then, as it
is in a long run. Inline is one core; the others have two. Results are compared to the bit. The cluster is a real
scheduler with two workers on loopback. Aim: 0.60 of inline, per core.

    python benchmarks/bench_scale.py [--days N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("RECORE_SHARED_DATA", ROOT.parent / "shared" / "data"))
DAY = SHARED / "supports" / "leg_pressure_1day_48supports.parquet"
AIM = 0.60


def days(folder: Path, count: int) -> int:
    """Write the days; how many rows there are."""
    if DAY.exists():
        day = pq.read_table(DAY)
    else:
        from recore.simulate.supports import supports

        day = supports(1, supports=48, days=1.0).log
    for number in range(count):
        shift = pa.scalar(number * 86_400_000, pa.duration("ms"))
        at = day.schema.get_field_index("ts")
        shifted = day.set_column(at, day.schema.field(at), pc.add(day["ts"], shift))
        pq.write_table(shifted, folder / f"{number:03}.parquet", compression="zstd", row_group_size=86_400)
    return day.num_rows * count


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Address of a scheduler with two workers on loopback."""
    from distributed import Client

    file = folder / "cluster.json"
    words = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running: list[subprocess.Popen[Any]] = []
    try:
        running.append(
            subprocess.Popen([sys.executable, "-m", "dask", "scheduler", "--port", "0", *words], **quiet)
        )
        worker = [sys.executable, "-m", "dask", "worker", "--nworkers", "2", "--nthreads", "1", *words]
        running.append(subprocess.Popen(worker, **quiet))
        while not file.exists():
            time.sleep(0.1)
        with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
            address = str(client.scheduler.address).replace("tcp://", "dask://")
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=10, help="days of the log")
    given = parser.parse_args()
    from recore.evidence import Table, open_file
    from recore.execute import executor
    from recore.metrology.leg_pressure.cycles import support_cycles

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = days(folder, given.days)
        tables = [open_file(path).read(Table) for path in sorted(folder.glob("*.parquet"))]
        print(f"{rows / 1e6:.0f} M rows in {len(tables)} files")

        def timed(
            where: str, cores: int, one: float | None, whole: pa.Table | None
        ) -> tuple[float, pa.Table]:
            with executor(where) as pool:
                support_cycles(*tables, executor=pool)
                begin = time.perf_counter()
                found = support_cycles(*tables, executor=pool)
                took = time.perf_counter() - begin
            speed = rows / took / cores
            same = "" if whole is None else "same bits" if found.table.equals(whole) else "OTHER BITS"
            share = "" if one is None else f"{speed / one:5.2f} of inline (aim {AIM})"
            label = where.partition("://")[0]
            print(f"{label:12} {took:7.2f} s wall  {speed / 1e6:6.2f} M rows/s and core  {share}  {same}")
            return speed, found.table

        one, whole = timed("inline", 1, None, None)
        timed("processes:2", 2, one, whole)
        with cluster(folder) as address:
            timed(address, 2, one, whole)


if __name__ == "__main__":
    main()
