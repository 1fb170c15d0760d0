"""Container loading problems of Bischoff and Ratcliff: the published ones where they are at hand, else our own draws.

Their procedure (Omega 23 (1995) 377-390, section 5): every edge of every kind is drawn evenly from its range;
an edge may stand upright if it is less than twice as long as the shorter of the other two; one box of each
kind, then more of kinds drawn at random until the next one would exceed the volume of the container.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from recore.trade.packing import BoxKind

SHARED = Path(os.environ.get("RECORE_SHARED_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
CONTAINER = (5870, 2330, 2200)
KINDS = {1: 3, 2: 5, 3: 8, 4: 10, 5: 12, 6: 15, 7: 20}


def drawn(kinds: int, seed: int) -> list[BoxKind]:
    """One problem of the published procedure."""
    rng = np.random.default_rng(seed)
    low, high = np.array([30, 25, 20]), np.array([120, 100, 80])
    room = 587 * 233 * 220
    while True:
        dims = rng.integers(low, high + 1, (kinds, 3))
        volume = dims.prod(axis=1)
        if volume.sum() <= room:
            break
    counts = np.ones(kinds, np.int64)
    while True:
        k = int(rng.integers(kinds))
        if counts @ volume + volume[k] > room:
            break
        counts[k] += 1
    upright = [tuple(bool(d[i] < 2 * min(np.delete(d, i))) for i in range(3)) for d in dims]
    return [
        BoxKind((10 * int(a), 10 * int(b), 10 * int(c)), int(n), allowed)  # type: ignore[arg-type]
        for (a, b, c), n, allowed in zip(dims, counts, upright, strict=True)
    ]


def problems(number: int, count: int) -> tuple[str, list[list[BoxKind]]]:
    """Where they are from, and `count` problems of class BR `number`, spread evenly over those there are."""
    path = SHARED / "trade" / "packing" / f"br{number}_first50.json"
    if not path.exists():
        return "own draws", [drawn(KINDS[number], 1000 * number + i) for i in range(count)]
    rows = json.loads(path.read_text())
    chosen = [rows[i * len(rows) // count] for i in range(min(count, len(rows)))]
    return "published", [
        [
            BoxKind(
                tuple(10 * v for v in box["dims"]), box["count"], tuple(map(bool, box["vertical_allowed"]))
            )
            for box in row["boxes"]
        ]
        for row in chosen
    ]
