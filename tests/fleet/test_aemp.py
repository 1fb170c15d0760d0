"""Documents of ISO/TS 15143-3: every element, units, identity, hostile input, and the scanner against expat."""

from __future__ import annotations

import gzip
import io
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recore.errors import BadInput
from recore.fleet.aemp import kernel, read, spread, values, vocabulary
from recore.fleet.aemp.identity import from_path
from recore.fleet.aemp.normalise import Normaliser
from recore.fleet.aemp.shred import Shred, shreds
from recore.fleet.aemp.tables import Normalised, joined
from recore.simulate import aemp
from recore.simulate.telematics import Fleet, telegrams

NOW = datetime(2026, 6, 1, tzinfo=UTC)
T = "2026-03-04T05:00:00Z"
NS = 'xmlns="http://standards.iso.org/iso/15143/-3"'
HEAD = (
    "<EquipmentHeader><OEMName>A &amp; B</OEMName><Model>M1</Model><SerialNumber>S1</SerialNumber>"
    "<PIN>pin1</PIN></EquipmentHeader>"
)


def taken(*documents: str | bytes, now: datetime = NOW) -> Normalised:
    normaliser = Normaliser(now)
    for number, document in enumerate(documents):
        data = document if isinstance(document, bytes) else document.encode()
        normaliser.document(shreds(io.BytesIO(data), f"d{number}"), f"d{number}")
    return normaliser.finish()


def fleet(*inner: str, head: str = HEAD) -> str:
    return f'<Fleet {NS} snapshotTime="{T}"><Equipment>{head}{"".join(inner)}</Equipment></Fleet>'


def hours(value: str, time: str = T) -> str:
    return f'<CumulativeOperatingHours datetime="{time}"><Hour>{value}</Hour></CumulativeOperatingHours>'


EVERY = f"""
<Location datetime="{T}"><Latitude>51.5</Latitude><Longitude>-7.25</Longitude><Altitude>100</Altitude>
<AltitudeUnits>feet</AltitudeUnits></Location>{hours("1234.56")}
<FuelUsed datetime="{T}"><FuelUnits>gallons</FuelUnits><FuelConsumed>100</FuelConsumed></FuelUsed>
<FuelUsedLast24 datetime="{T}"><FuelUnits>litre</FuelUnits><FuelConsumed>90</FuelConsumed></FuelUsedLast24>
<Distance datetime="{T}"><OdometerUnits>mile</OdometerUnits><Odometer>10</Odometer></Distance>
<CumulativeIdleHours datetime="{T}"><Hour>300.5</Hour></CumulativeIdleHours>
<FuelRemaining datetime="{T}"><Percent>50</Percent><FuelTankCapacityUnits>gallon</FuelTankCapacityUnits>
<FuelTankCapacity>10</FuelTankCapacity></FuelRemaining>
<DEFRemaining datetime="{T}"><Percent>25</Percent><DEFTankCapacityUnits>litre</DEFTankCapacityUnits>
<DEFTankCapacity>20</DEFTankCapacity></DEFRemaining>
<EngineStatus datetime="{T}"><EngineNumber/><Running>true</Running></EngineStatus>
<CumulativePowerTakeOffHours datetime="{T}"><Hour>7</Hour></CumulativePowerTakeOffHours>
<AverageLoadFactorLast24 datetime="{T}"><Percent>44</Percent></AverageLoadFactorLast24>
<MaximumSpeedLast24 datetime="{T}"><SpeedUnits>miles per hour</SpeedUnits><Speed>10</Speed></MaximumSpeedLast24>
<CumulativeLoadCount datetime="{T}"><Count>12</Count></CumulativeLoadCount>
<CumulativePayloadTotals datetime="{T}"><PayloadUnits>tonne</PayloadUnits><Payload>3</Payload></CumulativePayloadTotals>
<CumulativeActiveRegenerationHours datetime="{T}"><Hour>2</Hour></CumulativeActiveRegenerationHours>
<CumulativeIdleNonOperatingHours datetime="{T}"><Hour>4</Hour></CumulativeIdleNonOperatingHours>
<DigitalInputStatus datetime="{T}"><InputNumber>3</InputNumber><State>on</State></DigitalInputStatus>
<CautionCode datetime="{T}"><CodeIdentifier>E01</CodeIdentifier></CautionCode>
<FaultCode datetime="{T}"><CodeIdentifier>SPN 100</CodeIdentifier><CodeDescription>oil &lt; limit</CodeDescription>
<CodeSeverity>high</CodeSeverity><CodeSource>engine</CodeSource></FaultCode>
"""
WANTED = {
    "latitude_deg": 51.5,
    "longitude_deg": -7.25,
    "altitude_m": 30.48,
    "hours_h": 1234.56,
    "fuel_l": 378.5411784,
    "fuel_24h_l": 90,
    "distance_km": 16.09344,
    "idle_h": 300.5,
    "fuel_percent": 50,
    "fuel_tank_l": 37.85411784,
    "def_percent": 25,
    "def_tank_l": 20,
    "engine_running": 1,
    "pto_h": 7,
    "load_factor_percent": 44,
    "speed_max_kmh": 16.09344,
    "loads": 12,
    "payload_kg": 3000,
    "regeneration_h": 2,
    "idle_non_operating_h": 4,
}


