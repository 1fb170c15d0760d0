"""A process that writes is killed at random moments: store and database stay consistent."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recore.workspace import Workspace

pytestmark = pytest.mark.slow

WRITER = """
import hashlib, os, sys
from recore.finding import Finding
from recore.model.case import Capture, Component, Machine
from recore.quantity import Quantity
from recore.workspace import Workspace

import io
workspace = Workspace.open(sys.argv[1], sys.argv[2])
print("ready", flush=True)
machine = Machine(maker="a", model="b", serial="c", family="d")
number = 0
while True:
    number += 1
    data = os.urandom(30_000)
    row = workspace.evidence.add(io.BytesIO(data), f"{number}.bin", Capture(file="x", who="writer"))
    used = {"name": row.name, "sha256": row.sha256, "bytes": row.size, "media_type": row.media_type}
    made = {"name": "t", "file": "t.bin", "sha256": hashlib.sha256(data[:10_000]).hexdigest(), "media_type": "x"}
    finding = Finding("test.m", 1, (used,), {}, {"n": Quantity(number, "1")}, (made,))
    workspace.findings.save(row.sha256, finding, {"t.bin": data[:10_000]}, {"mark": "bar", "n": number})
    case = workspace.cases.create(machine, "p").id
    workspace.cases.attach(case, row.sha256)
    workspace.cases.add_component(case, Component(id="a", kind="b"))
    workspace.passports.save(data[:5_000], issuer="i", machine="m", grade="A", case_id=case)
    workspace.jobs.submit("run", {"n": number}, row.sha256)
    job = workspace.jobs.claim("w")
    workspace.jobs.finish(job, {"finding": row.sha256})
"""

KILLS = 4


def test_killed_at_any_moment(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(20260301)
    command = [sys.executable, "-c", WRITER, database_url, str(tmp_path / "store")]
    rows = 0
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.0, 0.4))
            writer.kill()
        with Workspace.open(database_url, tmp_path / "store") as workspace:
            assert workspace.check() == []
            for row in workspace.findings.list(limit=1000):
                assert [a["file"] for a in row.finding.artifacts] == ["t.bin"]
                assert workspace.findings.artifact(row.key, "t.bin").size == 10_000
            for case in workspace.cases.list(limit=1000):
                assert workspace.cases.document(case.id).machine.maker == "a"
            now = workspace.evidence.count()
            assert now >= workspace.findings.count() >= workspace.passports.count() >= rows - KILLS
            assert now >= rows
            rows = now
    assert rows > 0


def test_killed_while_the_database_is_made(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    code = "import sys; print('up', flush=True); from recore.workspace import Workspace; Workspace.open(*sys.argv[1:])"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", code, database_url, str(tmp_path / "store")], stdout=subprocess.PIPE
        ) as maker:
            assert maker.stdout is not None and maker.stdout.readline() == b"up\n"
            time.sleep(chance.uniform(0.3, 1.2))
            maker.kill()
    with Workspace.open(database_url, tmp_path / "store") as workspace:
        assert workspace.evidence.count() == 0 and workspace.check() == []
