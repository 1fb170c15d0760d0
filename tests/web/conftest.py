"""A served workspace with the methods of a small workshop, installed as a stranger's package would be."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from page_tools import CHROMIUM, Opener

from recore.registry import registry
from recore.web.app import create_app
from recore.workspace import Runner, Workspace

SHOP = '''
    """Methods of a small workshop."""
    import time
    from dataclasses import dataclass
    from typing import Annotated, Literal
    import numpy as np
    import pyarrow as pa
    from pydantic import Field
    from recore.evidence import Table
    from recore.method import Artifact, Note, Progress, Refusal, Tolerance, Unit, method
    from recore.quantity import Quantity

    @dataclass(frozen=True)
    class Wear:
        mean_wear: Annotated[Quantity, Unit("mm")]
        largest_wear: Annotated[Quantity, Unit("mm")]
        readings: int
        verdict: str
        table: Annotated[pa.Table, Artifact("wear.csv")]
        flags: tuple
        place_mm: np.ndarray
        wear_mm: np.ndarray

    @method("shop.liner-wear", version=1, standard="Shop rule 7:2024", reproducible=Tolerance(relative=1e-9))
    def liner_wear(
        readings: Table,
        *,
        new_mm: Annotated[float, Unit("mm"), Field(gt=0, le=2000)] = 120.0,
        neighbours: Annotated[int, Field(ge=1, le=50)] = 1,
        against: Literal["drawing", "new part"] = "drawing",
        strict: bool = False,
        limit_mm: Annotated[float | None, Unit("mm"), Field(ge=0)] = None,
        steps: list[float] | None = None,
    ) -> Wear:
        """Wear of a cylinder liner from its bore diameters.

        The bore is measured at equal steps from the top dead centre down; wear is the diameter
        less that of the new part.

        Parameters
        ----------
        readings : bore diameters [mm] in a column `bore_mm`, one row per depth
        new_mm : diameter of the new part [mm]
        neighbours : readings that are averaged
        against : what the wear is counted from
        strict : refuse when a reading is larger than the limit
        limit_mm : largest wear that is allowed [mm]
        steps : depths [mm], where they are not equal

        Returns
        -------
        mean_wear : mean over the depth
        largest_wear : largest reading

        Refuses fewer than three readings.

        References
        ----------
        Shop rule 7:2024, clause 3.
        """
        bore = readings.floats("bore_mm")
        if len(bore) < 3:
            raise Refusal("TOO_FEW", f"{len(bore)} readings do not tell how a liner wears; three are the least")
        wear = bore - new_mm
        over = limit_mm is not None and wear.max() > limit_mm
        if over and strict:
            raise Refusal("WORN_OUT", "the liner is worn beyond the limit")
        flags = (Note("OVER_LIMIT", "the largest wear is beyond the limit"),) if over else ()
        return Wear(
            Quantity(float(wear.mean()), "mm", 0.0042),
            Quantity(float(wear.max()), "mm", 0.012),
            len(bore),
            "worn" if over else "usable",
            pa.table({"place_mm": np.arange(len(bore)) * 10.0, "wear_mm": wear}),
            flags,
            np.arange(len(bore)) * 10.0,
            wear,
        )

    @liner_wear.plot
    def _draw(result):
        rows = [{"place": float(p), "wear": float(w), "low": float(w) - 0.012, "high": float(w) + 0.012}
                for p, w in zip(result.place_mm, result.wear_mm)]
        x = {"field": "place", "type": "quantitative", "title": "depth [mm]"}
        return {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "data": {"values": rows}, "width": 560, "height": 240,
            "layer": [
                {"mark": {"type": "area", "opacity": 0.25}, "encoding": {"x": x,
                    "y": {"field": "low", "type": "quantitative", "title": "wear [mm], band: U (k = 2)"}, "y2": {"field": "high"}}},
                {"mark": {"type": "line", "point": True}, "encoding": {"x": x, "y": {"field": "wear", "type": "quantitative"}}},
            ],
        }

    @method("shop.slow", version=1)
    def slow(data: bytes, *, seconds: float = 3.0, progress: Progress) -> dict:
        """Takes its time."""
        for step in range(30):
            progress(step / 30, f"step {step}")
            time.sleep(seconds / 30)
        return {"bytes": len(data)}

    @method("shop.two", version=1)
    def two(first: bytes, *more: bytes, factor: int) -> dict:
        """Counts the bytes of several files."""
        return {"bytes": factor * (len(first) + sum(map(len, more)))}
'''
METHODS = {"shop.liner-wear": "liner_wear", "shop.slow": "slow", "shop.two": "two"}
BORES = "bore_mm\n120.11\n120.14\n120.09\n120.07\n120.05\n"


def install_shop(folder: Path) -> Path:
    """Write the package as an installer would."""
    about = folder / "recore_shop-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "recore_shop.py").write_text(textwrap.dedent(SHOP))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: recore-shop\nVersion: 1.0\n")
    entries = "\n".join(f"{id} = recore_shop:{name}" for id, name in METHODS.items())
    (about / "entry_points.txt").write_text(f"[recore.methods]\n{entries}\n")
    return folder


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = install_shop(tmp_path_factory.mktemp("site"))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    sys.path.insert(0, str(folder))
    registry.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("recore_shop", None)
    registry.cache_clear()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration folder of its own, so that no key of the user is touched."""
    folder, before = tmp_path_factory.mktemp("config"), os.environ.get("RECORE_CONFIG")
    os.environ["RECORE_CONFIG"] = str(folder)
    yield folder
    if before is None:
        del os.environ["RECORE_CONFIG"]
    else:
        os.environ["RECORE_CONFIG"] = before


@pytest.fixture(scope="module")
def workspace(shop: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose jobs are worked on; shared by the tests of a file because a worker takes a second to start."""
    folder = tmp_path_factory.mktemp("workspace")
    with Workspace.open(f"sqlite:///{folder / 'recore.sqlite'}", folder / "store") as opened, Runner(opened):
        yield opened


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    """Address of a server of this workspace."""
    app = create_app(workspace, patience_s=30.0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A browser of one visitor, without JavaScript."""
    # no TLS here: reading the certificates of the world would take longer than most of these tests
    with httpx.Client(
        base_url=address, follow_redirects=True, timeout=60, trust_env=False, verify=False
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any, address: str) -> Iterator[Opener]:
    """Open a page in a fresh browser; every message on its console is an error."""
    contexts, said = [], []

    def open_page(path: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=address, locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()
        # Chromium writes an answer of 422 on the console, which is what a form with a mistake gets
        page.on("console", lambda m: None if "status of 422" in m.text else said.append(m.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
