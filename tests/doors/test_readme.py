"""The README stays true: its commands run as written, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.slow
def test_every_command_of_the_readme_runs_as_written(
    recore: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(commands) >= 6
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "recore", command
        ended = recore(*words)
        assert ended.status == 0, f"{command}\n{ended.out}{ended.err}"
    # once as a shell finds it
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        commands[0], shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{commands[0]}\n{done.stdout}{done.stderr}"


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test"} <= named <= targets | {"are"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_ten_lines_of_contributing_are_the_plug_in_that_is_tested() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code
    plugin = (ROOT / "tests/plugin/sprocket/acme_sprocket.py").read_text()
    for line in code[1].splitlines():
        assert line.startswith("#") or line.strip() in plugin, line


def test_no_package_registry_and_no_path_of_a_machine_in_the_tree() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    # written so that this file does not hold what it looks for
    forbidden = re.compile(
        r"index[-]url|pypi[.]org/simple|files[.]pythonhosted|registry[.]npmjs|/roo[t]/|/wor[k]/"
    )
    for name in filter(None, files.split("\0")):
        path = ROOT / name
        if path.is_file() and path.suffix in {
            ".py",
            ".md",
            ".toml",
            ".txt",
            ".html",
            ".css",
            ".js",
            ".po",
            "",
        }:
            assert not forbidden.search(path.read_text(errors="replace")), name