def test_every_element_in_one_unit() -> None:
    found = taken(fleet(EVERY))
    assert found.rejected == []
    (reading,) = found.readings.to_pylist()
    assert (reading.pop("machine"), reading.pop("ts")) == ("pin:PIN1", datetime(2026, 3, 4, 5, tzinfo=UTC))
    assert reading == pytest.approx(WANTED)
    assert set(WANTED) == set(vocabulary.COLUMNS)
    assert found.machines.to_pylist() == [
        {"machine": "pin:PIN1", "pin": "pin1", "make": "A & B", "model": "M1", "serial": "S1"}
    ]
    events = [
        (e["kind"], e["code"], e["description"], e["severity"], e["source"]) for e in found.events.to_pylist()
    ]
    assert events == [
        ("input", "3", "", "on", ""),
        ("caution", "E01", "", "", ""),
        ("fault", "SPN 100", "oil < limit", "high", "engine"),
    ]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_a_simulated_snapshot_means_what_was_simulated(kind: aemp.DocumentFormat) -> None:
    made = telegrams(5, Fleet(machines=12, days=8))
    found = taken(aemp.snapshot(made, np.arange(len(made.machine)), kind))
    assert found.rejected == []
    assert found.readings.num_rows == len(made.machine)
    who = found.readings["machine"].to_pylist()
    assert len(set(who)) == 12
    assert sum(name.startswith("serial:") for name in set(who)) == 1
    got = found.readings.sort_by([("hours_h", "ascending")])
    order = np.argsort(made.hours, kind="stable")
    assert got["hours_h"].to_numpy() == pytest.approx(
        made.hours[order], abs=1e-3
    )  # durations are in whole seconds
    assert sorted(got["fuel_l"].to_pylist()) == pytest.approx(sorted(made.fuel_l), abs=0.01)
    assert sorted(got["distance_km"].to_pylist()) == pytest.approx(sorted(made.distance_km), abs=0.01)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("1234.5", 1234.5),
        ("PT1234H30M", 1234.5),
        ("P1DT36S", 24.01),
        ("1.2e3", 1200.0),
        ("  7 ", 7.0),
        ("12345678901234567e-13", 1234.5678901234567),
    ],
)
def test_hours_are_written_in_many_ways(value: str, wanted: float) -> None:
    assert taken(fleet(hours(value))).readings["hours_h"].to_pylist() == [wanted]


