"""Rules and trade in a real browser: without JavaScript, on a phone, in light and dark."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from page_tools import CHROMIUM, CONTRAST, PHONE, Opener
from rule_rows import rows

from recore.rules import RuleSet
from recore.workspace import Workspace

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
MACHINE = {
    "family": "excavator",
    "build_year": "2017",
    "hs": "8429.52",
    "condition": "used",
    "shipment_date": "2026-12-01",
}
ASKED = urlencode(MACHINE)
PAGES = (
    "/rules",
    "/rules/alarms",
    "/rules/conflicts",
    "/rules/country/IS",
    "/rules/pg.age.list",
    "/rules/is.age/edit",
    "/rules/import",
    f"/trade?{ASKED}",
    f"/trade/eligibility?country=IS&{ASKED}",
    f"/trade/landed?country=IS&{ASKED}",
)
SMALL = """() => [...document.querySelectorAll('nav a, button, input:not([type=hidden], [type=checkbox]), select')]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)"""


@pytest.fixture(scope="module", autouse=True)
def own(workspace: Workspace) -> RuleSet:
    return RuleSet(workspace.rules.add(rows().rows))


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_no_page_scrolls_sideways_on_a_phone(opened: Opener, language: str) -> None:
    page = opened("/rules", viewport=PHONE, extra_http_headers={"Accept-Language": language})
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert page.evaluate(SMALL) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(opened: Opener, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5 to 1."""
    page = opened("/rules", color_scheme=scheme)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path


def test_the_map_tells_verdicts_by_hue_and_pattern_and_leads_to_reasons(opened: Opener) -> None:
    page = opened(f"/trade?{ASKED}", java_script_enabled=False)
    boxes = {
        title: page.locator(f"svg.world a:has(title:text-is('{title}'))").bounding_box()
        for title in ("Madagascar: pass", "Iceland: fail", "Papua New Guinea: unknown")
    }
    assert all(box and box["width"] > 5 for box in boxes.values())
    assert page.locator("pattern").count() == 3
    page.locator("svg.world a:has(title:text-is('Madagascar: pass'))").click()
    assert page.inner_text("h1").endswith("Madagascar")
    assert "It may be shipped." in page.inner_text(".verdict")


def test_a_machine_is_asked_and_what_is_missing_supplied_without_javascript(opened: Opener) -> None:
    page = opened("/trade", java_script_enabled=False, viewport=PHONE)
    for name, text in MACHINE.items():
        page.fill(f"[name={name}]", "2022" if name == "build_year" else text)
    page.click("button.main")
    page.click("table >> text=Iceland")
    assert "Nobody can say yet." in page.inner_text(".verdict")
    page.select_option("[name='evidence.pvoc_coc']", "true")
    page.click("text=Ask again with this")
    assert "It may be shipped." in page.inner_text(".verdict")
    page.click("text=Keep as a finding")
    page.wait_for_url("**/findings/*")
    assert "pass" in page.inner_text(".results")


def test_a_row_is_written_checked_and_saved_without_javascript(opened: Opener) -> None:
    page = opened("/rules/mg.age", java_script_enabled=False, viewport=PHONE)
    page.click("text=Write a new version")
    page.fill("#predicate", '{ field = "age_years", op = "<=", value = 4 }')
    page.fill("#given-1", "build_year = 2015")
    page.click("button[value=check]")
    assert "not as expected" in page.inner_text("#found")
    page.fill("#given-1", "build_year = 2024")
    page.click("button[value=save]")
    page.wait_for_url("**/rules/mg.age")
    assert "mg.age@2" in page.inner_text("main")
    page.goto(f"/trade/eligibility?country=MG&{ASKED}")
    assert "It may not be shipped." in page.inner_text(".verdict")


def test_a_landed_cost_from_form_to_evidence_without_javascript(opened: Opener) -> None:
    page = opened(f"/trade/landed?country=IS&{ASKED}", java_script_enabled=False, viewport=PHONE)
    for name, text in {"fob": "100000", "insurance_rate": "0.003", "to.freight": "8000"}.items():
        page.locator(f"[name='{name}']").first.fill(text)
    page.click("text=Work it out")
    page.wait_for_url("**/trade/landed/*")
    assert "128,837.16" in page.inner_text("main")
    assert page.evaluate("document.querySelector('.plot img').naturalWidth") > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click("text=quote.json")
    assert page.inner_text("h1") == "quote.json"
