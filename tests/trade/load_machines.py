"""Seeded shipments of machines and parts, and containers for them."""

from __future__ import annotations

import random
from typing import Any

FAMILIES: dict[str, tuple[tuple[int, int, int], int, bool]] = {
    "excavator": ((9500, 2990, 3050), 21800, False),
    "mini excavator": ((4100, 1550, 2450), 3600, False),
    "wheel loader": ((7900, 2800, 3350), 16500, False),
    "skid loader": ((3500, 1750, 2000), 3100, False),
    "dozer": ((5400, 3300, 3100), 18200, False),
    "roller": ((4800, 2250, 2900), 10500, False),
    "small roller": ((2500, 1050, 1800), 1600, False),
    "gearbox": ((1900, 1400, 1350), 4200, False),
    "engine": ((1700, 1050, 1250), 1800, False),
    "spindle case": ((1600, 700, 600), 650, True),
    "crate": ((1200, 1000, 900), 900, True),
    "boom": ((5700, 900, 1500), 1900, False),
}
CONTAINERS: list[dict[str, Any]] = [
    {"name": "20 ft", "kind": "container", "inner_mm": [5896, 2350, 2393], "door_mm": [2340, 2274],
     "payload_kg": 28300, "tare_kg": 2170, "floor_kg_per_m": 4500, "cog_max_offset": [0.05, 0.05]},
    {"name": "40 ft high", "kind": "container", "inner_mm": [12032, 2350, 2697], "door_mm": [2340, 2577],
     "payload_kg": 26600, "tare_kg": 3860, "floor_kg_per_m": 3000, "cog_max_offset": [0.05, 0.05]},
    {"name": "flat rack", "kind": "flat-rack", "inner_mm": [12080, 2126, 2043], "door_mm": [2126, 2043],
     "payload_kg": 39200, "tare_kg": 5800, "floor_kg_per_m": 4000, "cog_max_offset": [0.05, 0.05]},
]  # fmt: skip


def shipment(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Items and a container."""
    chance = random.Random(seed)
    names = chance.sample(sorted(FAMILIES), chance.randint(1, 6))
    items = []
    for name in names:
        size, mass, stackable = FAMILIES[name]
        upright = (
            [chance.random() < 0.2, chance.random() < 0.2, True] if mass < 5000 else [False, False, True]
        )
        items.append(
            {
                "id": name,
                "size_mm": [round(edge * chance.uniform(0.8, 1.1)) for edge in size],
                "mass_kg": round(mass * chance.uniform(0.7, 1.2)),
                "count": chance.randint(1, 4 if mass < 5000 else 2),
                "vertical_allowed": upright,
                "stackable": stackable,
            }
        )
    container = dict(chance.choice(CONTAINERS))
    container["floor_kg_per_m"] = round(container["floor_kg_per_m"] * chance.uniform(0.6, 1.5))
    container["payload_kg"] = round(container["payload_kg"] * chance.uniform(0.4, 1.0))
    container["cog_max_offset"] = [chance.choice([0.01, 0.05, 0.1]), chance.choice([0.02, 0.05, 0.5])]
    return {"items": items}, container
