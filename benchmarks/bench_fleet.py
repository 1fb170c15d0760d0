"""AEMP documents to readings, against bare parsing of the same bytes, and tampering in the readings.

    python benchmarks/bench_fleet.py [MACHINES] [DAYS]

Prints readings per second and per CPU second, and the ratio to expat without any handler and to ElementTree.iterparse
without any work. The time for 10,000 machines and a year is told by proportion.
"""

from __future__ import annotations

import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from xml.parsers import expat

from recore.fleet.aemp.normalise import Normaliser
from recore.metrology.hour_meter.tampering import tampering
from recore.simulate import aemp
from recore.simulate.telematics import Fleet, telegrams

YEAR = 10_000 * 365


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def bare(paths: list[Path]) -> None:
    for path in paths:
        parser = expat.ParserCreate()
        with path.open("rb") as file:
            parser.ParseFile(file)


def tree(paths: list[Path]) -> None:
    for path in paths:
        for _, element in ET.iterparse(path):
            element.clear()


def normalised(paths: list[Path]) -> int:
    normaliser = Normaliser(datetime.now(UTC))
    normaliser.files(paths)
    return normaliser.finish().readings.num_rows


def main() -> None:
    machines, days = (
        (int(word) for word in [*sys.argv[1:], "1000", "40"][:2]) if len(sys.argv) > 2 else (1000, 40)
    )
    made = telegrams(1, Fleet(machines=machines, days=days))
    for every, words in ((False, "meters, fuel, idle, distance, place"), (True, "all elements")):
        with tempfile.TemporaryDirectory() as name:
            written = aemp.write(made, Path(name), kinds=("xml",), every=every, bad=0)
            paths = [path for path in written if path.name.startswith("snapshot")]
            size = sum(path.stat().st_size for path in paths)
            normalised(paths)  # compile once
            count, wall, cpu = timed(lambda paths=paths: normalised(paths))
            assert isinstance(count, int)
            print(f"{words}: {size / 1e6:.0f} MB, {count} readings, {size / count:.0f} bytes each")
            print(
                f"  recore: {count / wall:,.0f} readings/s, {count / cpu:,.0f} per CPU-s, {size / cpu / 1e6:.0f} MB/CPU-s"
            )
            print(
                f"  10,000 machines, one snapshot a day, a year: {YEAR / count * wall:.0f} s wall, {YEAR / count * cpu:.0f} CPU-s"
            )
            for peer, work in (("expat, no handler", bare), ("ElementTree.iterparse", tree)):
                _, _, other = timed(lambda work=work, paths=paths: work(paths))
                print(
                    f"  {peer}: {size / other / 1e6:.0f} MB/CPU-s; recore takes {cpu / other:.2f} x its CPU time"
                )
    found, wall, cpu = timed(lambda: tampering(made.machine, made.t_h, made.hours))
    print(
        f"tampering: {len(made.machine)} readings in {wall:.2f} s, {len(made.machine) / cpu:,.0f} per CPU-s, {len(found.events)} events"
    )  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
