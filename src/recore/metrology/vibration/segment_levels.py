"""A record as short segments, each with its levels by band and order, its speed and its load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence.signal import sampling_rate
from recore.method import Refusal
from recore.metrology.vibration.channels import Channel, vibration_channels

if TYPE_CHECKING:
    from recore.evidence import Table

Floats = NDArray[np.float64]
Kind = Literal["acceleration", "velocity"]

USABLE = 2.56
_LOADS = ("load_kw", "torque_nm", "load_pct")
_ORDER_REACH = 0.01  # of the frequency of an order, for a speed that is not quite steady


@dataclass(frozen=True)
class Line:
    """One level that is compared: a band of frequencies, or an order of the shaft.

    Parameters
    ----------
    channel : measuring position
    low, high : limits [Hz]; of an order 0
    order : multiple of the speed; 0 for a band
    """

    channel: str
    low: float
    high: float
    order: float = 0.0

    @property
    def name(self) -> str:
        """As in tables: 'x 10-1000 Hz', 'x order 23'."""
        what = f"order {self.order:g}" if self.order else f"{self.low:g}-{self.high:g} Hz"
        return f"{self.channel} {what}"


@dataclass(frozen=True)
class Run:
    """A record before it is cut.

    Parameters
    ----------
    table : the record
    channels : its vibration channels by name
    rate : sampling rate [Hz]
    load : name of the column or statement that tells the load, '' where nothing does
    """

    table: Table
    channels: dict[str, Channel]
    rate: float
    load: str


@dataclass(frozen=True)
class Segments:
    """Levels of a run.

    Parameters
    ----------
    levels : (segments, lines) r.m.s. values [m/s² or mm/s]
    speed : (segments,) [rpm]
    load : (segments,) in the unit of its column; zero where not stated
    """

    levels: Floats
    speed: Floats
    load: Floats


def open_run(
    table: Table, channels: Sequence[str] | None, unit: str | None, rate_hz: float | None, load: bool
) -> Run:
    """Channels and rate of a record; `load` says that a person states it."""
    found = {channel.name: channel for channel in vibration_channels(table, channels, unit)}
    rate = sampling_rate(table, rate_hz if table.rate_hz is None else None)
    column = next((name for name in _LOADS if table.has(name)), "")
    return Run(table, found, rate, column or ("load_kw" if load else ""))


def segments_of(
    run: Run, lines: Sequence[Line], kind: Kind, seconds: float, speed: float | None, load: float | None
) -> Segments:
    """Levels of every line in segments that follow each other without overlap.

    Parameters
    ----------
    run : the record
    lines : what is wanted
    kind : quantity of the levels
    seconds : length of a segment
    speed, load : as stated, where no column tells

    Notes
    -----
    Hann window, mean removed, energy-corrected; the other quantity by 2 pi f within the band. An order takes the two
    lines of the spectrum on either side, and 1 % of its frequency.

    Raises
    ------
    BadInput : neither column nor statement of the speed
    Refusal : `record-too-short`, not one segment
    """
    from scipy.signal.windows import hann

    length = 2 * round(seconds * run.rate / 2)
    turning = _condition(run.table, "speed_rpm", speed, length)
    if turning is None:
        raise BadInput(
            "the speed is not stated",
            where=run.table.name,
            right="a column speed_rpm, or speed_rpm=before,after",
        )
    loaded = _condition(run.table, run.load, load, length) if run.load else np.zeros(1)
    frequency = np.fft.rfftfreq(length, 1 / run.rate)
    window = hann(length, sym=False)
    scale = 2 / (length * float((window**2).sum()))
    omega = 2 * np.pi * np.where(frequency > 0, frequency, 1.0)
    columns: list[Floats] = []
    count = 0
    for channel in dict.fromkeys(line.channel for line in lines):
        source = run.channels[channel]
        signal = source.read(run.table)
        count = len(signal) // length
        if not count:
            raise Refusal(
                "record-too-short",
                f"{run.table.name}: {len(signal) / run.rate:.3g} s hold no segment of {seconds:g} s",
            )
        frames = signal[: count * length].reshape(count, length)
        power = (
            np.abs(np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * window, axis=1)) ** 2 * scale
        )
        if source.kind != kind:
            power = power * (1e6 / omega**2 if kind == "velocity" else omega**2 / 1e6)
        power[:, 0] = 0
        summed = np.concatenate([np.zeros((count, 1)), np.cumsum(power, axis=1)], axis=1)
        for line in (line for line in lines if line.channel == channel):
            low, high = _limits(line, np.broadcast_to(turning, count), run.rate / length)
            first = np.searchsorted(frequency, low - 1e-9)
            last = np.searchsorted(frequency, high - 1e-9)
            rows = np.arange(count)
            columns.append(np.sqrt(np.maximum(0.0, summed[rows, last] - summed[rows, first])))
    levels = np.stack(columns, axis=1)
    # channels come in the order of the lines only where these are sorted by channel
    order = [
        line
        for channel in dict.fromkeys(x.channel for x in lines)
        for line in lines
        if line.channel == channel
    ]
    place = [order.index(line) for line in lines]
    if not (levels > 0).all():
        dead = lines[int(np.argmax((levels[:, place] <= 0).any(axis=0)))].name
        raise Refusal("signal-dead", f"{run.table.name}: a segment holds nothing at {dead}")
    return Segments(
        levels[:, place],
        np.array(np.broadcast_to(turning[:count], count)),
        np.array(np.broadcast_to(loaded[:count] if loaded is not None else 0.0, count)),
    )


def _limits(line: Line, speed: Floats, step: float) -> tuple[Floats, Floats]:
    if not line.order:
        return np.full(len(speed), line.low), np.full(len(speed), line.high)
    centre = line.order * speed / 60
    reach = 2 * step + _ORDER_REACH * centre
    return centre - reach, centre + reach


def _condition(table: Table, name: str, stated: float | None, length: int) -> Floats | None:
    if table.has(name):
        values = table.floats(name)
        count = max(1, len(values) // length)
        whole = values[: count * length] if len(values) >= length else values
        found: Floats = whole.reshape(count, -1).mean(axis=1)
        return found
    return None if stated is None else np.array([stated])
