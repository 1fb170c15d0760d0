"""Sampled signals out of a table: which channels, at which rate, in which unit.

A file that does not say its rate or its channels is asked for both; nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from recore.errors import BadInput
from recore.evidence.column import find, folded, units_of
from recore.evidence.table import Table
from recore.quantity import unit_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNEVEN = 0.5  # of a step
_DISAGREE = 1e-4


def sampling_rate(table: Table, given: float | None = None, columns: Sequence[str] | None = None) -> float:
    """Samples per second.

    Parameters
    ----------
    table : the record
    given : rate that a person states [Hz], None where the file has to say it
    columns : channels that are meant, where the channels of a file may differ in rate; None means all

    Returns
    -------
    The rate of the file (its header, or its column `time`), else the given one [Hz]

    Raises
    ------
    BadInput : neither is there, they contradict each other, or the times are not equally spaced
    """
    stated = table.rate_hz
    if columns is not None:
        own = {table.rate_of(name) for name in columns}
        stated = own.pop() if len(own) == 1 else None
    if stated is None and columns is None and len(table.rates_hz) > 1:
        return _one_of(table, given)
    if stated is None:
        stated = _rate_of_times(table)
    if stated is None:
        if given is None:
            raise BadInput(
                "the file does not say how fast it was sampled",
                where=table.name,
                right="give rate_hz, or a column time_s",
            )
        return given
    if given is None:
        return stated
    if abs(stated - given) > _DISAGREE * stated:
        raise BadInput(
            f"the file says {stated:.9g} Hz, and rate_hz = {given:.9g}",
            where=table.name,
            right="leave rate_hz out, or correct the file",
        )
    return stated


def channel_columns(
    table: Table, channels: Sequence[str] | None, expected: Sequence[str], unit: str | None
) -> list[str]:
    """Columns to ask a table for, each in `unit`.

    Parameters
    ----------
    table : the record
    channels : channel map of a person: a name as in the file or a number from 1 for each expected column, in
        their order; None where the columns carry the expected names
    expected : the names that the method knows them by, as in 'p1_um'
    unit : unit that the values are wanted in; None takes them as they are

    Returns
    -------
    Names that `Table.floats` and `Table.batches` convert from; a mapped column without a unit is taken to be
    in `unit`, as its map says

    Raises
    ------
    BadInput : a column is missing, mapped twice, or in a unit of another kind
    """
    if channels is None:
        missing = [name for name in expected if not table.has(name)]
        if missing:
            raise BadInput(
                f"no column {missing[0]!r}",
                where=table.name,
                right=f"name the columns {', '.join(expected)}, or give channels; there are: "
                f"{', '.join(table.columns[:40])}",
            )
        return list(expected)
    if len(channels) != len(expected):
        raise BadInput(
            f"{len(channels)} channels are mapped",
            where="channels",
            right=f"{len(expected)} are wanted, for {', '.join(expected)}",
        )
    found = []
    for word in channels:
        name = word.strip()
        if name not in table.columns:
            name = _meant(table.columns, name)
        column = find(table.columns, name, "float", table.name)
        stem, units = units_of(column.stored)
        if unit and not units and stem != column.stored and column.stored[-1:] in "])":
            raise BadInput(
                f"is in a unit that is not known, where {unit_of(unit)} is wanted",
                where=f"{table.name}, column {column.stored!r}",
                right="convert it, or name the column without its unit",
            )
        found.append(f"{stem} [{unit_of(unit)}]" if unit and units else column.stored)
    if twice := sorted({name for name in found if found.count(name) > 1}):
        raise BadInput(f"channel {twice[0]!r} is mapped twice", where="channels", right="map each once")
    return found


def _meant(columns: Sequence[str], word: str) -> str:
    """The column that a number from 1 or a name without its unit means; the word itself where none is."""
    if word.isdigit() and 1 <= int(word) <= len(columns):
        return columns[int(word) - 1]
    bare = [name for name in columns if folded(units_of(name)[0]) == folded(word)]
    return bare[0] if len(bare) == 1 else word


def signals(table: Table, columns: Sequence[str]) -> NDArray[np.float64]:
    """Whole channels; float64 [channel, sample]."""
    import numpy as np

    return np.ascontiguousarray(np.concatenate(list(signal_blocks(table, columns)), axis=1))


def signal_blocks(table: Table, columns: Sequence[str], rows: int = 2**17) -> Iterator[NDArray[np.float64]]:
    """The channels block after block, so that a long record never lies in memory; float64 [channel, rows]."""
    import numpy as np

    for batch in table.batches(list(columns), rows=rows):
        yield np.stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])


def calibrated(table: Table, columns: Sequence[str], factor: float, unit: str) -> Table:
    """The record with some channels in the unit of what was measured: a sound file holds fractions of full
    scale, an amplifier gives volts.

    Parameters
    ----------
    table : the record
    columns : channels that were measured by the same chain
    factor : how much of `unit` one of the values in the file stands for: a sensor of 100 mV/g in a channel in
        V gives 10, a recorder of ±5 V full scale before it 50
    unit : unit of what was measured

    Returns
    -------
    A table whose channels keep their bare name, carry `unit` and are multiplied as they are read

    Raises
    ------
    BadInput : no such channel, a factor that is no positive number, or a unit that is not known
    """
    from recore.evidence.calibrated_table import CalibratedSource

    return Table(CalibratedSource.over(table.source, columns, factor, unit))


def _one_of(table: Table, given: float | None) -> float:
    listed = " and ".join(f"{rate:.9g} Hz" for rate in table.rates_hz[:8])
    if given is None:
        raise BadInput(
            f"the file states the rates {listed}",
            where=table.name,
            right="give rate_hz as it holds for the channels that are taken",
        )
    if all(abs(rate - given) > _DISAGREE * rate for rate in table.rates_hz):
        raise BadInput(
            f"the file states the rates {listed}, and rate_hz = {given:.9g}",
            where=table.name,
            right="give one of these",
        )
    return given


def _rate_of_times(table: Table) -> float | None:
    import numpy as np

    name = next((name for name in ("time_s", "t_s") if table.has(name)), None)
    if name is None:
        return None
    t = table.floats(name)
    if len(t) < 2:
        return None
    step = (t[-1] - t[0]) / (len(t) - 1)
    if not step > 0:
        raise BadInput(
            "the times do not rise", where=f"{table.name}, column {name!r}", right="rising times are wanted"
        )
    off = np.abs(np.diff(t) - step)
    row = int(off.argmax())
    # times are printed with few digits; a sample that is missing or stands twice is off by a whole step
    if off[row] > _UNEVEN * step:
        raise BadInput(
            f"the step is {off[row] / step:.3g} of a step off the mean one",
            where=f"{table.name}, column {name!r}, row {row + 2}",
            right="equally spaced samples are wanted; give an angle or a tacho column where the speed varies",
        )
    return float(1 / step)
