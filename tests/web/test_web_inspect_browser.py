"""Inspection on a phone in a real browser: without a connection, two devices, a server that dies."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_tools import send
from test_web_inspect import png
from test_web_load import BOX, ROOM

CHROMIUM = next(
    (path for path in (shutil.which("chromium"), "/usr/bin/chromium") if path and Path(path).exists()), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
PHONE = {"width": 390, "height": 844}
SERVER = """
import sys
import uvicorn
from recore.web.app import create_app
from recore.workspace import Runner, Workspace
if __name__ == "__main__":
    with Workspace.open(f"sqlite:///{sys.argv[1]}/r.sqlite", sys.argv[1] + "/store") as workspace, Runner(workspace):
        uvicorn.run(create_app(workspace, patience_s=30.0), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


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
def phone(chromium: Any) -> Iterator[Callable[..., Any]]:
    """A phone of its own: nothing stored on it, and what goes wrong in its pages fails the test."""
    contexts, said = [], []

    def make(base: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=base, viewport=PHONE, locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert said == []


def begin(page: Any, serial: str = "C60123") -> None:
    page.select_option("#family", "excavator")
    page.fill("[id='machine.serial']", serial)
    page.fill("[id='inspector.name']", "Li Wei")
    page.click("[data-new] button.main")
    page.wait_for_selector(".ask", state="attached")


def answer(page: Any, item: str, word: str) -> None:
    page.click("[data-step=safety]")
    page.click(f"#i-{item} .picks label:has(input[value={word}])")


def synced(page: Any) -> None:
    page.wait_for_selector("[data-state]:has-text('· 0 changes waiting · synced')", timeout=20_000)


def waiting(page: Any, count: int) -> None:
    page.wait_for_selector(f"[data-state]:has-text('{count} changes waiting')", timeout=20_000)


def test_a_whole_inspection_without_a_connection(phone: Callable[..., Any], address: str) -> None:
    page = phone(address)
    page.goto("/inspect")
    page.wait_for_selector("html[data-kept]", state="attached", timeout=60_000)
    kept = page.evaluate("async () => (await Promise.all((await caches.keys()).map(async (n) => "
                         "(await (await caches.open(n)).keys()).map((r) => new URL(r.url).pathname)))).flat()")  # fmt: skip
    assert {path for path in kept if not path.startswith(("/static/", "/inspect/sheet/"))} == {
        "/inspect/offline"
    }
    page.context.set_offline(True)
    page.reload()
    begin(page)
    id = page.url.partition("/inspect/")[2].partition("#")[0]
    answer(page, "rops_label", "no")
    assert "MUST NOT BE PUT TO WORK" in page.inner_text("[data-stops]").upper()
    assert "✕ a fault" in page.inner_text("#i-rops_label .judge")
    page.set_input_files("#p-rops_label", {"name": "label.png", "mimeType": "image/png", "buffer": png()})
    page.wait_for_selector("#i-rops_label canvas")
    waiting(page, 5)
    assert "no connection" in page.inner_text("[data-state]")
    page.reload()
    page.wait_for_selector("#i-rops_label canvas")
    assert page.is_checked("#i-rops_label input[value=no]")
    assert httpx.get(f"{address}/api/inspections/{id}", trust_env=False).status_code == 404
    page.context.set_offline(False)
    synced(page)
    state = httpx.get(f"{address}/api/inspections/{id}", trust_env=False).json()
    assert state["missing_photos"] == []
    assert state["fields"]["answer.rops_label"]["heads"][0]["value"] == {"a": "no"}
    page.click("[data-submit]")
    page.wait_for_url("**/inspect/findings/*", timeout=60_000)
    assert "must not be put to work" in page.text_content("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_two_phones_that_disagree(phone: Callable[..., Any], address: str) -> None:
    one, two = phone(address), phone(address)
    one.goto("/inspect")
    begin(one, "TWO")
    synced(one)
    two.goto(one.url)
    two.wait_for_selector("[data-state]:has-text('synced')")
    two.context.set_offline(True)
    answer(two, "rops_label", "no")
    answer(one, "rops_label", "yes")
    waiting(one, 1)
    synced(one)
    waiting(two, 1)
    two.context.set_offline(False)
    two.wait_for_selector("[data-conflicts] button")
    assert two.locator("[data-conflicts] button").count() == 2
    one.click("[data-sync]")
    one.wait_for_selector("[data-conflicts] button")
    one.click("[data-conflicts] button:has-text('No')")
    one.wait_for_selector("[data-conflicts] button", state="detached")
    one.click("[data-sync]")
    synced(one)
    two.click("[data-sync]")
    two.wait_for_selector("[data-conflicts] button", state="detached")
    assert two.is_checked("#i-rops_label input[value=no]")
    assert one.is_checked("#i-rops_label input[value=no]")


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    script = folder / "serve.py"
    script.write_text(SERVER)
    started = subprocess.Popen([sys.executable, str(script), str(folder), str(port)], env=os.environ)
    for _ in range(200):
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/inspections", trust_env=False)
            return started
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server does not start")


def test_a_server_that_is_killed_loses_nothing(phone: Callable[..., Any], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = serve(tmp_path, port)
    try:
        page = phone(f"http://127.0.0.1:{port}")
        page.goto("/inspect")
        page.wait_for_selector("html[data-kept]", state="attached", timeout=60_000)
        begin(page)
        synced(page)
        # while it is being killed, the phone goes on
        answer(page, "rops_label", "yes")
        server.send_signal(signal.SIGKILL)
        server.wait()
        answer(page, "seat_belt", "no")
        page.set_input_files("#p-seat_belt", {"name": "belt.png", "mimeType": "image/png", "buffer": png(9)})
        page.wait_for_selector("#i-seat_belt canvas")
        page.reload()
        page.wait_for_selector("#i-seat_belt canvas", state="attached")
        assert page.is_checked("#i-rops_label input[value=yes]")
        server = serve(tmp_path, port)
        page.click("[data-sync]")
        synced(page)
        id = page.url.partition("/inspect/")[2].partition("#")[0]
        state = httpx.get(f"http://127.0.0.1:{port}/api/inspections/{id}", trust_env=False).json()
        assert state["missing_photos"] == []
        assert {key for key in state["fields"] if key.startswith("answer.")} == {
            "answer.rops_label",
            "answer.seat_belt",
        }
    finally:
        server.kill()
        server.wait()


def test_big_targets(phone: Callable[..., Any], address: str) -> None:
    page = phone(address)
    page.goto("/inspect")
    begin(page)
    page.click("[data-step=safety]")
    small = page.evaluate(
        """() => [...document.querySelectorAll('#inspection .picks label, #inspection button, #inspection summary,'
            + '#inspection .steps a, #inspection input:not([type=radio], [type=checkbox])')]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML)"""
    )
    assert small == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_load_can_be_turned_and_told(phone: Callable[..., Any], address: str) -> None:
    with httpx.Client(base_url=address, follow_redirects=True, timeout=60, trust_env=False) as client:
        plan = send(client, "/trade/load", "/trade/load", {**BOX, **ROOM}).url.path
    page = phone(address)
    page.goto(plan)
    page.wait_for_selector("#load:not([hidden])")
    canvas = page.locator(".stage canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    page.focus("#order")
    page.keyboard.press("Home")
    assert page.inner_text("[data-count]") == "0 / 6"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#load output").startswith("1. engine · 850 kg · at ")
    drawn = "() => document.querySelectorAll('.stage canvas')[1].toDataURL()"
    before = page.evaluate(drawn)
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    assert page.evaluate(drawn) != before
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