@pytest.mark.parametrize(
    ("inner", "wanted"),
    [
        ("<Minute>90</Minute>", 1.5),
        ("<Seconds>5400</Seconds>", 1.5),
        ("<Hour>90</Hour><HourUnits>minutes</HourUnits>", 1.5),
    ],
)
def test_hours_in_minutes_and_seconds(inner: str, wanted: float) -> None:
    element = f'<CumulativeOperatingHours datetime="{T}">{inner}</CumulativeOperatingHours>'
    assert taken(fleet(element)).readings["hours_h"].to_pylist() == [wanted]


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-04T05:00:00.000Z",
        "2026-03-04T06:00:00+01:00",
        "2026-03-04T00:00:00-0500",
        "2026-03-04 05:00:00",
        "1772600400",
        "1772600400000",
    ],
)
def test_times_are_utc(time: str) -> None:
    assert taken(fleet(hours("1", time))).readings["ts"].to_pylist() == [datetime(2026, 3, 4, 5, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (fleet(hours("-3")), "no machine"),
        (fleet(hours("1e9")), "no machine"),
        (fleet(hours("NaN")), "not a number|no machine"),
        (fleet(hours("inf")), "no machine"),
        (fleet(hours("12,5")), "not a number"),
        (fleet(hours("5", "1970-01-01T00:00:00Z")), "before 2000"),
        (fleet(hours("5", "2199-01-01T00:00:00Z")), "future"),
        (fleet(hours("5", "yesterday")), "cannot be read"),
        (
            fleet(hours("5"), head="<EquipmentHeader><Model>M</Model><PIN>unknown</PIN></EquipmentHeader>"),
            "no identity",
        ),
        (fleet(hours("5")).replace(f' snapshotTime="{T}"', "").replace(f' datetime="{T}"', ""), "no time"),
        (fleet(hours("5").replace("</Hour>", "</Hour><HourUnits>furlongs</HourUnits>")), "unit"),
    ],
)
def test_what_cannot_be_is_told_with_its_reason(document: str, reason: str) -> None:
    import re

    found = taken(document, fleet(hours("7", "2026-03-05T05:00:00Z")))
    assert len(found.rejected) == 1
    assert re.search(reason, found.rejected[0]["reason"])
    assert found.rejected[0]["file"] == "d0"
    assert found.readings["hours_h"].to_pylist() == [7.0]
    json.dumps(found.rejected, allow_nan=False)


def test_another_impossible_value_takes_only_itself() -> None:
    found = taken(fleet(hours("5"), f'<DEFRemaining datetime="{T}"><Percent>250</Percent></DEFRemaining>'))
    assert [r["element"] for r in found.rejected] == ["DEFRemaining"]
    assert found.readings["hours_h"].to_pylist() == [5.0]


def test_duplicates_count_once_and_series_fill_each_other() -> None:
    found = taken(
        fleet(hours("5")),
        fleet(hours("5")),
        fleet(f'<Distance datetime="{T}"><Odometer>9</Odometer></Distance>'),
    )
    assert [{k: row[k] for k in ("hours_h", "distance_km")} for row in found.readings.to_pylist()] == [
        {"hours_h": 5.0, "distance_km": 9.0}
    ]


def test_a_time_series_is_of_the_machine_that_its_own_address_names() -> None:
    link = "<Links><rel>self</rel><href>/Fleet/Equipment/MakeModelSerial/A%20B/M/9/CumulativeOperatingHours/1</href></Links>"
    found = taken(
        f"<CumulativeOperatingHoursMessages {NS}>{link}{hours('5')}</CumulativeOperatingHoursMessages>"
    )
    assert found.readings["machine"].to_pylist() == ["serial:A B|M|9"]
    assert from_path("https://x/y/Fleet/Equipment/ID/ABC%2F1").pin == "ABC/1"
    assert not from_path("https://x/Fleet/1").known


