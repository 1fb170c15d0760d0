"""The methods of trade against a second formulation, written from their contract and not from their code."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from eligibility_rows import age, ask, cover, machine, row
from trade_rows import DAY, charge, fx, quote
from trade_rows import row as plain_row

from recore.evidence import open_file
from recore.method import Outcome
from recore.model.trade import OneOrMany, TradeMachine
from recore.rules import Rule, RuleSet, shipped
from recore.trade.eligibility import eligibility
from recore.trade.finance.offer import finance_offer
from recore.trade.landed_cost import landed_cost

SHIPMENT = date(2026, 12, 1)
WORDS = {True: "pass", False: "fail", None: "unknown"}
Three = bool | None


def exact(number: Any) -> Fraction:
    return Fraction(str(number))


def cents(number: Fraction) -> Fraction:
    """Half up; no amount here is negative."""
    return Fraction((number * 100 + Fraction(1, 2)) // 1, 100)


def ran(method: Any, path: Path, document: Any, **parameters: Any) -> Outcome:
    path.write_text(json.dumps(document), encoding="utf-8")
    outcome: Outcome = method.run([open_file(path)], parameters)
    return outcome


def amount(outcome: Outcome, name: str) -> Fraction | None:
    found = outcome.finding.results.get(name)
    return None if found is None else exact(found.value)


# --- eligibility: Kleene's logic over plain dictionaries ---------------------------------------------------


def both(values: list[Three]) -> Three:
    return False if False in values else None if None in values else True


def fact(machine: Any, path: str) -> Any:
    for part in path.split("."):
        machine = machine.get(part) if isinstance(machine, dict) else None
    return machine


def true_of(test: dict[str, Any], machine: dict[str, Any], basis: str) -> Three:
    if "all" in test:
        return both([true_of(one, machine, basis) for one in test["all"]])
    if "any" in test:
        return opposite(both([opposite(true_of(one, machine, basis)) for one in test["any"]]))
    if "not" in test:
        return opposite(true_of(test["not"], machine, basis))
    wanted, op = test["value"], test["op"]
    if test["field"] == "age_years":
        young = at_most(wanted, machine, basis)
        return young if op == "<=" else opposite(young)
    stated = fact(machine, test["field"])
    if stated is None:
        return None
    if op == "in":
        return stated in wanted
    if op == "starts":
        return str(stated).startswith(wanted)
    if op in ("==", "!="):
        return bool((stated == wanted) is (op == "=="))
    order = {"<": stated < wanted, "<=": stated <= wanted, ">": stated > wanted, ">=": stated >= wanted}
    return bool(order[op])


def opposite(value: Three) -> Three:
    return None if value is None else not value


def at_most(years: int, machine: dict[str, Any], basis: str) -> Three:
    if basis == "build_date":
        day = machine.get("build_date")
        return None if day is None else date(int(day[:4]) + years, int(day[5:7]), int(day[8:])) >= SHIPMENT
    built = machine.get("build_year")
    if built is None:
        return None
    return SHIPMENT.year - built <= years if basis == "build_year" else date(built + years, 1, 1) >= SHIPMENT


def concerns(rule: dict[str, Any], machine: dict[str, Any]) -> Three:
    found: list[Three] = []
    for name, wanted in rule.get("selector", {}).items():
        stated = machine.get(name)
        if stated is None:
            found.append(None)
        elif name == "hs":
            code = stated.replace(".", "")
            found.append(any(code.startswith(prefix.replace(".", "")) for prefix in wanted))
        else:
            found.append(stated in wanted)
    return both(found)


def says(rule: dict[str, Any], machine: dict[str, Any]) -> Three:
    if rule["effect"] == "document":
        test = {"field": f"evidence.{rule['params']['document']}", "op": "==", "value": True}
    else:
        test = rule["predicate"]
    found = true_of(test, machine, rule["params"].get("age_basis", "build_year"))
    found = opposite(found) if rule["effect"] == "block" else found
    return found if concerns(rule, machine) else None


def expected(rules: list[dict[str, Any]], machine: dict[str, Any], known_on: date) -> str:
    """The verdict; the rows of one domain are one question here, and each cover row asks for domains."""
    known = [rule for rule in rules if rule["jurisdiction"] == "VN" and rule["recorded_at"] <= str(known_on)]
    known = [rule for rule in known if concerns(rule, machine) is not False]
    live = [rule for rule in known if rule["valid_from"] <= DAY <= rule.get("valid_to", "9999-12-31")]
    covers = [rule for rule in live if rule["effect"] == "cover"]
    answers: list[Three] = []
    if not any(concerns(one, machine) and one["evidence_level"] < 5 for one in covers):
        answers.append(None)
    questions = {name for one in covers for name in one["params"]["questions"]}
    # an objection is heard unasked; a row that is no longer in force leaves its question open
    questions |= {rule["domain"] for rule in known if rule["effect"] != "cover"}
    for question in questions:
        rows = [rule for rule in live if rule["domain"] == question]
        said = {says(rule, machine) for rule in rows if rule["evidence_level"] < 5}
        answer = said.pop() if len(said) == 1 else None
        doubt = any(says(rule, machine) is False for rule in rows if rule["evidence_level"] == 5)
        answers.append(None if answer and doubt else answer)
    return WORDS[both(answers)]


def some_test(dice: random.Random, depth: int = 2) -> dict[str, Any]:
    pick = dice.random()
    if depth and pick < 0.4:
        word = dice.choice(["all", "any"])
        return {word: [some_test(dice, depth - 1) for _ in range(dice.randint(1, 3))]}
    if depth and pick < 0.5:
        return {"not": some_test(dice, depth - 1)}
    field, ops, values = dice.choice(
        [
            ("age_years", ["<=", ">"], [4, 5, 6, 7, 10]),
            ("mass_kg", ["==", "!=", "<", "<=", ">", ">="], [100, 150.5, 20000]),
            ("evidence.soncap", ["==", "!="], [True, False]),
            ("plate.note", ["==", "!=", "starts"], ["abc", "us"]),
            ("use", ["in"], [["production", "abc"], ["resale"]]),
        ]
    )
    return {"field": field, "op": dice.choice(ops), "value": dice.choice(values)}


def some_rules(dice: random.Random) -> list[dict[str, Any]]:
    """One to four deciding rows and one or two cover rows."""
    domains = dice.sample(["prohibition", "age", "emission", "conformity", "document"], dice.randint(1, 3))
    rules = []
    for number, domain in enumerate(dice.choices(domains, k=dice.randint(1, 4))):
        effect = dice.choice(["require", "require", "block", "document"])
        basis = dice.choice(["build_year", "build_date", "first_of_january"])
        params = (
            {"document": dice.choice(["soncap", "coc"])} if effect == "document" else {"age_basis": basis}
        )
        rule = plain_row(f"r{number}", effect=effect, country=dice.choice(["VN"] * 6 + ["KE"]), params=params)
        rule |= {"domain": domain, "evidence_level": dice.choice([2, 3, 3, 4, 5])}
        rule |= {} if effect == "document" else {"predicate": some_test(dice)}
        rules.append(rule)
    for number in range(dice.choice([0, 1, 1, 1, 1, 2])):
        asked = {"questions": dice.sample(domains, dice.randint(1, len(domains)))}
        rule = plain_row(f"c{number}", effect="cover", country="VN", params=asked)
        rules.append(rule | {"evidence_level": dice.choice([4, 4, 4, 4, 5])})
    for rule in rules:
        if dice.random() < 0.1:
            rule["valid_from"] = dice.choice(["2026-11-30", DAY, "2026-12-02"])
        if dice.random() < 0.15:
            rule["valid_to"] = max(rule["valid_from"], dice.choice(["2026-11-30", DAY, "2026-12-02"]))
        if dice.random() < 0.2:
            rule["recorded_at"] = dice.choice(["2026-11-01", DAY])
        if dice.random() < 0.25:
            name, values = dice.choice(
                [("hs", ["84.29", "842952", "87"]), ("condition", ["used", "new"]), ("family", ["loader"])]
            )
            rule["selector"] = {name: [dice.choice(values)]}
    return rules


def some_machine(dice: random.Random) -> dict[str, Any]:
    day = dice.choice(["2016-12-01", "2016-11-30", "2020-12-02", "2021-12-01", "2022-01-01"])
    machine = {
        "family": dice.choice(["excavator", "loader"]),
        "hs": dice.choice(["8429.52", "842952", "8429.11", "87.04"]),
        "condition": dice.choice(["used", "new"]),
        "build_year": int(day[:4]),
        "build_date": day,
        "mass_kg": dice.choice([100, 150.5, 20000, 30000]),
        "use": dice.choice(["production", "abc"]),
        "evidence": {name: dice.choice([True, False]) for name in dice.sample(["soncap", "coc"], 2)},
        "plate": {"note": dice.choice(["abc", "us-1", None])},
    }
    for name in ("hs", "condition", "mass_kg", "use", "evidence", "plate"):
        if dice.random() < 0.08:
            machine[name] = None if name not in ("evidence", "plate") else {}
    if dice.random() < 0.1:
        del machine["build_date"]
    return machine


def test_eligibility_agrees_with_three_valued_logic_over_dictionaries(tmp_path: Path) -> None:
    dice, seen = random.Random(20261201), dict.fromkeys(WORDS.values(), 0)
    for _ in range(90):
        rules, machines = some_rules(dice), [some_machine(dice) for _ in range(6)]
        known_on = dice.choice([date(2026, 10, 31), SHIPMENT])
        asked = {"country": "VN", "shipment_date": DAY, "known_on": str(known_on), "rules": rules}
        outcome = ran(eligibility, tmp_path / "machines.json", machines, **asked)
        answers = pq.read_table(io.BytesIO(outcome.artifacts["verdicts.parquet"])).to_pylist()
        for given, answer in zip(machines, answers, strict=True):
            assert answer["verdict"] == expected(rules, given, known_on), (rules, given)
            seen[answer["verdict"]] += 1
    assert min(seen.values()) > 15, seen


# --- what is lost may not let a machine pass -----------------------------------------------------------------


def test_a_cover_row_that_may_concern_the_machine_asks_its_questions() -> None:
    rows = [cover("age"), age(10)]
    more = row("more", "coverage", "cover", params={"questions": ["emission"]}, selector={"hs": ["87"]})
    assert ask([*rows, more], machine()).verdict == "pass"
    unsaid = ask([*rows, more], machine(hs=None))
    assert (unsaid.verdict, list(unsaid.missing or ())) == ("unknown", ["rule row: emission"])
    several = ask([*rows, more], machine(hs=None), machine())
    assert [line["verdict"] for line in several.verdicts.to_pylist()] == ["unknown", "pass"]


def test_an_unverified_cover_row_covers_nothing_but_asks() -> None:
    unverified = row("more", "coverage", "cover", params={"questions": ["emission"]}, evidence_level=5)
    assert ask([cover("age", evidence_level=5), age(10)], machine()).verdict == "unknown"
    assert ask([cover("age"), unverified, age(10)], machine()).verdict == "unknown"


def lost(rows: list[Rule], rule: Rule) -> Iterator[list[Rule]]:
    others = [other for other in rows if other is not rule]
    yield others
    yield [*others, rule.model_copy(update={"valid_to": SHIPMENT - timedelta(days=1)})]


def likely_machines(rows: list[Rule], dice: random.Random) -> list[dict[str, Any]]:
    papers = {str(rule.params["document"]) for rule in rows if "document" in rule.params}
    text = json.dumps(RuleSet(rows).json())
    papers |= {part.split('"')[0] for part in text.split('"evidence.')[1:]}
    machines = []
    for _ in range(10):
        built = dice.choice([2026, 2024, 2020, 2012])
        machines.append(
            {
                "family": dice.choice(["excavator", "loader", "truck-crane", "dump-truck"]),
                "hs": dice.choice(["8429.52", "8705.10", "8704.10", "8426.49", None]),
                "condition": dice.choice(["used", "new"]),
                "build_year": built,
                "build_date": f"{built}-01-15",
                "road_vehicle": dice.choice([True, False]),
                "left_hand_drive": False,
                "mass_kg": 22000,
                "power_kw": 110,
                "use": "production",
                "emission_stage": dice.choice(["EU V", "China IV"]),
                "evidence": {name: dice.random() < 0.9 for name in sorted(papers)},
            }
        )
    return machines


def test_no_shipped_row_can_be_lost_or_end_and_let_a_machine_pass() -> None:
    dice, passed, mutants = random.Random(7), 0, 0
    asked = ("prohibition", "age", "emission", "conformity", "document", "coverage", "ladder")
    rows = [rule for rule in shipped().rows if rule.domain in asked]
    covers = [
        rule for rule in rows if rule.effect == "cover" and rule.params.get("question") == "coverage:import"
    ]
    for country in sorted({rule.jurisdiction for rule in covers}):
        areas = {country, "*"}
        for _ in range(2):
            areas |= {
                area for one in covers if one.jurisdiction in areas for area in one.params.get("includes", ())
            }
        here = [rule for rule in rows if rule.jurisdiction in areas]
        machines = OneOrMany[TradeMachine].model_validate(likely_machines(here, dice))

        def verdicts(kept: list[Rule], of: str = country, given: Any = machines) -> list[str]:
            found = eligibility(given, country=of, shipment_date=SHIPMENT, rules=RuleSet(kept))
            return [line["verdict"] for line in found.verdicts.to_pylist()]

        before = verdicts(here)
        passed += before.count("pass")
        for rule in here:
            if rule.effect == "state" or rule.jurisdiction == "*" or rule.valid_from >= SHIPMENT:
                continue
            for kept in lost(here, rule):
                if not any(other.jurisdiction == country for other in kept):
                    continue
                mutants += 1
                turned = [a for a, b in zip(before, verdicts(kept), strict=True) if b == "pass" != a]
                assert not turned, (country, rule.rule_id)
    assert passed > 30
    assert mutants > 200


# --- money: fractions ----------------------------------------------------------------------------------------


def some_charges(dice: random.Random) -> list[dict[str, Any]]:
    rows, names = [], ["fob", "freight", "insurance", "cif"]
    for number in range(dice.randint(1, 7)):
        name = f"n{number}"
        base = " + ".join(dice.sample(names, dice.randint(1, 3)))
        rate = dice.choice([0, 0.025, 0.16, 0.005, 0.1234567])
        rule = charge(f"x{number}", name, 3 * number, base, rate)
        if dice.random() < 0.3:
            rule["params"] |= {
                "min": dice.choice([0, 55.5]),
                "max": dice.choice([56.25, 9000]),
                "currency": "EUR",
            }
        if dice.random() < 0.3:
            flat = {"kind": "specific", "amount": dice.choice([100, 33.335, 0.07])}
            steps = {"kind": "coefficient", "unit": 172500, "coefficient": dice.choice([57.27, 0.335])}
            params = {"order": 3 * number, "name": name, "currency": dice.choice(["KES", "EUR", "USD"])}
            rule["params"] = params | dice.choice([flat, steps])
        rows.append(rule)
        names.append(name)
    dice.shuffle(rows)
    return rows


def amounts(rows: list[dict[str, Any]], fob: Any, rates: dict[str, Fraction]) -> dict[str, Fraction]:
    """The chain for freight 8,000 and a premium of 0.3 %; rates are USD for one unit."""
    goods = exact(fob) + 8000
    cif = cents(goods / (1 - Fraction(33, 10000)))
    found = {"fob": exact(fob), "freight": Fraction(8000), "insurance": cif - goods, "cif": cif}
    for params in sorted((rule["params"] for rule in rows), key=lambda params: params["order"]):
        to = rates[params.get("currency", "USD")]
        if params["kind"] == "ad_valorem":
            due = cents(sum(found[name] for name in params["base"].split(" + ")) * exact(params["rate"]))
            if "min" in params:
                due = min(max(due, cents(exact(params["min"]) * to)), cents(exact(params["max"]) * to))
        elif params["kind"] == "specific":
            due = cents(exact(params["amount"]) * to)
        else:
            due = cents(cents(exact(params["unit"]) * exact(params["coefficient"])) * to)
        found[params["name"]] = due
    found["total"] = cif + sum(found[rule["params"]["name"]] for rule in rows)
    return found


def test_landed_cost_and_its_inverse_agree_with_fractions(tmp_path: Path) -> None:
    dice = random.Random(4)
    rates = {"USD": Fraction(1), "EUR": Fraction("1.0837"), "KES": 1 / Fraction("129.53")}
    stated = [fx("EUR/USD", 1.0837), fx("USD/KES", 129.53)]
    for _ in range(60):
        rows, fob = some_charges(dice), round(dice.uniform(0, 2e5), 2)
        total = amounts(rows, fob, rates)["total"]
        wanted = round(float(total) + dice.choice([0, 0.01, 123.45]), 2)
        outcome = ran(
            landed_cost,
            tmp_path / "quote.json",
            quote(fob=fob, fx=stated),
            rules=rows,
            landed_wanted=str(wanted),
        )
        assert amount(outcome, "landed_total") == total
        lines = list(csv.DictReader(io.StringIO(outcome.artifacts["lines.csv"].decode())))
        due = amounts(rows, fob, rates)
        assert all(exact(line["amount"]) == due[line["name"]] for line in lines if line["rule_id"])
        bid = amount(outcome, "max_fob")
        assert bid is not None
        assert amounts(rows, float(bid), rates)["total"] <= exact(wanted)
        assert amounts(rows, round(float(bid) + 0.01, 2), rates)["total"] > exact(wanted)


@pytest.mark.parametrize(("vat", "refund"), [(0.13, 0.13), (0.13, 0.09), (0.1375, 0.085)])
def test_the_four_cases_of_export_refund_agree_with_fractions(
    tmp_path: Path, vat: float, refund: float
) -> None:
    dice, v, r = random.Random(9), exact(vat), exact(refund)
    params = {"vat_rate": vat, "refund_rate": refund}
    rows = [
        charge("d", "duty", 1, "cif", 0),
        plain_row("v", effect="state", country="CN", params=params) | {"domain": "vat_refund"},
    ]
    for _ in range(12):
        invoice, original = round(dice.uniform(0, 2e6), 2), round(dice.uniform(1, 2e6), 2)
        booked = round(original * dice.random(), 2)
        base = exact(invoice) * (exact(original) - exact(booked)) / exact(original)
        inputs, output, carry, fob = dice.choice([0, 90000.05, 2e5]), 1234.5, 333.33, dice.randint(0, 10**5)
        export = exact(fob) * exact(7.1234)
        payable = exact(output) - (exact(inputs) - export * (v - r)) - exact(carry)
        asset = {"invoice_ex_vat": invoice, "original_value": original, "booked_depreciation": booked}
        plant = {"bonded_inputs": 0, "output_vat": output, "input_vat": inputs, "carry": carry}
        whole = exact(invoice)
        cases: list[tuple[str, dict[str, Any], Fraction, Fraction]] = [
            ("own-asset", asset, cents(base * r), cents(base * v) - cents(base * r)),
            (
                "special-invoice",
                {"invoice_ex_vat": invoice},
                cents(whole * r),
                cents(whole * v) - cents(whole * r),
            ),
            ("no-invoice", {"price": invoice}, Fraction(0), cents(whole * v / (1 + v))),
            (
                "manufacturer",
                plant,
                cents(min(max(-payable, Fraction(0)), export * r)),
                cents(export * (v - r)),
            ),
        ]
        for case, stated, rebate, trapped in cases:
            document = quote(fob=fob, fx=[fx("USD/CNY", 7.1234)], purchase={"case": case, **stated})
            outcome = ran(landed_cost, tmp_path / "quote.json", document, rules=rows)
            assert (amount(outcome, "rebate"), amount(outcome, "trapped_vat")) == (rebate, trapped), document
            assert outcome.finding.results["rebate"].unit == "CNY"


def test_an_offer_agrees_with_fractions_on_every_bound(tmp_path: Path) -> None:
    dice, bound = random.Random(2), set()
    for _ in range(100):
        large = dice.choice([0.5, 100, 1e6])
        value = {name: round(dice.uniform(0, large), 2) for name in ("fmv", "olv", "flv", "low")}
        rate, months = dice.choice([0, 0.04, 0.0365, 0.12]), dice.choice([1, 2, 7, 12, 36])
        points, subsidised = dice.choice([0, 0.015, 0.2]), dice.choice([1, 12, 60])
        subsidy = {"rate": dice.choice([0.1, 0.2, 1]), "base": "fmv", "unit_cap": large / 8}
        subsidy |= {"programme_remaining": round(dice.uniform(0, large / 3), 3)}
        kind = dice.choice(["annuity", "equal-principal"])
        loan = {"ltv_max": 0.8, "ltv_base": "olv", "annual_rate": rate, "months": months, "type": kind}
        document = {
            "currency": "CNY",
            "date": DAY,
            "valuation": value | {"high": value["low"]},
            "price": round(dice.uniform(0, large), 2),
            "subsidy": subsidy,
            "loan": loan,
            "interest_subsidy": {"points": points, "months": subsidised},
        }
        bounds = {
            "rate": exact(subsidy["rate"]) * exact(value["fmv"]),
            "low": Fraction(15, 100) * exact(value["low"]),
            "unit": exact(subsidy["unit_cap"]),
            "left": exact(subsidy["programme_remaining"]),
        }
        bound.add(min(bounds, key=lambda name: bounds[name]))
        lent = min(exact(0.8) * exact(value["olv"]), exact(document["price"])) * 100 // 1 / Fraction(100)
        monthly, balance, interest, saved, paid = exact(rate) / 12, lent, Fraction(0), Fraction(0), []
        growth = (1 + monthly) ** months
        level = cents(lent * monthly * growth / (growth - 1) if rate else lent / months)
        for month in range(1, months + 1):
            due = cents(balance * monthly)
            part = level - due if kind == "annuity" else cents(lent / months)
            part = balance if month == months else min(part, balance)
            if month <= subsidised:
                saved += cents(balance * min(exact(points), exact(rate)) / 12)
            interest, balance = interest + due, balance - part
            paid.append(due + part)
        outcome = ran(finance_offer, tmp_path / "case.json", document)
        wanted = {
            "subsidy": min(bounds.values()) * 100 // 1 / Fraction(100),
            "loan_principal": lent,
            "first_payment": paid[0],
            "last_payment": paid[-1],
            "total_interest": interest,
            "interest_subsidy": saved,
        }
        assert {name: amount(outcome, name) for name in wanted} == wanted, document
    assert bound == {"rate", "low", "unit", "left"}
