"""Doors 3 and 4: the JSON API and the web form of a method that Recore never heard of."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PLUGIN = Path(__file__).parents[1] / "plugin" / "sprocket"
READINGS = b"measured_um\n78000\n78400\n77900\n78100\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--target", str(folder / "site"), str(PLUGIN)],
        check=True, env={key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = str(Path(__file__).parents[2] / "src")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder / "site"), source]),
        "RECORE_CONFIG": str(folder / "config"),
        "RECORE_HOME": str(folder / "home"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "recore", "serve", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/methods", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.slow
def test_door_3_json_api(server: str) -> None:
    listed = httpx.get(f"{server}/api/methods", timeout=30).json()
    assert "acme.mean-wear" in json.dumps(listed)
    answer = httpx.post(
        f"{server}/api/methods/acme.mean-wear/run",
        files={"file": ("readings.csv", READINGS, "text/csv")},
        data={"parameters": json.dumps({"new_mm": "8.3 cm"})},
        params={"wait": 60},
        timeout=90,
    )
    assert answer.status_code == 200, answer.text
    finding = answer.json()
    assert finding["results"]["mean_wear"]["value"] == pytest.approx(4.9)
    bad = httpx.post(
        f"{server}/api/methods/acme.mean-wear/run",
        files={"file": ("readings.csv", b"measured_mpa\n1\n", "text/csv")},
        params={"wait": 60},
        timeout=90,
    )
    assert bad.status_code == 422
    assert "a length in mm is wanted" in bad.json()["text"]


@pytest.mark.slow
def test_door_4_web_form(server: str) -> None:
    page = httpx.get(f"{server}/methods/acme.mean-wear", timeout=30).text
    assert "Mean wear of a sprocket from caliper readings" in page
    assert re.search(r'name="[^"]*new_mm"[^>]*value="83', page)
    assert "mm" in page
