"""Machine × country checks per minute on one core: `decide_many` against a loop over `decide`.

Realistic: machines of a dealer's list (power in steps of 1 kW, years, stages, few papers). Worst: every machine has a
power, a mass and a day of building of its own, and every paper is there or not at random. The loop is timed on a
sample of the same pairs, and its answers are held against the others.

Usage: python benchmarks/bench_rules.py [PAIRS]
"""

from __future__ import annotations

import sys
import time
from datetime import date
from typing import Any

import numpy as np

from recore import rules
from recore.rules import Rule, RuleSet, decide
from recore.rules.many import decide_many

DAY = date(2026, 12, 1)
SAMPLE = 1500
PAPERS = ("coc", "inspection", "export-declaration", "cleaning", "licence", "history", "noise", "origin")
PLACES = [f"C{number}" for number in range(20)]


def generated() -> RuleSet:
    """Twenty countries of a dozen rows each."""
    common = {
        "valid_from": "2020-01-01",
        "recorded_at": "2020-01-01",
        "source": {"title": "s"},
        "evidence_level": 2,
        "title": "t",
    }
    rows: list[dict[str, Any]] = [
        {
            **common, "rule_id": "ladder", "jurisdiction": "*", "domain": "ladder", "effect": "state",
            "params": {"field": "emission_stage", "fact": "emission_rank", "steps": {"China II": 2, "China III": 3, "China IV": 4}},
        }
    ]  # fmt: skip
    bases = ("build_year", "build_date", "first_of_january")
    for number, place in enumerate(PLACES):
        here = {**common, "jurisdiction": place}
        papers = [f"document:{name}" for name in PAPERS]
        rows += [
            {**here, "rule_id": f"{place}.cover", "domain": "coverage", "effect": "cover", "params": {"questions": ["age", "emission", "prohibition:heavy", *papers]}},
            {**here, "rule_id": f"{place}.age", "domain": "age", "effect": "require", "selector": {"hs": ["8429"], "condition": ["used"]},
             "predicate": {"field": "age_years", "op": "<=", "value": 5 + number % 12}, "params": {"age_basis": bases[number % 3]}},
            {**here, "rule_id": f"{place}.emission", "domain": "emission", "effect": "require",
             "predicate": {"any": [{"field": "power_kw", "op": "<", "value": 37 + number}, {"field": "emission_rank", "op": ">=", "value": 3}]}},
            {**here, "rule_id": f"{place}.heavy", "domain": "prohibition", "effect": "block", "params": {"question": "prohibition:heavy"},
             "predicate": {"all": [{"field": "mass_kg", "op": ">", "value": 60_000 + number}, {"field": "use", "op": "==", "value": "resale"}]}},
            *({**here, "rule_id": f"{place}.{name}", "domain": "document", "effect": "document", "params": {"document": name, "question": f"document:{name}"}} for name in PAPERS),
        ]  # fmt: skip
    return RuleSet(Rule.model_validate(row) for row in rows)


def machines(count: int, worst: bool) -> list[dict[str, Any]]:
    random = np.random.default_rng(7)
    power, mass = random.uniform(5, 600, count), random.uniform(1e3, 9e4, count)
    year, day = random.integers(2005, 2026, count).tolist(), random.integers(1, 365, count)
    stage = random.choice(["China II", "China III", "China IV"], count).tolist()
    paper = random.integers(0, 3, (count, len(PAPERS)))
    found = []
    for at in range(count):
        built = date(year[at], 1, 1) + np.timedelta64(int(day[at]) if worst else 150, "D").astype(object)
        stated = {
            "hs": "842952", "family": "excavator", "condition": "used", "emission_stage": stage[at], "use": "resale",
            "build_year": year[at], "build_date": built.isoformat(),
            "power_kw": float(power[at]) if worst else float(round(power[at])),
            "mass_kg": float(mass[at]) if worst else float(round(mass[at], -3)),
            "evidence": {name: bool(there) for name, there in zip(PAPERS, paper[at].tolist(), strict=True) if there < 2}
            if worst
            else dict.fromkeys(PAPERS[: at % 4], True),
            "shipment_date": str(DAY),
        }  # fmt: skip
        found.append({**stated, "machine": stated})
    return found


def measure(name: str, some: RuleSet, places: list[str], pairs: int, worst: bool) -> None:
    every = machines(-(-pairs // len(places)), worst)
    start = time.process_time()
    found = decide_many(some, every, DAY, places)
    verdicts = time.process_time() - start
    table = found.table
    whole = time.process_time() - start
    few = list(range(0, len(every), max(1, len(every) // 2000)))
    start = time.process_time()
    lines = found.reasons(few).num_rows
    reasons = time.process_time() - start
    random = np.random.default_rng(1)
    sample = [
        (int(random.integers(len(every))), places[int(random.integers(len(places)))]) for _ in range(SAMPLE)
    ]
    start = time.process_time()
    alone = [decide(some, every[at], DAY, place) for at, place in sample]
    loop = (time.process_time() - start) / SAMPLE
    for (at, place), one in zip(sample, alone, strict=True):
        assert found.verdict(at, place) is one.verdict
        assert tuple(table["missing"][at * len(places) + places.index(place)].as_py()) == one.missing
    count = len(every) * len(places)
    print(
        f"{name:<28}{count:>9} pairs{verdicts:>8.2f} s verdicts{whole:>8.2f} s with missing"
        f"{60 * count / whole:>14,.0f} pairs/min/core; loop {60 / loop:>10,.0f}; ratio {loop * count / whole:>6.1f}×; "
        f"{lines / max(reasons, 1e-9):>10,.0f} reasons/s"
    )


def main(pairs: int = 10**6) -> None:
    own = generated()
    for worst in (False, True):
        measure("20 countries, " + ("worst case" if worst else "realistic"), own, PLACES, pairs, worst)
    shipped = rules.shipped()
    places = sorted(
        {row.jurisdiction for row in shipped.rows if row.effect == "cover" and row.domain == "coverage"}
    )
    for worst in (False, True) if places else ():
        name = f"{len(places)} shipped, " + ("worst case" if worst else "realistic")
        measure(name, shipped, places, pairs, worst)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
