"""The compiled way from documents to readings against the slow and sure one, on documents mutated in many ways."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from recore.errors import BadInput
from recore.fleet.aemp import read, scan, scan_json, spread
from recore.fleet.aemp.normalise import Normaliser
from recore.fleet.aemp.shred import shreds
from recore.fleet.aemp.tables import Normalised, Taken, joined
from recore.simulate import aemp
from recore.simulate.telematics import Fleet, telegrams

NOW = datetime(2026, 6, 1, tzinfo=UTC)
Kind = Literal["xml", "json"]
Rng = np.random.Generator


def equipments(kind: Kind, machines: int = 14, days: int = 4) -> list[str]:
    """Equipments as a server writes them, with events in some."""
    made = telegrams(5, Fleet(machines=machines, days=days))
    text = aemp.snapshot(made, np.arange(len(made.machine)), kind).decode()
    if kind == "json":
        items = json.loads(text)["Equipment"]
        for number, item in enumerate(items):
            time = item["Location"]["datetime"]
            if number % 3 == 0:
                item["FaultCode"] = {"CodeIdentifier": f"SPN {number % 5}", "datetime": time}
        return [json.dumps(item, separators=(",", ":")) for item in items]
    found = re.findall(r"<Equipment>.*?</Equipment>", text, re.S)
    fault = '<FaultCode datetime="{}"><CodeIdentifier>SPN {}</CodeIdentifier><CodeSeverity>low</CodeSeverity></FaultCode>'
    for number in range(0, len(found), 3):
        time = re.findall(r'datetime="([^"]+)"', found[number])[0]
        found[number] = found[number].replace("</Equipment>", fault.format(time, number % 5) + "</Equipment>")
    return found


def document(kind: Kind, inner: list[str]) -> bytes:
    if kind == "json":
        return f'{{"snapshotTime":"2025-02-01T00:00:00Z","Equipment":[{",".join(inner)}]}}'.encode()
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<Fleet xmlns="x" snapshotTime="2025-02-01T00:00:00Z">\n'
    return (head + "\n".join(inner) + "</Fleet>").encode()


def swap(old: str, new: str, flags: int = 0) -> Callable[[str, Rng], str]:
    """Replace one of the places where a pattern is."""

    def change(text: str, rng: Rng) -> str:
        places = list(re.finditer(old, text, flags))
        if not places:
            return text
        place = places[int(rng.integers(len(places)))]
        return text[: place.start()] + place.expand(new) + text[place.end() :]

    return change


def damaged(text: str, rng: Rng) -> str:
    at = int(rng.integers(1, len(text)))
    put = ["", "<", ">", '"', "&", "x", "0", " ", "}", ",", "é"][int(rng.integers(11))]
    return text[:at] + put + text[at + int(rng.integers(3)) :]


VALUES = [
    r"1e3",
    r"1.5E-2",
    r"-3",
    r"1e12",
    r"+7.25",
    r".5",
    r"PT12H30M",
    r"12,5",
    r"",
    r" 8.5 ",
    r"00012.50",
    r"123456789012345678",
    r"n/a",
    r"٣",
]
TIMES = [
    "2025-01-20T05:06:07+02:00",
    "2025-01-20T05:06:07.123456Z",
    "2025-01-20T05:06:07",
    "2025-01-20 05:06:07-0530",
    "1970-01-01T00:00:00Z",
    "2199-01-01T00:00:00Z",
    "2025-02-30T00:00:00Z",
    "yesterday",
    "1737349567",
    "",
]
NAMES = ["unknown", "0000", "N/A", "", "A &amp; B", "Größe", "挖掘机", "a" * 300]
ONE = r"<(\w+) datetime=\"[^\"]*\">.*?</\1>"  # an element
XML: list[Callable[[str, Rng], str]] = [
    lambda text, rng: re.sub(r"<(/?)(\w)", r"<\1aemp:\2", text),
    lambda text, rng: text.replace("datetime", "dateTime"),
    lambda text, rng: re.sub(r">(?=<)", ">\n  ", text),
    lambda text, rng: swap(r"(<\w+ datetime=\"[^\"]*\">.*?</\w+>)(?=</Equipment>)", r"\1\1")(text, rng),
    swap(r">([^<>]+)<", r"><![CDATA[\1]]><"),
    swap(r">([^<>]+)<", r">\1&amp;<"),
    swap(r">([0-9])", r">&#\g<1>;"),
    swap(r">([^<>]+)<", r"> \1\n<"),
    swap(r">([^<>]+)<", r"><!-- note -->\1<"),
    swap(r"datetime=\"([^\"]*)\"", r"other='1' datetime = '\1'"),
    swap(r" datetime=\"[^\"]*\"", ""),
    swap(r" (datetime=\"[^\"]*\")>", r" \1><Foreign a='b'>7</Foreign>"),
    swap(ONE, r"<\1/>", re.S),
    swap(ONE, "", re.S),
    swap(r"<EquipmentHeader>.*?</EquipmentHeader>", ""),
    swap(r"(<EquipmentHeader>.*?</EquipmentHeader>)", r"\1\1"),
    swap(r"(<EquipmentHeader>.*?</EquipmentHeader>)(.*)(</Equipment>)", r"\2\1\3", re.S),
    swap(r"<(\w+Units)>.*?</\1>(<\w+>[^<]*</\w+>)", r"\2<\1>MILES</\1>"),
    swap(r"<(\w+Units)>.*?</\1>", r"<\1>furlong</\1>"),
    swap(r"<Hour>[^<]*</Hour>", "<Minutes>90</Minutes>"),
    swap(r"<Hour>([^<]*)</Hour>", r"<Hour>\1</Hour><Hour>3</Hour>"),
    swap(r"true|false", "maybe"),
    *(swap(r">[0-9.]+<", f">{value}<") for value in VALUES),
    *(swap(r"datetime=\"[^\"]*\"", f'datetime="{time}"') for time in TIMES),
    *(swap(r"<(PIN|OEMName|Model|SerialNumber)>[^<]*", rf"<\1>{name}") for name in NAMES),
]


def shuffled(text: str, rng: Rng) -> str:
    try:
        item = json.loads(text)
    except ValueError:
        return text

    def order(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = list(value)
        rng.shuffle(keys)
        return {key: order(value[key]) for key in keys}

    return json.dumps(order(item), indent=[None, 1][int(rng.integers(2))], ensure_ascii=bool(rng.integers(2)))


JSON: list[Callable[[str, Rng], str]] = [
    shuffled,
    lambda text, rng: text.replace('"datetime"', '"@dateTime"'),
    lambda text, rng: re.sub(r'"(\w+)":\{', r'"aemp:\1":{', text),
    swap(r':"([^"])([^"]*)"', r':"\\u0041\2"'),
    swap(r':"([^"]*)"', r':"\1\\n"'),
    swap(r':"([^"]*)"', r':" \1 "'),
    swap(r'(?<=":)(-?[0-9.]+|"[^"]*")', "null"),
    swap(r'(?<=":)(-?[0-9.]+|"[^"]*")', "true"),
    swap(r'(?<=":)(-?[0-9.]+|"[^"]*")', "[1,2]"),
    swap(r'(?<=":)(-?[0-9.]+|"[^"]*")', '{"deep":1}'),
    swap(r'(?<=":)(\{"[^{}]*\})', r"[\1,\1]"),
    swap(r'(?<=":)(\{"[^{}]*\})', "null"),
    swap(r'("\w+":\{[^{}]*\}),', r"\1,\1,"),
    swap(r'"\w+":\{[^{}]*\},', ""),
    swap(r'"EquipmentHeader":\{[^{}]*\},', ""),
    swap(r'"(\w+)Units":"[^"]*"', r'"\1Units":"Furlong"'),
    swap(r'"(datetime)":"[^"]*",?', ""),
    swap(r'"datetime":', '"datetime":"2025-01-01T00:00:00Z","datetime":'),
    *(swap(r'(?<=":)[0-9.]+(?=[,}])', value if value else '""') for value in VALUES if value != "n/a"),
    *(swap(r'(?<=":)[0-9.]+(?=[,}])', f'"{value}"') for value in VALUES),
    *(swap(r'"datetime":"[^"]*"', f'"datetime":"{time}"') for time in TIMES),
    *(swap(r'"(PIN|OEMName|Model|SerialNumber)":"[^"]*"', rf'"\1":"{name}"') for name in NAMES),
]


def scanned(normaliser: Normaliser, data: bytes, where: str) -> Taken | None:
    """What the scanners take from a document; None where they leave it to the other reader."""
    for careful in (False, True):
        try:
            normaliser.document(read.plain(data, normaliser._scanners, careful), where)
            return normaliser.turn()
        except read.Again:
            normaliser.turn()
        except read.NotPlain:
            normaliser.turn()
            return None
    raise AssertionError(where)


def by_both(documents: list[bytes]) -> tuple[Normalised, Normalised, int]:
    """What the fast and the slow way make of documents, and how many the fast one reads itself."""
    fast, slow, plain = Normaliser(NOW, fast=True), Normaliser(NOW), 0
    pieces = []
    for number, data in enumerate(documents):
        where = str(number)
        try:
            rows = list(shreds(io.BytesIO(data), where))
        except BadInput as error:
            told = re.search("duplicate attribute|not well-formed", str(error))  # see the scanners' own tests
            assert told or scanned(Normaliser(NOW, fast=True), data, where) is None
            continue
        slow.document(rows, where)
        taken = scanned(fast, data, where)
        plain += taken is not None
        if taken is None:
            fast.document(rows, where)
            taken = fast.turn()
        pieces.append(taken)
    return joined(pieces).finish(), slow.finish(), plain


def assert_same(one: Normalised, other: Normalised) -> None:
    assert one.rejected == other.rejected
    assert one.machines.to_pylist() == other.machines.to_pylist()
    assert one.readings.equals(other.readings)
    assert one.events.equals(other.events)
    assert (one.conflicts, one.conflict_records) == (other.conflicts, other.conflict_records)
    assert [one.files.names[i] for i in one.files.of] == [other.files.names[i] for i in other.files.of]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_mutated_documents_are_read_the_same(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scan, scan_json):
        monkeypatch.setattr(module, "STEP", 100)  # shapes are learnt while a document is read
    rng = np.random.default_rng(7)
    whole, changes = equipments(kind), XML if kind == "xml" else JSON
    documents = [document(kind, whole)]
    for number in range(2 * len(changes)):
        inner = [whole[i] for i in rng.integers(len(whole), size=12)]
        for at in rng.choice(12, 4, replace=False):  # the same change in one document, others whole
            inner[at] = changes[number % len(changes)](inner[at], rng)
        if number % 5 == 0:
            at = int(rng.integers(12))
            inner[at] = damaged(inner[at], rng)
        documents.append(document(kind, inner))
    one, other, plain = by_both(documents)
    assert plain > len(documents) // 2
    assert len(one.rejected) > 50
    assert one.conflicts > 20
    assert one.events.num_rows > 10
    assert_same(one, other)


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_whole_equipments_leave_no_rows(kind: Kind) -> None:
    """The fast way is the one that is taken: of plain documents nothing is left to Python but the document itself."""
    normaliser = Normaliser(NOW, fast=True)
    data = document(kind, equipments(kind))
    for _ in range(2):
        rows = [len(shred.rows) for shred in read.plain(data, normaliser._scanners)]
        normaliser.document(read.plain(data, normaliser._scanners), "d")
        assert sum(rows) == 1


def test_nobodys_equipment_is_told_though_it_was_taken_for_somebodys(tmp_path: Path) -> None:
    inner = equipments("xml")
    inner[5] = re.sub(r"<(PIN|SerialNumber)>[^<]*", r"<\1>unknown", inner[5])
    path = tmp_path / "a.xml"
    path.write_bytes(document("xml", inner))
    fast, slow = (joined([spread.taken([path], NOW, quick)]).finish() for quick in (True, False))
    assert len(fast.rejected) == 1
    assert_same(fast, slow)


def test_a_byte_order_mark_is_no_reason_to_be_slow() -> None:
    for kind in ("xml", "json"):
        data = b"\xef\xbb\xbf" + document(kind, equipments(kind)[:3])
        one, other, plain = by_both([data])
        assert plain == 1
        assert_same(one, other)


def test_threads_give_the_same_and_leave_odd_files_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = equipments("xml")
    for number in range(6):
        data = document("xml", whole[number::3] if number % 2 else whole[: 20 + number])
        if number in (2, 3):
            data = (
                data.replace(b"<Fleet", b"<!DOCTYPE Fleet><Fleet")
                if number == 3
                else data[:-8] + b"</Fleet >"
            )
        (tmp_path / f"{number}.xml").write_bytes(data)
    paths = read.files([tmp_path])
    monkeypatch.setattr(spread, "TASK", 1)
    with pytest.raises(BadInput, match="DTD"):
        spread.take(paths, NOW, on="inline")
    (tmp_path / "3.xml").write_bytes(document("xml", [re.sub(">([0-9])", r"><![CDATA[\1]]>", whole[0])]))
    slow = spread.take(paths, NOW, on="inline").finish()
    for name in ("FAST_FROM", "SPREAD_FROM"):
        monkeypatch.setattr(spread, name, 0)
    monkeypatch.setattr(spread, "_cores", lambda: 2)
    assert_same(spread.take(paths, NOW).finish(), slow)
