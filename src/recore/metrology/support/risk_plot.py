"""The picture of `support.risk`: the index by support and shear, and the health of each support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from recore.metrology.support.risk import Risk

WIDTH = 560
_MOST_SHEARS, _MOST_SUPPORTS = 120, 60


def draw(result: Risk) -> Any:
    """Index by support and shear above the health of each support."""
    import altair as alt

    index, supports = result._index
    high, wide = -(-index.shape[0] // _MOST_SHEARS), -(-index.shape[1] // _MOST_SUPPORTS)
    cells = []
    for k in range(0, index.shape[0], high):
        for x in range(0, index.shape[1], wide):
            part = index[k : k + high, x : x + wide]
            if np.isfinite(part).any():
                # the worst of what is pooled: a picture must not hide a risk
                cells.append(
                    {"shear": k + 1, "support": int(supports[x]), "index": round(float(np.nanmax(part)), 3)}
                )
    heat = (
        alt.Chart({"values": cells})
        .mark_rect()
        .encode(
            x=alt.X("shear:O", title="shear", axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("support:O", title="support", sort="descending", axis=alt.Axis(labelOverlap=True)),
            color=alt.Color("index:Q", title="index", scale=alt.Scale(scheme="inferno", domain=[0, 1])),
            tooltip=["shear:O", "support:O", "index:Q"],
        )
        .properties(
            width=WIDTH, height=240, title="Cavity-risk index by support and shear (ranks, no probability)"
        )
    )
    values = [
        {"support": row["support"], "health": row["health"], "reasons": row["reasons"]}
        for row in result.supports.to_pylist()
        if row["health"] is not None
    ]
    bars = (
        alt.Chart({"values": values})
        .mark_bar(color="#1f4e79")
        .encode(
            x=alt.X("support:O", title="support", axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("health:Q", title="health", scale=alt.Scale(domain=[0, 100])),
            tooltip=["support:O", "health:Q", "reasons:N"],
        )
        .properties(width=WIDTH, height=140, title="Health of each support, 0 to 100")
    )
    return alt.vconcat(heat, bars)
