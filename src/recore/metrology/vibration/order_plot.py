"""What `vibration.order` hands on beside its results: tables and the plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.metrology.vibration.gear_condition import LEVELS, RATIOS, SIDEBANDS, Gear

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.metrology.vibration.order import Averaged
    from recore.metrology.vibration.revolutions import Revolutions

Floats = NDArray[np.float64]

_BLOCK = 16  # revolutions in one spectrum: resolution of 1/16 of an order
_POINTS = 600


def order_spectrum(values: Floats) -> tuple[Floats, Floats]:
    """Orders and r.m.s. amplitudes of their lines, of the whole signal: what does not repeat too.

    Parameters
    ----------
    values : (revolutions, samples)

    Notes
    -----
    Blocks of up to sixteen revolutions overlapping by half, Hann window, amplitude-corrected (a steady line shows
    its r.m.s. value), mean of the powers.
    """
    from scipy.signal.windows import hann

    count, samples = values.shape
    length = max(1, min(_BLOCK, count // 2)) * samples
    window = hann(length, sym=False)
    flat = np.ascontiguousarray(values).reshape(-1)
    frames = np.lib.stride_tricks.sliding_window_view(flat, length)[:: length // 2]
    power = np.zeros(length // 2 + 1)
    for frame in frames:
        power += np.abs(np.fft.rfft((frame - frame.mean()) * window)) ** 2
    lines: Floats = np.sqrt(2 * power / len(frames)) / window.sum()
    return np.arange(len(lines)) * samples / length, lines


def orders_table(record: Revolutions, average: Floats) -> pa.Table:
    """Order spectrum of the whole signal, and beside whole orders that of the average [unit of the channel]."""
    import pyarrow as pa

    orders, lines = order_spectrum(record.values)
    synchronous = np.abs(np.fft.rfft(average)) * np.sqrt(2) / len(average)
    whole = np.isclose(orders, np.round(orders))
    beside = np.full(len(orders), np.nan)
    beside[whole] = synchronous[np.round(orders[whole]).astype(int)]
    return pa.table(
        {
            "order": orders,
            "rms": lines,
            "synchronous_rms": pa.array(beside, from_pandas=True),
        }
    )


def tsa_table(average: Floats, gear: Gear | None) -> pa.Table:
    """The average over the angle, and the signals made from it."""
    import pyarrow as pa

    columns: dict[str, Any] = {"angle_deg": np.arange(len(average)) * 360 / len(average), "average": average}
    if gear is not None:
        spectra = np.fft.rfft(average)
        columns |= {
            "residual": gear.without(spectra, 0),
            "difference": gear.without(spectra, 1),
            "mesh_envelope": gear.envelope(spectra),
        }
    return pa.table(columns)


def mesh_table(average: Floats, gear: Gear | None) -> pa.Table:
    """Every mesh harmonic of every gear that the record holds: amplitude and sidebands."""
    import pyarrow as pa

    rows: list[tuple[int, int, int, float, float, float]] = []
    for z in () if gear is None else gear.teeth:
        assert gear is not None
        spectra = np.fft.rfft(average)
        for harmonic, mesh in enumerate(range(z, int(gear.highest) + 1, z), 1):
            amplitude = float(gear.amplitude(spectra, [mesh])[0])
            first = float(gear.sidebands(spectra, mesh, 1))
            six = float(gear.sidebands(spectra, mesh, SIDEBANDS))
            rows.append((z, harmonic, mesh, amplitude, first, six))
    names = ("teeth", "harmonic", "order", "amplitude", "first_sidebands", "six_sidebands")
    kinds = (pa.int64(), pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.float64())
    return pa.table({name: pa.array([row[i] for row in rows], kinds[i]) for i, name in enumerate(names)})


def history_table(averaged: Sequence[Averaged]) -> pa.Table:
    """One row for each record in the order given; empty where an indicator could not be made."""
    import pyarrow as pa

    columns: dict[str, Any] = {
        "record": [one.name for one in averaged],
        "speed_rpm": [float(one.record.speeds_rpm.mean()) for one in averaged],
        "revolutions": [len(one.record.values) for one in averaged],
    }
    for name in (*LEVELS, *RATIOS):
        columns[name] = pa.array([one.values.get(name) for one in averaged], pa.float64())
    return pa.table(columns)


def draw_orders(record: Revolutions, average: Floats, gear: Gear | None) -> dict[str, Any]:
    """Vega-Lite specification: the average over one revolution, and the order spectrum with the mesh orders marked.

    Parameters
    ----------
    record : the last record
    average : its time-synchronous average
    gear : teeth, where stated
    """
    angle = np.arange(len(average)) * 360 / len(average)
    unit = record.channel.unit
    traces = {"average": average}
    if gear is not None:
        traces["difference"] = gear.without(np.fft.rfft(average), 1)
    values = [
        {"angle": float(angle[k]), "value": float(trace[k]), "signal": name}
        for name, trace in traces.items()
        for k in _extremes(trace)
    ]
    orders, lines = order_spectrum(record.values)
    keep = _peaks(lines)
    spectrum = [{"order": float(orders[k]), "value": float(lines[k])} for k in keep]
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": spectrum},
            "mark": {"type": "line", "strokeWidth": 1, "color": "#1f5f8b"},
            "encoding": {
                "x": {"field": "order", "type": "quantitative", "title": "order of the shaft"},
                "y": {"field": "value", "type": "quantitative", "title": f"r.m.s. of a line [{unit}]"},
            },
        }
    ]
    if gear is not None:
        marks = [
            {"order": int(order), "name": f"{order // gear.teeth[0]} × {gear.teeth[0]}"}
            for order in gear.harmonics
        ]
        layers.append(
            {
                "data": {"values": marks},
                "mark": {"type": "rule", "color": "#b3402a", "strokeDash": [3, 3]},
                "encoding": {
                    "x": {"field": "order", "type": "quantitative"},
                    "tooltip": {"field": "name", "type": "nominal"},
                },
            }
        )
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": "Time-synchronous average and order spectrum",
            "subtitle": f"{len(record.values)} revolutions",
        },
        "vconcat": [
            {
                "width": 560,
                "height": 180,
                "data": {"values": values},
                "mark": {"type": "line", "strokeWidth": 1},
                "encoding": {
                    "x": {
                        "field": "angle",
                        "type": "quantitative",
                        "title": "shaft angle [deg]",
                        "scale": {"domain": [0, 360]},
                        "axis": {"tickCount": 9},
                    },
                    "y": {"field": "value", "type": "quantitative", "title": f"[{unit}]"},
                    "color": {"field": "signal", "type": "nominal", "title": None},
                },
            },
            {"width": 560, "height": 200, "layer": layers},
        ],
    }


def _extremes(trace: Floats) -> NDArray[np.intp]:
    """Indices of the smallest and the largest value of each stretch."""
    if len(trace) <= _POINTS:
        return np.arange(len(trace))
    parts = np.array_split(np.arange(len(trace)), _POINTS // 2)
    return np.array([k for p in parts for k in sorted((p[trace[p].argmin()], p[trace[p].argmax()]))])


def _peaks(lines: Floats) -> NDArray[np.intp]:
    if len(lines) <= _POINTS:
        return np.arange(len(lines))
    parts = np.array_split(np.arange(len(lines)), _POINTS)
    return np.array([p[lines[p].argmax()] for p in parts])
