"""A short piece of a raw pressure record, read back for one support: only the row groups that can hold it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence import EvidenceFile, Table

LONG = ("ts", "support", "leg", "pressure_mpa")
MAX_ROWS = 4_000_000
MAX_TEXT_BYTES = 64 * 2**20
MAX_SAMPLES = 400_000
_WIDE = tuple(f"leg{leg}_mpa" for leg in (1, 2, 3, 4))
_US = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass
class Record:
    """Samples of the legs of one support: times [µs] and pressures [MPa] by leg, in the order of time.

    `unread` names what was not looked at, and why.
    """

    legs: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    rows_read: int = 0


def record(files: Iterable[EvidenceFile], support: int, window: tuple[int, int]) -> Record:
    """The samples of a support from `window[0]` to `window[1]` [µs, inclusive].

    Row groups of a Parquet file are left out where its own statistics say that they hold another support or another
    time; at most `MAX_ROWS` rows are read in all. A text file is read from its beginning, up to `MAX_TEXT_BYTES`.
    """
    found = Record()
    pieces: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
    for file in files:
        try:
            _read(file, support, window, found, pieces)
        except BadInput as error:
            found.unread.append(str(error))
    for leg, parts in sorted(pieces.items()):
        ts, p = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        order = np.argsort(ts, kind="stable")[:MAX_SAMPLES]
        found.legs[leg] = (ts[order], p[order])
    return found


def _read(
    file: EvidenceFile,
    support: int,
    window: tuple[int, int],
    found: Record,
    pieces: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float64]]]],
) -> None:
    table: Table = file.read(Table)
    parquet = file.path if file.media_type.endswith("parquet") else None
    if parquet is None and file.size > MAX_TEXT_BYTES:
        found.unread.append(
            f"{file.name}: text of more than {MAX_TEXT_BYTES // 2**20} MiB is not searched for a look"
        )
        return
    if not table.has("ts", "time") or not table.has("support", "integer"):
        found.unread.append(f"{file.name}: no columns ts and support")
        return
    long = table.has("leg", "integer")
    pressures = ["pressure_mpa"] if long else [name for name in _WIDE if table.has(name)]
    if not pressures or not table.has(pressures[0]):
        found.unread.append(f"{file.name}: no column of pressures")
        return
    names = ["ts", "support", *(["leg"] if long else []), *pressures]
    kinds: dict[str, Any] = {"ts": "time", "support": "integer"} | ({"leg": "integer"} if long else {})
    wanted = None if parquet is None else _groups(parquet, support, window)
    for part in table.parts():
        if wanted is not None and part.index not in wanted:
            continue
        if found.rows_read >= MAX_ROWS:
            found.unread.append(f"{file.name}: more than {MAX_ROWS} rows would have to be read")
            return
        for batch in part.batches(names, kinds, check=False):
            found.rows_read += batch.num_rows
            _pick(batch, long, pressures, support, window, pieces)
            if found.rows_read >= MAX_ROWS:
                break


def _pick(
    batch: Any,
    long: bool,
    pressures: list[str],
    support: int,
    window: tuple[int, int],
    pieces: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float64]]]],
) -> None:
    ts = batch.column(0).to_numpy(zero_copy_only=False).astype("datetime64[us]").view(np.int64)
    own = batch.column(1).to_numpy(zero_copy_only=False)
    good = (own == support) & (ts >= window[0]) & (ts <= window[1])
    if not good.any():
        return
    leg = batch.column(2).to_numpy(zero_copy_only=False)[good] if long else None
    for number, name in enumerate(pressures):
        p = batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)[good]
        if leg is None:
            of = int(name[3])
            known = np.isfinite(p)
            pieces.setdefault(of, []).append((ts[good][known], p[known].astype(np.float64)))
            continue
        assert number == 0
        for of in np.unique(leg).tolist():
            mine = (leg == of) & np.isfinite(p)
            pieces.setdefault(int(of), []).append((ts[good][mine], p[mine].astype(np.float64)))


def _groups(path: Path, support: int, window: tuple[int, int]) -> set[int]:
    """Row groups whose statistics do not rule out the support and the window."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        metadata, schema = file.metadata, file.schema_arrow
    places = {name.strip().casefold(): at for at, name in enumerate(schema.names)}
    found = set()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        possible = True
        for name, low, high in (("support", support, support), ("ts", *window)):
            if name not in places or metadata.num_columns != len(schema.names):
                continue
            told = row_group.column(places[name]).statistics
            if told is None or not told.has_min_max:
                continue
            least, most = (v if name == "support" else _plain(v) for v in (told.min, told.max))
            if isinstance(least, int) and isinstance(most, int) and (most < low or high < least):
                possible = False
        if possible:
            found.add(group)
    return found


def _plain(value: Any) -> int | None:
    """An instant of a statistic in µs; None where it is something else."""
    try:
        return int(np.datetime64(value.replace(tzinfo=None), "us").astype(np.int64))
    except (AttributeError, ValueError, TypeError):
        return None
