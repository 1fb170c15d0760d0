"""The picture of `support.weighting`: the map of loads with the zones outlined, and pressures by shear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from recore.metrology.support.weighting import Weighting

WIDTH = 560
_MOST_SHEARS, _MOST_SUPPORTS = (
    120,
    60,
)  # cells beyond are pooled: a year of a wide face is a picture of the same size


def draw(result: Weighting) -> Any:
    """Load by support and shear above the mean pressures of each shear."""
    import altair as alt

    found = result._drawn
    assert found is not None
    shears, supports = found.load.shape
    high, wide = -(-shears // _MOST_SHEARS), -(-supports // _MOST_SUPPORTS)
    cells = []
    for k in range(0, shears, high):
        for x in range(0, supports, wide):
            part = found.load[k : k + high, x : x + wide]
            if np.isfinite(part).any():
                cells.append(
                    {
                        "shear": k + 0.5,
                        "shear2": min(k + high, shears) + 0.5,
                        "support": x + found.first_support - 0.5,
                        "support2": min(x + wide, supports) + found.first_support - 0.5,
                        "load": round(float(np.nanmean(part)), 2),
                    }
                )
    boxes = [
        {
            "shear": row["first_shear"] - 0.5,
            "shear2": row["last_shear"] + 0.5,
            "support": row["support_from"] - 0.5,
            "support2": row["support_to"] + 0.5,
            "severity": row["severity"] or "no row speaks",
        }
        for row in result.zones.to_pylist()
    ]
    across = alt.X("shear:Q", title="shear", scale=alt.Scale(domain=[0.5, shears + 0.5], nice=False))
    y = alt.Y("support:Q", title="support", scale=alt.Scale(zero=False, nice=False))
    heat = (
        alt.Chart({"values": cells})
        .mark_rect(clip=True)
        .encode(
            x=across,
            x2="shear2:Q",
            y=y,
            y2="support2:Q",
            color=alt.Color(
                "load:Q", title="load", scale=alt.Scale(scheme="viridis", domain=[-2, 5], clamp=True)
            ),
            tooltip=["shear:Q", "support:Q", "load:Q"],
        )
    )
    outline = (
        alt.Chart({"values": boxes})
        .mark_rect(fillOpacity=0, stroke="#d62728", strokeWidth=2)
        .encode(x="shear:Q", x2="shear2:Q", y="support:Q", y2="support2:Q", tooltip=["severity:N"])
    )
    told = f"interval {result.interval_m}" if result.interval_m is not None else "no interval"
    lasting = f"persistence {result.persistence_m}" if result.persistence_m is not None else "no persistence"
    title = alt.Title(
        f"Load by support and shear, {len(boxes)} break(s) outlined",
        subtitle=f"in spreads of each leg's quiet cycles; {told}, {lasting} (U at k = 2)",
    )
    top = (heat + outline).properties(width=WIDTH, height=260, title=title)
    return alt.vconcat(top, _by_shear(alt, result, shears))


def _by_shear(alt: Any, result: Weighting, shears: int) -> Any:
    table = result.by_shear
    step = -(-shears // 600)
    values = [
        {"shear": int(table["shear"][k].as_py()), "of": word, "value": table[name][k].as_py()}
        for word, name in (("TWAP", "twap_mpa"), ("final", "final_mpa"))
        for k in range(0, shears, step)
    ]
    return (
        alt.Chart({"values": values})
        .mark_line()
        .encode(
            x=alt.X("shear:Q", title="shear", scale=alt.Scale(domain=[0.5, shears + 0.5], nice=False)),
            y=alt.Y("value:Q", title="mean leg pressure / MPa", scale=alt.Scale(zero=False)),
            strokeDash=alt.StrokeDash("of:N", title=""),
            color=alt.Color("of:N", title="", scale=alt.Scale(range=["#b5541c", "#1f4e79"])),
        )
        .properties(width=WIDTH, height=140, title="Mean pressures of each shear, all legs")
    )
