"""Evidence files: opening them, and reading them as what a method's input is annotated with."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Generic, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from recore.errors import BadInput
from recore.evidence import EvidenceFile, Table, open_file
from recore.method import Evidence, Unit, method
from recore.model.case import Capture

T = TypeVar("T")


def given(folder: Path, name: str, content: str | bytes) -> EvidenceFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_file(path)


def test_opening_takes_the_digest_and_keeps_the_capture_record(tmp_path: Path) -> None:
    content = os.urandom(5_000_001)  # more than one chunk
    (tmp_path / "a.BIN").write_bytes(content)
    capture = Capture(file="a.BIN", who="Li")
    file = open_file(str(tmp_path / "a.BIN"), name="log.CSV", capture=capture)
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert (file.name, file.size, file.media_type, file.capture) == (
        "log.CSV",
        5_000_001,
        "text/csv",
        capture,
    )
    assert pickle.loads(pickle.dumps(file)) == file


def test_importing_the_room_imports_no_numerics() -> None:
    code = "import sys, recore.evidence; print({'numpy', 'pyarrow', 'pydantic'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(__file__)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        for name, text in (
            (tmp_path, "is a folder; give a regular file"),
            (tmp_path / "link", "is a symbolic link; give the file it points to"),
            (tmp_path / "pipe", "is a pipe"),
            (tmp_path / "s", "is a socket"),
            ("/dev/null", "is a device"),
            (tmp_path / "missing.csv", "there is no such file"),
            (__file__ + "/x", "there is no such file"),
            ("a" * 5000, "cannot be opened"),
            ("a\0b", "is not a file name"),
            (b"\xff.csv".decode("utf-8", "surrogateescape"), "is not valid Unicode"),
        ):
            with pytest.raises(BadInput) as caught:
                open_file(name)
            assert text in str(caught.value)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(BadInput, match="may not be read"):
            open_file(path)
    finally:
        if root:
            os.seteuid(0)


def test_a_file_that_changes_after_its_digest_was_taken_is_refused(tmp_path: Path) -> None:
    file = given(tmp_path, "a.csv", "x\n1\n")
    assert file.read(Table).floats("x").tolist() == [1.0]
    (tmp_path / "a.csv").write_text("x\n12\n")
    with pytest.raises(BadInput, match="has changed since its digest was taken"):
        file.read(Table)
    (tmp_path / "a.csv").unlink()
    with pytest.raises(BadInput, match=r"a\.csv: there is no such file"):
        file.read(Table)


class Rated(BaseModel):
    model_config = ConfigDict(extra="forbid")
    power_kw: float
    poles: int = 4


class Sheet(BaseModel):
    rated: Rated
    load: list[Rated] = []


@dataclass
class Profile:
    angle_deg: np.ndarray
    radius_um: NDArray[np.float64]
    weight: np.ndarray | None = None
    title: str = "profile"
    unused: list[float] = field(init=False, default_factory=list)


@dataclass
class Readings:
    ts: NDArray[np.datetime64]
    leg: NDArray[np.int32]
    wear: Annotated[list[float], Unit("mm")]
    note: tuple[str, ...]
    sides: tuple[int, ...]
    fast: NDArray[np.float32]
    when: Annotated[list[datetime], "to the second"]
    name: NDArray[np.str_]


@dataclass
class Plain:
    power_kw: float
    points: list[float]


class Reader:
    @classmethod
    def from_table(cls, table: Table) -> Self:
        self = cls()
        self.values = table.floats("a")
        return self


class GenericReader(Reader, Generic[T]): ...


CSV = "angle_deg,radius_mm\n0,1.5\n90,1.25\n"


def test_a_dataclass_with_array_fields_takes_columns(tmp_path: Path) -> None:
    profile = given(tmp_path, "a.csv", CSV).read(Profile)
    np.testing.assert_array_equal(profile.radius_um, [1500.0, 1250.0])
    assert profile.weight is None
    assert profile.title == "profile"
    weighed = given(tmp_path, "b.csv", "angle_deg,radius_um,weight\n1,2,3\n").read(Profile)
    assert weighed.weight.tolist() == [3.0]
    with pytest.raises(BadInput, match="no column 'angle_deg'"):
        given(tmp_path, "c.csv", "x\n1\n").read(Profile)


def test_array_fields_of_every_kind(tmp_path: Path) -> None:
    text = "ts,leg,wear_um,note,sides,fast,when,name\n2026-01-31,2,500,a,3,1.5,2026-01-31T08:15:00Z,b\n"
    found = given(tmp_path, "a.csv", text).read(Readings)
    assert found.ts.dtype == "datetime64[us]"
    assert (found.leg.tolist(), found.wear, found.note, found.sides) == ([2], [0.5], ("a",), (3,))
    assert (found.fast.dtype, found.when, found.name.tolist()) == (
        np.float32,
        [datetime(2026, 1, 31, 8, 15)],
        ["b"],
    )


def test_documents_become_models(tmp_path: Path) -> None:
    file = given(tmp_path, "a.json", '{"rated": {"power_kw": 18.5}, "load": [{"power_kw": 1, "poles": 2}]}')
    assert file.read(Sheet) == Sheet(rated=Rated(power_kw=18.5), load=[Rated(power_kw=1, poles=2)])
    assert file.read(dict) == file.read(dict[str, Any]) == file.read(Any) == json.loads(file.read(bytes))
    assert given(tmp_path, "b.json", "[1, 2]").read(list[int]) == [1, 2]
    plain = given(tmp_path, "c.json", '{"power_kw": 1, "points": [1, 2]}').read(Plain)
    assert plain == Plain(1.0, [1.0, 2.0])


def test_a_document_that_does_not_fit_names_each_field(tmp_path: Path) -> None:
    file = given(tmp_path, "a.json", '{"rated": {"power_kw": "7,5", "kw": 1}, "load": [{}]}')
    with pytest.raises(BadInput) as caught:
        file.read(Sheet)
    text = str(caught.value)
    assert text.startswith("a.json: field 'rated.power_kw' = '7,5': input should be a valid number")
    assert "field 'rated.kw' is not known" in text
    assert "field 'load.0.power_kw' is missing" in text
    with pytest.raises(BadInput, match="and 2 more"):
        given(tmp_path, "b.json", json.dumps({"rated": {"power_kw": 1}, "load": [{}] * 10})).read(Sheet)
    with pytest.raises(BadInput, match=r"a\.csv: is no document \(text/csv\)"):
        given(tmp_path, "a.csv", CSV).read(Sheet)
    with pytest.raises(BadInput, match=r"a\.txt: byte 0 is not UTF-8"):
        given(tmp_path, "a.txt", b"\xff").read(str)
    with pytest.raises(BadInput, match=r"a\.json: input should be a valid list"):
        file.read(list)


def test_the_annotation_says_how_a_file_is_read(tmp_path: Path) -> None:
    file = given(tmp_path, "a.csv", "a\n1\n2\n")
    assert file.read(bytes) == b"a\n1\n2\n"
    assert file.read(str) == "a\n1\n2\n"
    assert file.read(Path) == tmp_path / "a.csv"
    assert file.read(EvidenceFile) is file.read(Evidence) is file
    assert file.read(Reader).values.tolist() == file.read(GenericReader[int]).values.tolist() == [1.0, 2.0]
    assert file.read(pa.Table).to_pydict() == {"a": [1, 2]}
    assert file.read(np.ndarray).tolist() == file.read(NDArray[np.float64]).tolist() == [1.0, 2.0]
    assert file.read(NDArray[np.int64]).dtype == np.int64
    for kind in (Table | None, Table | dict[str, Any], dict[str, Any] | Reader, Annotated[Table, "log"], T):
        read = file.read(kind)
        assert (read.values if isinstance(read, Reader) else read.floats("a")).tolist() == [1.0, 2.0]
    document = given(tmp_path, "a.json", '{"a": 1}')
    assert document.read(Table | dict[str, Any]) == document.read(None) == {"a": 1}


def test_one_array_is_read_in_its_declared_unit(tmp_path: Path) -> None:
    file = given(tmp_path, "a.csv", "wear_um\n500\n")
    assert file.read(Annotated[NDArray[np.float64], Unit("mm")]).tolist() == [0.5]
    with pytest.raises(BadInput, match="is a length; a pressure in MPa is wanted"):
        file.read(Annotated[NDArray[np.float64], Unit("MPa")])
    with pytest.raises(BadInput, match="has 2 columns where one array is wanted"):
        given(tmp_path, "b.csv", CSV).read(np.ndarray)


@pytest.mark.parametrize("kind", [Any, None, object])
def test_without_an_annotation_the_format_decides(tmp_path: Path, kind: Any) -> None:
    assert isinstance(given(tmp_path, "a.csv", CSV).read(kind), Table)
    assert isinstance(given(tmp_path, "a.tsv", CSV.replace(",", "\t")).read(kind), Table)
    assert given(tmp_path, "a.json", "[1]").read(kind) == [1]
    assert given(tmp_path, "a.txt", "\ufeffgrün").read(kind) == "grün"
    assert given(tmp_path, "a.bin", b"\0").read(kind) == b"\0"
    np.save(tmp_path / "a.npy", np.eye(2))
    np.testing.assert_array_equal(open_file(tmp_path / "a.npy").read(kind), np.eye(2))
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "a.parquet")
    assert open_file(tmp_path / "a.parquet").read(kind).floats("a").tolist() == [1.0]


def test_an_annotation_that_no_reader_knows_is_a_mistake_of_the_method(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no reader for an input annotated"):
        given(tmp_path, "a.json", "{}").read(socket.socket)


def test_arrays_in_files_of_their_own(tmp_path: Path) -> None:
    good = tmp_path / "a.npy"
    np.save(good, np.arange(1000.0))
    assert open_file(good).read(np.ndarray).tolist() == list(range(1000))
    whole = good.read_bytes()
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / "n.npy", np.array([[1.0, 2.0], [np.nan, 1.0]]))
    for file, text in (
        (given(tmp_path, "b.npy", whole[:-8]), "is not a whole .npy array"),
        (given(tmp_path, "c.npy", whole[:20]), "is not a whole .npy array"),
        (given(tmp_path, "d.npy", whole.replace(b"(1000,)", b"(9**99)")), "is not a whole .npy array"),
        (given(tmp_path, "e.npy", b"x,y\n"), "is something else, though its name ends in .npy"),
        (open_file(tmp_path / "o.npy"), "is not a whole .npy array"),
        (open_file(tmp_path / "n.npy"), r"the value at [1, 0] is not finite"),
    ):
        with pytest.raises(BadInput) as caught:
            file.read(np.ndarray)
        assert text in str(caught.value)


def test_what_is_taken_whole_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as stream:
        stream.truncate(2**30 + 1)
    (tmp_path / "large.json").hardlink_to(path)
    stamped = EvidenceFile("large.bin", "0" * 64, 2**30 + 1, "application/octet-stream", path)
    with pytest.raises(BadInput, match="annotated Path or Table is not loaded"):
        stamped.read(bytes)
    document = EvidenceFile("large.json", "0" * 64, 2**30 + 1, "application/json", path)
    with pytest.raises(BadInput, match="give a long table as CSV or Parquet"):
        document.read(dict)


@method("acme.mean-wear")
def mean_wear(table, *, column="wear_mm"):  # type: ignore[no-untyped-def]
    """Mean wear."""
    return {"mean": float(table.floats(column).mean())}


def test_a_method_without_annotations_just_works(tmp_path: Path) -> None:
    outcome = mean_wear.run([given(tmp_path, "a.csv", "wear_um\n500\n1500\n")])
    assert outcome.finding.results["mean"].value == 1.0
    assert outcome.finding.evidence[0]["bytes"] == 17
