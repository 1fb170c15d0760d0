"""What a vibration record says: the channel that is asked for, its unit, and how the shaft turned meanwhile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recore.errors import BadInput
from recore.evidence.column import folded, units_of, with_article
from recore.evidence.signal import channel_columns, signals
from recore.method import Note, Refusal
from recore.metrology.vibration.envelope_spectrum import Floats
from recore.quantity import kind_of

if TYPE_CHECKING:
    from recore.evidence import Table

_VIBRATION = ("acceleration", "speed", "length", "voltage")
_BESIDE = {"time", "t", "speed", "rpm", "tacho", "temp", "temperature", "angle"}
# names of the Bearing Data Center of Case Western Reserve University: X105_DE_time is the drive end of record 105
_DRIVE_END = re.compile(r"X\d+_DE_time", re.IGNORECASE)
_SAME_RECORD = re.compile(r"X\d+_?(DE_time|FE_time|BA_time|RPM)", re.IGNORECASE)
_CLIPPED_SHARE = 1e-3
_CLIPPED_RUN = 3
_PLAUSIBLE = (1e-3, 1e4)  # rms of an acceleration on a running machine [m/s²]; beyond it the unit is doubted


@dataclass(frozen=True)
class Rotation:
    """How the shaft turned during the record.

    Parameters
    ----------
    shaft_hz : mean speed
    turns : turns in the record, from the first to the last sample that is used
    uncertainty : relative expanded uncertainty (k = 2) of the mean speed
    seconds, angle : instants [s] and angles [turns] of a tacho or of a speed channel; None at constant speed
    """

    shaft_hz: float
    turns: float
    uncertainty: float
    seconds: Floats | None = None
    angle: Floats | None = None

    def spaced(self, envelopes: Floats, duration: float) -> Floats:
        """Envelopes over equal steps of time, as they are over equal steps of angle."""
        if self.seconds is None or self.angle is None:
            return envelopes
        from scipy.interpolate import make_interp_spline

        count = envelopes.shape[1]
        at = np.linspace(self.angle[0], self.angle[-1], count, endpoint=False)
        instants = np.interp(at, self.angle, self.seconds)
        spline = make_interp_spline(np.arange(count) * (duration / count), envelopes, k=3, axis=1)
        return np.asarray(spline(np.minimum(instants, (count - 1) * duration / count)))


def channel(
    record: Table, channels: Sequence[str] | None, tacho: str | None
) -> tuple[str, str | None, list[Note]]:
    """Column of the vibration, its unit where its name says it, and what is to be said of the choice.

    Raises
    ------
    BadInput : several channels could be meant, or the one is no vibration
    """
    notes = []
    if channels is not None:
        name = channel_columns(record, channels, ["vibration"], None)[0]
    else:
        beside = _BESIDE | ({folded(tacho)} if tacho else set())
        found = [
            c
            for c in record.columns
            if folded(c) not in beside
            and folded(units_of(c)[0]) not in beside
            and not _SAME_RECORD.fullmatch(c)
        ]
        own = [c for c in record.columns if _SAME_RECORD.fullmatch(c) and not c.upper().endswith("RPM")]
        drive = [c for c in own if _DRIVE_END.fullmatch(c)]
        if len(own) == 1:
            found += own
        elif len(drive) == 1 and not found:
            found = drive
            notes.append(
                Note(
                    "channel-chosen",
                    f"{drive[0]}, the accelerometer at the drive end; give channels for another",
                )
            )
        elif own:
            found += own
        if len(found) != 1:
            listed = ", ".join(found[:40]) or ", ".join(record.columns[:40])
            raise BadInput(
                "several channels could be the vibration" if found else "no channel of vibration",
                where=record.name,
                right=f"name one in channels; there are: {listed}",
            )
        name = found[0]
    units = [unit for unit in units_of(name)[1] if kind_of(unit) in _VIBRATION]
    if not units and units_of(name)[1]:
        raise BadInput(
            f"is {with_article(kind_of(units_of(name)[1][0]))}",
            where=f"{record.name}, column {name!r}",
            right="an acceleration, velocity, displacement or the voltage of such a probe is wanted",
        )
    return name, units[0] if units else None, notes


def samples(record: Table, column: str, unit: str | None) -> tuple[Floats, list[Note]]:
    """The signal, and what is doubtful about it.

    Raises
    ------
    BadInput : it holds one value only
    Refusal : it is clipped
    """
    x = signals(record, [column])[0]
    low, high = float(x.min()), float(x.max())
    if not high > low:
        raise BadInput(
            "holds one value only",
            where=f"{record.name}, column {column!r}",
            right="the vibration of a running machine is wanted",
        )
    notes = []
    at_rail = (x == low) | (x == high)
    changes = np.flatnonzero(np.diff(np.concatenate(([0], at_rail.astype(np.int8), [0]))))
    longest = int((changes[1::2] - changes[::2]).max())
    if longest >= _CLIPPED_RUN:
        share = float(at_rail.mean())
        text = f"{share:.2%} of the samples stand at the largest or smallest value, {longest} in a row"
        if share > _CLIPPED_SHARE:
            raise Refusal("clipped", f"the signal is clipped: {text}")
        notes.append(Note("clipped", f"the signal may be clipped: {text}"))
    rms = float(x.std())
    si = {"m/s²": 1.0, "g_n": 9.80665}.get(unit or "")
    if unit is None:
        notes.append(
            Note("unit-unknown", f"channel {column!r} names no unit: rms is in the unit of the file")
        )
    elif si is not None and not _PLAUSIBLE[0] <= rms * si <= _PLAUSIBLE[1]:
        notes.append(
            Note("unit-doubtful", f"rms is {rms:.3g} {unit}, which no running machine shows: check the unit")
        )
    return x, notes


def rotation(
    record: Table,
    count: int,
    rate_hz: float,
    *,
    speed_rpm: float | None,
    speed_uncertainty: float,
    tacho: str | None,
    pulses_per_turn: int,
) -> Rotation:
    """How the shaft turned: by a tacho, by a speed channel, or at the stated constant speed.

    Raises
    ------
    BadInput : nothing says it, two say different things, or a tacho without pulses
    """
    duration = count / rate_hz
    if tacho is not None:
        pulses = rising_edges(signals(record, channel_columns(record, [tacho], ["tacho"], None))[0])
        if len(pulses) < 3:
            raise BadInput(
                f"{len(pulses)} pulses",
                where=f"{record.name}, column {tacho!r}",
                right="a pulse or more in each turn is wanted",
            )
        seconds, angle = pulses / rate_hz, np.arange(len(pulses)) / pulses_per_turn
        turning = _turning(seconds, angle, 2 / len(pulses) / max(1.0, float(np.median(np.diff(pulses)))))
    elif record.has("speed_rpm"):
        hertz = record.floats("speed_rpm") / 60
        if (hertz <= 0).any():
            raise BadInput(
                "the shaft stands still or turns back",
                where=f"{record.name}, column 'speed_rpm', row {int(np.argmax(hertz <= 0)) + 1}",
                right="a speed above zero throughout is wanted",
            )
        seconds = np.arange(count) / rate_hz
        turning = _turning(seconds, np.cumsum(hertz) / rate_hz, speed_uncertainty)
    elif speed_rpm is None:
        raise BadInput(
            "the speed of the shaft is not known",
            where=record.name,
            right="give speed_rpm, or a tacho channel; it is not guessed from the record",
        )
    else:
        return Rotation(speed_rpm / 60, speed_rpm / 60 * duration, speed_uncertainty)
    allowed = speed_uncertainty + turning.uncertainty
    if speed_rpm is not None and abs(60 * turning.shaft_hz / speed_rpm - 1) > max(allowed, 0.02):
        raise BadInput(
            f"the record turns at {60 * turning.shaft_hz:.6g} rpm, and speed_rpm = {speed_rpm:g}",
            where=record.name,
            right="leave speed_rpm out, or correct speed_rpm or pulses_per_turn",
        )
    return turning


def _turning(seconds: Floats, angle: Floats, uncertainty: float) -> Rotation:
    turns = float(angle[-1] - angle[0])
    return Rotation(turns / float(seconds[-1] - seconds[0]), turns, uncertainty, seconds, angle)


def rising_edges(pulses: Floats) -> Floats:
    """Where a pulse train rises through its middle, in samples, interpolated; noise of a quarter is let pass."""
    low, high = np.quantile(pulses, (0.01, 0.99))
    if not high > low:  # pulses narrower than a hundredth of a turn
        low, high = float(pulses.min()), float(pulses.max())
    middle, band = (low + high) / 2, (high - low) / 8
    state = np.where(pulses > middle + band, 1, np.where(pulses < middle - band, -1, 0))
    known = np.flatnonzero(state)
    rises = known[1:][(state[known][1:] == 1) & (state[known][:-1] == -1)]
    after = np.array([r for r in rises if r > 0], dtype=np.intp)
    before = after - 1
    step = pulses[after] - pulses[before]
    edges: Floats = before + np.clip((middle - pulses[before]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
    return edges
