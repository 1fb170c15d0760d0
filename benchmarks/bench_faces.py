"""Screens of a face of 250 supports over a year: how long a tile, a card and a picture take on the server.

Goal: every tile of 250 supports × 1 year (5 M leg cycles) opens and zooms in under 300 ms on the server, and never
sends more than 300 × 400 cells. The peer makes the same tile from the same table at the moment of asking, in DuckDB.
The face is prepared once, before the first look; that time is printed too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "web"))

import face_tables

from recore.fleet.face import Face, prepare
from recore.web.heat import Scale, heat_svg

LIMIT_MS = 300.0
WORDS = {"support": "Support", "axis": "Time (UTC)"}


def timed(name: str, work: Callable[[], Any], rounds: int = 7) -> float:
    """Median milliseconds; the first round is not counted, it is printed beside."""
    took = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin) * 1000)
    median = statistics.median(took[1:])
    print(f"  {name:<46} {median:8.1f} ms   first {took[0]:8.1f} ms   {'' if median < LIMIT_MS else 'over'}")
    return median


def written(folder: Path, supports: int, shears: int) -> tuple[Path, Path]:
    """The cycle tables of the synthetic face, with the shears it was made with."""
    legs = face_tables.leg_cycles(supports, shears)
    shear = pa.array(np.tile(np.arange(1, shears + 1), supports * 2))
    pairs = face_tables.support_cycles(legs)
    pq.write_table(legs.append_column("shear", shear), folder / "cycles.parquet", compression="zstd")
    pq.write_table(pairs, folder / "support_cycles.parquet", compression="zstd")
    return folder / "cycles.parquet", folder / "support_cycles.parquet"


def peer(path: Path, span: tuple[int, int], columns: int) -> Callable[[], Any]:
    """The same tile by SQL at the moment of asking: mean by support and the cell in which a cycle begins."""
    import duckdb

    base = duckdb.connect()
    base.execute("SET threads = 1")
    step = (span[1] - span[0]) // columns + 1
    sql = (
        'SELECT support, (epoch_us(start) - ?) // ? AS cell, sum(twap_mpa * epoch_us("end") - twap_mpa * epoch_us(start))'
        ' / sum(epoch_us("end") - epoch_us(start)) FROM read_parquet(?) GROUP BY 1, 2'
    )
    return lambda: base.execute(sql, [span[0], step, str(path)]).fetchnumpy()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--supports", type=int, default=250)
    asked.add_argument("--shears", type=int, default=10_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cycles, pairs = written(folder, given.supports, given.shears)
        rows = pq.read_metadata(cycles).num_rows
        print(
            f"{given.supports} supports, {rows:,} leg cycles, {cycles.stat().st_size / 1e6:.0f} MB of cycles"
        )
        begin, cpu = time.perf_counter(), time.process_time()
        face = prepare(folder / "tiles" / "one", cycles, pairs)
        made = sum(path.stat().st_size for path in face.tiles.folder.iterdir())
        print(
            f"prepared once in {time.perf_counter() - begin:.1f} s ({time.process_time() - cpu:.1f} CPU-s), {made / 1e6:.0f} MB"
        )
        look(face, cycles, given.supports)


def look(face: Face, cycles: Path, supports: int) -> None:
    low, high = face.tiles.span("time")
    day = 86_400_000
    windows = {
        "year": (low, high),
        "month": (low, low + 30 * day),
        "week": (low, low + 7 * day),
        "day": (low, low + day),
    }
    worst = 0.0
    for word, window in windows.items():
        tile = face.tiles.tile("twap_mpa", window=window)
        size = f"{tile.values.shape[0]} × {tile.values.shape[1]}"
        worst = max(
            worst,
            timed(
                f"tile, support × time, {word}, {size}",
                lambda w=window: face.tiles.tile("twap_mpa", window=w),
            ),
        )
    worst = max(worst, timed("tile, support × shear, all", lambda: face.tiles.tile("final_mpa", "shear")))
    tile = face.tiles.tile("twap_mpa")
    worst = max(
        worst,
        timed(
            "picture of the year (SVG with PNG)",
            lambda: heat_svg(tile, Scale(20, 40), theme="light", words=WORDS),
        ),
    )
    worst = max(
        worst, timed("newest cycle of every leg at a moment", lambda: face.newest((low + high) * 500))
    )
    worst = max(
        worst,
        timed(
            "a week of cycles of one support",
            lambda: face.cycles(supports // 2, window=(low * 1000, (low + 7 * day) * 1000)),
        ),
    )
    timed("peer: DuckDB makes the tile of the year", peer(cycles, face.span, tile.values.shape[1]), rounds=2)
    took = timed("the same tile here", lambda: face.tiles.tile("twap_mpa"), rounds=15)
    asked = time.perf_counter()
    peer(cycles, face.span, tile.values.shape[1])()
    print(
        f"ratio to the peer: {(time.perf_counter() - asked) * 1000 / took:.0f} ×; slowest look {worst:.0f} ms of {LIMIT_MS:.0f} ms allowed"
    )


if __name__ == "__main__":
    main()
