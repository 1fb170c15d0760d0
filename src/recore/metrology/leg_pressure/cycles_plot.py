"""The picture of `support.cycles`: small data, drawn from the table of cycles alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from recore.quantity import Quantity

WIDTH = 560
_SHAPES = {"setting": "triangle-up", "TWAP": "circle", "final": "square"}


def draw(table: pa.Table, mean: Quantity | None, yield_mpa: float, most: int) -> Any:
    """Pressures of each support over all its cycles, above the cycles of one support in time.

    Parameters
    ----------
    table : cycles as in the artifact
    mean : mean TWAP
    yield_mpa : opening pressure of the yield valve, MPa
    most : largest number of supports, and of cycles, drawn
    """
    import altair as alt

    if not table.num_rows:
        return (
            alt.Chart({"values": [{"text": "no complete cycle in the record"}]})
            .mark_text(fontSize=14)
            .encode(text="text:N")
            .properties(width=WIDTH, height=60, title="Leg pressure by support")
        )
    level = alt.Chart({"values": [{"yield": yield_mpa}]}).mark_rule(strokeDash=[6, 4], color="#555")
    level = level.encode(y="yield:Q")
    return alt.vconcat(_by_support(alt, table, mean, most) + level, _in_time(alt, table, most) + level)


def _by_support(alt: Any, table: pa.Table, mean: Quantity | None, most: int) -> Any:
    support = table["support"].to_numpy()
    wanted, counts = np.unique(support, return_counts=True)
    values = []
    for word, name in (("setting", "setting_mpa"), ("TWAP", "twap_mpa"), ("final", "final_mpa")):
        column = table[name].to_numpy()
        for number in wanted[:most]:
            low, middle, high = np.percentile(column[support == number], [10, 50, 90])
            values.append({"support": int(number), "value": word, "low": low, "median": middle, "high": high})
    x = alt.X("support:O", title="support", axis=alt.Axis(labelOverlap=True))
    words = list(_SHAPES)
    offset = alt.XOffset("value:N", sort=words)
    base = alt.Chart({"values": values}).encode(x=x, xOffset=offset)
    bars = base.mark_rule(color="#888").encode(y=alt.Y("low:Q", title="leg pressure / MPa"), y2="high:Q")
    points = base.mark_point(filled=True, color="#1f4e79", size=28, opacity=1).encode(
        y="median:Q",
        shape=alt.Shape(
            "value:N", title="", scale=alt.Scale(domain=words, range=list(_SHAPES.values())), sort=words
        ),
        tooltip=["support:O", "value:N", "low:Q", "median:Q", "high:Q"],
    )
    left_out = f"; first {most} of {len(wanted)} supports" if len(wanted) > most else ""
    title = alt.Title(
        f"Leg pressure by support: median and 10 % to 90 % of {int(counts.sum())} complete cycles",
        subtitle=f"mean TWAP {mean}, U at k = 2; dashed: yield pressure{left_out}",
    )
    return (bars + points).properties(width=WIDTH, height=220, title=title)


def _in_time(alt: Any, table: pa.Table, most: int) -> Any:
    """The support whose legs carried the most, each cycle as a straight line from setting to final."""
    support = table["support"].to_numpy()
    numbers, index = np.unique(support, return_inverse=True)
    carried = np.bincount(index, table["twap_mpa"].to_numpy()) / np.bincount(index)
    busiest = int(numbers[int(np.argmax(carried))])
    cycles = table.filter(pa.array(support == busiest)).slice(0, most).to_pylist()
    values = [
        {
            "cycle": k,
            "leg": str(cycle["leg"]),
            "ts": cycle[at].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "pressure": cycle[name],
        }
        for k, cycle in enumerate(cycles)
        for at, name in (("start", "setting_mpa"), ("end", "final_mpa"))
    ]
    y = alt.Y("pressure:Q", title="leg pressure / MPa", scale=alt.Scale(zero=False))
    lines = (
        alt.Chart({"values": values})
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "ts:T",
                title="time (UTC)",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%d %b %H:%M", labelAngle=-30, tickCount=8),
            ),
            y=y,
            detail="cycle:N",
            strokeDash=alt.StrokeDash("leg:N", title="leg"),
            color=alt.Color(
                "leg:N", title="leg", scale=alt.Scale(range=["#1f4e79", "#b5541c", "#4c7a34", "#555"])
            ),
        )
    )
    title = alt.Title(
        f"Cycles of support {busiest}, the one with the highest mean TWAP",
        subtitle="straight from setting to final pressure; the record in between is not drawn",
    )
    return lines.properties(width=WIDTH, height=180, title=title)
