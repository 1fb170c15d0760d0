"""Tables of findings as derived tables, where many findings are asked about at once."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from recore import jsonio
from recore.errors import BadInput
from recore.fleet.derived import TIME, Derived

if TYPE_CHECKING:
    from recore.method import Outcome

FINDINGS = "findings"
_ROW = ("finding", "row")
_FINDINGS = pa.schema(
    [
        ("finding", pa.string()),
        ("method", pa.string()),
        ("version", pa.int64()),
        ("parameters", pa.string()),
        ("evidence", pa.string()),
        ("results", pa.string()),
    ]
)


def keep(store: Derived, outcome: Outcome, key: str) -> dict[str, int]:
    """Add the tables of a finding; what is there already is not added again.

    Each table artifact becomes the derived table METHOD_VERSION_ARTIFACT (`support_cycles_2_cycles`), with the
    columns `finding` and `row` before its own; the table `findings` says what each finding was made from. It is
    written last, so a finding that stands there is there whole.

    Parameters
    ----------
    store : where to
    outcome : finding with its artifacts
    key : names the finding by all that it depends on (`Method.cache_key`)

    Returns
    -------
    new rows of each table

    Raises
    ------
    BadInput : a column of a type or name that no table here has
    """
    finding = outcome.finding
    new: dict[str, int] = {}
    for file, data in sorted(outcome.artifacts.items()):
        table = _read(file, data)
        if table is None:
            continue
        stem = re.sub(
            r"[^a-z0-9]+", "_", f"{finding.method}_{finding.version}_{file.rsplit('.', 1)[0]}".lower()
        )
        table = _plain(table, stem)
        rows = pa.array(range(1, table.num_rows + 1), pa.int64())
        whole = table.add_column(0, "row", rows).add_column(
            0, "finding", pa.array([key] * len(rows), pa.string())
        )
        store.create(stem, whole.schema, _ROW)
        new[stem] = store.add(stem, whole)
    document = finding.json()
    words = {
        name: jsonio.canonical(document[name]).decode() for name in ("parameters", "evidence", "results")
    }
    about = {"finding": key, "method": finding.method, "version": finding.version, **words}
    store.create(FINDINGS, _FINDINGS, ("finding",))
    new[FINDINGS] = store.add(FINDINGS, pa.Table.from_pylist([about], schema=_FINDINGS))
    return new


def _read(file: str, data: bytes) -> pa.Table | None:
    if file.endswith(".parquet"):
        import pyarrow.parquet as pq

        return pq.read_table(io.BytesIO(data))
    if file.endswith(".csv"):
        from pyarrow import csv

        return csv.read_csv(io.BytesIO(data))
    return None


def _plain(table: pa.Table, name: str) -> pa.Table:
    """Columns in the types that derived tables have; lists as JSON text."""
    columns: dict[str, Any] = {}
    for column, field in zip(table.columns, table.schema, strict=True):
        kind = field.type
        if pa.types.is_timestamp(kind):
            column = column.cast(TIME) if kind.tz else column.cast(pa.timestamp("us")).cast(TIME)
        elif pa.types.is_boolean(kind):
            pass
        elif pa.types.is_integer(kind):
            column = column.cast(pa.int64())
        elif pa.types.is_floating(kind):
            column = column.cast(pa.float64())
        elif pa.types.is_nested(kind):
            texts = [
                None if value is None else jsonio.canonical(value).decode() for value in column.to_pylist()
            ]
            column = pa.chunked_array([pa.array(texts, pa.string())])
        else:
            try:
                column = column.cast(pa.string())
            except pa.ArrowException:
                raise BadInput(
                    f"column {field.name!r} holds {kind}", where=name, right="plain columns"
                ) from None
        columns[field.name] = column
    return pa.table(columns)
