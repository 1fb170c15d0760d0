"""Tables that an error motion finding carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recore.metrology.bearing import DefectOrders
from recore.metrology.spindle.error_motion_record import Pass
from recore.metrology.spindle.motion_values import about
from recore.metrology.spindle.motions import Setup, keeps_fundamental, unit_of_motion
from recore.metrology.spindle.order_spectrum import Peak, bearing_lines
from recore.metrology.spindle.polar_statistics import Polar

if TYPE_CHECKING:
    import pyarrow as pa

_SLIP = 0.02


def polar_table(setup: Setup, polars: Mapping[str, Polar]) -> pa.Table:
    """Polar plots: angle_deg, and for each motion mean, lowest, highest and standard deviation at that angle.

    Radial and tilt motions are about the least-squares centre of their mean, axial and face motions as measured
    about their mean value.
    """
    import pyarrow as pa

    columns: dict[str, object] = {"angle_deg": np.degrees(setup.rotor_rad)}
    for name, polar in polars.items():
        shown = polar.plus(np.full(setup.samples, -polar.mean.mean()))
        if not keeps_fundamental(name):
            shown = about(polar, polar.mean)
        unit = "um" if unit_of_motion(name) == "µm" else "arcsec"
        columns |= {
            f"{name}_mean_{unit}": shown.mean,
            f"{name}_lowest_{unit}": shown.lowest,
            f"{name}_highest_{unit}": shown.highest,
            f"{name}_sigma_{unit}": shown.sigma,
        }
    return pa.table(columns)


def order_table(found: Pass) -> pa.Table:
    """The asynchronous spectrum: order, and the amplitude of each motion."""
    import pyarrow as pa

    assert found.spectrum is not None
    columns: dict[str, object] = {"order": found.spectrum.order}
    columns |= {f"{name}_um": row for name, row in zip(found.spectral, found.spectrum.amplitude, strict=True)}
    return pa.table(columns)


def peak_table(lines: Sequence[Peak], motions: Sequence[str]) -> pa.Table:
    """Lines that stand clear of the noise: order, name, amplitude of each motion, times the noise around."""
    import pyarrow as pa

    columns: dict[str, object] = {
        "order": pa.array([p.order for p in lines], pa.float64()),
        "name": pa.array([p.name for p in lines], pa.string()),
    }
    for i, name in enumerate(motions):
        columns[f"{name}_um"] = pa.array([p.amplitudes[i] for p in lines], pa.float64())
    columns["times_noise"] = pa.array([p.prominence for p in lines], pa.float64())
    return pa.table(columns)


def bearing_table(found: Pass, rows: Sequence[int], bearing: DefectOrders) -> pa.Table:
    """The bearing's lines: order for pure rolling, and the highest amplitude within the slip of two per cent."""
    import pyarrow as pa

    spectrum = found.spectrum
    assert spectrum is not None
    size = np.sqrt(np.sum(spectrum.amplitude[list(rows)] ** 2, axis=0))
    noise = float(np.median(size))
    table: list[tuple[str, float, float, float, float]] = []
    for order, name in bearing_lines(bearing):
        near = np.flatnonzero(np.abs(spectrum.order - order) <= max(_SLIP * order, 1.0 / spectrum.segment))
        if len(near):
            k = int(near[size[near].argmax()])
            ratio = float(size[k] / noise) if noise else 0.0
            table.append((name, order, float(spectrum.order[k]), float(size[k]), ratio))
    names = ("name", "order", "found_at_order", "amplitude_um", "times_noise")
    kinds = (pa.string(), pa.float64(), pa.float64(), pa.float64(), pa.float64())
    return pa.table({n: pa.array([row[i] for row in table], kinds[i]) for i, n in enumerate(names)})
