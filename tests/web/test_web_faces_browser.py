"""The map of a face in a real browser: keyboard, zoom, touch, dark, phone, and without JavaScript."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from face_workspace import put_face
from page_tools import CHROMIUM, CONTRAST, PHONE, Opener

from recore.workspace import Workspace

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def face(workspace: Workspace, address: str) -> str:
    path = f"/faces/{put_face(workspace)['face']}"
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        until = time.monotonic() + 120
        while client.get(path).status_code != 200:
            assert time.monotonic() < until
    return path


def ready(page: Any) -> None:
    page.wait_for_selector("#face[data-ready]", state="attached", timeout=60_000)


def test_the_map_is_walked_zoomed_and_opened_by_keyboard(opened: Opener, face: str) -> None:
    page = opened(face)
    ready(page)
    page.focus("#over")
    for _ in range(7):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#cell").startswith("Support 8 · 2026-03-0")
    assert page.inner_text("#cell").endswith("MPa")
    page.keyboard.press("+")
    page.wait_for_selector("[data-step=all]", timeout=60_000)
    assert "from=2026-03-0" in page.url
    page.keyboard.press("Enter")
    page.wait_for_url("**/supports/8?at=*", timeout=60_000)
    assert page.inner_text("h1").endswith("Support 8")


def test_a_click_opens_and_a_drag_zooms(opened: Opener, face: str) -> None:
    page = opened(face)
    ready(page)
    box = page.locator("#over").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_selector("[data-step=all]", timeout=60_000)
    page.mouse.click(box["x"] + 300, box["y"] + 30)
    page.wait_for_url("**/supports/*", timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_face_page_scrolls_sideways_and_text_stands_out(opened: Opener, face: str, scheme: str) -> None:
    page = opened(face, viewport=PHONE, color_scheme=scheme, has_touch=True)
    for path in ("", "/supports/5", "/bars", "/alarms", "/weighting"):
        page.goto(f"{face}{path}")
        if not path:
            ready(page)
            assert page.evaluate("document.querySelector('#over').width / devicePixelRatio") <= PHONE["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert page.evaluate(CONTRAST) == [], path


def test_the_way_without_javascript(opened: Opener, face: str) -> None:
    page = opened(face, java_script_enabled=False)
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.picture input[type=image]')].filter((e) => e.checkVisibility()).length"
        )
        == 1
    )
    page.select_option("#measure", "final_mpa")
    page.select_option("#palette", "bands")
    page.click("#choose button")
    assert page.inner_text("h1").endswith("Final pressure")
    page.click(".picture input[type=image]:visible", position={"x": 300, "y": 100})
    assert "/supports/" in page.url
    page.click("table.close tbody a >> nth=0")
    assert "Cycle of support" in page.inner_text("h1")


def test_chinese_on_a_phone(opened: Opener, face: str) -> None:
    page = opened(f"{face}?lang=zh", viewport=PHONE)
    ready(page)
    page.focus("#over")
    assert page.inner_text("#cell").startswith("支架 1 · ")
