"""Is a packing what it claims to be? Written from the definition, box against box, in whole numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any


def shared(a: tuple[int, int], b: tuple[int, int]) -> int:
    """Length that two intervals have in common."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def faults(container: Any, kinds: Any, packing: Any, payload_kg: float | None = None) -> list[str]:
    """All that is wrong with a packing."""
    found = []
    boxes = [tuple(int(v) for v in row) for row in packing.placements]
    spans = [tuple((box[1 + d], box[1 + d] + box[4 + d]) for d in range(3)) for box in boxes]
    for i, (box, span) in enumerate(zip(boxes, spans, strict=True)):
        kind = kinds[box[0]]
        if any(low < 0 or high > container[d] for d, (low, high) in enumerate(span)):
            found.append(f"box {i} stands out of the container")
        ways = set()
        for up in range(3):
            if kind.vertical_allowed[up]:
                a, b = (kind.dims[j] for j in range(3) if j != up)
                ways |= {(a, b, kind.dims[up]), (b, a, kind.dims[up])}
        if box[4:] not in ways:
            found.append(f"box {i} stands in a forbidden way")
        carried = 0
        for j, other in enumerate(spans):
            if j == i:
                continue
            if all(shared(span[d], other[d]) > 0 for d in range(3)):
                found.append(f"boxes {i} and {j} are in one place")
            if other[2][1] == span[2][0]:
                touch = shared(span[0], other[0]) * shared(span[1], other[1])
                carried += touch
                if touch and not kinds[boxes[j][0]].stackable:
                    found.append(f"box {i} stands on box {j}, which carries nothing")
        if span[2][0] > 0 and carried != box[4] * box[5]:
            found.append(f"box {i} is carried on {carried} of {box[4] * box[5]}")
    count = [sum(box[0] == k for box in boxes) for k in range(len(kinds))]
    if tuple(count) != tuple(packing.packed):
        found.append("the numbers packed are not those in place")
    found += [f"too many of kind {k}" for k, n in enumerate(count) if n > kinds[k].count]
    mass = sum((Fraction(repr(float(kinds[k].mass_kg))) * n for k, n in enumerate(count)), Fraction(0))
    if payload_kg is not None and mass > Fraction(repr(float(payload_kg))):
        found.append("heavier than the payload")
    volume = sum(box[4] * box[5] * box[6] for box in boxes)
    if abs(packing.fill - volume / (container[0] * container[1] * container[2])) > 1e-12:
        found.append("the fill is not that of the boxes in place")
    return found