def test_json_of_other_spellings() -> None:
    item = {
        "equipmentHeader": {"oemName": "A", "model": "B", "serialNumber": 7},
        "cumulativeOperatingHours": [
            {"hour": 5, "dateTime": T},
            {"hour": 6.5, "dateTime": "2026-03-05T05:00:00Z"},
        ],
        "engineStatus": {"running": False, "dateTime": T},
        "location": None,
        "other": {"deep": [1, {"x": None}]},
    }
    found = taken(json.dumps([{"equipment": [item]}]))
    assert found.readings["hours_h"].to_pylist() == [5.0, 6.5]
    assert found.readings["engine_running"].to_pylist() == [0.0, None]


BOMB = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Fleet>&b;</Fleet>'
BROKEN = {
    "cut": fleet(EVERY)[:900],
    "tags": f"<Fleet {NS}><Equipment></Fleet></Equipment>",
    "entities": BOMB,
    "external": '<!DOCTYPE f SYSTEM "file:///etc/passwd"><f/>',
    "deep": "<a>" * 100 + "</a>" * 100,
    "long text": fleet(hours("1" * 5000)),
    "empty": "",
    "text": "hello",
    "cut json": '{"Equipment": [{"EquipmentHeader": {"PIN": "1"',
    "deep json": "[" * 100_000,
    "not utf-8": fleet(hours("5")).replace("S1", "S\xff").encode("latin-1"),
    "not utf-8 json": b'{"a": "\xff"}',
    "strange encoding": '<?xml version="1.0" encoding="klingon"?><Fleet/>',
    "nested json": '{"a":' * 50 + "1" + "}" * 50,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_named(name: str, recore: Callable[..., Any], tmp_path: Path) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad file.xml"
    good.write_text(fleet(hours("5")))
    data = BROKEN[name]
    bad.write_bytes(data if isinstance(data, bytes) else data.encode())
    database = tmp_path / "fleet.duckdb"
    done = recore("fleet", "ingest", good, bad, "--database", database, "--json")
    assert (done.status, done.out) == (2, "")
    assert "bad file.xml" in done.err
    assert not database.exists() or "telematics_readings" not in done.out  # nothing was written
    done = recore("fleet", "ingest", good, "--database", database, "--json")
    assert done.json["new_readings"] == 1


ODD = 2


def scanned(data: bytes, most: int = 1 << 20, kind: str = "xml") -> tuple[int, list[tuple[Any, ...]]]:
    from recore.fleet.aemp.scan import MORE, Scanner
    from recore.fleet.aemp.scan_json import JsonScanner

    scanner = (Scanner if kind == "xml" else JsonScanner)(np.frombuffer(data, np.uint8))
    found, status = [], MORE
    while status == MORE:
        status, rows = scanner.next(most)
        found += [spelt(row, data, kind) for row in rows.tolist()]
    return status, found


def spelt(row: list[int], text: bytes, raw: Any = "") -> tuple[Any, ...]:
    shred = Shred(text, np.zeros((0, vocabulary.ROW), np.int64), raw)
    return (*row[:3], *(shred.decoded(text[a:b]) for a, b in zip(row[3::2], row[4::2], strict=True)))


def expat(data: bytes) -> list[tuple[Any, ...]]:
    return [spelt(row, shred.text) for shred in shreds(io.BytesIO(data), "x") for row in shred.rows.tolist()]  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_the_scanner_and_expat_read_the_same(most: int) -> None:
    made = telegrams(5, Fleet(machines=12, days=4))
    every = np.arange(len(made.machine))
    for data in (
        aemp.snapshot(made, every, "xml", links={"self": "/Fleet/1", "next": "/Fleet/2?a=1"}),
        aemp.series(made, every[:4], "FaultCode", "xml"),
        fleet(EVERY, "<!-- a comment --><Unknown a='b'><Hour>3</Hour></Unknown>").encode(),
        b'\xef\xbb\xbf<?xml version="1.0"?><f:Fleet xmlns:f="x"><f:Equipment/></f:Fleet>'[3:],
    ):
        status, rows = scanned(data, most)
        assert status != ODD
        assert rows == expat(data)


PLAIN = fleet(EVERY).encode()


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, len(PLAIN) - 1), st.binary(max_size=3), st.integers(0, 4))
def test_a_damaged_document_is_read_as_expat_reads_it_or_left_to_it(at: int, put: bytes, gone: int) -> None:
    data = PLAIN[:at] + put + PLAIN[at + gone :]
    status, rows = scanned(data)
    if status == ODD:
        return
    try:
        wanted = expat(data)
    except BadInput as error:
        # the scanner does not look for attributes that are there twice, names that begin with a digit or bad UTF-8
        told = ("duplicate attribute", "not well-formed", "unbound", "decoded", "characters")
        assert any(word in str(error) for word in told), error
        return
    assert rows == wanted


