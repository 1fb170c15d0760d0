"""Tiles of a face: support × time and support × shear at several zooms, made once from the cycle tables.

A value of a tile is the mean over the cycles that stand in it, weighted by the time for which they stand there. Sums
are kept as whole numbers (milliseconds, and steps of the measure), so that a coarse tile is exactly the mean of the
fine ones below it and the order of the cycles does not matter.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput

FORMAT = 1
MAX_CELLS = 4_000_000
TIME, SHEAR = "time", "shear"
STEPS_S = (300, 900, 3600, 14_400, 86_400, 604_800, 2_419_200, 31_449_600)
SHEAR_STEPS = (1, 4, 16, 32, 128, 512)
MAX_SUPPORTS = 5_000
MOST = (300, 400)  # supports and columns of one tile
_EDGES = (0.0, 0.02, 0.5, 0.98, 1.0)

Floats = NDArray[Any]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """What a map can show: a column of the leg cycles or of the support cycles.

    `step` is the smallest difference that is kept, in `unit`; `pressure` can also be shown as a share of yield.
    """

    name: str
    unit: str
    step: float
    legs: bool = True
    pressure: bool = False


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("twap_mpa", "MPa", 1e-4, pressure=True),
        Measure("setting_mpa", "MPa", 1e-4, pressure=True),
        Measure("revised_mpa", "MPa", 1e-4, pressure=True),
        Measure("final_mpa", "MPa", 1e-4, pressure=True),
        Measure("max_mpa", "MPa", 1e-4, pressure=True),
        Measure("yield_events", "1", 1e-3),
        Measure("leak_mpa_per_min", "MPa/min", 1e-6),
        Measure("adequate", "1", 1e-3, legs=False),
        Measure("imbalance", "1", 1e-4, legs=False),
        Measure("low_s", "s", 1e-1),
        Measure("attempts", "1", 1e-3),
        Measure("idle", "1", 1e-4),
    )
}


@dataclass(frozen=True)
class Rows:
    """Cycles as arrays: place of the support, start and end [ms], shear (None: not told), values by measure."""

    support: Integers
    start: Integers
    end: Integers
    shear: Integers | None
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class Grid:
    """One axis cut into cells of equal width at one zoom."""

    step: int
    columns: int


@dataclass(frozen=True)
class Tile:
    """Values [supports, columns], NaN where no cycle stands; `first` is the axis value at the left edge of column 0."""

    measure: Measure
    axis: str
    values: NDArray[np.float32]
    supports: Integers
    first: int
    step: int


def time_sums(rows: Rows, name: str, first: int, step: int, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Milliseconds, and steps × milliseconds, that the cycles spend in each cell; [supports, columns] each.

    A cycle adds to the cell of its start, to that of its end, and to all in between by one difference, so that the
    work is one pass whatever the length of a cycle.
    """
    measure = MEASURES[name]
    good = np.isfinite(rows.values[name]) & (rows.end > rows.start)
    support, start, end = rows.support[good], rows.start[good] - first, rows.end[good] - first
    value = np.rint(rows.values[name][good] / measure.step)
    count, columns = shape
    one, other = start // step, (end - 1) // step
    inside = one == other
    width = columns + 1
    place, last = support * width + one, support * width + other
    head = np.where(inside, end - start, (one + 1) * step - start).astype(np.float64)
    tail = np.where(inside, 0, end - other * step).astype(np.float64)
    size = count * width
    spans = ~inside

    def added(weight: Floats, of_head: Floats, of_tail: Floats) -> Floats:
        total = np.bincount(place, of_head, size) + np.bincount(last, of_tail, size)
        opened = np.bincount(place[spans] + 1, weight[spans], size)
        closed = np.bincount(last[spans], weight[spans], size)
        total += np.cumsum((opened - closed).reshape(count, width), axis=1).ravel() * step
        return total.reshape(count, width)[:, :columns]

    return added(np.ones(len(value)), head, tail), added(value, head * value, tail * value)


