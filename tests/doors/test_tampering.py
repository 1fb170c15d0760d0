"""One bit changed anywhere in a passport: the level and the reason are named."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recore.passport import verify

Change = Callable[[str, bytes], bytes]


@pytest.fixture(scope="module")
def bundle(demo: Any) -> Path:
    return Path(demo.document["passport"])


def repacked(source: Path, target: Path, change: Change, *, keep: bool) -> Path:
    """Copy a zip member by member as any Python program would, with its headers kept or not."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            data = change(member.filename, old.read(member))
            new.writestr(member if keep else member.filename, data)
    return target


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def resigned(name: str, data: bytes) -> bytes:
    """Another letter of base58 in the signature: flipping a bit may leave the alphabet, which L0 would notice."""
    if name != "passport.json":
        return data
    at = data.index(b"proofValue") + 30
    return data[:at] + (b"3" if data[at : at + 1] == b"2" else b"2") + data[at + 1 :]


def in_file(start: str, at: Callable[[bytes], int]) -> Change:
    return lambda name, data: flipped(data, at(data)) if name.startswith(start) else data


CHANGES = {
    "evidence": (in_file("evidence/", lambda d: len(d) // 2), "L3", "changed: the bytes are not those"),
    "finding": (in_file("attestations/motor", lambda d: len(d) // 2), "L1", "attestations/motor-test.dsse"),
    "rule row": (
        in_file("rules/condition.machine-age.a", lambda d: d.index(b"grade") + 1),
        "L1",
        "machine-age.a",
    ),
    "signature": (resigned, "L1", "signature"),
    "grade": (in_file("passport.json", lambda d: d.index(b'"letter":"') + 10), "L0", "digest of the content"),
}


@pytest.mark.parametrize("keep", [True, False], ids=["same headers", "other headers"])
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_named_with_its_level(bundle: Path, tmp_path: Path, what: str, keep: bool) -> None:
    change, level, says = CHANGES[what]
    result = verify(repacked(bundle, tmp_path / "t.zip", change, keep=keep), "L4")
    failed = [check for check in result.checks if check.ok is False]
    assert not result.ok
    assert [check for check in failed if check.level == level and says in check.name + check.reason], failed
    assert keep or failed[0].name == "container"
    assert "L4" in result.not_checked


def test_copied_member_by_member_it_is_the_same_file(bundle: Path, tmp_path: Path) -> None:
    copy = repacked(bundle, tmp_path / "t.zip", lambda name, data: data, keep=True)
    assert copy.read_bytes() == bundle.read_bytes()


def test_any_single_bit_of_the_file_counts(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    chance = random.Random(20261121)
    directory = data.rindex(b"PK\1\2")
    places = [*(chance.randrange(len(data)) for _ in range(40)), *range(directory, len(data), 7), 4, 10, 14]
    for at in places:
        (tmp_path / "t.zip").write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        assert not verify(tmp_path / "t.zip", "L3").ok, f"bit {at % 8} of byte {at}"
    for wrong in (data + b"\0", data[:-1], b"\0" + data, b"", b"PK\5\6" + bytes(18)):
        (tmp_path / "t.zip").write_bytes(wrong)
        assert not verify(tmp_path / "t.zip", "L3").ok


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "evidence/../x", "evil.txt", "rules\\x.json"]
)
def test_a_name_that_has_no_place_is_never_read(bundle: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "t.zip"
    target.write_bytes(bundle.read_bytes())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(name, "x")
    result = verify(target, "L4")
    assert not result.ok
    assert [check.level for check in result.checks] == ["L0"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_zip_bomb_is_not_inflated(bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("passport.json", bytes(200_000_000))
    result = verify(target, "L4")
    assert not result.ok
    assert [check.level for check in result.checks] == ["L0"]
