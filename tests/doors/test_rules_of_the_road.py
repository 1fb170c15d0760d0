"""What may I ship where, what does it cost landed, what do I get back: asked at the command line, as documented."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

CENT = Decimal("0.01")


def write(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def rows(out: Path, name: str) -> list[dict[str, Any]]:
    if (out / f"{name}.parquet").exists():
        found: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
        return found
    with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def value(finding: Any, name: str) -> Any:
    return finding["results"][name]["value"]


def rule(rule_id: str, domain: str, effect: str, **more: Any) -> str:
    fields = {
        "rule_id": json.dumps(rule_id), "version": "1", "jurisdiction": '"XX"', "domain": json.dumps(domain),
        "title": json.dumps(rule_id), "effect": json.dumps(effect), "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01", "legal_basis": '"Act 1, article 2"', "evidence_level": "2",
        "source": '{ title = "A gazette", url = "https://example.org/act", retrieved = 2026-01-01 }',
        **more,
    }  # fmt: skip
    return "[[rule]]\n" + "\n".join(f"{name} = {text}" for name, text in fields.items()) + "\n"


COVER = rule("xx.cover", "coverage", "cover", params='{ questions = ["prohibition", "age", "document"] }')
AGE = rule(
    "xx.age", "age", "require", predicate='{ field = "age_years", op = "<=", value = 10 }',
    params='{ age_basis = "build_year" }',
)  # fmt: skip
BAN = rule(
    "xx.ban",
    "prohibition",
    "block",
    predicate='{ field = "condition", op = "in", value = ["scrap", "wreck"] }',
)
COC = rule(
    "xx.coc", "document", "document", predicate='{ field = "evidence.coc", op = "==", value = true }',
    params='{ document = "coc" }',
)  # fmt: skip
MACHINE = {
    "family": "excavator", "maker": "Kato", "model": "HD820", "pin": "KATOH820XJ0012345", "build_year": 2018,
    "hs": "8429.52", "condition": "used", "road_vehicle": False, "mass_kg": 22000, "power_kw": 110,
    "emission_stage": "China III", "use": "construction", "evidence": {"coc": True},
}  # fmt: skip


@dataclass
class Desk:
    """A folder with the files of one question, and the command line to ask it."""

    folder: Path
    recore: Callable[..., Any]

    def ask(self, *words: Any, code: int = 0) -> Any:
        done = self.recore(*words)
        assert done.status == code, (done.status, done.err[-2000:])
        assert "Traceback" not in done.err
        return done.json if "--json" in words and code != 2 else done

    def eligible(self, text: str, machine: Any, *words: Any, code: int = 0) -> Any:
        write(self.folder / "rules" / "xx.toml", text)
        file = write(self.folder / "machine.json", machine)
        return self.ask(
            "run", "trade.eligibility", file, "-p", "country=XX", "-p", "shipment_date=2026-12-01", "-p",
            f"rules={self.folder / 'rules'}", "--json", "--out", self.folder / "out", *words, code=code,
        )  # fmt: skip

    def landed(self, text: str, quote: Any, *words: Any, code: int = 0) -> Any:
        write(self.folder / "rules" / "xx.toml", text)
        file = write(self.folder / "quote.json", quote)
        return self.ask(
            "run", "trade.landed-cost", file, "-p", f"rules={self.folder / 'rules'}", "--json", "--out",
            self.folder / "out", *words, code=code,
        )  # fmt: skip

    def planned(self, items: Any, container: Any, *words: Any, code: int = 0) -> Any:
        return self.ask(
            "run", "trade.load-plan", write(self.folder / "items.json", {"items": items}),
            write(self.folder / "container.json", container), "-p", "seconds=3", "--json", "--out",
            self.folder / "out", *words, code=code,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, recore: Callable[..., Any]) -> Desk:
    (tmp_path / "rules").mkdir()
    return Desk(tmp_path, recore)


@pytest.mark.parametrize(
    ("change", "text", "verdict"),
    [
        ({}, COVER + AGE + BAN + COC, "pass"),
        ({"build_year": 2016}, COVER + AGE + BAN + COC, "pass"),
        ({"build_year": 2015}, COVER + AGE + BAN + COC, "fail"),
        ({"condition": "scrap"}, COVER + AGE + BAN + COC, "fail"),
        ({"build_year": None}, COVER + AGE + BAN + COC, "unknown"),
        ({"evidence": {}}, COVER + AGE + BAN + COC, "unknown"),
        ({"pin": "KATOH820XJ001234"}, COVER + AGE + BAN + COC, "pass"),
        ({}, AGE + BAN + COC, "unknown"),
        ({}, COVER + AGE + BAN, "unknown"),
        (
            {},
            COVER + AGE.replace("2020-01-01\nrec", "2020-01-01\nvalid_to = 2026-11-30\nrec") + BAN + COC,
            "unknown",
        ),
        (
            {},
            COVER + AGE + AGE.replace("xx.age", "xx.age5").replace("value = 10", "value = 5") + BAN + COC,
            "unknown",
        ),
        ({}, COVER + AGE.replace("evidence_level = 2", "evidence_level = 5") + BAN + COC, "unknown"),
    ],
)
def test_eligibility(desk: Desk, change: dict[str, Any], text: str, verdict: str) -> None:
    machine = {name: item for name, item in {**MACHINE, **change}.items() if item is not None}
    found = desk.eligible(text, machine)
    assert value(found, "verdict") == verdict
    reasons = rows(desk.folder / "out", "reasons")
    assert {"rule_id", "outcome", "text", "source"} <= set(
        reasons[0] if reasons else {"rule_id", "outcome", "text", "source"}
    )
    for reason in reasons:
        assert reason["rule_id"].startswith("xx."), reason
        assert reason["outcome"] in ("pass", "fail", "unknown")
        assert reason["text"] and ("A gazette" in reason["source"] or "example.org" in reason["source"])
    if change.get("build_year", 0) is None:
        assert "build_year" in value(found, "missing")
    if change.get("evidence") == {}:
        assert any("coc" in name for name in value(found, "missing"))
    if "pin" in change:
        assert any("16" in flag["text"] for flag in found["flags"])
    if "xx.age5" in text:
        assert {"xx.age", "xx.age5"} <= {reason["rule_id"] for reason in reasons}


def test_a_build_year_to_come_is_bad_input(desk: Desk) -> None:
    done = desk.eligible(COVER + AGE + BAN + COC, {**MACHINE, "build_year": 2031}, code=2)
    assert "2031" in done.err


def test_what_was_recorded_later_is_not_known_before(desk: Desk) -> None:
    text = COVER + AGE + BAN + COC
    assert value(desk.eligible(text, MACHINE, "-p", "known_on=2019-12-31"), "verdict") == "unknown"
    assert value(desk.eligible(text, MACHINE, "-p", "known_on=2020-01-01"), "verdict") == "pass"


def test_a_list_of_machines_is_one_finding_with_a_table(desk: Desk) -> None:
    machines = [MACHINE, {**MACHINE, "build_year": 2015}, {"family": "dozer"}]
    desk.eligible(COVER + AGE + BAN + COC, machines)
    assert [row["verdict"] for row in rows(desk.folder / "out", "verdicts")] == ["pass", "fail", "unknown"]


def test_the_shipped_rows_answer_for_twenty_countries(desk: Desk) -> None:
    file = write(desk.folder / "machine.json", MACHINE)
    found = desk.ask(
        "run", "trade.eligibility", file, "-p", "country=VN", "-p", "shipment_date=2026-12-01", "--json"
    )
    assert value(found, "verdict") in ("pass", "fail", "unknown")
    desk.ask("rules", "export", desk.folder / "all")
    text = "\n".join(path.read_text(encoding="utf-8") for path in (desk.folder / "all").rglob("*.toml"))
    import tomllib

    covered = {row["jurisdiction"] for row in tomllib.loads(text)["rule"] if row["domain"] == "coverage"}
    assert len(covered) >= 20
    assert desk.ask("rules", "check", desk.folder / "all", "--json")["ok"] is True


def charge(name: str, order: int, params: str, **more: str) -> str:
    return rule(
        f"xx.{name}", "charge", "charge", params=f'{{ order = {order}, name = "{name}", {params} }}', **more
    )


DUTY = charge("duty", 1, 'kind = "ad_valorem", base = "cif", rate = 0.05')
LEVY = charge("levy", 2, 'kind = "ad_valorem", base = "fob", rate = 0.001, min = 50, max = 400')
FEE = charge("fee", 3, 'kind = "specific", amount = 1000, currency = "EUR"')
RECYCLING = charge(
    "recycling", 4, 'kind = "coefficient", unit = 172500, coefficient = 57.27, currency = "RUB"'
)
VAT = charge("vat", 5, 'kind = "ad_valorem", base = "cif + duty + levy + fee", rate = 0.16')
QUOTE = {
    "machine": MACHINE, "country": "XX", "date": "2026-12-01", "currency": "USD", "incoterm": "CIF",
    "origin_port": "CNSHA", "destination_port": "KEMBA", "closed": [], "fob": 100000, "freight": 8000,
    "insurance_rate": 0.003,
    "fx": [
        {"base": "EUR", "quote": "USD", "date": "2026-12-01", "rate": 1.1},
        {"base": "USD", "quote": "RUB", "date": "2026-12-01", "rate": 90},
    ],
}  # fmt: skip


def test_landed_cost_to_the_cent(desk: Desk) -> None:
    found = desk.landed(DUTY + LEVY + FEE + VAT, QUOTE)
    cif = (Decimal(108000) / (1 - Decimal("1.1") * Decimal("0.003"))).quantize(CENT, ROUND_HALF_UP)
    assert cif == Decimal("108357.58")
    duty = (cif * Decimal("0.05")).quantize(CENT, ROUND_HALF_UP)
    fee, levy = Decimal("1100.00"), Decimal("100.00")
    vat = ((cif + duty + levy + fee) * Decimal("0.16")).quantize(CENT, ROUND_HALF_UP)
    assert value(found, "cif") == 108357.58
    assert value(found, "insurance") == 357.58
    assert Decimal(repr(value(found, "landed_total"))) == cif + duty + levy + fee + vat
    assert found["results"]["landed_total"]["unit"] == "USD"
    assert abs(value(found, "sea_distance_nm") - 6333) < 0.01 * 6333
    lines = {line["name"]: line for line in rows(desk.folder / "out", "lines")}
    names = [line["name"] for line in rows(desk.folder / "out", "lines")]
    assert [name for name in names if name in ("duty", "levy", "fee", "vat")] == [
        "duty",
        "levy",
        "fee",
        "vat",
    ]
    assert Decimal(str(lines["vat"]["amount"])) == vat
    assert lines["duty"]["rule_id"] == "xx.duty"
    assert str(lines["duty"]["date"]).startswith("2026-12-01")


def test_a_longer_way_round(desk: Desk) -> None:
    found = desk.landed(DUTY, {**QUOTE, "destination_port": "NLRTM"})
    longer = desk.landed(DUTY, {**QUOTE, "destination_port": "NLRTM", "closed": ["suez"]})
    assert abs(value(found, "sea_distance_nm") - 10576) < 110
    assert abs(value(longer, "sea_distance_nm") - 13514) < 140


def test_a_recycling_fee_by_coefficient(desk: Desk) -> None:
    desk.landed(RECYCLING, {**QUOTE, "currency": "RUB"})
    lines = {line["name"]: line for line in rows(desk.folder / "out", "lines")}
    assert Decimal(str(lines["recycling"]["amount"])) == Decimal("9879075.00")


@pytest.mark.parametrize(
    ("text", "quote", "word"),
    [
        (DUTY + FEE, {"fx": []}, "EUR"),
        (DUTY + FEE, {"fx": [{"base": "EUR", "quote": "USD", "date": "2026-11-30", "rate": 1.1}]}, "EUR"),
        (
            DUTY.replace("recorded_at", "valid_to = 2026-11-30\nrecorded_at")
            + VAT.replace(" + duty + levy + fee", ""),
            {},
            "duty",
        ),
        (DUTY + DUTY.replace('"xx.duty"', '"xx.duty2"').replace("0.05", "0.1"), {}, "duty"),
        (DUTY.replace("evidence_level = 2", "evidence_level = 5"), {}, "duty"),
        (AGE, {}, "XX"),
    ],
)
def test_no_total_where_it_would_be_a_guess(desk: Desk, text: str, quote: Any, word: str) -> None:
    found = desk.landed(text, {**QUOTE, **quote})
    assert "landed_total" not in found["results"]
    assert any(word in refusal["text"] for refusal in found["refusals"])


@pytest.mark.parametrize(
    "change",
    [{"freight": -1}, {"insurance_rate": 1}, {"incoterm": "FOO"}, {"currency": "usd"}, {"fob": "much"}],
)
def test_a_quote_that_cannot_be(desk: Desk, change: Any) -> None:
    done = desk.landed(DUTY, {**QUOTE, **change}, code=2)
    assert next(iter(change)) in done.err


def test_the_highest_bid_for_a_wanted_landed_price(desk: Desk) -> None:
    text = DUTY + LEVY + FEE + VAT
    quote = {name: item for name, item in QUOTE.items() if name != "fob"}
    found = desk.landed(text, quote, "-p", "landed_wanted=150000")
    best = Decimal(repr(value(found, "max_fob")))
    assert value(desk.landed(text, {**QUOTE, "fob": float(best)}), "landed_total") <= 150000
    assert value(desk.landed(text, {**QUOTE, "fob": float(best + CENT)}), "landed_total") > 150000


CN = rule("cn.vat", "vat_refund", "state", params="{ vat_rate = 0.13, refund_rate = 0.10 }").replace(
    '"XX"', '"CN"'
)


@pytest.mark.parametrize(
    ("purchase", "rebate", "trapped"),
    [
        (
            {"case": "own-asset", "invoice_ex_vat": 1000000, "original_value": 1000000, "booked_depreciation": 600000},
            40000.0, 12000.0,
        ),
        ({"case": "special-invoice", "invoice_ex_vat": 123456.78}, 12345.68, 3703.70),
        ({"case": "no-invoice", "price": 113000}, 0.0, 13000.0),
        (
            {"case": "manufacturer", "bonded_inputs": 0, "output_vat": 0, "input_vat": 90000, "carry": 0},
            69000.0, 21000.0,
        ),
    ],
)  # fmt: skip
def test_what_comes_back_from_the_value_added_tax(
    desk: Desk, purchase: Any, rebate: float, trapped: float
) -> None:
    fx = [{"base": "USD", "quote": "CNY", "date": "2026-12-01", "rate": 7}]
    found = desk.landed(DUTY + CN, {**QUOTE, "fx": fx, "purchase": purchase, "fob": 100000})
    assert found["results"]["rebate"] == {"value": rebate, "unit": "CNY"}
    assert found["results"]["trapped_vat"] == {"value": trapped, "unit": "CNY"}


def test_quotes_to_several_ports(desk: Desk) -> None:
    desk.landed(DUTY, [QUOTE, {**QUOTE, "destination_port": "NLRTM", "freight": 9000}])


CONTAINER = {
    "name": "40HC", "kind": "container", "inner_mm": [12030, 2352, 2698], "door_mm": [2340, 2585], "payload_kg": 28600,
    "tare_kg": 3900, "floor_kg_per_m": 4500, "cog_max_offset": [0.1, 0.1],
}  # fmt: skip
RACK = {
    "name": "40FR", "kind": "flat-rack", "inner_mm": [11650, 2230, 1950], "door_mm": [2230, 1950],
    "payload_kg": 40000, "tare_kg": 5000, "floor_kg_per_m": 10000, "cog_max_offset": [0.1, 0.1],
}  # fmt: skip


def item(name: str, size: list[int], mass: float, count: int = 1, **more: Any) -> dict[str, Any]:
    upright = {"vertical_allowed": [False, False, True], "stackable": True}
    return {"id": name, "size_mm": size, "mass_kg": mass, "count": count, **upright, **more}


def test_boxes_in_a_container(desk: Desk) -> None:
    found = desk.planned([item("gearbox", [1200, 800, 900], 950, 12)], CONTAINER)
    placed = rows(desk.folder / "out", "placements")
    assert len(placed) == 12
    assert value(found, "legal") is True
    assert value(found, "vgm_kg") == 12 * 950 + 3900
    assert abs(value(found, "fill") - 12 * 1.2 * 0.8 * 0.9 / (12.03 * 2.352 * 2.698)) < 1e-6
    boxes = [[float(p[k]) for k in ("x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm")] for p in placed]
    for number, (x, y, z, dx, dy, dz) in enumerate(boxes):
        assert min(x, y, z) >= 0 and x + dx <= 12030 and y + dy <= 2352 and z + dz <= 2698
        assert dz == 900 and sorted((dx, dy)) == [800, 1200]
        for a, b, c, da, db, dc in boxes[:number]:
            assert x + dx <= a or a + da <= x or y + dy <= b or b + db <= y or z + dz <= c or c + dc <= z


def test_what_stays_behind_says_why(desk: Desk) -> None:
    tall = desk.planned([item("excavator", [9500, 2300, 2650], 21000)], CONTAINER)
    assert rows(desk.folder / "out", "placements") == []
    assert any("door" in flag["code"] + flag["text"] for flag in tall["flags"])
    heavy = desk.planned([item("block", [5000, 1000, 1000], 18000, 2)], CONTAINER)
    assert any("payload" in flag["code"] + flag["text"] for flag in heavy["flags"])
    assert value(heavy, "vgm_kg") <= 28600 + 3900


def test_an_excavator_on_a_flat_rack(desk: Desk) -> None:
    found = desk.planned([item("excavator", [9500, 3000, 3100], 22000)], RACK)
    placed = rows(desk.folder / "out", "placements")
    assert len(placed) == 1 and float(placed[0]["y_mm"]) == -385
    assert value(found, "over_width_mm") == 770
    assert value(found, "over_height_mm") == 1150
    assert value(found, "legal") is True


OFFER = {
    "currency": "CNY", "date": "2026-12-01", "valuation": {"fmv": 600000, "olv": 500000, "flv": 400000, "low": 450000, "high": 700000},
    "price": 480000, "borrower": {"sector": "construction"}, "machine": MACHINE,
    "subsidy": {"rate": 0.2, "base": "olv", "unit_cap": 100000, "programme_remaining": 1000000},
    "loan": {"ltv_max": 0.7, "ltv_base": "olv", "annual_rate": 0.0435, "months": 24, "type": "annuity"},
    "interest_subsidy": {"points": 0.015, "months": 12},
}  # fmt: skip


def test_an_offer_to_the_cent(desk: Desk) -> None:
    found = desk.ask(
        "run",
        "finance.offer",
        write(desk.folder / "case.json", OFFER),
        "--json",
        "--out",
        desk.folder / "out",
    )
    assert value(found, "subsidy") == 67500.0
    assert value(found, "loan_principal") == 350000.0
    assert value(found, "eligibility") == "pass"
    assert any("unverified" in (flag["code"] + flag["text"]).lower() for flag in found["flags"])
    balance, rate, interests, helped = Decimal(350000), Decimal("0.0435"), [], Decimal(0)
    growth = (1 + rate / 12) ** 24
    payment = (balance * rate / 12 * growth / (growth - 1)).quantize(CENT, ROUND_HALF_UP)
    for month, line in enumerate(rows(desk.folder / "out", "schedule"), 1):
        interest = (balance * rate / 12).quantize(CENT, ROUND_HALF_UP)
        if month <= 12:
            helped += (balance * Decimal("0.015") / 12).quantize(CENT, ROUND_HALF_UP)
        principal = balance if month == 24 else payment - interest
        balance -= principal
        interests.append(interest)
        for name, wanted in (("interest", interest), ("principal", principal), ("balance", balance)):
            assert Decimal(str(line[name])) == wanted, (month, name)
    assert balance == 0
    assert Decimal(repr(value(found, "total_interest"))) == sum(interests)
    assert Decimal(repr(value(found, "interest_subsidy"))) == helped
    assert Decimal(repr(value(found, "first_payment"))) == payment


def test_without_a_row_that_says_yes_there_is_no_subsidy(desk: Desk) -> None:
    file = write(desk.folder / "case.json", {**OFFER, "loan": {**OFFER["loan"], "type": "equal-principal"}})
    sector = rule(
        "cn.sector",
        "finance",
        "require",
        predicate='{ field = "borrower.sector", op = "==", value = "mining" }',
    ).replace('"XX"', '"CN"')
    for text, verdict in (
        (sector, "fail"),
        (sector.replace("mining", "construction"), "pass"),
        (sector.replace("borrower.sector", "borrower.size"), "unknown"),
    ):
        write(desk.folder / "rules" / "cn.toml", text)
        found = desk.ask(
            "run",
            "finance.offer",
            file,
            "-p",
            f"rules={desk.folder / 'rules'}",
            "--json",
            "--out",
            desk.folder / "out",
        )
        assert value(found, "eligibility") == verdict
        assert value(found, "subsidy") == (67500.0 if verdict == "pass" else 0.0)
    first, *_, last = rows(desk.folder / "out", "schedule")
    share = (Decimal(350000) / 24).quantize(CENT, ROUND_HALF_UP)
    assert Decimal(str(first["principal"])) == share
    assert Decimal(str(last["principal"])) == Decimal(350000) - 23 * share
    assert ROUND_DOWN


def test_rows_are_explained(desk: Desk) -> None:
    write(desk.folder / "rules" / "xx.toml", AGE)
    checked = desk.ask("rules", "check", desk.folder / "rules", "--json", code=1)
    assert any(problem["rule_id"] == "xx.age" for problem in checked["problems"])
    known = desk.ask("rules", "explain", "condition.cover").out
    assert "condition.cover" in known
