"""Evidence, cases, findings and passports: what goes in comes out, and what is wrong is told."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from recore.errors import BadInput
from recore.finding import Finding, Note
from recore.model.case import Capture, Case, Component, GradeWanted, Machine, Step
from recore.quantity import Quantity
from recore.workspace import EvidenceRow, NotFound, Workspace
from recore.workspace.tables import UtcTime

MACHINE = Machine(
    maker="三一重工",
    model="SY215C",
    serial="SY021'; DROP TABLE job; --",
    family="excavator",
    pin="*SY00*",
    aliases=("https://id.gs1.org/8004/1",),
    built="2014-05",
    hours=11234.1,
)
NOWHERE = "0" * 64


def _put(workspace: Workspace, data: bytes = b"a,b\n1,2\n", name: str = "a.csv") -> EvidenceRow:
    return workspace.evidence.add(io.BytesIO(data), name)


def _finding(workspace: Workspace, value: float = 0.1, artifact: bytes = b"t") -> Finding:
    evidence = _put(workspace)
    return Finding(
        method="test.length",
        version=3,
        evidence=(
            {"name": "a.csv", "sha256": evidence.sha256, "bytes": evidence.size, "media_type": "text/csv"},
        ),
        parameters={"x": 1.5, "text": "\0 ‘ü"},
        results={"length": Quantity(value, "mm", 0.01)},
        artifacts=(
            {
                "name": "t",
                "file": "t.csv",
                "sha256": hashlib.sha256(artifact).hexdigest(),
                "media_type": "text/csv",
            },
        ),
        flags=(Note("F", "flag"),),
        environment={"recore": "0"},
    )


class TestEvidence:
    def test_a_file_comes_back_with_its_capture(
        self, workspace: Workspace, clock: Callable[[], datetime]
    ) -> None:
        when = datetime(2026, 2, 1, 8, 0, tzinfo=timezone(timedelta(hours=8)))
        capture = Capture(
            file="other name", who="Li Wei", when=when, instrument="gauge 7", place="Yantai", synthetic=True
        )
        row = workspace.evidence.add(io.BytesIO(b"abc"), "folder\\profile.CSV", capture)
        assert row.sha256 == hashlib.sha256(b"abc").hexdigest()
        again = workspace.evidence.get(row.sha256)
        assert (again.name, again.size, again.media_type) == ("profile.CSV", 3, "text/csv")
        assert again.added_at == clock() and again.added_at.tzinfo is UTC
        assert again.capture == capture.model_copy(
            update={"file": "profile.CSV", "when": when.astimezone(UTC)}
        )
        assert workspace.evidence.open(row.sha256).read(bytes) == b"abc"
        assert workspace.evidence.open(row.sha256).name == "profile.CSV"

    def test_a_path_can_be_added(self, workspace: Workspace, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text("{}")
        assert workspace.evidence.add(tmp_path / "x.json", "x.json").media_type == "application/json"

    def test_the_same_file_twice_is_one_row(self, workspace: Workspace) -> None:
        first = workspace.evidence.add(io.BytesIO(b"abc"), "a.csv", Capture(file="a.csv", who="Ann"))
        second = workspace.evidence.add(io.BytesIO(b"abc"), "b.csv")
        assert (second.name, second.capture.who, second.added_at) == ("a.csv", "Ann", first.added_at)
        third = workspace.evidence.add(io.BytesIO(b"abc"), "b.csv", Capture(file="b.csv", who="Bob"))
        assert (third.name, third.capture.who) == ("a.csv", "Bob")
        assert workspace.evidence.count() == 1

    def test_a_capture_is_stated_later(self, workspace: Workspace) -> None:
        row = _put(workspace)
        assert row.capture.missing == ("who", "when", "instrument", "calibration", "place")
        naive = Capture(file="a.csv", when=datetime(2026, 1, 1, 6))
        assert workspace.evidence.set_capture(row.sha256, naive).capture.when == datetime(
            2026, 1, 1, 6, tzinfo=UTC
        )
        assert workspace.evidence.get(row.sha256).capture.missing == (
            "who",
            "instrument",
            "calibration",
            "place",
        )

    def test_a_capture_in_the_future_is_refused_and_nothing_is_kept(self, workspace: Workspace) -> None:
        later = Capture(file="a.csv", when=datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC))
        with pytest.raises(BadInput, match=r"2026-03-01T12:00:01.*future.*clock"):
            workspace.evidence.add(io.BytesIO(b"abc"), "a.csv", later)
        assert workspace.evidence.count() == 0
        row = _put(workspace)
        with pytest.raises(BadInput, match="future"):
            workspace.evidence.set_capture(row.sha256, later)
        assert workspace.evidence.get(row.sha256).capture.when is None

    def test_pages_are_newest_first(self, workspace: Workspace, clock: object) -> None:
        for number in range(5):
            _put(workspace, b"%d" % number, f"{number}.csv")
            clock.forward(seconds=1)  # type: ignore[attr-defined]
        assert [row.name for row in workspace.evidence.list(2, 1)] == ["3.csv", "2.csv"]
        for limit, offset in ((0, 0), (1001, 0), (1, -1), (1, 2**64)):
            with pytest.raises(BadInput, match="limit 1 to 1000"):
                workspace.evidence.list(limit, offset)

    @pytest.mark.parametrize("name", ["", "/", "a/..", "x" * 201, "a\0b", "a\nb", "\ud800"])
    def test_what_is_no_name(self, workspace: Workspace, name: str) -> None:
        with pytest.raises(BadInput, match="file name"):
            _put(workspace, name=name)

    def test_an_empty_file_is_refused(self, workspace: Workspace) -> None:
        with pytest.raises(BadInput, match="empty"):
            _put(workspace, b"")

    @pytest.mark.parametrize("sha256", [NOWHERE, "nonsense", "../../etc/passwd", "A" * 64])
    def test_what_is_not_there(self, workspace: Workspace, sha256: str) -> None:
        for ask in (
            workspace.evidence.get,
            workspace.evidence.open,
            workspace.findings.get,
            workspace.findings.plot,
            workspace.passports.get,
            workspace.passports.open,
        ):
            with pytest.raises(NotFound):
                ask(sha256)
        with pytest.raises(NotFound):
            workspace.findings.artifact(sha256, "t.csv")
        with pytest.raises(NotFound):
            workspace.evidence.set_capture(sha256, Capture(file="a"))


class TestCases:
    def test_a_machine_comes_back(self, workspace: Workspace, clock: object) -> None:
        row = workspace.cases.create(MACHINE, "open-condition", date(2026, 1, 31))
        again = workspace.cases.get(row.id)
        assert again.machine == MACHINE
        assert (again.profile, again.as_of) == ("open-condition", date(2026, 1, 31))
        clock.forward(hours=1)  # type: ignore[attr-defined]
        changed = workspace.cases.update(row.id, MACHINE.model_copy(update={"hours": None}), "other")
        assert (changed.machine.hours, changed.profile, changed.as_of) == (None, "other", None)
        assert changed.changed_at - changed.created_at == timedelta(hours=1)
        assert [case.id for case in workspace.cases.list()] == [row.id]

    def test_a_case_grows_step_by_step(self, workspace: Workspace) -> None:
        case_id = workspace.cases.create(MACHINE, "open-condition").id
        evidence = workspace.evidence.add(
            io.BytesIO(b"abc"), "log:1.csv", Capture(file="log:1.csv", who="Ann")
        )
        bearing = Component(
            id="bearing", kind="bearing", nominal={"bore_mm": 62.0, "new": True, "grade": "P5"}
        )
        workspace.cases.add_component(case_id, bearing)
        assert workspace.cases.attach(case_id, evidence.sha256) == "log_1.csv"
        assert workspace.cases.attach(case_id, evidence.sha256, "raw/log.csv") == "raw/log.csv"
        first = Step(
            id="first",
            component="bearing",
            method="test.length@2",
            evidence=("raw/log.csv",),
            parameters={"x": 1.5, "list": [1, "two", None]},
        )
        second = Step(id="second", component="bearing", method="test.length", evidence=("first:t",))
        workspace.cases.add_step(case_id, first)
        workspace.cases.add_step(case_id, second)
        case = workspace.cases.document(case_id)
        assert case == Case(
            machine=MACHINE,
            component=(bearing,),
            grade=GradeWanted(profile="open-condition"),
            step=(first, second),
            evidence=(Capture(file="log_1.csv", who="Ann"), Capture(file="raw/log.csv", who="Ann")),
        )
        assert workspace.cases.open_evidence(case_id)("raw/log.csv").read(bytes) == b"abc"
        with pytest.raises(BadInput, match=r"no file 'x'.*log_1.csv"):
            workspace.cases.open_evidence(case_id)("x")

        for refused, reason in (
            (lambda: workspace.cases.remove_component(case_id, "bearing"), "names component 'bearing'"),
            (lambda: workspace.cases.remove_step(case_id, "first"), "no earlier step is called 'first'"),
            (lambda: workspace.cases.detach(case_id, "raw/log.csv"), "which is no file of the case"),
            (lambda: workspace.cases.add_component(case_id, bearing), "stands twice"),
            (lambda: workspace.cases.add_step(case_id, first), "stands twice"),
        ):
            with pytest.raises(BadInput, match=reason):
                refused()
        assert workspace.cases.document(case_id) == case

        workspace.cases.remove_step(case_id, "second")
        workspace.cases.remove_step(case_id, "first")
        workspace.cases.detach(case_id, "raw/log.csv")
        workspace.cases.remove_component(case_id, "bearing")
        left = workspace.cases.document(case_id)
        assert (left.component, left.step) == ((), ())
        assert workspace.cases.files(case_id) == {"log_1.csv": evidence.sha256}
        workspace.cases.remove(case_id)
        assert workspace.cases.count() == 0 and workspace.evidence.count() == 1

    def test_a_whole_case_is_saved_and_replaced(self, workspace: Workspace) -> None:
        one, two = _put(workspace, b"1", "1.csv"), _put(workspace, b"2", "2.csv")
        case = Case(
            machine=MACHINE,
            component=(Component(id="z", kind="gear"), Component(id="a", kind="gear")),
            grade=GradeWanted(profile="p", as_of=date(2026, 2, 2)),
            step=(Step(id="s", component="a", method="m.n", evidence=("x/1.csv", "2.csv")),),
            evidence=(
                Capture(file="x/1.csv", who="Ann", when=datetime(2026, 1, 1, tzinfo=UTC)),
                Capture(file="2.csv"),
            ),
        )
        files = {"x/1.csv": one.sha256, "2.csv": two.sha256}
        row = workspace.cases.save(case, files)
        assert workspace.cases.snapshot(row.id) == (case, files)
        assert workspace.evidence.get(one.sha256).capture.who == "Ann"
        other = case.model_copy(update={"component": case.component[::-1], "step": ()})
        assert workspace.cases.save(other, files, row.id).id == row.id
        assert workspace.cases.document(row.id) == other
        with pytest.raises(BadInput, match="was not given"):
            workspace.cases.save(case, {"2.csv": two.sha256})
        with pytest.raises(NotFound):
            workspace.cases.save(case, {"x/1.csv": NOWHERE, "2.csv": two.sha256})
        with pytest.raises(NotFound, match=NOWHERE):
            workspace.cases.save(case.model_copy(update={"evidence": ()}), {**files, "3": NOWHERE})
        with pytest.raises(NotFound, match="no case 77"):
            workspace.cases.save(case, files, 77)
        assert workspace.cases.document(row.id) == other and workspace.cases.count() == 1

    def test_what_is_wrong_is_told(self, workspace: Workspace) -> None:
        case_id = workspace.cases.create(MACHINE, "p").id
        one, two = _put(workspace, b"1", "1.csv"), _put(workspace, b"2", "2.csv")
        workspace.cases.attach(case_id, one.sha256)
        for wrong, reason in (
            (lambda: workspace.cases.create(MACHINE, "Not A Slug"), "profile 'Not A Slug'"),
            (lambda: workspace.cases.create(MACHINE, "p", date(2030, 1, 1)), "as_of.*future"),
            (
                lambda: workspace.cases.create(MACHINE.model_copy(update={"built": "2027"}), "p"),
                "built.*future",
            ),
            (lambda: workspace.cases.attach(case_id, two.sha256, "1.csv"), "another file"),
        ):
            with pytest.raises(BadInput, match=reason):
                wrong()
        for name in ("a:b", "/a", "../a", "a//b", "a\\b", "", "a\n"):
            with pytest.raises(BadInput, match="file name"):
                workspace.cases.attach(case_id, two.sha256, name)
        for missing in (
            lambda: workspace.cases.get(77),
            lambda: workspace.cases.remove(77),
            lambda: workspace.cases.document(77),
            lambda: workspace.cases.detach(case_id, "no"),
            lambda: workspace.cases.remove_step(case_id, "no"),
            lambda: workspace.cases.remove_component(case_id, "no"),
        ):
            with pytest.raises(NotFound):
                missing()
        assert workspace.cases.count() == 1


class TestFindings:
    def test_a_finding_comes_back(self, workspace: Workspace) -> None:
        finding = _finding(workspace)
        plot = {"mark": "line", "data": {"values": [{"x": 0.1}]}}
        row = workspace.findings.save("a" * 64, finding, {"t.csv": b"t"}, plot)
        again = workspace.findings.get("a" * 64)
        assert again.finding == finding == row.finding
        assert again.finding.digest == finding.digest
        assert workspace.findings.plot("a" * 64) == plot
        artifact = workspace.findings.artifact("a" * 64, "t.csv")
        assert (artifact.read(bytes), artifact.name) == (b"t", "t.csv")
        with pytest.raises(NotFound, match="no artifact 'u'"):
            workspace.findings.artifact("a" * 64, "u")

    def test_the_first_finding_under_a_key_stays(self, workspace: Workspace) -> None:
        first = workspace.findings.save("a" * 64, _finding(workspace), {"t.csv": b"t"})
        second = workspace.findings.save("a" * 64, _finding(workspace, 0.2), {"t.csv": b"t"})
        assert second.finding == first.finding
        assert workspace.findings.count() == 1
        assert workspace.findings.plot("a" * 64) is None

    def test_they_are_listed_by_method_and_by_evidence(self, workspace: Workspace) -> None:
        finding = _finding(workspace)
        workspace.findings.save("a" * 64, finding, {"t.csv": b"t"})
        workspace.findings.save("b" * 64, finding, {"t.csv": b"t"})
        sha256 = finding.evidence[0]["sha256"]
        assert len(workspace.findings.list(method="test.length", evidence=sha256)) == 2
        assert workspace.findings.list(method="other") == []
        assert workspace.findings.list(evidence=NOWHERE) == []
        assert workspace.findings.find("a" * 64) is not None
        assert workspace.findings.find("c" * 64) is None

    def test_no_row_without_its_files(self, workspace: Workspace) -> None:
        with pytest.raises(BadInput, match=hashlib.sha256(b"t").hexdigest()):
            workspace.findings.save("a" * 64, _finding(workspace), {})
        with pytest.raises(BadInput, match=NOWHERE):
            workspace.findings.record("a" * 64, _finding(workspace, artifact=b"a,b\n1,2\n"), NOWHERE)
        assert workspace.findings.count() == 0


class TestPassports:
    def test_a_bundle_comes_back(self, workspace: Workspace, tmp_path: Path) -> None:
        case_id = workspace.cases.create(MACHINE, "p").id
        sha256 = hashlib.sha256(b"zip").hexdigest()
        given = {"issuer": "did:key:z", "machine": "urn:recore:machine:1", "grade": "B"}
        row = workspace.passports.save(b"zip", case_id=case_id, sha256=sha256, **given)
        (tmp_path / "p.zip").write_bytes(b"zip")
        assert workspace.passports.save(tmp_path / "p.zip", **given).case_id == case_id
        assert workspace.passports.open(sha256).read(bytes) == b"zip"
        assert [r.sha256 for r in workspace.passports.list(machine="urn:recore:machine:1")] == [row.sha256]
        assert workspace.passports.list(machine="urn:recore:machine:2") == []
        workspace.cases.remove(case_id)
        assert workspace.passports.get(sha256).case_id is None
        assert workspace.passports.count() == 1

    def test_what_is_wrong_is_told(self, workspace: Workspace) -> None:
        given = {"issuer": "did:key:z", "machine": "urn:recore:machine:1", "grade": "B"}
        with pytest.raises(BadInput, match="was announced"):
            workspace.passports.save(b"zip", sha256=NOWHERE, **given)
        with pytest.raises(NotFound, match="no case 9"):
            workspace.passports.save(b"zip", case_id=9, **given)
        assert workspace.passports.count() == 0


class TestFiles:
    def test_what_nothing_refers_to_is_swept_in_time(self, workspace: Workspace) -> None:
        kept = _put(workspace).sha256
        workspace.findings.save("a" * 64, _finding(workspace), {"t.csv": b"t"}, {"mark": "bar"})
        workspace.passports.save(b"zip", issuer="i", machine="m", grade="A")
        job = workspace.jobs.submit("run", {})
        claimed = workspace.jobs.claim("w")
        assert claimed is not None
        report = workspace.store.put(io.BytesIO(b"report"), "report.html").sha256
        workspace.jobs.finish(claimed, {}, {"report.html": report})
        orphan = workspace.store.put(io.BytesIO(b"orphan"), "o").sha256
        before = set(workspace.store)
        assert workspace.sweep() == []
        yesterday = time.time() - 2 * 86_400
        for sha256 in before:
            os.utime(workspace.store.get(sha256).path, (yesterday, yesterday))
        assert workspace.sweep() == [orphan]
        assert set(workspace.store) == before - {orphan}
        assert kept in workspace.store and workspace.check() == []
        assert workspace.jobs.file(job.id, "report.html").read(bytes) == b"report"

    def test_a_file_that_is_added_again_is_safe_from_the_sweep(self, workspace: Workspace) -> None:
        orphan = workspace.store.put(io.BytesIO(b"abc"), "a.csv")
        os.utime(orphan.path, (0, 0))
        workspace._files.keep(io.BytesIO(b"abc"), "a.csv")
        assert workspace.sweep() == []

    def test_a_file_swept_before_its_row_is_written_gets_no_row(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = workspace._files.keep

        def swept(*args: object) -> object:
            file = real(*args)  # type: ignore[arg-type]
            assert workspace.sweep(timedelta(seconds=-1)) == [file.sha256]
            return file

        monkeypatch.setattr(workspace._files, "keep", swept)
        with pytest.raises(BadInput):
            _put(workspace)
        assert workspace.evidence.count() == 0

    def test_damage_is_found(self, workspace: Workspace) -> None:
        one, two = _put(workspace, b"1", "1.csv"), _put(workspace, b"2", "2.csv")
        path = workspace.store.get(one.sha256).path
        path.chmod(0o600)
        path.write_bytes(b"!")
        workspace.store.get(two.sha256).path.unlink()
        problems = workspace.check()
        assert len(problems) == 2
        assert any("has been changed" in text and one.sha256 in text for text in problems)
        assert any(two.sha256 in text for text in problems)


def test_a_moment_without_zone_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="no time zone"):
        UtcTime().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]
