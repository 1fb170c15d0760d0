"""The pages in a real browser: phone, dark, keyboard, with and without JavaScript."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_tools import BORES, CHROMIUM, CONTRAST, PHONE, Opener, add_evidence, send

from recore.workspace import Workspace

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def things(address: str) -> dict[str, str]:
    """A finding, a case and a passport with long words in them."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=90, trust_env=False) as client:
        evidence = add_evidence(client, name="a-very-long-file-name-" + "0123456789" * 8 + ".csv")
        run = "/methods/shop.liner-wear"
        finding = send(client, run, run, {"kept.readings": evidence}).url.path
        plate = {"maker": "Maker" * 8, "model": "M", "serial": "S" * 60, "family": "engine", "profile": "open-condition"}  # fmt: skip
        case = send(client, "/cases/new", "/cases/new", plate).url.path
        send(client, case, f"{case}/components", {"component_id": "liner", "kind": "cylinder liner"})
        name = send(client, case, f"{case}/files", {"kept": evidence})
        assert name.status_code == 200
        step = f"{case}/steps/new?method=shop.liner-wear"
        file = "a-very-long-file-name-" + "0123456789" * 8 + ".csv"
        send(client, step, step, {"step_id": "s", "component": "liner", "in.readings": file})
        passport = send(client, case, f"{case}/issue", {}).url.path
        verification = send(client, passport, f"{passport}/verify", {}).url.path
        return {
            "finding": finding,
            "case": case,
            "passport": passport,
            "verification": verification,
            "evidence": f"/evidence/{evidence}",
        }


@pytest.mark.parametrize(
    "path",
    ["/", "/evidence", "/methods", "/methods/shop.liner-wear", "/cases", "/cases/new", "/passports", "/verify",
     "/jobs", "/api/docs", "/nothing", "finding", "case", "passport", "verification", "evidence"],
)  # fmt: skip
def test_no_page_scrolls_sideways_on_a_phone(
    chromium: Any, address: str, things: dict[str, str], path: str
) -> None:
    context = chromium.new_context(base_url=address, viewport=PHONE, java_script_enabled=True)
    page = context.new_page()
    page.goto(things.get(path, path))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.evaluate(
        """() => [...document.querySelectorAll('nav a, button, input:not([type=hidden], [type=checkbox]), select')]
            .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)"""
    )
    assert small == []
    context.close()


def test_a_result_is_read_on_a_phone_without_scrolling(opened: Opener, things: dict[str, str]) -> None:
    cells = """[...document.querySelectorAll('.results tbody th, .results tbody td')]
        .map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right])"""
    found = opened(things["finding"], viewport=PHONE).evaluate(cells)
    assert len(found) >= 8
    assert all(0 <= left <= right <= PHONE["width"] for left, right in found)


def test_the_way_without_javascript(opened: Opener) -> None:
    page = opened("/evidence", java_script_enabled=False, viewport=PHONE)
    page.fill("#who", "Li Wei")
    page.set_input_files(
        "#file", {"name": "liner.csv", "mimeType": "text/csv", "buffer": BORES + b"120.04\n"}
    )
    page.click("button.main")
    assert page.inner_text("h1") == "liner.csv"
    page.click("text=Run a method on it")
    page.click("text=shop.liner-wear")
    page.click("button.main")
    page.wait_for_url("**/findings/*")
    assert "± 0.0042" in page.inner_text(".results")
    assert page.evaluate("document.querySelector('.plot img').naturalWidth") > 300


def test_dark_is_dark_by_the_device_and_by_choice(opened: Opener) -> None:
    def grounded(page: Any, colour: str) -> None:
        """The ground comes to be of a colour: a click may be loading the page anew."""
        sheet = "document.querySelector('.sheet')"
        page.wait_for_function(f"{sheet} && getComputedStyle({sheet}).backgroundColor === '{colour}'")

    light = opened("/", color_scheme="light")
    grounded(light, "rgb(250, 248, 241)")
    light.click("text=Blueprint")
    grounded(light, "rgb(16, 32, 42)")
    light.goto("/methods")
    grounded(light, "rgb(16, 32, 42)")
    dark = opened("/", color_scheme="dark")
    grounded(dark, "rgb(16, 32, 42)")
    dark.click("text=Paper")
    grounded(dark, "rgb(250, 248, 241)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/evidence",
        "/methods/shop.liner-wear",
        "/cases/new",
        "finding",
        "case",
        "passport",
        "verification",
    ],
)
def test_text_stands_out(opened: Opener, things: dict[str, str], path: str, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5 to 1."""
    assert opened(things.get(path, path), color_scheme=scheme).evaluate(CONTRAST) == []


def test_the_keyboard_reaches_everything_in_order(opened: Opener) -> None:
    page = opened("/methods/shop.liner-wear")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.evaluate(
        "(() => { const b = document.activeElement.getBoundingClientRect(); return b.left >= 0; })()"
    )
    assert box
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px", seen
        if seen[-1] == "Run the method":
            break
    order = ["file-readings", "p-new_mm", "p-neighbours", "p-against", "p-strict", "Run the method"]
    assert [name for name in seen if name in order] == order


def test_after_an_error_the_focus_is_on_what_was_wrong(opened: Opener) -> None:
    page = opened("/methods/shop.liner-wear")
    page.fill("#p-neighbours", "99")
    page.click("button.main")
    page.wait_for_selector("#problem")
    assert page.evaluate("document.activeElement.id") == "problem"
    assert page.get_attribute("#p-neighbours", "aria-invalid") == "true"


def test_progress_moves_and_ends_at_the_result(
    opened: Opener, client: httpx.Client, workspace: Workspace
) -> None:
    sha256 = add_evidence(client, b"seen in a browser", "seen.bin")
    job = workspace.submit_run("shop.slow", [sha256], {"seconds": 2.0})
    page = opened(f"/jobs/{job.id}")
    begin = time.monotonic()
    # polled from here: the page's own policy forbids to evaluate text in it
    while not page.evaluate("document.querySelector('progress')?.value > 0.2"):
        assert time.monotonic() - begin < 60
        time.sleep(0.05)
    assert page.inner_text("[data-doing]").startswith("step")
    page.wait_for_url("**/findings/*", timeout=20_000)


def test_a_large_upload_shows_its_progress(opened: Opener, tmp_path: Path) -> None:
    page = opened("/evidence")
    big = tmp_path / "big.bin"
    big.write_bytes(b"large " * 2**20)
    page.set_input_files("#file", str(big))
    page.click("button.main")
    page.wait_for_url("**/evidence/*", timeout=30_000)
    assert page.inner_text("h1") == "big.bin"


def test_a_file_can_be_dropped(opened: Opener) -> None:
    page = opened("/verify")
    count = page.evaluate(
        """() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'passport.zip'));
            const field = document.querySelector('[data-drop]');
            field.dispatchEvent(new DragEvent('dragover', {dataTransfer: data, bubbles: true, cancelable: true}));
            const over = field.classList.contains('over');
            field.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
            return [over, document.querySelector('#file').files.length, field.classList.contains('over')]; }"""
    )
    assert count == [True, 1, False]


def test_nothing_moves_for_who_wants_it_still(opened: Opener) -> None:
    page = opened("/", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.ways li')).transitionDuration") == "0s"


def test_chinese_on_a_phone(opened: Opener) -> None:
    page = opened("/?lang=zh", viewport=PHONE)
    assert "护照" in page.inner_text("h1")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
