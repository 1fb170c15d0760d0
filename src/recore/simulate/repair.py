"""Cases of repair planning for hydraulic supports: components with a life, actions, spares and limits, drawn from a seed.

No public instance files of this problem are known, so the size classes and the seed are the instance. Synthetic:
costs and lives are of a plausible order and come from no workshop.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

SIZES: dict[str, tuple[int, int, int]] = {"small": (8, 6, 6), "medium": (40, 12, 12), "large": (150, 12, 12)}
"""Size class → supports, components of a support, periods."""

Size = Literal["small", "medium", "large"]
# kind: number in a support of twelve, shape, scale [periods], cost of a failure
_KINDS: tuple[tuple[str, int, float, float, float], ...] = (
    ("leg", 2, 2.4, 30.0, 42_000.0),
    ("valve", 3, 1.8, 16.0, 9_000.0),
    ("ram", 2, 2.1, 36.0, 15_000.0),
    ("hose", 3, 3.0, 14.0, 3_500.0),
    ("pin", 1, 2.8, 40.0, 12_000.0),
    ("canopy weld", 1, 3.2, 48.0, 60_000.0),
)
# kind, name, cost, hours, age factor, spare
_ACTIONS: tuple[tuple[str, str, float, float, float, str | None], ...] = (
    ("leg", "reseal", 2_800.0, 9.0, 0.55, None),
    ("leg", "clad", 7_400.0, 16.0, 0.3, None),
    ("leg", "remanufacture", 11_500.0, 22.0, 0.12, None),
    ("leg", "replace", 24_000.0, 7.0, 0.0, "leg"),
    ("valve", "reseal", 420.0, 2.0, 0.5, None),
    ("valve", "replace", 1_650.0, 1.5, 0.0, "valve"),
    ("ram", "reseal", 1_300.0, 5.0, 0.5, None),
    ("ram", "remanufacture", 3_900.0, 11.0, 0.1, None),
    ("hose", "replace", 260.0, 0.8, 0.0, None),
    ("pin", "replace", 900.0, 6.0, 0.0, None),
    ("canopy weld", "remanufacture", 6_500.0, 18.0, 0.2, None),
)


def repair_case(
    seed: int,
    size: Size = "medium",
    *,
    tightness: float = 0.35,
    shape_of: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """A case as `case.toml` of `support.plan` says it.

    Parameters
    ----------
    seed : equal seeds give equal cases
    size : size class, see `SIZES`
    tightness : budget and hours of a period, as a share of what would be spent if each third component were worked on
        evenly over the horizon; 0.35 binds hard, 10 is loose
    shape_of : supports, components and periods instead of a size class

    Returns
    -------
    dict : `plan`, `action`, `spare` and `component`
    """
    supports, components, periods = shape_of or SIZES[size]
    rng = np.random.default_rng(seed)
    kinds = [kind for kind in _KINDS for _ in range(kind[1])]
    chosen = [kinds[number % len(kinds)] for number in range(components)]
    rows = []
    for support in range(1, supports + 1):
        # a support in bad ground ages faster in all its parts
        ground = float(rng.lognormal(0.0, 0.35))
        count: dict[str, int] = {}
        for kind, _, shape, scale, failure_cost in chosen:
            count[kind] = count.get(kind, 0) + 1
            rows.append(
                {
                    "support": support,
                    "name": f"{kind} {count[kind]}",
                    "kind": kind,
                    "age": round(float(rng.uniform(0.0, 0.8) * scale), 2),
                    "shape": shape,
                    "scale": round(scale * float(rng.uniform(0.85, 1.15)), 2),
                    "severity": round(ground * float(rng.lognormal(0.0, 0.4)), 3),
                    "failure_cost": round(failure_cost * float(rng.uniform(0.7, 1.3)), 2),
                }
            )
    used = {kind for kind, *_ in chosen}
    actions = [a for a in _ACTIONS if a[0] in used]
    setup_cost, setup_hours = 3_000.0, 8.0
    worked = supports * components / 3 / periods
    spend = worked * float(np.mean([a[2] for a in actions])) + supports / 2 / periods * setup_cost
    hours = worked * float(np.mean([a[3] for a in actions])) + supports / 2 / periods * setup_hours
    loose = tightness > 1
    swing = rng.uniform(0.7, 1.3, (2, periods))
    spares = sorted({a[5] for a in actions if a[5] is not None})
    return {
        "plan": {
            "currency": "CNY",
            "periods": periods,
            "budget": [round(float(spend * tightness * s), 2) for s in swing[0]],
            "hours": [round(float(hours * tightness * s), 1) for s in swing[1]],
            "max_supports_out": supports if loose else max(2, round(supports * 0.08)),
            "max_adjacent_out": supports if loose else 2,
            "setup_cost": setup_cost,
            "setup_hours": setup_hours,
        },
        "action": [
            {
                "kind": kind,
                "name": name,
                "cost": cost,
                "hours": hours_each,
                "age_factor": factor,
                **({"spare": spare} if spare else {}),
            }
            for kind, name, cost, hours_each, factor, spare in actions
        ],
        "spare": [
            {
                "name": name,
                "arrivals": [
                    10 * supports if loose else int(rng.poisson(supports * 0.015)) for _ in range(periods)
                ],
            }
            for name in spares
        ],
        "component": rows,
    }
