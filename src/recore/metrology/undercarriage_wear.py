"""Method `undercarriage.wear`: percent worn of track parts by the maker's curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.metrology.wear_curve import WearCurve, curves_by_part, part_key
from recore.model.trade import OneOrMany
from recore.quantity import Quantity

WORN, DESTROYED = 100.0, 120.0


@dataclass(frozen=True)
class Part:
    """A reading and what it means; percent is None where the curve says nothing."""

    part: str
    tool: str
    side: str
    measured_mm: float
    u_mm: float | None
    percent: float | None
    u_percent: float | None
    state: str
    hours_to_100: float | None
    u_hours: float | None
    curve: str
    source: str

    @property
    def label(self) -> str:
        return " ".join(word for word in (self.side, self.part, self.tool) if word)


@dataclass(frozen=True)
class UndercarriageWear:
    """Percent worn of the worst part, and every part in the table.

    `percent_worn` is None where a reading was refused: the worst might be among those, and
    `percent_worn_at_least` is then the lower bound that the others give.
    """

    percent_worn: Annotated[Quantity | None, Unit("%")]
    percent_worn_at_least: Annotated[Quantity | None, Unit("%")]
    worst_part: str | None
    readings: Annotated[Quantity, Unit("pcs")]
    judged: Annotated[Quantity, Unit("pcs")]
    worn_out: Annotated[Quantity, Unit("pcs")]
    hours_to_100: Annotated[Quantity | None, Unit("h")]
    wear: Annotated[Any, Artifact("wear.csv")]
    parts: list[Part]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]


@method(
    "undercarriage.wear",
    version=1,
    standard="Wear curve of the maker, as imported",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def undercarriage_wear(
    readings: Table,
    wear_curves: Table | OneOrMany[WearCurve],
    *,
    hours: Annotated[float, Unit("h"), Field(gt=0, le=200_000)] | None = None,
) -> UndercarriageWear:
    """Percent worn of undercarriage parts from caliper and ultrasonic readings, by imported wear curves.

    Parameters
    ----------
    readings : columns part, tool, measured_mm (or another length), u_mm (expanded uncertainty, k = 2; optional),
        side (optional)
    wear_curves : curves as JSON (one, or a list) or as a table with one row for each knot; `wear_curve.WearCurve`
        tells the fields
    hours : hours that this undercarriage has worked since it was new

    Returns
    -------
    UndercarriageWear : percent worn of the worst part [%] with U, number of parts at or past 100 %, hours until the
        first part reaches 100 % [h]; each reading in wear.csv

    Notes
    -----
    Between two knots the curve runs straight. U of a percentage is the slope times U of the reading, the steepest
    slope within the reading's interval where that spans a knot; a reading without U gives a percentage without one.
    The worst of several: the highest value, its U widened until the interval holds the upper end of every part.
    A reading beyond the curve is refused (past its last knot nothing is known, and nothing is extrapolated); one
    that lies beyond an end by no more than its U is held to that end, and flagged.

    Hours to 100 %: hours × (100 - p)/p, which assumes that wear per hour stays what it was on average; curves bend
    and ground changes, so it is an order of magnitude. Its U holds that of p alone.

    Raises
    ------
    BadInput : no curve for a reading, two for one part, or a curve that does not run one way

    References
    ----------
    Percent worn by charts with knots, 100 % and 120 % as limits of use: Caterpillar Custom Track Service Handbook,
    PEKP9400 (charts not included). Linear case, from new to limit: Case CX350B, service manual 1002-25.
    """
    curves = curves_by_part(wear_curves)
    parts = _judged(readings, curves, hours)
    known = [part for part in parts if part.percent is not None]
    refused = [part for part in parts if part.percent is None]
    worst, label = _worst(known)
    worn_out = [part for part in known if (part.percent or 0.0) >= WORN]
    return UndercarriageWear(
        percent_worn=None if refused else worst,
        percent_worn_at_least=worst if refused else None,
        worst_part=label,
        readings=Quantity(len(parts), "pcs"),
        judged=Quantity(len(known), "pcs"),
        worn_out=Quantity(len(worn_out), "pcs"),
        hours_to_100=None if refused else _soonest(known),
        wear=_table(parts),
        parts=parts,
        flags=tuple(_flags(known, hours)),
        refusals=tuple(
            Note(
                "outside-curve",
                f"{part.label}: {part.measured_mm:g} mm lies outside the knots of {part.curve}",
            )
            for part in refused
        ),
    )


def _judged(readings: Table, curves: dict[tuple[str, str], WearCurve], hours: float | None) -> list[Part]:
    names, tools = readings.texts("part"), readings.texts("tool")
    sides = readings.texts("side") if readings.has("side", "text") else [""] * len(names)
    measured = readings.floats("measured_mm").tolist()
    spreads = readings.floats("u_mm").tolist() if readings.has("u_mm") else [None] * len(names)
    found = []
    for row, (part, tool, side, value, spread) in enumerate(
        zip(names, tools, sides, measured, spreads, strict=True), 1
    ):
        curve = curves.get(part_key(part, tool))
        if curve is None:
            there = ", ".join(f"{known.part} {known.tool}" for known in curves.values())
            raise BadInput(
                f"there is no curve for {part!r}, tool {tool!r}",
                where=f"{readings.name}, reading {row}",
                right=f"there are curves for: {there}",
            )
        if spread is not None and spread < 0:
            raise BadInput(
                f"u_mm is {spread:g}",
                where=f"{readings.name}, reading {row}",
                right="the size of the expanded uncertainty, k = 2, is wanted",
            )
        found.append(_part(curve, side, value, spread, hours))
    return found


def _part(curve: WearCurve, side: str, value: float, spread: float | None, hours: float | None) -> Part:
    worn = curve.worn(value, spread or 0.0)
    percent = worn.percent if worn else None
    u = worn.uncertainty if worn and spread is not None else None
    left = u_left = None
    if hours is not None and percent is not None and percent > 0:
        left = max(hours * (WORN - percent) / percent, 0.0)
        # d/dp of h (100 - p)/p is -100 h/p²
        u_left = None if u is None else hours * WORN / percent**2 * u
    return Part(
        part=curve.part,
        tool=curve.tool,
        side=side,
        measured_mm=value,
        u_mm=spread,
        percent=percent,
        u_percent=u,
        state=_state(percent, u or 0.0, held=worn.held if worn else False),
        hours_to_100=left,
        u_hours=u_left,
        curve=curve.name,
        source=curve.source,
    )


def _state(percent: float | None, u: float, *, held: bool) -> str:
    if percent is None:
        return "outside the curve"
    for limit in (DESTROYED, WORN):
        if percent - u >= limit:
            return f"{limit:.0f} % reached"
        if percent + u >= limit:
            return f"{limit:.0f} % within the uncertainty"
    return "at the end of the curve" if held else "below 100 %"


def _worst(known: list[Part]) -> tuple[Quantity | None, str | None]:
    if not known:
        return None, None
    first = max(known, key=lambda part: part.percent or 0.0)
    highest = first.percent or 0.0
    if all(part.u_percent is None for part in known):
        return Quantity(highest, "%"), first.label
    upper = max((part.percent or 0.0) + (part.u_percent or 0.0) for part in known)
    return Quantity(highest, "%", upper - highest), first.label


def _soonest(known: list[Part]) -> Quantity | None:
    stated = [part for part in known if part.hours_to_100 is not None]
    if not stated:
        return None
    first = min(stated, key=lambda part: part.hours_to_100 or 0.0)
    return Quantity(first.hours_to_100, "h", first.u_hours)


def _flags(known: list[Part], hours: float | None) -> list[Note]:
    notes = []
    for code, wanted in (
        ("worn-120", "120 % reached"),
        ("worn-120-open", "120 % within the uncertainty"),
        ("worn-100", "100 % reached"),
        ("worn-100-open", "100 % within the uncertainty"),
    ):
        named = [f"{part.label} ({part.percent:.1f} %)" for part in known if part.state == wanted]
        if named:
            notes.append(Note(code, f"{wanted}: {', '.join(named)}"))
    held = [part.label for part in known if part.state == "at the end of the curve"]
    if held:
        text = f"beyond the end of the curve by no more than U, held to the end: {', '.join(held)}"
        notes.append(Note("held-to-end", text))
    if any(part.u_mm is None for part in known):
        notes.append(
            Note("uncertainty-not-stated", "readings without u_mm give percentages without uncertainty")
        )
    if hours is not None:
        text = f"hours to 100 % assume that wear per hour stays what it was on average over {hours:g} h"
        notes.append(Note("constant-wear-assumed", text))
    return notes


def _table(parts: list[Part]) -> Any:
    import pyarrow as pa

    names = {
        "part": "part",
        "tool": "tool",
        "side": "side",
        "measured_mm": "measured_mm",
        "u_mm": "u_mm",
        "percent": "percent_worn",
        "u_percent": "u_percent",
        "state": "state",
        "hours_to_100": "hours_to_100",
        "u_hours": "u_hours",
        "curve": "curve",
        "source": "source",
    }
    floats = {"measured_mm", "u_mm", "percent", "u_percent", "hours_to_100", "u_hours"}
    return pa.table(
        {
            title: pa.array(
                [getattr(part, name) for part in parts], pa.float64() if name in floats else pa.string()
            )
            for name, title in names.items()
        }
    )


@undercarriage_wear.plot
def _draw(result: UndercarriageWear) -> Any:
    """Percent worn of every part with U, and the limits at 100 and 120 %."""
    import altair as alt

    known = [part for part in result.parts if part.percent is not None]
    drawn = sorted(known, key=lambda part: -(part.percent or 0.0))[:200]
    values = [
        {
            "part": part.label,
            "percent": part.percent or 0.0,
            "low": (part.percent or 0.0) - (part.u_percent or 0.0),
            "high": (part.percent or 0.0) + (part.u_percent or 0.0),
            "state": part.state,
        }
        for part in drawn
    ]
    order = list(dict.fromkeys(part.label for part in drawn))
    base = alt.Chart({"values": values}).encode(y=alt.Y("part:N", title="", sort=order))
    x = alt.X("percent:Q", title="worn / %", scale=alt.Scale(domainMin=0), stack=None)
    bars = base.mark_bar(color="#1f4e79").encode(x=x, tooltip=["part:N", "percent:Q", "state:N"])
    spread = base.mark_rule(color="#b5541c", strokeWidth=2).encode(x="low:Q", x2="high:Q")
    limits = (
        alt.Chart({"values": [{"limit": WORN}, {"limit": DESTROYED}]})
        .mark_rule(strokeDash=[6, 4], color="#555")
        .encode(x="limit:Q")
    )
    left_out = len(result.parts) - len(drawn)
    subtitle = "line: U at k = 2; dashed: 100 and 120 %" + (
        f"; {left_out} readings not drawn" if left_out else ""
    )
    return alt.layer(bars, spread, limits).properties(
        width=480, title=alt.Title("Undercarriage: percent worn", subtitle=subtitle)
    )
