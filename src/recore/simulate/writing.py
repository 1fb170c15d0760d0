"""What a simulator made, and how it becomes files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import pyarrow as pa

from recore.atomic import replacing, write_bytes
from recore.errors import BadInput

FileFormat = Literal["csv", "parquet"]
T = TypeVar("T")


@dataclass(frozen=True)
class Simulated:
    """Records with the truth about them.

    Parameters
    ----------
    records : by name of their file, without ending
    truth : parameters and drawn values; `synthetic` is true
    tables : truth in rows, by name of their file, without ending; always written as CSV
    """

    records: Mapping[str, pa.Table]
    truth: Mapping[str, Any]
    tables: Mapping[str, pa.Table]

    def write(
        self,
        folder: Path,
        *,
        file_format: FileFormat = "csv",
        progress: Callable[[float, str], None] | None = None,
    ) -> list[Path]:
        """Write records and truth, each file whole or not at all; the truth comes last.

        Parameters
        ----------
        folder : made where it is not there
        file_format : of the records
        progress : told the share that is done
        """
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for number, (name, table) in enumerate(self.records.items()):
            if progress:
                progress(number / len(self.records), f"writing {name}")
            written.append(_write_table(folder / f"{name}.{file_format}", table))
        written += [_write_table(folder / f"{name}.csv", table) for name, table in self.tables.items()]
        return [*written, write_truth(folder, self.truth)]


def filled(kind: type[T], given: Mapping[str, str]) -> T:
    """A dataclass of parameters from words, the rest by default.

    Parameters
    ----------
    kind : dataclass whose fields say what is wanted
    given : values as text by name of field; lists are split at commas

    Raises
    ------
    BadInput : a name is unknown, or a value has the wrong type or range
    """
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            raise BadInput(f"{name!r} is not a parameter", right=f"known: {', '.join(known)}")
        hint = hints[name]
        word: Any = [part.strip() for part in text.split(",")] if "tuple" in str(hint) else text
        try:
            values[name] = TypeAdapter(hint).validate_python(word)
        except ValidationError as error:
            said = error.errors()[0]["msg"]
            raise BadInput(f"{text!r}", where=name, right=f"{said[:1].lower()}{said[1:]}") from None
    return kind(**values)


def write_truth(folder: Path, truth: Mapping[str, Any]) -> Path:
    """Write truth.json."""
    path = folder / "truth.json"
    text = json.dumps(truth, ensure_ascii=False, indent=1, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())
    return path


def write_parts(path: Path, parts: Iterator[pa.Table]) -> Path:
    """Write a table that comes in parts: each becomes a row group of a Parquet file, or some lines of a CSV.

    Parameters
    ----------
    path : .parquet or .csv
    parts : one at least, all with the same columns
    """
    first = next(parts)
    with replacing(path) as file:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            # times count up, all else repeats; dictionaries of times only cost
            times = [
                name
                for name, kind in zip(first.schema.names, first.schema.types, strict=True)
                if pa.types.is_timestamp(kind)
            ]
            settings: dict[str, Any] = {
                "compression": "zstd",
                "use_dictionary": [name for name in first.schema.names if name not in times],
                "column_encoding": dict.fromkeys(times, "DELTA_BINARY_PACKED"),
            }
            with pq.ParquetWriter(file, first.schema, **settings) as writer:
                for part in chain([first], parts):
                    if part.num_rows or part is first:
                        writer.write_table(part, row_group_size=max(part.num_rows, 1))
        else:
            from pyarrow import csv

            options = csv.WriteOptions(quoting_style="none")
            with csv.CSVWriter(file, first.schema, write_options=options) as writer:
                for part in chain([first], parts):
                    writer.write_table(part)
    return path


def _write_table(path: Path, table: pa.Table) -> Path:
    with replacing(path) as file:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, file, compression="zstd")
        else:
            from pyarrow import csv

            csv.write_csv(table, file, csv.WriteOptions(quoting_style="none"))
    return path