JSON: dict[str, Any] = {
    "snapshotTime": T,
    "Links": [{"rel": "self", "href": "https://x/Fleet/1"}],
    "Equipment": [
        {
            "EquipmentHeader": {"OEMName": "A \u00e9", "Model": " M1 ", "SerialNumber": 7, "PIN": None},
            "x:Location": {
                "@datetime": T,
                "Latitude": 51.5,
                "Longitude": -7.25e0,
                "Other": {"a": [1, {"b": 2}]},
            },
            "CumulativeOperatingHours": [{"datetime": T, "Hour": "PT5H"}, {"Minutes": 90}, None, [1]],
            "EngineStatus": {"Running": True, "EngineNumber": [1, 2], "Unit": False},
            "Custom": [[], {}, {"FuelUsed": {"FuelUnits": "gallon", "FuelConsumed": 3, "datetime": T}}],
        },
        {"FaultCode": {"CodeDescription": 'oil "hot"\n', "CodeIdentifier": "挖"}},
    ],
}
PLAIN_JSON = json.dumps(JSON).replace("https:/", "https:\\/").encode()


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_the_scanner_and_the_standard_library_read_the_same_json(most: int) -> None:
    made = telegrams(5, Fleet(machines=12, days=4))
    every = np.arange(len(made.machine))
    late = {"Links": JSON["Links"], "version": [1], "snapshotTime": T, "Equipment": JSON["Equipment"]}
    for data in (
        aemp.snapshot(made, every, "json", links={"self": "/Fleet/1", "next": "/Fleet/2?a=1"}),
        aemp.series(made, every[:9], "FaultCode", "json"),
        PLAIN_JSON,
        json.dumps([{"equipment": JSON["Equipment"][1]}, JSON], indent=2, ensure_ascii=False).encode(),
        json.dumps(late).encode(),
        b"[]",
    ):
        if most == 1 and b"version" in data:
            continue  # a time after what was cut off already is left to the other reader
        status, rows = scanned(data, most, "json")
        assert status != ODD
        assert rows == expat(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"\\u0061":1}',
        '{"a":"\\ud83d\\ude00"}',
        '{"a":NaN}',
        "{} {}",
        '{"a":01}',
        '{"a":1.}',
        '{"a":1e}',
        '{"a":-}',
        '{"a":tru}',
        '{"a":"\t"}',
        '{"a":"\\x"}',
        '{"a":[1,]}',
        '{"a":1,}',
        '{"a"}',
        "[1}",
        '{"Equipment":[{"Equipment":[]}]}',
        '{"snapshotTime":{}}',
        '{"Location":{"Latitude":"' + "1" * 5000 + '"}}',
        "[" * 40 + "]" * 40,
    ],
)
def test_json_out_of_the_ordinary_is_left_to_the_other_reader(text: str) -> None:
    assert scanned(text.encode(), kind="json")[0] == ODD


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(0, len(PLAIN_JSON) - 1),
    st.one_of(
        st.binary(max_size=3), st.sampled_from([b'"', b"{}", b"[", b"]", b",", b":", b"null", b"\\", b"0"])
    ),
    st.integers(0, 6),
)
def test_a_damaged_json_is_read_as_the_standard_library_reads_it_or_left_to_it(
    at: int, put: bytes, gone: int
) -> None:
    data = PLAIN_JSON[:at] + put + PLAIN_JSON[at + gone :]
    status, rows = scanned(data, kind="json")
    if status == ODD:
        return
    try:
        wanted = expat(data)
    except BadInput as error:
        assert "UTF-8" in str(error)  # the scanner leaves that to a look at the whole file
        return
    assert rows == wanted


