"""Eligibility with reasons and documents, against judging every pair by itself.

    python benchmarks/bench_eligibility.py [--machines 1000] [--countries 30]

The peer is `recore.rules.decide` asked once for every machine and country, without tables, in the same run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from recore.model.trade import OneOrMany, TradeMachine
from recore.rules import decide, shipped
from recore.trade.asked import destinations
from recore.trade.eligibility import eligibility
from recore.trade.hs_suggest import DescribedMachine, hs_suggest

DAY = date(2026, 12, 1)
PAPERS = ("certificate-of-conformity", "import-licence", "direct-use-in-production", "epa-emission-label")


def machine(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "pin": f"PIN{number:014d}",
        "text": chance.choice(["crawler excavator", "wheel loader", "truck crane", "矿用自卸车"]),
        "build_year": chance.randint(2005, 2025),
        "hs": chance.choice(["8429.52", "8429.51", "8426.41", "8705.10", "8704.10", "8430.41"]),
        "road_vehicle": chance.random() < 0.3,
        "mass_kg": chance.uniform(1e3, 4e4),
        "emission_stage": chance.choice(["China III", "China II", "EU Stage V"]),
        "condition": "used",
        "use": "production",
        "evidence": {name: chance.random() < 0.5 for name in chance.sample(PAPERS, 2)},
    }


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--countries", type=int, default=30)
    asked = parser.parse_args()
    chance = random.Random(7)
    rows = [machine(chance, number) for number in range(asked.machines)]
    rules = shipped().known()
    places = destinations(rules, "all")[: asked.countries]
    many = OneOrMany[TradeMachine].model_validate(rows)
    one = OneOrMany[TradeMachine].model_validate(rows[0])
    single = min(timed(lambda: eligibility(one, country="VN", shipment_date=DAY)) for _ in range(20))
    ours = min(
        timed(lambda: eligibility(many, country=",".join(places), shipment_date=DAY)) for _ in range(3)
    )
    facts = [item.facts(shipment_date=DAY.isoformat()) for item in many.root]
    sample = facts[: max(1, len(facts) // 20)]
    peer = timed(lambda: [decide(rules, item, DAY, place) for item in sample for place in places])
    peer *= len(facts) / len(sample)
    words = OneOrMany[DescribedMachine].model_validate(rows)
    print(f"one machine, one country: {1e3 * single:.2f} ms")
    print(f"{len(rows)} machines in {len(places)} countries, with reasons and documents: {ours:.2f} s")
    print(f"every pair by itself (from a twentieth of the machines): {peer:.2f} s, ratio {peer / ours:.1f}")
    print(f"HS suggestion: {1e3 * timed(lambda: hs_suggest(words)) / len(rows):.2f} ms a machine")


if __name__ == "__main__":
    main()
