"""What part of a face a map shows: read from the address, and the addresses of the steps beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from recore.errors import BadInput
from recore.fleet.face import Face
from recore.fleet.tiles import MEASURES, MOST, SHEAR, TIME, Tile
from recore.web.heat import BAND_EDGES, PALETTES, Scale

MOST_WIDTH, LEAST_WIDTH = 1_600, 300
RANGES = ("data", "full", "physical")


@dataclass(frozen=True)
class View:
    """A part of a face: measure, axis, window (ms or shears, end exclusive), supports (inclusive), colours."""

    measure: str
    axis: str
    window: tuple[int, int]
    supports: tuple[int, int]
    palette: str
    reach: str
    share: bool
    width: int

    @classmethod
    def read(cls, request: Request, face: Face) -> View:
        """The view that the address names; what it does not name is all of the face.

        Raises
        ------
        BadInput : a word or number that cannot be
        """
        asked = request.query_params
        known = [measure.name for measure in face.tiles.measures]
        measure = _one(asked, "measure", known, "twap_mpa" if "twap_mpa" in known else known[0])
        axes = list(face.tiles.about["axes"])
        axis = _one(asked, "axis", axes if measure != "idle" else [TIME], TIME)
        span = face.tiles.span(axis)
        read = _moment if axis == TIME else _number
        low = read(asked, "from", span[0])
        high = read(asked, "to", span[1])
        # an address names seconds: what lies within one of the end is the end
        near = 1000 if axis == TIME else 0
        low = span[0] if low <= span[0] + near else low
        high = span[1] if high >= span[1] - near else high
        if high <= low:
            low, high = span
        numbers = face.supports
        first, last = _number(asked, "first", numbers[0]), _number(asked, "last", numbers[-1])
        if first > last or last < numbers[0] or first > numbers[-1]:
            first, last = numbers[0], numbers[-1]
        shown = [n for n in numbers if first <= n <= last][: MOST[0]] or numbers[: MOST[0]]
        width = min(max(_number(asked, "w", 960), LEAST_WIDTH), MOST_WIDTH)
        return cls(
            measure,
            axis,
            (low, high),
            (shown[0], shown[-1]),
            _one(asked, "palette", list(PALETTES), "cividis"),
            _one(asked, "range", list(RANGES), "data"),
            asked.get("as") == "share" and MEASURES[measure].pressure,
            width,
        )

    def tile(self, face: Face) -> Tile:
        return face.tiles.tile(self.measure, self.axis, window=self.window, supports=self.supports)

    def scaled(self, tile: Tile, limits: Mapping[str, float]) -> Tile:
        """The tile in the unit that is shown."""
        if not self.share or "yield_mpa" not in limits:
            return tile
        return replace(tile, values=tile.values / limits["yield_mpa"])

    def unit(self, limits: Mapping[str, float]) -> str:
        measure = MEASURES[self.measure]
        if self.share and "yield_mpa" in limits:
            return "p / yield"
        return "" if measure.unit == "1" else measure.unit

    def scale(self, face: Face, limits: Mapping[str, float]) -> Scale:
        """Colours over the values: the middle 96 % of the face, all of it, or from 0 to the yield pressure."""
        measure = MEASURES[self.measure]
        known = face.tiles.about["measures"][self.measure]
        divided = limits["yield_mpa"] if self.share and "yield_mpa" in limits else 1.0
        if self.palette == "bands":
            if measure.pressure and "yield_mpa" in limits:
                edges = tuple(edge * limits["yield_mpa"] / divided for edge in BAND_EDGES)
                return Scale(0, limits["yield_mpa"] / divided, "bands", edges)
            return Scale(known[0] / divided, known[4] / divided, "cividis")
        low, high = (known[1], known[3]) if self.reach == "data" else (known[0], known[4])
        if measure.name in ("idle", "adequate", "imbalance") and self.reach == "physical":
            low, high = 0.0, 1.0
        elif self.reach == "physical":
            low, high = 0.0, limits.get("yield_mpa", known[4]) if measure.pressure else known[4]
        if high <= low:
            low, high = min(known[0], low), max(known[4], low + measure.step)
        return Scale(low / divided, high / divided, self.palette)

    def query(self, **changed: Any) -> str:
        """The address of this view, or of one that differs from it."""
        view = replace(self, **changed)
        low, high = view.window
        told: dict[str, Any] = {"measure": view.measure, "axis": view.axis}
        told |= {"from": iso(low), "to": iso(high)} if view.axis == TIME else {"from": low, "to": high}
        told |= {
            "first": view.supports[0],
            "last": view.supports[1],
            "palette": view.palette,
            "range": view.reach,
        }
        if view.share:
            told["as"] = "share"
        return urlencode(told)

    def steps(self, face: Face) -> dict[str, str]:
        """Addresses of the views beside this one: nearer, farther, before, after, all."""
        low, high = self.window
        whole = face.tiles.span(self.axis)
        wide, least = high - low, 1_800_000 if self.axis == TIME else 8
        found = {}
        if wide > 2 * least:
            found["nearer"] = self.query(window=(low + wide // 4, high - wide // 4))
        if self.window != whole:
            half = wide // 2
            found["farther"] = self.query(window=(max(low - half, whole[0]), min(high + half, whole[1])))
            found["all"] = self.query(window=whole)
        if low > whole[0]:
            begin = max(low - wide, whole[0])
            found["before"] = self.query(window=(begin, begin + wide))
        if high < whole[1]:
            end = min(high + wide, whole[1])
            found["after"] = self.query(window=(end - wide, end))
        return found


def _one(asked: Mapping[str, str], name: str, known: list[str], default: str) -> str:
    word = asked.get(name) or default
    if word not in known:
        raise BadInput(f"{word!r:.40}", where=f"?{name}=", right=f"one of {', '.join(known)}")
    return word


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    text = (asked.get(name) or "").strip()
    if not text:
        return default
    if not text.lstrip("-").isdecimal() or len(text) > 15:
        raise BadInput(f"{text!r:.40} is no number", where=f"?{name}=", right="a whole number is wanted")
    return int(text)


def _moment(asked: Mapping[str, str], name: str, default: int) -> int:
    """A moment of the address in ms; without a zone it is UTC."""
    text = (asked.get(name) or "").strip()
    if not text:
        return default
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return int(when.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r:.40} is no moment", where=f"?{name}=", right="write it as 2026-03-01T06:00"
        ) from None


def iso(ms: int) -> str:
    """A moment as an input of type datetime-local takes it; seconds only where there are any."""
    when = datetime.fromtimestamp(ms / 1000, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S" if when.second else "%Y-%m-%dT%H:%M")


def shown(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


__all__ = ["SHEAR", "TIME", "View", "iso", "shown"]
