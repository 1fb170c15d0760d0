"""A method of somebody else behind all six doors, and what a bad package cannot do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1] / "plugin"
READINGS = "measured_um\n78000\n78400\n77900\n78100\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three packages, installed as a user installs them."""
    folder = tmp_path_factory.mktemp("site")
    sources = [str(HERE / name) for name in ("sprocket", "broken", "thief")]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--target", str(folder), *sources],
        check=True, env={key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
    )  # fmt: skip
    return folder


@pytest.fixture
def called(site: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    (tmp_path / "readings.csv").write_text(READINGS)
    source = str(Path(__file__).parents[2] / "src")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), source]),
        "RECORE_CONFIG": str(tmp_path / "config"),
        "RECORE_HOME": str(tmp_path / "home"),
    }

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, words)], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return call


def _finding(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_door_1_python(called: Any) -> None:
    done = called(
        "-c",
        "from acme_sprocket import mean_wear; from recore.evidence import Table;"
        "print(mean_wear(Table.of({'measured_um': [78000.0, 78400.0, 77900.0, 78100.0]}), new_mm=83.0).mean_wear.value)",
    )
    assert float(done.stdout) == pytest.approx(4.9)


def test_door_2_command_line(called: Any) -> None:
    finding = _finding(
        called("-m", "recore", "run", "acme.mean-wear", "readings.csv", "-p", "new_mm=8.3 cm", "--json")
    )
    assert finding["results"]["mean_wear"]["value"] == pytest.approx(4.9)
    assert finding["results"]["mean_wear"]["uncertainty"] > 0
    old = _finding(called("-m", "recore", "run", "acme.mean-wear@1", "readings.csv", "--json"))
    assert old["method"]["version"] == 1
    assert "uncertainty" not in old["results"]["mean_wear"]


def test_a_broken_package_hides_no_other_and_none_takes_over_an_id(called: Any) -> None:
    listed = called("-m", "recore", "methods", "--json")
    methods = {(method["id"], method["version"]) for method in _finding(listed)}
    assert {("acme.mean-wear", 1), ("acme.mean-wear", 2), ("roundness.form", 1)} <= methods
    assert not {version for _, version in methods} & {99}
    assert "acme.broken" in listed.stderr
    assert "this package fails at import" in listed.stderr
    assert "acme.exits" in listed.stderr
    assert "SystemExit: 7" in listed.stderr
    assert "'roundness.form' belongs to recore" in listed.stderr
    assert "'acme.mean-wear' belongs to acme-sprocket" in listed.stderr
    asked = called("-m", "recore", "run", "acme.broken", "readings.csv")
    assert asked.returncode == 2
    assert "cannot be imported" in asked.stderr
    assert called("-m", "recore", "run", "acme.misnamed", "readings.csv").returncode == 2


@pytest.mark.slow
def test_door_5_a_step_in_a_passport_that_says_unknown_where_it_is_not_installed(
    called: Any, tmp_path: Path
) -> None:
    (tmp_path / "case.toml").write_text(
        '[machine]\nmaker="M"\nmodel="X"\nserial="1"\nfamily="excavator"\nbuilt=2022\nhours=1000\n'
        '[[component]]\nid="sprocket"\nkind="sprocket"\n[grade]\nprofile="open-condition"\n'
        '[[step]]\nid="wear"\ncomponent="sprocket"\nmethod="acme.mean-wear"\nevidence=["readings.csv"]\n'
    )
    made = called("-m", "recore", "appraise", ".", "--out", "out", "--json")
    assert made.returncode == 0, made.stderr
    checked = called("-m", "recore", "verify", "out/passport.zip", "--json")
    assert checked.returncode == 0, checked.stdout
    assert any(
        check["level"] == "L4" and "wear" in check["name"] for check in json.loads(checked.stdout)["checks"]
    )
    elsewhere = subprocess.run(
        [sys.executable, "-m", "recore", "verify", str(tmp_path / "out/passport.zip"), "--json"],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    result = json.loads(elsewhere.stdout)
    assert elsewhere.returncode == 1
    assert result["ok"] is False
    unknown = [check for check in result["checks"] if check["level"] == "L4" and check["ok"] is None]
    assert unknown
    assert "acme.mean-wear" in unknown[0]["name"] + unknown[0]["reason"]
    assert not [check for check in result["checks"] if check["ok"] is False]


def test_door_6_a_task_on_an_executor(called: Any, tmp_path: Path) -> None:
    inline = _finding(called("-m", "recore", "run", "acme.mean-wear", "readings.csv", "--json"))
    spread = _finding(
        called("-m", "recore", "run", "acme.mean-wear", "readings.csv", "--json", "--on", "processes:2")
    )
    assert inline == spread
    (tmp_path / "pool.py").write_text(
        "from recore.execute import executor\n"
        "from recore.evidence import open_file\n"
        "from acme_sprocket import mean_wear\n"
        "if __name__ == '__main__':\n"
        "    with executor('processes:1') as pool:\n"
        "        outcome = pool.submit(mean_wear.run, [open_file('readings.csv')]).result()\n"
        "    print(outcome.finding.digest)\n"
    )
    assert called("pool.py").returncode == 0
