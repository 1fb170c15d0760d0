"""A face: the cycles of its supports, opened for screens.

The first opening counts the shears, makes the tiles of `recore.fleet.tiles` and, beside them, an index of the cycle tables: where each
leg's cycles lie and when they begin. After that the newest cycles of a moment, the cycles of one leg and any tile cost
a few reads, however long the record is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.fleet.tiles import MAX_SUPPORTS, MEASURES, Rows, Tiles, write

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("support", "leg", "start", "end")
BARS = ("setting_mpa", "final_mpa", "twap_mpa", "max_mpa")
MOST_CYCLES = 2_000
_MS = 1_000
_GROUP = 16_384  # rows of a row group that one look reads

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Columns(Mapping[str, Floats]):
    """Columns of a table as float64, NaN where empty; each is read when it is asked for and not kept."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path, self._names = path, names

    def __getitem__(self, name: str) -> Floats:
        if name not in self._names:
            raise KeyError(name)
        return _floats(_column(self._path, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _column(path: Path, name: str) -> pa.ChunkedArray:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=[name]).column(0)


def _floats(column: pa.ChunkedArray) -> Floats:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), np.float64)


def _integers(path: Path, name: str) -> Integers:
    import pyarrow as pa
    import pyarrow.compute as pc

    column = _column(path, name)
    if pa.types.is_timestamp(column.type):
        column = pc.cast(pc.cast(column, pa.timestamp("us", column.type.tz)), pa.int64())
    if column.null_count:
        raise BadInput("an empty cell", where=f"{path.name}, column {name}", right="every cycle has it")
    return np.asarray(column.to_numpy(), np.int64)


def _names(path: Path, wanted: Sequence[str]) -> set[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"is not whole Parquet ({error})", where=path.name) from None
    if missing := [name for name in wanted if name not in names]:
        raise BadInput(
            f"no column {', '.join(missing)}", where=path.name, right="a table as support.cycles writes it"
        )
    return names


