"""Level L4: a stranger computes it again."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recore.finding import Note
from recore.passport import issue, verify
from recore.quantity import Quantity

pytestmark = pytest.mark.measured_children

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def by_name(result):
    return {check.name: (check.ok, check.reason) for check in result.checks if check.level == "L4"}


def lied(appraisal, step: str, **change):
    """An appraisal whose finding was written by hand."""
    findings = {**appraisal.findings, step: replace(appraisal.findings[step], **change)}
    return replace(appraisal, findings=findings)


def test_findings_and_grade_are_found_again(issued):
    seen: list[tuple[float, str]] = []
    result = verify(issued.path, now=NOW, progress=lambda share, doing: seen.append((share, doing)))
    assert result.ok, by_name(result)
    assert list(by_name(result)) == ["step wear", "step rows", "step again", "rules", "grade"]
    assert all("bit for bit" in reason for name, (_, reason) in by_name(result).items() if "step" in name)
    assert "B" in by_name(result)["grade"][1]
    assert seen and seen[-1][0] == 1.0


def test_the_worker_runs_in_process_alike(issued, tmp_path):
    """The same checks without the process around them."""
    from recore.passport.bundle import Bundle
    from recore.passport.rerun import rerun

    with Bundle(issued.path) as box:
        checks = rerun(box, tmp_path)
    assert [check.ok for check in checks] == [True] * 5


def test_within_the_tolerance_is_the_same_and_beyond_is_not(issued, monkeypatch):
    monkeypatch.setenv("ACME_BIAS", "1e-7")
    near = verify(issued.path, now=NOW)
    assert near.ok, by_name(near)
    assert "within its tolerance" in by_name(near)["step wear"][1]
    monkeypatch.setenv("ACME_BIAS", "1e-5")
    far = by_name(verify(issued.path, now=NOW))
    assert far["step wear"][0] is False and "mean: recorded" in far["step wear"][1]
    assert "wear.parquet, column wear_mm" in far["step wear"][1]
    assert far["grade"] == (None, "it rests on a finding that was not found again")


@pytest.mark.parametrize(
    ("step", "change", "says"),
    [
        ("wear", {"results": {"mean": Quantity(0.1, "mm", 0.01)}}, "mean: recorded (0.100"),
        ("wear", {"results": {"mean": Quantity(0.21, "mm", 0.0001)}}, "mean: recorded"),
        ("wear", {"parameters": {"factor": 0.5, "trouble": ""}}, "parameters"),
        ("wear", {"flags": (Note("fine", "all is well"),)}, "flags"),
        ("rows", {"standard": "ISO 1"}, "standard"),
        ("rows", {"results": {}}, "rows: not recorded"),
    ],
)
def test_a_finding_made_up_by_the_issuer_is_found(appraised, key, tmp_path, step, change, says):
    path = issue(lied(appraised(), step, **change), key, tmp_path / "x.zip", now=NOW).path
    assert verify(path, "L3", now=NOW).ok
    result = verify(path, now=NOW)
    assert not result.ok
    ok, reason = by_name(result)[f"step {step}"]
    assert ok is False and says in reason


def test_a_grade_made_up_by_the_issuer_is_found(appraised, key, tmp_path):
    appraisal = appraised()
    for change in ({"letter": "A"}, {"text": "as good as new"}, {"missing": ("nothing",)}):
        better = replace(appraisal, grade=appraisal.grade.model_copy(update=change))
        path = issue(better, key, tmp_path / "x.zip", now=NOW).path
        assert verify(path, "L3", now=NOW).ok
        checks = by_name(verify(path, now=NOW))
        assert checks["grade"][0] is False and "than the passport says" in checks["grade"][1]
        assert all(ok for name, (ok, _) in checks.items() if name != "grade")


def test_rule_rows_made_milder_give_themselves_away_by_their_digest(appraised, key, tmp_path):
    """The rows in the bundle are what L4 reads: a milder row is a visible one, with its own digest."""
    worn = appraised("wear_mm\n0.7\n0.8\n")
    honest = issue(worn, key, tmp_path / "1.zip", now=NOW)
    assert honest.credential["credentialSubject"]["grade"]["letter"] == "D"
    assert verify(honest.path, now=NOW).ok


def test_a_method_that_is_not_installed_leaves_it_unknown(issued, methods):
    entries = methods / "acme_methods-1.0.dist-info" / "entry_points.txt"
    text = entries.read_text()
    entries.write_text(text.replace("acme.wear = acme_methods:wear\n", ""))
    try:
        result = verify(issued.path, now=NOW)
    finally:
        entries.write_text(text)
    checks = by_name(result)
    assert not result.ok and checks["step wear"][0] is None and checks["step rows"][0] is True
    assert "acme.wear@1 is not installed here" in checks["step wear"][1]
    assert checks["step again"] == (None, "it reads what step wear makes, which could not be run")
    assert checks["grade"][0] is None


def test_a_version_that_is_not_installed_leaves_its_step_unknown(appraised, key, tmp_path):
    appraisal = appraised()
    steps = [
        s.model_copy(update={"method": "acme.count@9"}) if s.id == "rows" else s for s in appraisal.case.step
    ]
    old = lied(
        replace(appraisal, case=appraisal.case.model_copy(update={"step": tuple(steps)})), "rows", version=9
    )
    result = verify(issue(old, key, tmp_path / "x.zip", now=NOW).path, now=NOW)
    checks = by_name(result)
    assert checks["step rows"][0] is None and "acme.count@9" in checks["step rows"][1]
    assert checks["step wear"][0] is True and checks["step again"][0] is True
    assert checks["grade"][0] is None and not result.ok


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("exit", "ended without an answer"),
        ("hog", "more memory than it was given"),
        ("crash", "ZeroDivisionError: of a method"),
        ("net", "verification has no network"),
    ],
)
def test_a_method_in_trouble_leaves_it_unknown(appraised, key, tmp_path, monkeypatch, trouble, says):
    path = issue(appraised(trouble=trouble), key, tmp_path / "x.zip", now=NOW).path
    assert verify(path, now=NOW).ok
    monkeypatch.setenv("ACME_TROUBLE", "1")
    result = verify(path, now=NOW)
    ok, reason = by_name(result)["re-execution"]
    assert ok is None and says in reason and not result.ok


def test_work_that_takes_too_long_is_stopped(appraised, key, tmp_path, monkeypatch):
    path = issue(appraised(trouble="spin"), key, tmp_path / "x.zip", now=NOW).path
    monkeypatch.setenv("ACME_TROUBLE", "1")
    monkeypatch.setenv("ACME_PID", str(tmp_path / "pid"))
    started = time.monotonic()
    result = verify(path, now=NOW, budget_s=5)
    assert time.monotonic() - started < 40
    ok, reason = by_name(result)["re-execution"]
    assert ok is None and "longer than 5 s" in reason
    if (tmp_path / "pid").exists():  # a busy machine may not have come so far
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)


def test_parameters_of_a_stranger_are_validated(appraised, key, tmp_path):
    appraisal = appraised()
    steps = [
        s.model_copy(update={"parameters": {"factor": -1}}) if s.id == "wear" else s
        for s in appraisal.case.step
    ]
    wild = replace(appraisal, case=appraisal.case.model_copy(update={"step": tuple(steps)}))
    result = verify(issue(wild, key, tmp_path / "x.zip", now=NOW).path, now=NOW)
    ok, reason = by_name(result)["re-execution"]
    assert ok is False and "factor = -1" in reason


def test_l4_is_not_run_on_a_bundle_that_fails_before(issued, tmp_path):
    data = bytearray(issued.path.read_bytes())
    data[data.index(b"wear_mm\n0.10")] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    result = verify(tmp_path / "bad.zip", now=NOW)
    assert not by_name(result) and "only on a bundle whose other levels hold" in result.not_checked["L4"]
    assert [c.name for c in result.checks if not c.ok] == ["evidence"]
