"""`serve` as a process: it says where it listens, serves, and stops in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from recore.web import server

pytestmark = pytest.mark.measured_children

CODE = "from recore.web import serve; serve(host={host!r}, port=0, database={database!r}, store={store!r})"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_serve(host: str, tmp_path: Path) -> None:
    code = CODE.format(
        host=host, database=f"sqlite:///{tmp_path / 'r.sqlite'}", store=str(tmp_path / "store")
    )
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "RECORE_ALLOWED_HOSTS": "park.example, "}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        lines = []
        while not lines or "open http" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        found = re.search(r":(\d+)/ ", lines[-1])
        assert found
        shown = {"::1": "[::1]", "0.0.0.0": "127.0.0.1"}.get(host, host)
        home = f"http://{shown}:{found[1]}/"
        with httpx.Client(transport=httpx.HTTPTransport(retries=9), trust_env=False) as client:
            assert client.get(home).status_code == 200
        assert httpx.get(home, headers={"Host": "park.example"}, trust_env=False).status_code == 200
        assert httpx.get(home, headers={"Host": "other.example"}, trust_env=False).status_code == 421
        assert ("no login" in "".join(lines)) == (host == "0.0.0.0")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("park", False),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert server._is_local(host) is local
