"""Eligibility and landed cost in the browser, from the form down to row, source and evidence."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from page_tools import send, token, words
from rule_rows import rows

from recore.model.trade import TradeMachine
from recore.rules import RuleSet, Verdict, decide, shipped
from recore.web import machine_form, quote_form, world_map
from recore.web.multipart import Form
from recore.workspace import Workspace

MOST_BYTES = 60_000
XSS = "<script>alert(1)</script>"
MACHINE = {"family": "excavator", "build_year": "2017", "hs": "8429.52", "condition": "used"}
ASKED = {**MACHINE, "shipment_date": "2026-12-01"}
QUOTE: dict[str, Any] = {
    **MACHINE,
    "build_year": "2022",
    "date": "2026-12-01",
    "currency": "USD",
    "fob": "100000",
    "insurance_rate": "0.003",
    "incoterm": "CIF",
    "origin_port": "CNSHA",
    "to.country": "IS",
    "to.destination_port": "ISREY",
    "to.freight": "8000",
    "fx.base": "",
    "fx.rate": "",
    "fx.quote": "",
    "rules": "own",
    "do": "count",
}


@pytest.fixture(scope="module", autouse=True)
def own(workspace: Workspace) -> RuleSet:
    return RuleSet(workspace.rules.add(rows().rows))


def verdicts(answer: httpx.Response) -> dict[str, str]:
    """Verdict by country in the table of the page."""
    found = re.findall(r'<tr id="to-([A-Z]{2})">.*?class="tag (\w+)"', answer.text)
    return dict(found)


def weight_without_map(answer: httpx.Response) -> int:
    return len(re.sub(r'<svg class="world".*?</svg>', "", answer.text, flags=re.DOTALL).encode())


def test_the_outlines_are_small_and_named_by_code() -> None:
    drawn = world_map.outlines()
    assert {"KE", "CN", "US", "FR", "NO", "IS", "MG", "PG", "PY", "BZ"} <= set(drawn)
    assert len(drawn) > 170
    assert all(re.fullmatch(r"[Mlz0-9 -]+", path) for path in drawn.values())
    text = (world_map.ROOT / "static" / "world.svg").read_bytes()
    assert len(text) <= MOST_BYTES
    left, top, width, height = map(float, world_map.view_box().split())
    starts = [re.match(r"M(\d+) (\d+)l", path) for path in drawn.values()]
    assert all(s and left <= int(s[1]) <= width and top <= int(s[2]) <= height for s in starts)


def test_the_map_and_the_table_say_what_the_rules_say(client: httpx.Client, workspace: Workspace) -> None:
    answer = client.get("/trade?" + urlencode(ASKED))
    found = verdicts(answer)
    assert (found["MG"], found["IS"], found["PG"], found["PY"]) == ("pass", "fail", "unknown", "unknown")
    rules = workspace.rules.book().rules
    facts = TradeMachine.model_validate({**MACHINE, "build_year": 2017}).facts(shipment_date="2026-12-01")
    from datetime import date

    for place in ("IS", "MG", "PG", "PY"):
        assert str(decide(rules, facts, date(2026, 12, 1), place).verdict) == found[place]
    for code, verdict in found.items():
        if code in world_map.outlines():
            group = answer.text.partition(f'<g class="{verdict}"')[2].partition("</g>")[0]
            assert world_map.outlines()[code] in group, code
    assert "rows disagree" in words(answer)
    assert weight_without_map(answer) <= MOST_BYTES


def test_the_page_stays_light_when_everything_is_stated(client: httpx.Client) -> None:
    papers = {
        rule.params["document"]
        for rule in shipped().rows
        if rule.effect == "document" and "document" in rule.params
    }
    told = {**ASKED, "maker": "M" * 60, **{f"evidence.{name}": "true" for name in papers}}
    answer = client.get("/trade?" + urlencode(told))
    assert answer.status_code == 200
    assert weight_without_map(answer) <= MOST_BYTES
    assert 'name="country" value="MG"' in answer.text
    assert "#to-MG" in answer.text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_reasons_cite_row_and_source(client: httpx.Client, language: str) -> None:
    answer = client.get("/trade/eligibility?" + urlencode({**ASKED, "country": "IS", "lang": language}))
    said = words(answer)
    assert "/rules/is.age?version=1" in answer.text
    assert "https://example.org/gazette" in answer.text
    assert ("It may not be shipped." if language == "en" else "不得装运。") in said
    assert ("Iceland" if language == "en" else "冰岛") in said
    assert "age_years = 9 is not ≤ 8" in said
    assert "2026-12-01" in said.partition("Documents" if language == "en" else "文件")[2]
    assert len(answer.content) <= MOST_BYTES


def test_what_is_missing_can_be_supplied_and_asked_again(client: httpx.Client) -> None:
    asked = {**ASKED, "build_year": "2022", "country": "IS", "lang": "en"}
    first = client.get("/trade/eligibility?" + urlencode(asked))
    assert "Nobody can say yet." in words(first)
    assert 'name="evidence.pvoc_coc"' in first.text
    hidden = dict(
        re.findall(
            r'<input type="hidden" name="([^"]+)" value="([^"]*)">',
            first.text.partition("<form")[2].partition("</form>")[0],
        )
    )
    assert hidden["country"] == "IS"
    second = client.get("/trade/eligibility?" + urlencode({**hidden, "evidence.pvoc_coc": "true"}))
    assert "It may be shipped." in words(second)


def test_shipped_rows_alone_can_be_asked(client: httpx.Client) -> None:
    answer = client.get("/trade?" + urlencode({**ASKED, "rules": "shipped"}))
    assert "MG" not in verdicts(answer)
    one = client.get(
        "/trade/eligibility?" + urlencode({**ASKED, "rules": "shipped", "country": "MG", "lang": "en"})
    )
    assert "coverage of MG" in words(one)


def test_an_answer_can_be_kept_as_a_finding(client: httpx.Client, workspace: Workspace) -> None:
    page = "/trade/eligibility?" + urlencode({**ASKED, "country": "IS", "known_on": "2026-12-01"})
    answer = send(client, page, "/trade/eligibility", {**ASKED, "country": "IS", "known_on": "2026-12-01"})
    assert answer.url.path.startswith("/findings/"), words(answer)
    finding = workspace.findings.get(answer.url.path.rpartition("/")[2]).finding
    assert finding.results["verdict"].value == "fail"
    assert finding.parameters["country"] == "IS"
    assert {row["rule_id"] for row in finding.parameters["rules"]} > {"is.age"}
    kept = json.loads(workspace.evidence.open(finding.evidence[0]["sha256"]).path.read_bytes())
    assert kept == {**MACHINE, "build_year": 2017}
    assert client.post("/trade/eligibility", data={**ASKED, "country": "IS"}).status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"build_year": "2031"}, "build_year 2031 lies after the shipment"),
        ({"build_year": "old"}, "build_year"),
        ({"hs": "excavator"}, "hs"),
        ({"mass_kg": "-4"}, "mass_kg"),
        ({"build_date": "2016-02-30"}, "build_date"),
        ({"build_date": "2016-02-03"}, "is not of the build_year"),
    ],
)
def test_a_machine_that_cannot_be_is_told(client: httpx.Client, changed: dict[str, str], said: str) -> None:
    answer = client.get("/trade?" + urlencode({**ASKED, **changed}))
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'name="build_year" value="' in answer.text
    one = client.get("/trade/eligibility?" + urlencode({**ASKED, **changed, "country": "IS"}))
    assert one.status_code == 422
    assert said in words(one)


@pytest.mark.parametrize(
    ("query", "status"), [("country=", 404), ("country=xx", 404), ("shipment_date=soon&country=IS", 422)]
)
def test_an_address_that_asks_nothing(client: httpx.Client, query: str, status: int) -> None:
    assert client.get(f"/trade/eligibility?{query}").status_code == status


def test_text_of_a_machine_is_never_markup(client: httpx.Client) -> None:
    told = {
        **ASKED,
        "maker": XSS,
        "family": XSS,
        "fact.width": XSS,
        f"evidence.{'a' * 20}": XSS,
        f"fact.{XSS}": "1",
    }
    for page in (
        "/trade?" + urlencode(told),
        "/trade/eligibility?" + urlencode({**told, "country": "IS"}),
        "/trade/landed?" + urlencode(told),
    ):
        answer = client.get(page)
        assert answer.status_code == 200
        assert XSS not in answer.text


def test_a_pin_of_a_wrong_length_is_told_and_is_no_verdict(client: httpx.Client) -> None:
    answer = client.get(
        "/trade/eligibility?" + urlencode({**ASKED, "country": "MG", "pin": "A" * 16, "lang": "en"})
    )
    assert "It may be shipped." in words(answer)
    assert "16" in words(answer).partition("To be known")[2]


def test_the_form_keeps_what_a_machine_document_says() -> None:
    document = {"family": "excavator", "build_year": 2019, "mass_kg": 21500.5, "road_vehicle": False, "tail_swing": "zero", "lanes": 2,
                "evidence": {"coc": True, "ispm15": False}}  # fmt: skip
    form = machine_form.filled(document)
    assert form.errors == {}
    assert form.document == document


def count(client: httpx.Client, **changed: Any) -> httpx.Response:
    return send(client, "/trade/landed", "/trade/landed", {**QUOTE, **changed})


def test_a_landed_cost_with_every_line_down_to_its_row(client: httpx.Client, workspace: Workspace) -> None:
    answer = count(client)
    assert answer.url.path.startswith("/trade/landed/"), words(answer)
    said = words(answer)
    # CIF of the reference: 108 000 / (1 - 1.1 * 0.003); then 2.5 % of it, and 16 % of both, each to the cent
    for amount in ("357.58", "108,357.58", "2,708.94", "17,770.64", "128,837.16"):
        assert amount in said
    assert "/rules/is.charge.vat" in answer.text
    assert "https://example.org/gazette" in answer.text
    assert "Here the risk passes" in said
    assert "What moves the total" in said
    assert len(answer.content) <= MOST_BYTES
    key = answer.url.path.rpartition("/")[2]
    assert client.get(f"/findings/{key}/plot.svg").status_code == 200
    finding = workspace.findings.get(key).finding
    assert f"/evidence/{finding.evidence[0]['sha256']}" in answer.text
    assert client.get(f"/evidence/{finding.evidence[0]['sha256']}").status_code == 200
    again = client.get(f"/trade/landed?from={key}").text
    for value in ("100000", "8000", "ISREY", "CNSHA", "0.003", "2026-12-01"):
        assert f'value="{value}"' in again
    assert '<option value="IS" selected>' in again


def test_several_destinations_are_compared(client: httpx.Client) -> None:
    more = {
        "to.country": ["IS", "MG"],
        "to.destination_port": ["ISREY", "MGTMM"],
        "to.freight": ["8000", "7000"],
    }
    answer = count(client, **more)
    said = words(answer)
    assert "Destinations compared" in said
    assert "1. Iceland" in said
    assert "the rules know no charge of MG" in said
    assert "Write the charge rows of the country" in said


def test_the_highest_bid_for_a_landed_price(client: httpx.Client, workspace: Workspace) -> None:
    answer = count(client, fob="", landed_wanted="128000")
    said = words(answer)
    assert "Highest FOB value" in said
    finding = workspace.findings.get(answer.url.path.rpartition("/")[2]).finding
    bid = finding.results["max_fob"].value
    back = count(client, fob=f"{bid:.2f}")
    total = workspace.findings.get(back.url.path.rpartition("/")[2]).finding.results["landed_total"].value
    assert 127_999.9 < total <= 128_000


def test_a_country_without_charge_rows_is_refused_plainly(client: httpx.Client) -> None:
    said = words(count(client, **{"to.country": "PY", "to.destination_port": ""}))
    assert "No total can be stated." in said
    assert "the rules know no charge of PY" in said


def test_every_refusal_says_what_would_be_right(client: httpx.Client) -> None:
    purchase = {"case": "special-invoice", "purchase.invoice_ex_vat": "300000"}
    said = words(count(client, known_on="2001-01-01", **purchase))
    assert "vat-row" in said and "Write the VAT refund row of China for that day" in said
    assert "no-charges" in said and "Write the charge rows of the country" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to.freight": "-5"}, "freight"),
        ({"fob": "much"}, "fob"),
        ({"currency": "RMB"}, "RMB"),
        ({"insurance_rate": "0.95"}, "insurance_rate"),
        ({"insurance_rate": ""}, "insurance_rate"),
        ({"incoterm": "FOX"}, "FOX"),
        ({"to.country": "", "to.destination_port": "", "to.freight": ""}, "a destination is wanted"),
        ({"to.destination_port": "Reykjavik"}, "UN/LOCODE"),
        ({"fx.base": "USD", "fx.quote": "USD", "fx.rate": "1"}, "itself"),
        ({"fx.base": "USD", "fx.quote": "CNY", "fx.rate": "0"}, "greater than 0"),
        ({"case": "own-asset", "purchase.invoice_ex_vat": "1"}, "purchase.original_value"),
        ({"case": "gift"}, "purchase"),
        ({"landed_wanted": "cheap"}, "landed_wanted"),
        ({"date": "2026-13-01"}, "date"),
        ({"to.freight": ""}, "freight"),
        ({"fob": "", "landed_wanted": ""}, "fob"),
        ({"build_year": "x"}, "build_year"),
    ],
)  # fmt: skip
def test_a_wrong_quote_is_told_at_its_field_and_kept(
    client: httpx.Client, changed: dict[str, Any], said: str
) -> None:
    answer = count(client, **changed)
    assert answer.status_code == 422, words(answer)
    assert said in words(answer)
    assert 'name="origin_port" value="CNSHA"' in answer.text


def test_the_form_of_a_quote(client: httpx.Client) -> None:
    for page in (
        "/trade/landed",
        "/trade/landed?lang=zh",
        "/trade/landed?country=IS&family=excavator&lang=en",
    ):
        assert len(client.get(page).content) <= MOST_BYTES
    assert client.post("/trade/landed", data=QUOTE).status_code == 403
    lines = count(client, do="more")
    assert lines.text.count('name="to.country"') == 5
    assert client.get("/trade/landed/" + "0" * 64).status_code == 404
    assert client.get("/trade/landed?from=" + "0" * 64).status_code == 404


def test_a_finding_of_another_method_is_no_landed_cost(client: httpx.Client) -> None:
    kept = send(
        client,
        "/trade/eligibility?" + urlencode({**ASKED, "country": "IS"}),
        "/trade/eligibility",
        {**ASKED, "country": "IS"},
    )
    key = kept.url.path.rpartition("/")[2]
    assert client.get(f"/trade/landed/{key}").status_code == 404


def test_purchase_rates_and_closures_reach_the_quote() -> None:
    form: Form[Any] = Form(
        {
            name: value if isinstance(value, list) else [value]
            for name, value in {
                **QUOTE,
                "closed": ["suez", "nowhere"],
                "case": "own-asset",
                "purchase.invoice_ex_vat": "1000000",
                "purchase.original_value": "1000000",
                "purchase.booked_depreciation": "600000",
                "purchase.price": "7",
                "fx.base": ["USD", ""],
                "fx.rate": ["7.1", ""],
                "fx.quote": ["CNY", ""],
            }.items()
        }
    )
    made = quote_form.read(form)
    assert made.errors == {}
    [quote] = made.quotes
    assert quote["closed"] == ["suez"]
    assert quote["fx"] == [{"base": "USD", "quote": "CNY", "rate": "7.1", "date": "2026-12-01"}]
    assert quote["purchase"] == {
        "case": "own-asset",
        "invoice_ex_vat": "1000000",
        "original_value": "1000000",
        "booked_depreciation": "600000",
    }
    again = quote_form.filled(made.quotes, {})
    assert again.given["purchase.booked_depreciation"] == "600000"
    assert again.closed == ["suez"]
    assert again.rates == [{"base": "USD", "quote": "CNY", "rate": "7.1"}]


def test_the_pages_are_reached_from_everywhere(client: httpx.Client) -> None:
    for path, word in (("/?lang=en", "Trade"), ("/?lang=zh", "贸易")):
        page = client.get(path).text
        assert f'<a href="/trade">{word}</a>' in page
    assert client.get("/rules?lang=en").text.count('aria-current="page">Rules<') == 1
    assert Verdict.UNKNOWN in verdicts(client.get("/trade?" + urlencode(ASKED))).values()
    assert token(client.get("/rules/new"))
