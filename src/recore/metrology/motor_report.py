"""What `motor.test-sheet` hands on beside its results: tables to follow by hand, and the plot."""

from __future__ import annotations

from typing import Any

from recore.metrology import loss_segregation as iec
from recore.metrology import motor_evaluation as ev
from recore.metrology.loss_segregation import Array
from recore.metrology.motor_evaluation import Readings, Segregation

_LOSS_COLOURS = {
    "stator": "#1d3557",
    "rotor": "#4a7a9c",
    "iron": "#8a8f3c",
    "friction": "#d9a441",
    "stray": "#f0d9a8",
}


def losses_table(r: Readings, losses: Segregation | None) -> Any:
    """One row per load point by ascending load: readings, all losses, corrected values.

    Watts, volts and per cent to six decimals: finer digits differ between machines and mean nothing.
    """
    columns: dict[str, Array] = {
        "load_pct": 100 * r.shaft_w / r.rated_power_w,
        "voltage_v": r.voltage_v,
        "current_a": r.current_a,
        "power_w": r.power_w,
        "speed_rpm": r.speed_rpm,
        "torque_nm": r.torque_nm,
        "shaft_power_w": r.shaft_w,
        "power_factor": iec.power_factor(r.power_w, r.voltage_v, r.current_a),
        "slip": r.slip,
    }
    if losses is None:
        columns["efficiency_pct"] = 100 * r.shaft_w / r.power_w
    else:
        columns |= {
            "loss_stator_w": losses.stator_w,
            "inner_voltage_v": losses.inner_v,
            "loss_iron_w": losses.iron_w,
            "loss_rotor_w": losses.rotor_w,
            "loss_friction_w": losses.friction_w,
            "loss_residual_w": losses.residual_w,
            "in_regression": losses.residual.used.astype(float),
            "loss_stray_w": losses.stray_w,
            "loss_stator_25_w": losses.stator_25_w,
            "slip_25": losses.slip_25,
            "loss_rotor_25_w": losses.rotor_25_w,
            "loss_total_25_w": losses.total_25_w,
            "power_25_w": losses.power_25_w,
            "efficiency_pct": 100 * losses.efficiency,
        }
    return _table(columns)


def no_load_table(r: Readings) -> Any:
    """One row per no-load point by ascending voltage: constant losses and their two parts."""
    idle = ev.no_load(r)
    return _table(
        {
            "voltage_v": r.no_load_voltage_v,
            "current_a": r.no_load_current_a,
            "power_w": r.no_load_power_w,
            "loss_constant_w": idle.constant_w,
            "loss_iron_w": idle.iron_w,
            "in_friction_line": r.friction_band.astype(float),
        }
    )


def _table(columns: dict[str, Array]) -> Any:
    import pyarrow as pa

    digits = {"slip": 9, "slip_25": 9, "power_factor": 9}
    return pa.table(
        {name: [round(x, digits.get(name, 6)) for x in values.tolist()] for name, values in columns.items()}
    )


def draw(curve: Any) -> Any:
    """Efficiency with its U band and the IE limits, power factor, and the losses by kind, all over load."""
    import altair as alt

    inline: Any = alt.Data
    rows = [
        {
            "load": load,
            "efficiency": efficiency,
            "low": efficiency - u,
            "high": efficiency + u,
            "cos": cos,
            "cos_low": cos - cos_u,
            "cos_high": cos + cos_u,
        }
        for load, efficiency, u, cos, cos_u in zip(
            curve.load_pct,
            curve.efficiency_pct,
            curve.efficiency_u,
            curve.power_factor,
            curve.power_factor_u,
            strict=True,
        )
    ]
    base = alt.Chart(inline(values=rows)).encode(x=alt.X("load:Q", title="Shaft power / % of rated"))

    def scale() -> Any:
        return alt.Scale(zero=False)

    layers = [
        base.mark_area(opacity=0.3, color="#4a7a9c").encode(
            y=alt.Y("low:Q", scale=scale(), title="Efficiency / %"), y2="high:Q"
        ),
        base.mark_line(color="#1d3557", point=True).encode(y=alt.Y("efficiency:Q", scale=scale())),
    ]
    if curve.limits_pct:
        limits = [{"class": name, "limit": limit} for name, limit in curve.limits_pct.items()]
        rules = alt.Chart(inline(values=limits)).encode(y="limit:Q")
        layers.append(rules.mark_rule(strokeDash=[6, 4], color="#555"))
        layers.append(
            rules.mark_text(align="left", dx=4, dy=-5, color="#333").encode(
                text=alt.Text("class:N"), x=alt.value(0)
            )
        )
    charts = [
        alt.layer(*layers).properties(width=560, height=240, title="Efficiency (band: U, k = 2)"),
        alt.layer(
            base.mark_area(opacity=0.3, color="#d9a441").encode(
                y=alt.Y("cos_low:Q", scale=scale(), title="Power factor"), y2="cos_high:Q"
            ),
            base.mark_line(color="#7a5a12", point=True).encode(y=alt.Y("cos:Q", scale=scale())),
        ).properties(width=560, height=140),
    ]
    if curve.losses_w:
        bars = [
            {"load": f"{load:.1f}", "loss": name, "watts": watts, "order": order}
            for order, (name, values) in enumerate(curve.losses_w.items())
            for load, watts in zip(curve.load_pct, values, strict=True)
        ]
        charts.append(
            alt.Chart(inline(values=bars))
            .mark_bar(stroke="white")
            .encode(
                x=alt.X("load:N", title="Shaft power / % of rated", sort=None, axis=alt.Axis(labelAngle=0)),
                y=alt.Y("watts:Q", title="Losses at 25 °C coolant / W"),
                color=alt.Color(
                    "loss:N",
                    title="Loss",
                    legend=alt.Legend(orient="bottom"),
                    scale=alt.Scale(domain=list(_LOSS_COLOURS), range=list(_LOSS_COLOURS.values())),
                ),
                order="order:Q",
            )
            .properties(width=560, height=180)
        )
    return alt.vconcat(*charts)