WORDS = st.one_of(
    st.floats(0, 1e9).flatmap(lambda value: st.integers(0, 9).map(lambda places: f"{value:.{places}f}")),
    st.sampled_from(
        ["", "5.", ".5", "-3", "1e3", "PT1H30M", "P1DT36S", "P", "PT", "PT1.5H", "PT1M2H", "true", "OFF"]
    ),
    st.text("0123456789.-+eEPTHMS ", max_size=12),
)
UNITS = st.sampled_from(
    ["", "litre", "GALLONS", "minutes", "h", "miles per hour", "km/h", "furlong", "us_gallon"]
)


@settings(deadline=None)  # the first call compiles
@given(
    WORDS,
    UNITS,
    st.sampled_from([value for e in vocabulary.ELEMENTS for value in e.values]),
    st.integers(0, 7),
)
def test_values_are_the_same_compiled_and_interpreted(
    word: str, unit: str, value: vocabulary.Value, implied: int
) -> None:
    from recore.fleet.aemp.decode_rows import decode

    element = next(e for e in vocabulary.ELEMENTS if value in e.values)
    text = (word + unit).encode()
    row = np.zeros((1, vocabulary.ROW), np.int64)
    row[0, vocabulary.CODE_COLUMN], row[0, vocabulary.UNIT_COLUMN] = element.code, implied
    column = vocabulary.SLOT_COLUMN + 2 * value.slot
    row[0, column : column + 2] = 0, len(word)
    column = vocabulary.SLOT_COLUMN + 2 * (4 if value.slot == 1 and value.kind == "volume" else 3)
    row[0, column : column + 2] = len(word), len(text)
    shred = Shred(text or b" ", row)
    decoded = decode(np.frombuffer(shred.text, np.uint8), row)
    found = values.cells(shred, np.array([0]), value, decoded)
    wanted = values.cells(shred, np.array([0]), value, None)
    np.testing.assert_array_equal(found[0], wanted[0])
    assert found[1] == wanted[1]


@settings(deadline=None)  # the first call compiles
@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1)), st.integers(-840, 840), st.booleans())
def test_times_are_read_as_python_reads_them(moment: datetime, shift: int, damaged: bool) -> None:
    from recore.fleet.aemp.decode_rows import decode

    zone = timezone(timedelta(minutes=shift))
    word = moment.replace(tzinfo=zone).isoformat().encode()
    if damaged:
        word = word.replace(b"-0", b"-3").replace(b":0", b":6")
    row = np.zeros((1, vocabulary.ROW), np.int64)
    row[0, vocabulary.TIME_COLUMN + 1] = len(word)
    shred = Shred(word, row)
    found = values.moments(shred, np.array([0]), decode(np.frombuffer(word, np.uint8), row))
    wanted = values.moments(shred, np.array([0]), None)
    assert (found[0], found[1]) == (wanted[0], wanted[1])
    if not damaged:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert (int(found[1][0]), int(found[0][0])) == (
            kernel.GOOD,
            (moment.replace(tzinfo=zone) - epoch) // timedelta(microseconds=1),
        )


