"""The newest state of a face as one small file, `live.json`, that a live stream writes and the screens read.

The file holds a list of objects {"support", "leg", "ts", "pressure_mpa", "state"} (or that list under "legs"): `ts` in
UTC as ISO 8601, `pressure_mpa` a number or null, `state` a word such as "set", "released", "yielding", "gap". The
writer replaces it as a whole, so that a reader sees all of one moment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recore import jsonio
from recore.atomic import write_bytes
from recore.errors import BadInput

FILE = "live.json"
MAX_BYTES = 4 * 2**20
MAX_LEGS = 20_000
_RIGHT = "a list of {support, leg, ts, pressure_mpa, state} is wanted"


@dataclass(frozen=True)
class LegState:
    """What one leg said last; `pressure_mpa` is NaN where it said nothing that is a pressure."""

    support: int
    leg: int
    ts: datetime
    pressure_mpa: float
    state: str


def write_state(folder: Path, legs: Iterable[LegState]) -> None:
    """Put the state of all legs in place of the one before."""
    document = [
        {
            "support": leg.support,
            "leg": leg.leg,
            "ts": leg.ts.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "pressure_mpa": leg.pressure_mpa if math.isfinite(leg.pressure_mpa) else None,
            "state": leg.state,
        }
        for leg in legs
    ]
    write_bytes(folder / FILE, jsonio.canonical(document))


def read_state(folder: Path) -> list[LegState]:
    """The newest state, by support and leg.

    Raises
    ------
    BadInput : there is none yet, it is too large, or not of that shape
    """
    path = folder / FILE
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(
            "nothing has arrived yet", where=FILE, right="start `recore fleet live` for this folder"
        ) from None
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=FILE) from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"more than {MAX_BYTES} bytes", where=FILE, right="one object per leg")
    document = jsonio.loads(data, where=FILE)
    if isinstance(document, dict):
        document = document.get("legs")
    if not isinstance(document, list) or len(document) > MAX_LEGS:
        raise BadInput("not a state of legs", where=FILE, right=_RIGHT)
    return sorted(
        (_leg(item, at) for at, item in enumerate(document)), key=lambda leg: (leg.support, leg.leg)
    )


def _leg(item: Any, at: int) -> LegState:
    where = f"{FILE}[{at}]"
    if not isinstance(item, dict):
        raise BadInput("not an object", where=where, right=_RIGHT)
    support, leg = item.get("support"), item.get("leg")
    if type(support) is not int or type(leg) is not int:
        raise BadInput("support and leg are whole numbers", where=where, right=_RIGHT)
    pressure = item.get("pressure_mpa")
    if pressure is not None and (isinstance(pressure, bool) or not isinstance(pressure, int | float)):
        raise BadInput(f"pressure_mpa {pressure!r:.40}", where=where, right="a number or null")
    try:
        when = datetime.fromisoformat(str(item.get("ts")))
    except ValueError:
        raise BadInput(
            f"ts {item.get('ts')!r:.40} is no instant", where=where, right="2026-03-01T06:00:00Z"
        ) from None
    state = str(item.get("state") or "")[:40]
    return LegState(
        support,
        leg,
        when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC),
        math.nan if pressure is None else float(pressure),
        state if state.isprintable() else "",
    )