def _ordered(folder: Path, path: Path, keys: Sequence[str]) -> Path:
    """The table itself where it is sorted by its keys and its row groups are small, else a copy in the folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [_integers(path, key) for key in keys]
    same = np.ones(max(len(columns[0]) - 1, 0), bool)
    for column in columns:
        step = np.diff(column)
        if (step[same] < 0).any():
            break
        same &= step == 0
    else:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            if all(metadata.row_group(i).num_rows <= 4 * _GROUP for i in range(metadata.num_row_groups)):
                return path
            copy = folder / path.name
            with pq.ParquetWriter(copy, file.schema_arrow, compression="zstd") as sink:
                for batch in file.iter_batches(_GROUP):
                    sink.write_batch(batch, row_group_size=_GROUP)
        return copy
    order = np.lexsort(columns[::-1])
    copy = folder / path.name
    table = pq.read_table(path).take(pa.array(order))
    pq.write_table(table, copy, compression="zstd", row_group_size=_GROUP)
    return copy


def prepare(
    folder: Path,
    cycles: Path,
    support_cycles: Path | None = None,
    *,
    progress: Callable[[float], None] = lambda share: None,
) -> Face:
    """Open a face; what its screens need is made in `folder` where it is not there yet.

    Parameters
    ----------
    folder : of this face alone, named after the content of its tables
    cycles : table as `cycles.parquet` of support.cycles
    support_cycles : table as `support_cycles.parquet`, if there is one

    Raises
    ------
    BadInput : a table without the columns of a cycle table, or without a row
    """
    found = Face.open(folder, cycles, support_cycles)
    if found is not None:
        return found
    names = _names(cycles, [*KEYS, *BARS])
    if _rows(cycles) == 0:
        raise BadInput("no complete cycle", where=cycles.name, right="a log with complete cycles is wanted")
    pair_names = set() if support_cycles is None else _names(support_cycles, ["support", "start", "end"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sorted.", dir=folder.parent) as scratch:
        legs_at = _ordered(Path(scratch), cycles, KEYS[:3])
        support = _integers(legs_at, "support")
        leg = _integers(legs_at, "leg")
        numbers, place = np.unique(support, return_inverse=True)
        if len(numbers) > MAX_SUPPORTS:
            raise BadInput(
                f"{len(numbers)} supports", where=cycles.name, right=f"a face has at most {MAX_SUPPORTS}"
            )
        start, end = _integers(legs_at, "start"), _integers(legs_at, "end")
        if "shear" in names:
            shear = _shear_column(legs_at)
        else:
            shear = _counted(support, leg, start, end)
        columns = [n for n, m in MEASURES.items() if m.legs and n in names]
        rows = Rows(place, start // _MS, end // _MS, shear, _Columns(legs_at, columns))
        pairs, pairs_at, pair_index = None, None, None
        if support_cycles is not None and _rows(support_cycles):
            pairs_at = _ordered(Path(scratch), support_cycles, ("support", "start"))
            pairs, pair_index = _pairs(pairs_at, pair_names, numbers, support, start, shear)
        leg_count = _leg_count(place, leg, len(numbers))

        def extra(draft: Path) -> dict[str, Any]:
            keys = np.flatnonzero(
                (np.diff(support, prepend=support[0] - 1) != 0) | (np.diff(leg, prepend=0) != 0)
            )
            groups = np.stack(
                [support[keys], leg[keys], keys, np.diff(np.append(keys, len(support)))], axis=1
            )
            np.save(draft / "legs-groups.npy", groups)
            np.save(draft / "legs-start.npy", start)
            np.save(draft / "legs-end.npy", end)
            if shear is not None:
                np.save(draft / "legs-shear.npy", shear.astype(np.int32))
            for name in BARS:
                np.save(draft / f"legs-{name}.npy", _floats(_column(legs_at, name)).astype(np.float32))
            ends = np.append(keys[1:], len(support)) - 1
            _save_rows(draft / "newest.parquet", legs_at, ends)
            if pair_index is not None and pairs_at is not None:
                last = pair_index[0][:, 1] + pair_index[0][:, 2] - 1
                _save_rows(draft / "newest_supports.parquet", pairs_at, last)
            for name, at in (("cycles", legs_at), ("support_cycles", pairs_at)):
                if at is not None and at.parent == Path(scratch):
                    at.rename(draft / f"{name}.parquet")
            if pair_index is not None:
                np.save(draft / "pairs-groups.npy", pair_index[0])
                np.save(draft / "pairs-start.npy", pair_index[1])
            return {"cycles": len(support)}

        write(folder, numbers, rows, pairs, leg_count=leg_count, progress=progress, extra=extra)
    found = Face.open(folder, cycles, support_cycles)
    assert found is not None
    return found


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _leg_count(place: Integers, leg: Integers, count: int) -> Integers:
    """Legs of each support; the tables are sorted by support and leg."""
    new = (np.diff(place, prepend=-1) != 0) | (np.diff(leg, prepend=leg[0] - 1) != 0)
    return np.bincount(place[new], minlength=count).astype(np.int64)


def _shear_column(path: Path) -> Integers:
    values = _floats(_column(path, "shear"))
    return np.where(np.isfinite(values), values, -1).astype(np.int64)


def _counted(support: Integers, leg: Integers, start: Integers, end: Integers) -> Integers:
    """Shear number of each leg cycle."""
    import pyarrow as pa

    from recore.metrology.support.shears import shears

    utc = pa.timestamp("us", "UTC")
    times = {"start": pa.array(start).cast(utc), "end": pa.array(end).cast(utc)}
    return shears(pa.table({"support": support, "leg": leg, **times})).row_shear


def _pairs(
    path: Path, names: set[str], numbers: Integers, support: Integers, start: Integers, shear: Integers | None
) -> tuple[Rows, tuple[Integers, Integers]]:
    """Support cycles as rows, with the shear of the leg cycle that begins with them, and their index."""
    own = _integers(path, "support")
    begin, end = _integers(path, "start"), _integers(path, "end")
    place = np.searchsorted(numbers, own)
    known = (place < len(numbers)) & (numbers[np.minimum(place, len(numbers) - 1)] == own)
    if not known.all():
        raise BadInput("a support without leg cycles", where=path.name, right="both tables of one finding")
    of_pair = None
    if shear is not None:
        order = np.lexsort((start, support))
        by_time, key = start[order], support[order]
        # one sorted key of support and time: ranks of the supports, so that nothing overflows
        span = int(max(by_time.max(), begin.max()) - min(by_time.min(), begin.min())) + 1
        low = int(min(by_time.min(), begin.min()))
        at = np.searchsorted(
            np.searchsorted(numbers, key).astype(np.float64) * span + (by_time - low),
            place.astype(np.float64) * span + (begin - low),
            side="right",
        )
        of_pair = shear[order][np.maximum(at - 1, 0)]
    groups = np.flatnonzero(np.diff(own, prepend=own[0] - 1) != 0)
    index = np.stack([own[groups], groups, np.diff(np.append(groups, len(own)))], axis=1)
    columns = [n for n, m in MEASURES.items() if not m.legs and n in names]
    return Rows(place, begin // _MS, end // _MS, of_pair, _Columns(path, columns)), (index, begin)


@dataclass(frozen=True)
class Face:
    """An opened face. Times are µs since 1970 UTC, supports and legs their own numbers."""

    tiles: Tiles
    cycles_at: Path
    support_cycles_at: Path | None

    @classmethod
    def open(cls, folder: Path, cycles: Path, support_cycles: Path | None = None) -> Face | None:
        """A face that was prepared before; None where it was not."""
        tiles = Tiles.open(folder)
        if tiles is None:
            return None
        own, pairs = folder / "cycles.parquet", folder / "support_cycles.parquet"
        return cls(tiles, own if own.exists() else cycles, pairs if pairs.exists() else support_cycles)

    @property
    def supports(self) -> list[int]:
        return list(self.tiles.about["supports"])

    @property
    def span(self) -> tuple[int, int]:
        """First start and last end of a cycle, µs."""
        return self.tiles.about["from_ms"] * _MS, self.tiles.about["to_ms"] * _MS

    @property
    def count(self) -> int:
        """Leg cycles in all."""
        return int(self.tiles.about["cycles"])

    def _load(self, name: str) -> Any:
        return np.load(self.tiles.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    @cached_property
    def _groups(self) -> Integers:
        return np.array(self._load("legs-groups"))

    def legs(self, support: int) -> list[int]:
        """Legs of a support.

        Raises
        ------
        BadInput : no such support
        """
        found = self._groups[self._groups[:, 0] == support]
        if not len(found):
            raise BadInput(f"no support {support}", right=f"one of {self.supports[0]} to {self.supports[-1]}")
        return [int(row[1]) for row in found]

    def newest(self, at: int | None = None) -> dict[str, NDArray[Any]]:
        """The cycle of each leg that began last, at or before a moment [µs]; one row per leg, by support and leg.

        `start` and `end` in µs, start = -1 where a leg has none yet; `next`, the start of the cycle after it, -1 where
        the record has none; and the pressures of `BARS`.
        """
        starts = self._load("legs-start")
        rows, after = [], []
        for _, _, first, count in self._groups.tolist():
            if at is None:
                rows.append(first + count - 1)
            else:
                found = int(np.searchsorted(starts[first : first + count], at, side="right"))
                rows.append(first + found - 1 if found else -1)
            after.append(int(starts[rows[-1] + 1]) if 0 <= rows[-1] < first + count - 1 else -1)
        place = np.array(rows, np.int64)
        known = place >= 0
        told: dict[str, NDArray[Any]] = {
            "support": self._groups[:, 0],
            "leg": self._groups[:, 1],
            "row": place,
        }
        told["next"] = np.array(after, np.int64)
        for name in ("start", "end"):
            told[name] = np.where(known, self._load(f"legs-{name}")[np.maximum(place, 0)], -1)
        for name in BARS:
            told[name] = np.where(known, self._load(f"legs-{name}")[np.maximum(place, 0)], np.nan)
        return told

    def cycles(
        self,
        support: int,
        leg: int | None = None,
        *,
        window: tuple[int, int] | None = None,
        most: int = MOST_CYCLES,
    ) -> pa.Table:
        """Leg cycles of a support that begin within a window [µs], by leg and time: the last `most` of each leg."""
        import pyarrow as pa

        self.legs(support)
        starts = self._load("legs-start")
        found = []
        for number, of, first, count in self._groups.tolist():
            if number == support and leg in (None, of):
                begin, end = 0, count
                if window is not None:
                    begin, end = np.searchsorted(starts[first : first + count], window).tolist()
                begin = max(begin, end - most)
                table = _slice(self.cycles_at, first + begin, first + end)
                if (self.tiles.folder / "legs-shear.npy").exists() and "shear" not in table.column_names:
                    shear = np.array(self._load("legs-shear")[first + begin : first + end])
                    table = table.append_column("shear", pa.array(shear, pa.int32(), mask=shear < 0))
                found.append(table)
        return pa.concat_tables(found) if found else _slice(self.cycles_at, 0, 0)

    def support_cycles(
        self, support: int, *, window: tuple[int, int] | None = None, most: int = MOST_CYCLES
    ) -> pa.Table | None:
        """Support cycles that begin within a window [µs]: the last `most`; None where the face has no such table."""
        if self.support_cycles_at is None or not (self.tiles.folder / "pairs-groups.npy").exists():
            return None
        starts = self._load("pairs-start")
        for number, first, count in self._load("pairs-groups").tolist():
            if number == support:
                begin, end = 0, count
                if window is not None:
                    begin, end = np.searchsorted(starts[first : first + count], window).tolist()
                return _slice(self.support_cycles_at, first + max(begin, end - most), first + end)
        return _slice(self.support_cycles_at, 0, 0)

    def newest_rows(self) -> tuple[pa.Table, pa.Table | None]:
        """The last cycle of each leg with all its columns, and the last support cycle of each support, if any."""
        import pyarrow.parquet as pq

        folder = self.tiles.folder
        pairs = folder / "newest_supports.parquet"
        return pq.read_table(folder / "newest.parquet"), pq.read_table(pairs) if pairs.exists() else None


def _save_rows(target: Path, path: Path, places: Integers) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_taken(path, places), target)


def _groups_of(path: Path) -> tuple[Any, Integers]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    return file, np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]) if sizes else np.zeros(1, np.int64)


def _slice(path: Path, begin: int, end: int) -> pa.Table:
    """Rows [begin, end) of a Parquet file; only the row groups that hold them are read."""
    file, edges = _groups_of(path)
    with file:
        groups = [i for i in range(len(edges) - 1) if edges[i] < end and begin < edges[i + 1]]
        if not groups or end <= begin:
            return file.schema_arrow.empty_table()
        return file.read_row_groups(groups).slice(begin - int(edges[groups[0]]), end - begin)


def _taken(path: Path, places: Integers) -> pa.Table:
    """Rows of a Parquet file by their numbers; one row group is in memory at a time."""
    import pyarrow as pa

    file, edges = _groups_of(path)
    order = np.argsort(places, kind="stable")
    ascending = places[order]
    found = [file.schema_arrow.empty_table()]
    with file:
        group = np.searchsorted(edges, ascending, side="right") - 1
        for i in np.unique(group).tolist():
            within = ascending[group == i] - edges[i]
            found.append(file.read_row_group(i).take(pa.array(within)))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pa.concat_tables(found).take(pa.array(back))
