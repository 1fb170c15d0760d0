"""Files, folders and URLs on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.evidence.listing import open_words
from recore.evidence.remote import Remote, is_url, open_url
from recore.simulate.supports import supports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("logs")
    log = supports(5, supports=1, days=0.2).log
    (root / "b").mkdir()
    pq.write_table(log.slice(0, 20_000), root / "b" / "first.parquet", row_group_size=6_000)
    pq.write_table(log.slice(20_000), root / "a.parquet")
    (root / "notes.txt").write_text("not a table")
    (root / ".hidden.parquet").write_bytes(b"")
    (root / "link.parquet").symlink_to(root / "a.parquet")
    return root


def test_a_folder_is_its_tables_by_name(folder: Path) -> None:
    found = list(open_words([str(folder)]))
    assert [(file.name, number, total) for file, number, total in found] == [
        ("a.parquet", 1, 2),
        ("b/first.parquet", 2, 2),
    ]
    (only,) = open_words([str(folder / "link.parquet")])
    assert only[0].sha256 == found[0][0].sha256


def test_a_url_gives_the_same_finding_as_the_disk(recore: Any, folder: Path, tmp_path: Path) -> None:
    here = recore("run", "support.cycles", folder, "--json")
    there = recore("run", "support.cycles", folder.as_uri(), "--json", "--on", "processes:1")
    one = recore("run", "support.cycles", folder.as_uri() + "/a.parquet", "--json")
    assert (here.status, there.status, one.status) == (0, 0, 0), there.err
    assert there.json["results"] == here.json["results"]
    # a link is followed nowhere in a folder of this disk, and is a file like others behind a URL
    assert {entry["sha256"] for entry in there.json["evidence"]} == {
        entry["sha256"] for entry in here.json["evidence"]
    }


def test_a_remote_file_that_changed_is_not_read(tmp_path: Path) -> None:
    log = supports(5, supports=1, days=0.05).log
    path = tmp_path / "x.parquet"
    pq.write_table(log, path)
    file = open_url(path.as_uri())
    assert file.read(Table)["pressure_mpa"].size == log.num_rows
    pq.write_table(log.slice(1), path)
    with pytest.raises(BadInput, match="has changed since"):
        _ = file.read(Table)["pressure_mpa"]


def test_what_cannot_be_opened_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for word, says in (
        (str(empty), "holds no table"),
        (empty.as_uri(), "holds no .parquet"),
        (str(tmp_path / "absent"), "no such file"),
        (tmp_path.as_uri() + "/absent.parquet", "no such file"),
        ("nosuch://host/x.parquet", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=says):
            list(open_words([word]))
    with pytest.raises(BadInput, match=r"only Parquet"):
        open_url("file:///x.csv")
    with pytest.raises(BadInput, match="only tables"):
        open_url((folder / "a.parquet").as_uri()).read(bytes)
    with pytest.raises(BadInput, match="no such file"):
        Remote((tmp_path / "absent.parquet").as_uri(), 1, "").open()
    monkeypatch.setattr("recore.evidence.listing.MOST", 1)
    with pytest.raises(BadInput, match="more than 1 files"):
        list(open_words([str(folder)]))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(BadInput, match=r"recore\[scale\]"):
        open_url("file:///x.parquet")


def test_a_url_is_no_path() -> None:
    assert is_url("s3://bucket/key")
    assert not is_url("C:\\logs\\a.parquet")
    assert not is_url("a/b.parquet")
