"""AEMP documents to readings, against bare parsing of the same bytes, and tampering in the readings.

    python benchmarks/bench_fleet.py [MACHINES] [DAYS]

Prints readings per second and per CPU second, and the ratio to expat without any handler and to ElementTree.iterparse
without any work. The time for 10,000 machines and a year is told by proportion.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from xml.parsers import expat

from recore.fleet.aemp import spread
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


def normalised(paths: list[Path], on: str = "inline") -> int:
    return int(spread.take(paths, datetime.now(UTC), on=on).finish().readings.num_rows)


def loaded(paths: list[Path]) -> None:
    for path in paths:
        json.loads(path.read_bytes())


PEERS: dict[str, dict[str, Callable[[list[Path]], None]]] = {
    "xml": {"expat, no handler": bare, "ElementTree.iterparse": tree},
    "json": {"json.loads": loaded},
}


def measured(paths: list[Path], words: str, peers: dict[str, Callable[[list[Path]], None]]) -> None:
    size = sum(path.stat().st_size for path in paths)
    normalised(paths)  # compile once
    count, wall, cpu = timed(lambda: normalised(paths))
    assert isinstance(count, int)
    print(f"{words}: {size / 1e6:.0f} MB, {count} readings, {size / count:.0f} bytes each")
    print(
        f"  recore: {count / wall:,.0f} readings/s, {count / cpu:,.0f} per CPU-s, {size / cpu / 1e6:.0f} MB/CPU-s"
    )
    _, both, _ = timed(lambda: normalised(paths, "processes:2"))
    print(f"  two processes, with their start: {count / both:,.0f} readings/s")
    print(f"  10,000 machines, one snapshot a day, a year: {YEAR / count * cpu:.0f} CPU-s")
    for peer, work in peers.items():
        _, _, other = timed(lambda work=work: work(paths))  # type: ignore[misc]
        print(f"  {peer}: {size / other / 1e6:.0f} MB/CPU-s; recore takes {cpu / other:.2f} x its CPU time")


def main() -> None:
    machines, days = (
        (int(word) for word in [*sys.argv[1:], "1000", "40"][:2]) if len(sys.argv) > 2 else (1000, 40)
    )
    made = telegrams(1, Fleet(machines=machines, days=days))
    kinds: tuple[aemp.DocumentFormat, ...] = ("xml", "json")
    for kind in kinds:
        for every, words in ((False, "meters, fuel, idle, distance, place"), (True, "all elements")):
            with tempfile.TemporaryDirectory() as name:
                written = aemp.write(made, Path(name), kinds=(kind,), every=every, bad=0)
                paths = [path for path in written if path.name.startswith("snapshot")]
                measured(paths, f"{kind}, {words}", PEERS[kind])
    found, wall, cpu = timed(lambda: tampering(made.machine, made.t_h, made.hours))
    print(
        f"tampering: {len(made.machine)} readings in {wall:.2f} s, {len(made.machine) / cpu:,.0f} per CPU-s, {len(found.events)} events"
    )  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