def test_of_two_values_the_first_stands_and_the_other_is_told() -> None:
    found = taken(
        fleet(hours("5"), hours("6")), fleet(hours("7")), fleet(hours("5")), fleet(hours("5.0000000001"))
    )
    assert found.readings["hours_h"].to_pylist() == [5.0]
    assert found.conflicts == 2
    said = [(r["file"], r["element"], r["value"], r["kept"], r["time"]) for r in found.conflict_records]
    assert said == [
        ("d0", "CumulativeOperatingHours", 6.0, 5.0, T),
        ("d1", "CumulativeOperatingHours", 7.0, 5.0, T),
    ]
    many = taken(fleet(*(hours(str(i)) for i in range(300))))
    assert (many.conflicts, len(many.conflict_records)) == (299, 100)


def test_results_do_not_depend_on_where_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = telegrams(3, Fleet(machines=9, days=12))
    aemp.write(made, tmp_path, bad=2)
    (tmp_path / "z1.xml").write_text(fleet(EVERY, hours("9")))
    (tmp_path / "z2.xml").write_text(fleet(hours("10")))
    paths = read.files([tmp_path])
    monkeypatch.setattr(spread, "TASK", 20_000)
    one, two = (spread.take(paths, NOW, on=on).finish() for on in ("inline", "processes:2"))
    monkeypatch.setattr(spread, "FAST_FROM", 0)
    for other in (two, spread.take(paths, NOW).finish()):
        assert one.readings.equals(other.readings)
        assert one.machines.equals(other.machines)
        assert one.events.equals(other.events)
        assert one.rejected == other.rejected
        assert (one.conflicts, one.conflict_records) == (other.conflicts, other.conflict_records)
    assert one.conflicts == 2
    (tmp_path / "z3.xml").write_text("<cut")
    with pytest.raises(BadInput, match=r"z3\.xml"):
        spread.take([*paths, tmp_path / "z3.xml"], NOW, on="inline")


@pytest.mark.parametrize("fast", [False, True])
def test_files_of_any_kind_in_a_folder(tmp_path: Path, fast: bool) -> None:
    made = telegrams(5, Fleet(machines=6, days=6))
    written = aemp.write(made, tmp_path, packed=True, bad=2)
    plain = tmp_path / "more"
    plain.mkdir()
    (plain / "latin.xml").write_bytes(
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{fleet(hours("5"))}'.replace("S1", "Sé").encode(
            "latin-1"
        )
    )
    (plain / "cdata.xml").write_text(fleet(hours("<![CDATA[6]]>", "2026-03-06T05:00:00Z")))
    (plain / "unicode.xml").write_text(
        fleet(hours("7", "2026-03-07T05:00:00Z")).replace("M1", "Größe 挖掘机")
    )
    paths = read.files([tmp_path])
    assert len(paths) == len(written) - 2 + 3  # truth and events are no documents
    found = joined([spread.taken(paths, NOW, fast)]).finish()
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert found.readings.num_rows == truth["readings"] + 3
    assert len(found.rejected) == truth["rejected"] == 8
    assert (
        "Größe 挖掘机" in json.dumps(found.machines.to_pylist(), ensure_ascii=False) or truth["machines"] == 6
    )


def test_folders_and_packed_files_that_are_none(tmp_path: Path) -> None:
    for paths in ([tmp_path], [tmp_path / "nothing.xml"]):
        with pytest.raises(BadInput):
            read.files(paths)
    broken = tmp_path / "broken.xml.gz"
    broken.write_bytes(gzip.compress(fleet(EVERY).encode())[:-200])
    for fast in (False, True):
        with pytest.raises(BadInput, match=r"broken\.xml\.gz"):
            spread.taken([broken], NOW, fast)


def test_units_agree_with_their_definitions() -> None:
    assert vocabulary.UNITS["volume"]["gallon"] == pytest.approx(231 * 2.54**3 / 1000)
    assert vocabulary.UNITS["distance"]["mile"] == pytest.approx(5280 * 0.3048 / 1000)
    assert math.isclose(vocabulary.UNITS["mass"]["ton"], 2000 * 0.45359237)
