"""Pictures of a landed cost: the waterfall from FOB to the total, and the bars of several destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

WIDTH = 620
_COLORS = {"goods and carriage": "#1f4e79", "charge": "#c55a11", "total": "#375623"}


def draw(lines: pa.Table, comparison: pa.Table | None) -> Any:
    """The waterfall of one quote; of several, how the total of each is made up."""
    return _waterfall(lines) if comparison is None else _bars(lines, comparison)


def _waterfall(lines: pa.Table) -> Any:
    import altair as alt

    rows = [row for row in lines.to_pylist() if row["name"] != "cif" and row["alternative"] in ("", "high")]
    values, level = [], 0.0
    for row in rows:
        if row["amount"] is None:
            continue
        amount = float(row["amount"])
        kind = "charge" if row["rule_id"] else "goods and carriage"
        values.append(
            {
                "name": row["name"], "from": level, "to": level + amount, "kind": kind,
                "label": f"{amount:,.2f}", "rule": row["rule_id"],
            }
        )  # fmt: skip
        level += amount
    if not values:
        return _said("no amount is known")
    complete = all(row["amount"] is not None for row in rows)
    contested = any(row["alternative"] for row in rows)
    word = "highest total" if contested else "total" if complete else "known so far"
    values.append(
        {"name": word, "from": 0.0, "to": level, "kind": "total", "label": f"{level:,.2f}", "rule": ""}
    )
    base = alt.Chart({"values": values}).encode(
        y=alt.Y(
            "name:N", sort=[value["name"] for value in values], title=None, axis=alt.Axis(labelLimit=220)
        ),
    )
    bars = base.mark_bar().encode(
        x=alt.X("from:Q", title=rows[0]["currency"], axis=alt.Axis(format=",.0f")),
        x2="to:Q",
        color=alt.Color(
            "kind:N", title=None, scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["name:N", "label:N", "rule:N"],
    )  # fmt: skip
    texts = base.mark_text(align="left", dx=4).encode(x="to:Q", text="label:N")
    title = f"Landed cost, {rows[0]['country']}, {rows[0]['date']}"
    return (bars + texts).properties(width=WIDTH, height={"step": 20}, title=title)


def _bars(lines: pa.Table, comparison: pa.Table) -> Any:
    import altair as alt

    names = {
        row["quote"]: f"{row['quote']}: {row['country']} {row['destination_port']}".strip()
        for row in comparison.to_pylist()
    }
    totals = {row["quote"]: row for row in comparison.to_pylist()}
    values = []
    for row in lines.to_pylist():
        if row["name"] == "cif" or row["amount"] is None or row["alternative"] == "low":
            continue
        stated = totals[row["quote"]]["landed_total"] is not None
        values.append(
            {
                "quote": names[row["quote"]] + ("" if stated else " (no total)"),
                "part": row["name"] if not row["rule_id"] else "charges",
                "amount": float(row["amount"]),
                "currency": row["currency"],
            }
        )
    if not values:
        return _said("no amount is known")
    parts = ["fob", "freight", "insurance", "charges"]
    title = ", ".join(dict.fromkeys(value["currency"] for value in values))
    return (
        alt.Chart({"values": values})
        .mark_bar()
        .encode(
            y=alt.Y("quote:N", title=None, axis=alt.Axis(labelLimit=240)),
            x=alt.X("sum(amount):Q", title=title, axis=alt.Axis(format=",.0f")),
            color=alt.Color(
                "part:N", title=None, sort=parts,
                scale=alt.Scale(domain=parts, range=["#1f4e79", "#5b9bd5", "#a5a5a5", "#c55a11"]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["quote:N", "part:N", "sum(amount):Q", "currency:N"],
        )
        .properties(width=WIDTH, height={"step": 26}, title="Landed cost by destination")
    )  # fmt: skip


def _said(text: str) -> Any:
    import altair as alt

    return (
        alt.Chart({"values": [{"text": text}]})
        .mark_text(fontSize=14)
        .encode(text="text:N")
        .properties(width=WIDTH, height=60, title="Landed cost")
    )
