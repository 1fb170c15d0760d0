"""What a server of ISO/TS 15143-3 (AEMP 2.0) sends about a simulated fleet: snapshots and time series, XML and JSON."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from recore.atomic import write_bytes
from recore.simulate.telematics import MAKES, MODELS, Telegrams, moment, pin

NAMESPACE = "http://standards.iso.org/iso/15143/-3"
DocumentFormat = Literal["xml", "json"]
GALLON, MILE = 3.785411784, 1.609344
Values = dict[str, Any]


def header(machine: int) -> Values:
    """Header of a machine; every tenth has no PIN and is known by make, model and serial number."""
    made: Values = {
        "OEMName": MAKES[machine % len(MAKES)],
        "Model": MODELS[machine % len(MODELS)],
        "EquipmentID": f"unit {machine}",
        "SerialNumber": f"{machine + 100_000}",
    }
    if machine % 10 != 9:
        made["PIN"] = pin(machine)
    return made


def elements(telegrams: Telegrams, row: int, *, every: bool = True) -> dict[str, Values]:
    """The elements of one telegram, in the units of the machine's maker.

    Parameters
    ----------
    every : all of the standard's elements; else only meter, fuel, idle hours, distance and place
    """
    machine, time = int(telegrams.machine[row]), moment(float(telegrams.t_h[row]))
    american = machine % 3 == 1
    volume, length = ("gallon", "mile") if american else ("litre", "kilometre")
    fuel, way = float(telegrams.fuel_l[row]), float(telegrams.distance_km[row])
    hours, idle = float(telegrams.hours[row]), float(telegrams.idle_h[row])

    def at(**values: Any) -> Values:
        return {"datetime": time, **values}

    made = {
        "Location": at(
            Latitude=round(51 + machine % 97 / 100, 5), Longitude=round(7 + machine % 89 / 100, 5)
        ),
        "CumulativeOperatingHours": at(Hour=_duration(hours) if machine % 7 == 3 else hours),
        "FuelUsed": at(FuelUnits=volume, FuelConsumed=round(fuel / (GALLON if american else 1), 3)),
        "CumulativeIdleHours": at(Hour=idle),
        "Distance": at(OdometerUnits=length, Odometer=round(way / (MILE if american else 1), 3)),
    }
    if every:
        made |= {
            "FuelUsedLast24": at(FuelUnits=volume, FuelConsumed=round(fuel % 97, 1)),
            "CumulativePowerTakeOffHours": at(Hour=round(idle / 2, 1)),
            "CumulativeLoadCount": at(Count=int(hours * 20)),
            "CumulativePayloadTotals": at(PayloadUnits="kilogram", Payload=int(hours * 20) * 3000),
            "FuelRemaining": at(Percent=row * 7 % 101, FuelTankCapacityUnits=volume, FuelTankCapacity=400),
            "DEFRemaining": at(Percent=row * 3 % 101, DEFTankCapacityUnits=volume, DEFTankCapacity=40),
            "EngineStatus": at(EngineNumber="1", Running=row % 2 == 0),
            "AverageLoadFactorLast24": at(Percent=40 + row % 30),
            "MaximumSpeedLast24": at(SpeedUnits="mph" if american else "km/h", Speed=5 + row % 20),
            "CumulativeActiveRegenerationHours": at(Hour=round(hours / 100, 1)),
            "CumulativeIdleNonOperatingHours": at(Hour=round(idle / 3, 1)),
        }
    return made


def snapshot(
    telegrams: Telegrams, rows: Any, kind: DocumentFormat, *, links: Values | None = None, every: bool = True
) -> bytes:
    """A fleet snapshot: an equipment for each row.

    Parameters
    ----------
    rows : numbers of telegrams
    links : addresses by their relation (self, next, last)
    """
    items = [
        (header(int(telegrams.machine[row])), elements(telegrams, int(row), every=every)) for row in rows
    ]
    newest = moment(float(np.max(telegrams.t_h[rows]))) if len(rows) else moment(0)
    if kind == "json":
        document = {
            "snapshotTime": newest,
            "Links": _json_links(links),
            "Equipment": [{"EquipmentHeader": head, **values} for head, values in items],
        }
        return json.dumps(document, separators=(",", ":")).encode()
    text = io.StringIO()
    text.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<Fleet xmlns="{NAMESPACE}" version="1" ')
    text.write(f'snapshotTime="{newest}">\n{_xml_links(links)}')
    for head, values in items:
        text.write(f"<Equipment>{_xml('EquipmentHeader', head)}")
        text.writelines(_xml(name, value) for name, value in values.items())
        text.write("</Equipment>\n")
    text.write("</Fleet>\n")
    return text.getvalue().encode()


def series(
    telegrams: Telegrams, rows: Any, name: str, kind: DocumentFormat, *, links: Values | None = None
) -> bytes:
    """A time series of one element of one machine; its machine is named by the address only, as many servers do.

    Parameters
    ----------
    name : of an element, or FaultCode, CautionCode, DigitalInputStatus
    """
    values = [_series_value(telegrams, int(row), name) for row in rows]
    if kind == "json":
        return json.dumps({"Links": _json_links(links), name: values}).encode()
    inner = "".join(_xml(name, value) for value in values)
    return f'<{name}Messages xmlns="{NAMESPACE}" version="1">{_xml_links(links)}{inner}</{name}Messages>'.encode()


def _series_value(telegrams: Telegrams, row: int, name: str) -> Values:
    time = moment(float(telegrams.t_h[row]))
    if name in ("FaultCode", "CautionCode"):
        said = {"CodeIdentifier": f"SPN {row % 512}", "CodeDescription": "oil & fuel", "CodeSeverity": "low"}
        return {"datetime": time, **said, "CodeSource": "engine"}
    if name == "DigitalInputStatus":
        return {"datetime": time, "InputNumber": 1, "State": "on" if row % 2 else "off"}
    return elements(telegrams, row)[name]


def _xml(name: str, values: Values) -> str:
    time = f" datetime={quoteattr(values['datetime'])}" if "datetime" in values else ""
    inner = "".join(
        f"<{key}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</{key}>"
        for key, value in values.items()
        if key != "datetime"
    )
    return f"<{name}{time}>{inner}</{name}>"


def _xml_links(links: Values | None) -> str:
    return "".join(
        f"<Links><rel>{escape(rel)}</rel><href>{escape(href)}</href></Links>"
        for rel, href in (links or {}).items()
    )


def _json_links(links: Values | None) -> list[Values]:
    return [{"rel": rel, "href": href} for rel, href in (links or {}).items()]


def _duration(hours: float) -> str:
    seconds = round(hours * 3600)
    return f"PT{seconds // 3600}H{seconds % 3600 // 60}M{seconds % 60}S"


def write(
    telegrams: Telegrams,
    folder: Path,
    *,
    bad: int = 3,
    kinds: tuple[DocumentFormat, ...] = ("xml", "json"),
    every: bool = True,
    packed: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> list[Path]:
    """Write what a server would have sent, a snapshot of each day's telegrams, and the truth.

    Parameters
    ----------
    bad : records of each kind that must be rejected: no identity, 1970, the future, an impossible meter
    kinds : formats, day after day in turn
    packed : with gzip
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([int(telegrams.parameters["seed"]), 15143])
    day = (telegrams.arrived_h // 24).astype(int)
    twice = np.flatnonzero(rng.random(len(day)) < telegrams.fleet.twice)
    order = np.argsort(np.concatenate([day, day[twice] + 1]), kind="stable")
    rows = np.concatenate([np.arange(len(day)), twice])[order]
    days = np.concatenate([day, day[twice] + 1])[order]
    cuts = np.flatnonzero(np.diff(days)) + 1
    wanted = list(zip(np.split(rows, cuts), days[np.r_[0, cuts]], strict=True)) if len(rows) else []
    written: list[Path] = []
    for number, (here, today) in enumerate(wanted):
        if progress:
            progress(number / len(wanted), f"day {today}")
        kind = kinds[number % len(kinds)]
        data = snapshot(telegrams, rng.permutation(here), kind, every=every)
        path = folder / f"snapshot-{int(today):05d}.{kind}{'.gz' if packed else ''}"
        write_bytes(path, gzip.compress(data, 1, mtime=0) if packed else data)
        written.append(path)
    path = folder / "bad.xml"
    write_bytes(path, _bad_records(bad))
    written.append(path)
    for name, data in _truth(telegrams, 4 * bad):
        write_bytes(folder / name, data)
        written.append(folder / name)
    return written


def _bad_records(count: int) -> bytes:
    good = header(0)
    nobody = {key: text for key, text in good.items() if key not in ("PIN", "SerialNumber")}
    records = []
    for number in range(count):
        time = moment(1000 + number / 60)
        for head, when, hours in (
            (nobody, time, 5.0),
            (good, f"1970-01-01T00:00:{number % 60:02d}Z", 5.0),
            (good, f"2199-01-01T00:00:{number % 60:02d}Z", 5.0),
            (good, time, -5.0),
        ):
            values = {"datetime": when, "Hour": hours}
            inner = _xml("EquipmentHeader", head) + _xml("CumulativeOperatingHours", values)
            records.append(f"<Equipment>{inner}</Equipment>\n")
    return f'<Fleet xmlns="{NAMESPACE}" version="1">{"".join(records)}</Fleet>'.encode()


def _truth(telegrams: Telegrams, rejected: int) -> Iterator[tuple[str, bytes]]:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["pin", "make", "model", "serial", "kind", "from", "to", "hours_before", "hours_after"])
    for event in telegrams.events:
        head = header(event.machine)
        who = [head.get("PIN", ""), head["OEMName"], head["Model"], head["SerialNumber"]]
        times = [moment(event.before_h), moment(event.after_h)]
        rows.writerow([*who, event.kind, *times, event.hours_before, event.hours_after])
    yield "events.csv", text.getvalue().encode()
    document = {
        "synthetic": True,
        **telegrams.parameters,
        "fleet": asdict(telegrams.fleet),
        "machines": len(np.unique(telegrams.machine)),
        "readings": len(telegrams.machine),
        "rejected": rejected,
        "events": len(telegrams.events),
        "wrong_readings": int(telegrams.wrong.sum()),
    }
    yield "truth.json", f"{json.dumps(document, indent=1)}\n".encode()
