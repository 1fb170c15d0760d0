"""AEMP documents to readings, against bare parsing of the same bytes and against the memory; and tampering in them.

    python benchmarks/bench_fleet.py [MACHINES] [DAYS]

A day of the simulator's fleet snapshots becomes as many days as wanted: times and digits of the values are written
anew for each day. Prints, for XML and JSON, with the meters only and with all 19 elements, readings per second and per
CPU second, and the ratio to peers over the same files: expat without a handler, ElementTree.iterparse, lxml, json.loads,
orjson (where they are installed), and a bare sum of all bytes, which is what the memory gives. Then the whole way into
DuckDB with wall clock and peak memory, in a process of its own. `bench_fleet.py 10000 365` is the year of the issue: 8 GB
of XML, 6 GB of JSON at a time in the folder for temporary files.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.parsers import expat

import numpy as np

from recore.fleet.aemp import spread
from recore.fleet.aemp.tables import joined
from recore.metrology.hour_meter.tampering import tampering
from recore.simulate import aemp
from recore.simulate.telematics import Fleet, Telegrams, telegrams

PEERS_READ = 400 << 20  # bytes that the peers read; they are told per byte
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
EVENTS = {
    "xml": (
        '<DigitalInputStatus datetime="{t}"><InputNumber>1</InputNumber><State>on</State></DigitalInputStatus>'
        '<CautionCode datetime="{t}"><CodeIdentifier>E{n}</CodeIdentifier></CautionCode>'
        '<FaultCode datetime="{t}"><CodeIdentifier>SPN {n}</CodeIdentifier><CodeSeverity>low</CodeSeverity></FaultCode>'
    ),
    "json": (
        ',"DigitalInputStatus":{{"datetime":"{t}","InputNumber":1,"State":"on"}}'
        ',"CautionCode":{{"datetime":"{t}","CodeIdentifier":"E{n}"}}'
        ',"FaultCode":{{"datetime":"{t}","CodeIdentifier":"SPN {n}","CodeSeverity":"low"}}'
    ),
}


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def with_events(text: str, kind: str) -> str:
    """The three elements that are events, in every equipment."""
    end = "</Equipment>" if kind == "xml" else "}}"
    pieces = text.split(end) if kind == "xml" else re.split(r"\}\}(?=,\{\"EquipmentHeader|\])", text)
    for number, piece in enumerate(pieces[:-1]):
        stamp = re.findall(r"20\d\d-[^\"]*Z", piece)[-1]
        events = EVENTS[kind].format(t=stamp, n=number % 300)
        pieces[number] = piece + (events + end if kind == "xml" else "}" + events + "}")
    return "".join(pieces)


def written(
    made: Telegrams, folder: Path, kind: aemp.DocumentFormat, days: int, *, every: bool
) -> Iterator[Path]:
    """Snapshots of so many days."""
    first = np.unique(made.machine, return_index=True)[1]
    text = aemp.snapshot(made, first, kind, every=every).decode()
    data = (with_events(text, kind) if every else text).encode()
    body = np.frombuffer(data, np.uint8).copy()
    stamps = np.array([m.start() for m in re.finditer(rb"20\d\d-\d\d-\d\dT", data)])
    digits = np.array([m.start() for m in re.finditer(rb"(?<=\d)\d(?=[.]\d)", data)])
    rng = np.random.default_rng(15143)
    for day in range(days):
        date = (FIRST + timedelta(days=day)).strftime("%Y-%m-%d").encode()
        body[stamps[:, None] + np.arange(10)] = np.frombuffer(date, np.uint8)
        body[digits] = rng.integers(48, 58, len(digits), dtype=np.uint8)
        path = folder / f"snapshot-{day:05d}.{kind}"
        path.write_bytes(body.tobytes())
        yield path


def bare(paths: list[Path]) -> None:
    for path in paths:
        parser = expat.ParserCreate()
        with path.open("rb") as file:
            parser.ParseFile(file)


def tree(paths: list[Path]) -> None:
    for path in paths:
        for _, element in ET.iterparse(path):
            element.clear()


def lxml_tree(paths: list[Path]) -> None:
    etree = importlib.import_module("lxml.etree")
    for path in paths:
        for _, element in etree.iterparse(str(path)):
            element.clear()


def loaded(paths: list[Path]) -> None:
    for path in paths:
        json.loads(path.read_bytes())


def orjson_loaded(paths: list[Path]) -> None:
    loads = importlib.import_module("orjson").loads
    for path in paths:
        loads(path.read_bytes())


def summed(paths: list[Path]) -> None:
    for path in paths:
        np.frombuffer(path.read_bytes(), np.uint64, path.stat().st_size // 8).sum()


PEERS: dict[str, dict[str, Callable[[list[Path]], None]]] = {
    "xml": {"expat, no handler": bare, "ElementTree.iterparse": tree, "lxml.iterparse": lxml_tree},
    "json": {"json.loads": loaded, "orjson.loads": orjson_loaded},
}
WHOLE = """
import resource, sys, time
from datetime import UTC, datetime
from recore.fleet import telematics
from recore.fleet.derived import Derived
began = time.perf_counter()
found = telematics.normalise([sys.argv[1]], now=datetime.now(UTC))
middle = time.perf_counter()
told = telematics.ingest(Derived(sys.argv[2]), found)
end = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
cpu = time.process_time()
print(f"{middle - began:.1f} s to read and normalise, {end - middle:.1f} s into DuckDB, {cpu:.0f} CPU-s in all; "
      f"{told['new_readings']:,} of {told['readings']:,} readings are new; peak of memory {peak:.2f} GB")
