"""A result object taken apart: quantities, files, and what is said about the whole finding."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from recore import jsonio
from recore.finding import Note
from recore.method.words import Artifact, Unit, mark, unmarked
from recore.quantity import Quantity

SHORT_LIST = 64


def is_quantity(kind: Any) -> bool:
    """Whether a field is declared as a quantity."""
    kind = unmarked(kind)
    return kind is Quantity or Quantity in typing.get_args(kind)


def result_fields(kind: Any) -> list[tuple[str, Any, Artifact | None]]:
    """Name, annotation and artifact of every field of a result type; none where it is no dataclass."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return []
    hints = typing.get_type_hints(kind, include_extras=True)
    return [
        (item.name, hints[item.name], mark(hints[item.name], Artifact)) for item in dataclasses.fields(kind)
    ]


def taken_apart(
    result: Any,
) -> tuple[dict[str, Quantity], dict[str, bytes], tuple[Note, ...], tuple[Note, ...]]:
    """Split a result object into quantities, files, flags and refusals.

    A field becomes a result when it holds a quantity or a plain value (number, word, short list);
    None is left out, and so is any other type that carries no `Artifact`: it feeds the plot.
    """
    results: dict[str, Quantity] = {}
    files: dict[str, bytes] = {}
    notes: dict[str, tuple[Note, ...]] = {"flags": (), "refusals": ()}
    for name, kind, artifact, value in _entries(result):
        if name in notes:
            notes[name] = tuple(Note(*note) for note in value)
        elif value is None or name.startswith("_"):
            continue
        elif artifact is not None:
            files[artifact.file] = _file_bytes(artifact.file, value)
        else:
            unit = mark(kind, Unit)
            if isinstance(value, Quantity):
                results[name] = value.to(unit.name) if unit is not None and value.unit else value
            elif _is_plain(value):
                if isinstance(value, tuple | list) and len(value) > SHORT_LIST:
                    raise TypeError(
                        f"result {name!r} has {len(value)} values, at most {SHORT_LIST} are wanted; "
                        "make it an artifact"
                    )
                results[name] = Quantity(value, "1" if unit is None else unit.name)
    return results, files, notes["flags"], notes["refusals"]


def _entries(result: Any) -> list[tuple[str, Any, Artifact | None, Any]]:
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [(str(name), Any, None, value) for name, value in result.items()]
    fields = result_fields(type(result))
    if not fields:
        raise TypeError(f"a method returns a dataclass or a mapping, not {type(result).__name__}")
    return [(name, kind, artifact, getattr(result, name)) for name, kind, artifact in fields]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(item, str | bool | int | float) for item in value)
    return isinstance(value, str | bool | int | float)


def _file_bytes(file: str, value: Any) -> bytes:
    """Bytes of an artifact; the same value gives the same bytes with the same library version."""
    import io

    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    sink = io.BytesIO()
    if file.endswith(".parquet"):
        import pyarrow.parquet as pq

        pq.write_table(value, sink, compression="zstd")
    elif file.endswith(".csv"):
        from pyarrow import csv

        csv.write_csv(value, sink, csv.WriteOptions(quoting_style="needed"))
    elif file.endswith(".npy"):
        import numpy as np

        np.save(sink, value, allow_pickle=False)
    elif file.endswith(".json"):
        return jsonio.canonical(value)
    else:
        raise TypeError(f"no writer for artifact {file!r}")
    return sink.getvalue()
