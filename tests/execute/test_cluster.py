"""A real Dask scheduler with two workers on loopback, started by the recipe of docs/cluster.md."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tasks

from recore.errors import BadInput
from recore.execute import cluster as cluster_module
from recore.execute import executor
from recore.simulate.supports import supports

RECIPE = re.search(
    r"```sh\n(.*?)```",
    (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


def started(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The recipe as a shell runs it, in a process group of its own, and what it prints."""
    assert RECIPE is not None
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    shell = subprocess.Popen(
        ["bash", "-c", RECIPE[1] + "wait\n"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": paths,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert shell.stdout is not None
    return shell, shell.stdout.readline().strip()


def stopped(shell: subprocess.Popen[str]) -> None:
    os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    if shell.stdout is not None:
        shell.stdout.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # coverage of a worker is not wanted: it would be written while the group is killed
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COV")]:
            patch.delenv(name)
        shell, address = started(tmp_path_factory.mktemp("cluster"))
    try:
        from distributed import Client

        with Client(address.replace("dask", "tcp"), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
        yield address
    finally:
        stopped(shell)


def test_work_runs_there_and_a_lost_worker_is_replaced(address: str, tmp_path: Path) -> None:
    with executor(address) as pool:
        assert [pool.submit(tasks.square, n).result(120) for n in range(3)] == [0, 1, 4]
        with pytest.raises(ValueError, match="no such thing"):
            pool.submit(tasks.wrong).result(120)
        futures = [pool.submit(tasks.fatal_once, n, str(tmp_path / "flag")) for n in range(8)]
        assert [future.result(120) for future in futures] == [n * n for n in range(8)]
    assert (tmp_path / "flag").exists()


def test_the_same_bits_as_here(address: str, recore: Any, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = supports(4, supports=2, days=0.6).log
    for number in range(3):
        part = log.slice(number * (log.num_rows // 3), log.num_rows // 3 + 1)
        pq.write_table(part, folder / f"{number}.parquet", row_group_size=20_000)
    here = recore("run", "support.cycles", folder, "--json", "--out", tmp_path / "here")
    there = recore("run", "support.cycles", folder, "--json", "--out", tmp_path / "there", "--on", address)
    assert (here.status, there.status) == (0, 0), there.err
    assert there.json["results"] == here.json["results"]
    assert there.json["artifacts"] == here.json["artifacts"]


def test_workers_of_another_version_are_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is sent by name, so that the workers answer for themselves."""
    there = cluster_module.environment()
    monkeypatch.setattr(cluster_module, "__version__", "0.0.0")
    assert cluster_module.environment() != there
    with pytest.raises(BadInput, match="has other versions"):
        executor(address)


def test_a_scheduler_that_goes_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("COV")]:
        monkeypatch.delenv(name)
    shell, address = started(tmp_path)
    try:
        from distributed import Client

        with Client(address.replace("dask", "tcp"), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=120)
        with pytest.raises(BadInput, match="scheduler is gone"), executor(address) as pool:
            future = pool.submit(tasks.slow, 60.0)
            os.killpg(shell.pid, signal.SIGKILL)
            future.result(120)
    finally:
        stopped(shell)
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1.0)
    with pytest.raises(BadInput, match="no Dask scheduler answers"):
        executor(address)


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"recore\[scale\]"):
        executor("dask://127.0.0.1:8786")
