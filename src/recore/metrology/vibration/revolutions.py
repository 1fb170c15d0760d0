"""A vibration record in revolutions of one shaft, with the tacho or encoder that says where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence.column import find, folded, units_of
from recore.method import Refusal
from recore.metrology.angle_domain import phase, pulse_times, resampled
from recore.metrology.vibration.channels import Channel, vibration_channels

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]

_TACHO = ("tacho", "tach", "tachometer", "keyphasor", "key_phasor", "phasor", "encoder", "trigger", "pulse")
_ANGLE = ("angle_deg", "shaft_angle_deg", "rotor_angle_deg")
USABLE = 2.56  # samples per cycle of the highest order that is believed


@dataclass(frozen=True)
class Revolutions:
    """A record at equal angles.

    Parameters
    ----------
    values : (revolutions, samples) [m/s² or mm/s]
    channel : what was measured
    turns : (n,) revolutions at each sample of the record, NaN where not known
    rate : sampling rate of the record [Hz]
    jitter : standard deviation of a pulse, in revolutions; an upper bound, with the real unevenness of the motion
    """

    values: Floats
    channel: Channel
    turns: Floats
    rate: float
    jitter: float

    @property
    def speeds_rpm(self) -> Floats:
        """Mean speed of each revolution [rpm]."""
        known = np.flatnonzero(np.isfinite(self.turns))
        turns = self.turns[known]
        first = int(np.ceil(turns[0] - 1e-9))
        starts = np.interp(first + np.arange(len(self.values) + 1), turns, known / self.rate)
        found: Floats = 60 / np.diff(starts)
        return found


def shaft_turns(
    table: Table, rate: float, tacho: str | None, pulses_per_revolution: int, ratio: float
) -> tuple[Floats, float]:
    """Revolutions of the analysed shaft at each sample, and the jitter of a pulse in revolutions.

    Parameters
    ----------
    table : the record, with a tacho signal or a column angle_deg
    rate : sampling rate [Hz]
    tacho : column of the tacho; None looks for one by name
    pulses_per_revolution : of the shaft that the tacho looks at
    ratio : revolutions of the analysed shaft for one of the tacho shaft

    Raises
    ------
    Refusal : `missing-tacho`, neither is there; what `angle_domain` refuses
    """
    name = tacho if tacho is not None else _tacho_of(table)
    if name is not None:
        if name not in table.columns and name.isdigit() and 1 <= int(name) <= len(table.columns):
            name = table.columns[int(name) - 1]
        signal = table.floats(find(table.columns, name, "float", table.name).stored)
        pulses = pulse_times(signal, rate)
        times = np.arange(len(signal)) / rate
        turns = phase(times, pulses, pulses_per_revolution=pulses_per_revolution) * ratio
        # the third difference of white jitter has 20 times its variance, that of a smooth motion nearly none
        wobble = np.diff(pulses, 3)
        spread = float(np.sqrt(np.mean(wobble**2) / 20)) if len(wobble) else 0.0
        return turns, spread * ratio / pulses_per_revolution / float(np.diff(pulses).mean())
    angle = next((name for name in _ANGLE if table.has(name)), None)
    if angle is None:
        raise Refusal(
            "missing-tacho",
            f"{table.name} has neither a tacho signal nor a column angle_deg: a stated speed does not tell where the "
            "shaft stands, and an average without that is noise; name the column with tacho",
        )
    turns = np.unwrap(table.floats(angle), period=360.0) / 360 * ratio
    turns = turns if turns[-1] > turns[0] else -turns
    if (np.diff(turns) <= 0).any():
        row = int(np.argmax(np.diff(turns) <= 0)) + 2
        raise BadInput(
            "the angle does not rise",
            where=f"{table.name}, column {angle!r}, row {row}",
            right="one turning sense",
        )
    return turns, 0.0


def read_revolutions(
    table: Table,
    rate: float,
    channel: str | None,
    unit: str | None,
    tacho: str | None,
    pulses_per_revolution: int,
    ratio: float,
    samples: int | None,
    wanted_order: float,
) -> Revolutions:
    """A record as revolutions of the shaft; parameters as in `shaft_turns` and of the method `vibration.order`.

    Raises
    ------
    BadInput : more than one channel and none named
    Refusal : `rate-too-low`, the record does not hold the wanted order at its highest speed
    """
    found = vibration_channels(table, None if channel is None else [channel], unit)
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} channels of vibration", where=table.name, right=f"give channel: {_listed(found)}"
        )
    signal = found[0].read(table)
    turns, jitter = shaft_turns(table, rate, tacho, pulses_per_revolution, ratio)
    steps = np.diff(turns[np.isfinite(turns)])
    if len(steps) < 2:
        raise Refusal("record-too-short", f"{table.name}: the phase is known at fewer than three samples")
    held = 1 / (USABLE * float(steps.max()))
    if held < wanted_order:
        raise Refusal(
            "rate-too-low",
            f"{table.name}: at the highest speed the record holds orders up to {held:.4g}, and {wanted_order:g} is wanted",
        )
    if samples is None:
        samples = min(8192, 2 ** int(np.ceil(np.log2(max(1 / float(steps.mean()), USABLE * wanted_order)))))
    if samples < USABLE * wanted_order:
        raise BadInput(
            f"{samples} samples per revolution do not hold order {wanted_order:g}",
            where="samples_per_revolution",
            right=f"at least {int(np.ceil(USABLE * wanted_order))} are wanted",
        )
    return Revolutions(resampled(signal, turns, samples), found[0], turns, rate, jitter)


def highest_order(record: Revolutions) -> float:
    """Highest order that the record holds at its highest speed and that resampling keeps."""
    steps = np.diff(record.turns[np.isfinite(record.turns)])
    return min(1 / (USABLE * float(steps.max())), 0.4 * float(record.values.shape[1]))


def _tacho_of(table: Table) -> str | None:
    return next(
        (name for name in table.columns if folded(units_of(name)[0]) in _TACHO or folded(name) in _TACHO),
        None,
    )


def _listed(channels: list[Channel]) -> str:
    return ", ".join(channel.name for channel in channels)