"""


def normalised(paths: list[Path]) -> int:
    return int(joined([spread.taken(paths, datetime.now(UTC), True)]).finish().readings.num_rows)


def measured(paths: list[Path], words: str, kind: str) -> None:
    size = sum(path.stat().st_size for path in paths)
    normalised(paths[:2])  # compile once
    some = paths[: max(2, PEERS_READ // (size // len(paths)))]
    read = sum(path.stat().st_size for path in some)
    count, _, cpu = timed(lambda: normalised(some))
    assert isinstance(count, int)
    print(
        f"{kind}, {words}: {size / 1e6:,.0f} MB, {size / len(paths) * len(some) / count:.0f} bytes a reading"
    )
    print(f"  recore: {count / cpu:,.0f} readings and {read / cpu / 1e6:.0f} MB per CPU-s")
    for peer, work in {**PEERS[kind], "sum of all bytes (memory)": summed}.items():
        try:
            _, _, other = timed(lambda work=work: work(some))  # type: ignore[misc]
        except ModuleNotFoundError as error:
            print(f"  {peer}: {error.name} is not installed")
            continue
        print(
            f"  {peer}: {read / other / 1e6:,.0f} MB per CPU-s; recore takes {cpu / other:.2f} x its CPU time"
        )


def into_duckdb(folder: Path) -> None:
    database = folder.parent / "fleet.duckdb"
    for words in ("first", "again"):
        command = [sys.executable, "-c", WHOLE, str(folder), str(database)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        print(f"  {words}: {said}", flush=True)


def main() -> None:
    machines, days = (
        (int(word) for word in [*sys.argv[1:], "10000", "20"][:2]) if sys.argv[2:] else (10_000, 20)
    )
    made = telegrams(1, Fleet(machines=machines, days=2))
    kinds: tuple[aemp.DocumentFormat, ...] = ("xml", "json")
    for kind in kinds:
        for every, words in ((False, "meters, fuel, idle, distance, place"), (True, "all 19 elements")):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "days"
                folder.mkdir()
                measured(list(written(made, folder, kind, days, every=every)), words, kind)
                into_duckdb(folder)
    made = telegrams(1, Fleet(machines=1000, days=400))
    found, wall, cpu = timed(lambda: tampering(made.machine, made.t_h, made.hours))
    events = len(found.events)  # type: ignore[attr-defined]
    readings = len(made.machine)
    print(f"tampering: {readings} readings in {wall:.2f} s, {readings / cpu:,.0f} per CPU-s, {events} events")


if __name__ == "__main__":
    main()
