"""Landed cost of 29 dated lines, and sea distance with searoute 1.6.0 in the same run.

    python benchmarks/bench_trade.py [--repeat 51] [--pairs 60]

The limit of a quote is its arithmetic alone: one exact multiplication and one rounding for each line. The limit of
a sea route is one look at every edge of the way found. searoute is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from recore.evidence import open_file
from recore.model.trade import OneOrMany
from recore.rules import RuleSet, shipped
from recore.trade.landed_cost import landed_cost
from recore.trade.money import EXACT, cents
from recore.trade.quote import Quote
from recore.trade.sea import network

DAY = "2026-12-01"
CHARGES = 25
NO_PEER = "searoute is not installed: pip install searoute==1.6.0"


def median_ms(repeat: int, call: Callable[[], object]) -> float:
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def tariff() -> RuleSet:
    """A country with 25 charges, each on CIF and all charges before it but the last ten."""
    rows = []
    for number in range(CHARGES):
        base = " + ".join(["cif", *(f"levy_{earlier}" for earlier in range(max(0, number - 10), number))])
        params = {
            "name": f"levy_{number}",
            "order": number,
            "kind": "ad_valorem",
            "base": base,
            "rate": 0.0125,
        }
        rows.append(
            {
                "rule_id": f"xx.levy.{number}", "jurisdiction": "KE", "domain": "charge", "title": "a levy",
                "predicate": {"field": "machine.hs", "op": "starts", "value": ["84"]}, "effect": "charge",
                "params": params, "valid_from": "2024-01-01", "recorded_at": "2024-01-01", "evidence_level": 3,
                "source": {"title": "a gazette", "url": "https://gazette.example/"},
            }
        )  # fmt: skip
    others = [
        rule for rule in shipped().rows if rule.domain in ("incoterms", "transport_emission", "vat_refund")
    ]
    return RuleSet([*RuleSet.from_json(rows).rows, *others])


def quote(country: str) -> dict[str, object]:
    return {
        "machine": {"family": "excavator", "hs": "8429.52", "condition": "used", "mass_kg": 22000, "power_kw": 110},
        "country": country, "date": DAY, "currency": "USD", "incoterm": "CIF", "origin_port": "CNSHA",
        "destination_port": "KEMBA", "fob": 100000, "freight": 8000, "insurance_rate": 0.003,
        "fx": [{"base": "USD", "quote": "CNY", "date": DAY, "rate": 7.1}],
        "purchase": {"case": "special-invoice", "invoice_ex_vat": 600000},
    }  # fmt: skip


def quotes(repeat: int) -> None:
    rules = tariff()
    given = OneOrMany[Quote].model_validate(quote("KE"))
    found = landed_cost(given, rules=rules)
    assert found.landed_total is not None
    whole = median_ms(repeat, lambda: landed_cost(given, rules=rules))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quote.json"
        path.write_text(json.dumps(quote("KE")))
        rows = rules.json()
        door = median_ms(repeat, lambda: landed_cost.run([open_file(path)], {"rules": rows}))
    amounts = [Decimal(f"{100000 + number}.37") for number in range(found.lines or 0)]
    rate = Decimal("0.0125")
    limit = median_ms(repeat, lambda: [cents(EXACT.multiply(amount, rate)) for amount in amounts])
    print(
        f"landed cost, {found.lines} dated lines with sensitivity, graph, Incoterms, sea, VAT, CO2 (median)"
    )
    print(
        f"  method         {whole:8.2f} ms   {whole / limit:8.0f} × the bare arithmetic ({limit:.3f} ms); asked: 50 ms"
    )
    print(f"  finding        {door:8.2f} ms   with the rows checked and every artifact written")
    real = OneOrMany[Quote].model_validate(quote("GH"))
    landed_cost(real)
    print(
        f"  shipped rows   {median_ms(repeat, lambda: landed_cost(real)):8.2f} ms   Ghana, {len(shipped().rows)} rows known"
    )


def sea(pairs: int) -> None:
    code = "import time;from recore.trade.sea import network as n;a=time.perf_counter();o=n.port('CNSHA');d=n.port('NLRTM');n.shortest(o.node,d.node);print(time.perf_counter()-a)"
    cold = 1e3 * float(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )
    chance = random.Random(2)
    codes = sorted(network._ports())
    ends = []
    while len(ends) < pairs:
        one, two = (network.port(code) for code in chance.sample(codes, 2))
        if one and two and network.shortest(one.node, two.node):
            ends.append((one, two))
    mine, again, limits, theirs, gaps = [], [], [], [], []
    try:
        import searoute

        searoute.searoute([121.5, 31.4], [4.4, 51.9])
    except ImportError:
        searoute = None
    for one, two in ends:
        network.shortest.cache_clear()
        mine.append(median_ms(1, lambda one=one, two=two: network.shortest(one.node, two.node)))
        again.append(median_ms(5, lambda one=one, two=two: network.shortest(one.node, two.node)))
        route = network.shortest(one.node, two.node)
        assert route is not None
        limits.append(median_ms(3, lambda route=route: sum(lon for lon, _ in route.points)))
        if searoute is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                start = time.perf_counter()
                peer = searoute.searoute([one.lon, one.lat], [two.lon, two.lat], units="naut").properties[
                    "length"
                ]
                theirs.append(1e3 * (time.perf_counter() - start))
            gaps.append(abs(route.distance_nmi / peer - 1) if peer else 0.0)
    print(f"sea distance, {pairs} pairs of ports")
    print(
        f"  first in a process   {cold:8.2f} ms   network and ports read, one route (Shanghai to Rotterdam)"
    )
    print(f"  new pair             {statistics.mean(mine):8.2f} ms   mean; largest {max(mine):.2f}; "
          f"{statistics.mean(mine) / statistics.mean(limits):.0f} × one look at each node of the way")  # fmt: skip
    print(f"  cached pair          {statistics.mean(again):8.4f} ms   asked: 5 ms")
    if theirs:
        print(f"  searoute 1.6.0       {statistics.mean(theirs):8.2f} ms   {statistics.mean(theirs) / statistics.mean(mine):.1f} × a new pair, "
              f"{statistics.mean(theirs) / statistics.mean(again):.0f} × a cached one; largest difference {max(gaps):.1e}")  # fmt: skip
    else:
        print(f"  {NO_PEER}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=51)
    parser.add_argument("--pairs", type=int, default=60)
    given = parser.parse_args()
    quotes(given.repeat)
    sea(given.pairs)


if __name__ == "__main__":
    main()
