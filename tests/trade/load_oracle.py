"""A second judge of load plans, written from the definitions alone: brute force over cells, no code of the planner."""

from __future__ import annotations

import itertools
from typing import Any

Row = dict[str, Any]


def faults(
    rows: list[Row], items: dict[str, dict[str, Any]], container: dict[str, Any], *, whole: bool = True
) -> list[str]:
    """What is wrong with the placements of one container; [] when the plan is legal."""
    found: list[str] = []
    boxes = []
    for number, row in enumerate(rows):
        low = tuple(row[name] for name in ("x_mm", "y_mm", "z_mm"))
        size = tuple(row[name] for name in ("dx_mm", "dy_mm", "dz_mm"))
        boxes.append((low, size, items[row["item"]]))
        if whole and not all(isinstance(v, int) for v in (*low, *size)):
            found.append(f"{number}: not whole millimetres")
    length, width, _ = container["inner_mm"]
    flat = container["kind"] == "flat-rack"
    for name in items:
        used = sum(row["item"] == name for row in rows)
        if used > items[name].get("count", 1):
            found.append(f"{name}: {used} pieces of {items[name].get('count', 1)}")
    for number, (low, size, item) in enumerate(boxes):
        found += [f"{number}: {text}" for text in _alone(low, size, item, container)]
    for (a, one), (b, other) in itertools.combinations(enumerate(boxes), 2):
        if all(
            max(one[0][d], other[0][d]) < min(one[0][d] + one[1][d], other[0][d] + other[1][d])
            for d in range(3)
        ):
            found.append(f"{a} and {b} overlap")
    for number, box in enumerate(boxes):
        found += [f"{number}: {text}" for text in _rests(box, boxes, width if flat else None)]
    mass = sum(item["mass_kg"] for _, _, item in boxes)
    if mass > container["payload_kg"] * (1 + 1e-9):
        found.append(f"payload: {mass} kg")
    limit = container.get("floor_kg_per_m")
    if limit is not None:
        cuts = sorted({low[0] for low, _, _ in boxes} | {low[0] + size[0] for low, size, _ in boxes})
        for a, b in itertools.pairwise(cuts):
            at = (a + b) / 2
            load = sum(
                item["mass_kg"] / (size[0] / 1000)
                for low, size, item in boxes
                if low[0] < at < low[0] + size[0]
            )
            if load > limit * (1 + 1e-9):
                found.append(f"line load {load} kg/m at {at} mm")
    allowed = container.get("cog_max_offset")
    if allowed is not None and mass > 0:
        for axis, edge in ((0, length), (1, width)):
            at = sum(item["mass_kg"] * (low[axis] + size[axis] / 2) for low, size, item in boxes) / mass
            if abs(at - edge / 2) / edge > allowed[axis] + 1e-9:
                found.append(f"centre of gravity at {at} of {edge}")
    return found


def _alone(low: Any, size: Any, item: dict[str, Any], container: dict[str, Any]) -> list[str]:
    found = []
    length, width, height = container["inner_mm"]
    flat = container["kind"] == "flat-rack"
    if low[0] < 0 or low[0] + size[0] > length:
        found.append("past an end wall")
    if low[2] < 0 or (not flat and low[2] + size[2] > height):
        found.append("through floor or roof")
    if low[1] < 0 or low[1] + size[1] > width:
        if not flat or size[1] <= width:
            found.append("past a side")
        elif abs((low[1] + size[1] / 2) - width / 2) > 1:
            found.append("over-wide and not centred")
    edges = [round(edge) for edge in item["size_mm"]]
    allowed = any(
        item["vertical_allowed"][up]
        and size[2] == edges[up]
        and sorted(size[:2]) == sorted(edges[:up] + edges[up + 1 :])
        for up in range(3)
    )
    if not allowed:
        found.append("in an orientation that is not allowed")
    door = container.get("door_mm")
    if not flat and door and (size[1] > door[0] or size[2] > door[1]):
        found.append("does not pass the door")
    return found


def _rests(box: Any, boxes: list[Any], floor: float | None) -> list[str]:
    """Cells between all edges: each cell of the base must lie on a top at its height that carries."""
    low, size, _ = box
    if low[2] == 0:
        return []
    y_low, y_high = low[1], low[1] + size[1]
    if floor is not None:
        y_low, y_high = max(y_low, 0), min(y_high, floor)
    tops = [other for other in boxes if other is not box and other[0][2] + other[1][2] == low[2]]
    xs = _edges(low[0], low[0] + size[0], [(t[0][0], t[0][0] + t[1][0]) for t in tops])
    ys = _edges(y_low, y_high, [(t[0][1], t[0][1] + t[1][1]) for t in tops])
    for (x1, x2), (y1, y2) in itertools.product(itertools.pairwise(xs), itertools.pairwise(ys)):
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        under = [t for t in tops if t[0][0] < x < t[0][0] + t[1][0] and t[0][1] < y < t[0][1] + t[1][1]]
        if not under:
            return [f"nothing under {x}, {y}"]
        if not under[0][2].get("stackable", False):
            return ["stands on what is not stackable"]
    return []


def _edges(low: float, high: float, spans: list[tuple[float, float]]) -> list[float]:
    return sorted({low, high} | {v for span in spans for v in span if low < v < high})