def shear_sums(rows: Rows, name: str, first: int, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """As `time_sums`, over shears: a cycle belongs to one shear with its whole time."""
    assert rows.shear is not None
    measure = MEASURES[name]
    good = np.isfinite(rows.values[name]) & (rows.end > rows.start) & (rows.shear >= first)
    place = rows.support[good] * shape[1] + rows.shear[good] - first
    weight = (rows.end[good] - rows.start[good]).astype(np.float64)
    value = np.rint(rows.values[name][good] / measure.step)
    size = shape[0] * shape[1]
    return (
        np.bincount(place, weight, size).reshape(shape),
        np.bincount(place, weight * value, size).reshape(shape),
    )


def coarser(sums: Floats, factor: int) -> Floats:
    """Sums of `factor` neighbouring columns each; the last may have fewer."""
    return np.add.reduceat(sums, np.arange(0, sums.shape[1], factor), axis=1)


def ladder(span: int, supports: int, steps: tuple[int, ...]) -> list[Grid]:
    """Zooms from fine to coarse: the finest keeps within `MAX_CELLS`, the coarsest has a few dozen columns."""
    steps = tuple(step for step in steps if math.ceil(span / step) * supports <= MAX_CELLS) or steps[-1:]
    grids = [Grid(step, max(math.ceil(span / step), 1)) for step in steps]
    return [grid for at, grid in enumerate(grids) if at == 0 or grid.columns >= 12]


def write(
    folder: Path,
    supports: Integers,
    legs: Rows,
    pairs: Rows | None,
    *,
    leg_count: Integers,
    progress: Callable[[float], None] = lambda share: None,
    extra: Callable[[Path], dict[str, Any]] = lambda folder: {},
) -> None:
    """Make the tiles of a face in a folder that is either whole or not there.

    Parameters
    ----------
    folder : where they will lie
    supports : numbers of the supports, ascending
    legs, pairs : leg cycles, and support cycles where there are any
    leg_count : legs of each support
    progress : is told the share done
    extra : writes further files beside them and returns what is to stand in `face.json`
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        about = _write_axes(draft, supports, legs, pairs, leg_count, progress)
        about |= extra(draft)
        (draft / "face.json").write_text(json.dumps(about), "utf-8")
        try:
            draft.rename(folder)
        except OSError:  # another process was faster
            if not (folder / "face.json").exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_axes(
    folder: Path,
    supports: Integers,
    legs: Rows,
    pairs: Rows | None,
    leg_count: Integers,
    progress: Callable[[float], None],
) -> dict[str, Any]:
    sources = {True: legs, False: pairs}
    names = [
        name
        for name, measure in MEASURES.items()
        if (source := sources[measure.legs]) is not None and name in source.values
    ]
    every = [rows for rows in (legs, pairs) if rows is not None]
    first = min(int(rows.start.min()) for rows in every) // 86_400_000 * 86_400_000
    last = max(int(rows.end.max()) for rows in every)
    axes: dict[str, Any] = {}
    steps_ms = tuple(step * 1000 for step in STEPS_S)
    axes[TIME] = (first, ladder(last - first, len(supports), steps_ms))
    sheared = [rows.shear for rows in every if rows.shear is not None and (rows.shear >= 0).any()]
    if sheared:
        low = min(int(shear[shear >= 0].min()) for shear in sheared)
        high = max(int(shear.max()) for shear in sheared)
        axes[SHEAR] = (low, ladder(high - low + 1, len(supports), SHEAR_STEPS))
    measures: dict[str, Any] = {}
    means: dict[str, Any] = {}
    done, total = 0, len(names) * len(axes) + 1
    for axis, (begin, grids) in axes.items():
        for name in names:
            found = sources[MEASURES[name].legs]
            assert found is not None
            if axis == TIME or found.shear is not None:
                scale, mean = _write_measure(folder, axis, name, found, begin, grids, len(supports))
                measures.setdefault(name, scale)
                means.setdefault(name, mean)
            done += 1
            progress(done / total)
    shape = (len(supports), axes[TIME][1][0].columns)
    measures["idle"], means["idle"] = _write_idle(folder, legs, first, last, axes[TIME][1], shape, leg_count)
    return {
        "format": FORMAT,
        "supports": supports.tolist(),
        "legs": leg_count.tolist(),
        "from_ms": int(min(rows.start.min() for rows in every)),
        "to_ms": last,
        "axes": {
            axis: {"first": begin, "grids": [[grid.step, grid.columns] for grid in grids]}
            for axis, (begin, grids) in axes.items()
        },
        "measures": measures,
        "means": means,
    }


def _write_measure(
    folder: Path, axis: str, name: str, rows: Rows, first: int, grids: list[Grid], count: int
) -> tuple[list[float], list[float | None]]:
    if axis == SHEAR:
        finest = grids[0]
        span = int(rows.shear.max()) - first + 1 if rows.shear is not None else 1
        weight, sums = shear_sums(rows, name, first, (count, max(span, 1)))
        if finest.step > 1:
            weight, sums = coarser(weight, finest.step), coarser(sums, finest.step)
    else:
        weight, sums = time_sums(rows, name, first, grids[0].step, (count, grids[0].columns))
    scale: list[float] = []
    for grid, w, s in _levels(grids, weight, sums):
        values = _mean(s, w, MEASURES[name].step)
        _save(folder, axis, grid.step, name, values)
        if not scale:
            scale = _quantiles(values)
    return scale, _told(_mean(sums.sum(axis=1), weight.sum(axis=1), MEASURES[name].step))


def _told(values: NDArray[np.float32]) -> list[float | None]:
    """Numbers as JSON has them."""
    return [float(value) if math.isfinite(value) else None for value in values]


def _levels(grids: list[Grid], weight: Floats, sums: Floats) -> Iterator[tuple[Grid, Floats, Floats]]:
    before = grids[0].step
    for grid in grids:
        if grid.step != before:
            factor = grid.step // before
            weight, sums, before = coarser(weight, factor), coarser(sums, factor), grid.step
        yield grid, weight, sums


def _mean(sums: Floats, weight: Floats, step: float) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, sums / weight * step, np.nan).astype(np.float32)


def _write_idle(
    folder: Path,
    legs: Rows,
    first: int,
    last: int,
    grids: list[Grid],
    shape: tuple[int, int],
    leg_count: Integers,
) -> tuple[list[float], list[float | None]]:
    """Share of the time within the record for which a leg of the support stands under no complete cycle."""
    ones = Rows(legs.support, legs.start, legs.end, None, {"idle": np.ones(len(legs.support))})
    loaded, _ = time_sums(ones, "idle", first, grids[0].step, shape)
    edges = first + grids[0].step * np.arange(shape[1] + 1)
    spanned = np.diff(np.clip(edges, int(legs.start.min()), last)).astype(np.float64)
    possible = leg_count[:, None] * spanned[None, :]
    scale: list[float] = []
    for grid, whole, part in _levels(grids, possible, loaded):
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(whole > 0, np.clip(1 - part / whole, 0, 1), np.nan).astype(np.float32)
        _save(folder, TIME, grid.step, "idle", values)
        if not scale:
            scale = _quantiles(values)
    whole_time = np.maximum(possible.sum(axis=1), 1.0)
    return scale, _told(np.clip(1 - loaded.sum(axis=1) / whole_time, 0, 1).astype(np.float32))


def _quantiles(values: NDArray[np.float32]) -> list[float]:
    """Lowest, 2 %, median, 98 % and highest of the cells; empty where there is none."""
    known = values[np.isfinite(values)]
    return [float(q) for q in np.quantile(known, _EDGES)] if len(known) else []


def _save(folder: Path, axis: str, step: int, name: str, values: NDArray[np.float32]) -> None:
    np.save(folder / _file(axis, step, name), values)


def _file(axis: str, step: int, name: str) -> str:
    return f"{axis}-{step}-{name}.npy"


@dataclass(frozen=True)
class Tiles:
    """The tiles of one face, opened; a tile reads only its own cells."""

    folder: Path
    about: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Tiles | None:
        """Tiles that were written before; None where there are none of this format."""
        try:
            about = json.loads((folder / "face.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return cls(folder, about) if about.get("format") == FORMAT else None

    @property
    def supports(self) -> Integers:
        return np.array(self.about["supports"], np.int64)

    @property
    def measures(self) -> list[Measure]:
        """What the maps of this face can show, in the order of `MEASURES`."""
        return [measure for name, measure in MEASURES.items() if self.about["measures"].get(name)]

    def span(self, axis: str) -> tuple[int, int]:
        """First and last value of an axis: ms, or shear numbers; the end is exclusive."""
        if axis == TIME:
            return self.about["from_ms"], self.about["to_ms"]
        grid = self._axis(axis)["grids"][0]
        first = self._axis(axis)["first"]
        return first, first + grid[0] * grid[1]

    def means(self, measure: str) -> list[float | None]:
        """Mean of a measure over the whole record, by support."""
        return list(self.about["means"][measure])

    def _axis(self, axis: str) -> dict[str, Any]:
        found = self.about["axes"].get(axis)
        if found is None:
            raise BadInput(
                f"this face has no axis {axis!r:.20}", right=f"one of {', '.join(self.about['axes'])}"
            )
        return dict(found)

    def tile(
        self,
        measure: str,
        axis: str = TIME,
        *,
        window: tuple[int, int] | None = None,
        supports: tuple[int, int] | None = None,
        most: tuple[int, int] = MOST,
    ) -> Tile:
        """Cells of a window at the finest zoom of which at most `most` = (supports, columns) are needed.

        Parameters
        ----------
        window : first and last value of the axis (ms or shears), None for all
        supports : first and last number of a support, None for all; the first `most[0]` of them are taken

        Raises
        ------
        BadInput : no such measure or axis, or nothing lies within
        """
        if not self.about["measures"].get(measure):
            known = ", ".join(m.name for m in self.measures)
            raise BadInput(f"no map of {measure!r:.40}", right=f"one of {known}")
        about = self._axis(axis)
        low, high = window or self.span(axis)
        first = about["first"]
        for step, columns in about["grids"]:
            begin, end = max((low - first) // step, 0), min(-((first - high) // step), columns)
            if end - begin <= most[1]:
                break
        end = min(end, begin + most[1])
        numbers = self.supports
        rows = np.ones(len(numbers), bool) if supports is None else _between(numbers, supports)
        chosen = np.flatnonzero(rows)[: most[0]]
        if end <= begin or not len(chosen):
            raise BadInput(
                "no cell lies within", where="window of the map", right=f"within {self.span(axis)}"
            )
        file = self.folder / _file(axis, step, measure)
        if not file.exists():
            raise BadInput(f"no map of {measure} over {axis}", right="choose the other axis")
        cells = np.load(file, mmap_mode="r", allow_pickle=False)
        values = np.array(cells[int(chosen[0]) : int(chosen[-1]) + 1, begin:end])
        return Tile(MEASURES[measure], axis, values, numbers[chosen], first + begin * step, step)


def _between(numbers: Integers, limits: tuple[int, int]) -> NDArray[np.bool_]:
    return (numbers >= limits[0]) & (numbers <= limits[1])
