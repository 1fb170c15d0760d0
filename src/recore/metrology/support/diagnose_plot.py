"""The picture of `support.diagnose`: a strip of the face, supports over time, with the faults."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recore.metrology.support.diagnose_limits import FAULTS

WIDTH, HEIGHT, MOST = 560, 360, 2000
# told apart without colour vision as far as ten colours go; the word stands in the tip and in the legend
_COLOURS = (
    "#c0392b",
    "#e67e22",
    "#1f4e79",
    "#5b8db8",
    "#7fb3d5",
    "#111111",
    "#777777",
    "#8e44ad",
    "#2e7d32",
    "#b7950b",
)


def draw(faults: pa.Table, supports: tuple[int, ...]) -> Any:
    """One bar per fault: its support and leg upwards, its time to the right, its confidence as opacity.

    Parameters
    ----------
    faults : the artifact
    supports : numbers of all supports of the log
    """
    import altair as alt

    if not faults.num_rows:
        return (
            alt.Chart({"values": [{"text": f"no fault on {len(supports)} support(s)"}]})
            .mark_text(fontSize=14)
            .encode(text="text:N")
            .properties(width=WIDTH, height=60, title="Faults of the supports")
        )
    values = []
    for row in faults.slice(0, MOST).to_pylist():
        leg = row["leg"]
        # the legs of a support lie beside each other within its strip
        low, high = (0.1, 0.9) if leg is None else ((0.1, 0.5) if leg % 2 else (0.5, 0.9))
        values.append(
            {
                "support": row["support"],
                "low": row["support"] - 0.5 + low,
                "high": row["support"] - 0.5 + high,
                "leg": "all" if leg is None else str(leg),
                "fault": row["fault"],
                "from": row["from"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                "to": row["to"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                "confidence": row["confidence"],
            }
        )
    first, last = min(supports, default=1), max(supports, default=1)
    present = [code for code in FAULTS if any(v["fault"] == code for v in values)]
    colours = [_COLOURS[FAULTS.index(code)] for code in present]
    left_out = f"; first {MOST} of {faults.num_rows} rows" if faults.num_rows > MOST else ""
    return (
        alt.Chart({"values": values})
        .mark_rect()
        .encode(
            x=alt.X(
                "from:T",
                title="time (UTC)",
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%d %b %H:%M", labelAngle=-30, tickCount=8),
            ),
            x2="to:T",
            y=alt.Y("low:Q", title="support", scale=alt.Scale(domain=[first - 0.5, last + 0.5], nice=False)),
            y2="high:Q",
            color=alt.Color("fault:N", title="fault", scale=alt.Scale(domain=present, range=colours)),
            opacity=alt.Opacity("confidence:Q", scale=alt.Scale(domain=[0, 1], range=[0.3, 1]), legend=None),
            tooltip=["support:O", "leg:N", "fault:N", "from:T", "to:T", "confidence:Q"],
        )
        .properties(
            width=WIDTH,
            height=HEIGHT,
            title=alt.Title(
                f"Faults of the supports: {faults.num_rows} on a face of {len(supports)}",
                subtitle=f"lower half of a strip: odd legs; pale: less sure{left_out}",
            ),
        )
    )
