"""Dataclasses whose fields are arrays, filled from columns of the same names."""

from __future__ import annotations

import dataclasses
import datetime
import types
import typing
from collections.abc import Sequence
from typing import Any

from recore.evidence.column import Kind
from recore.evidence.table import Table
from recore.method import Unit

_OF_ELEMENT: dict[Any, Kind] = {
    float: "float",
    int: "integer",
    str: "text",
    datetime.datetime: "time",
}


@dataclasses.dataclass(frozen=True)
class ArrayField:
    """One array field: what it holds, in which container, in which declared unit."""

    name: str
    kind: Kind
    container: type
    unit: str | None
    required: bool

    @property
    def column(self) -> str:
        """Name of the column it is read from."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def array_fields(kind: type) -> list[ArrayField]:
    """Array fields of a dataclass; empty where a field that is no array must be given too."""
    found = []
    hints = typing.get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        if not item.init:
            continue
        hint = hints[item.name]
        unit = next((m.name for m in getattr(hint, "__metadata__", ()) if isinstance(m, Unit)), None)
        hint = _bare(hint)
        element = kind_of_array(hint)
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if element is not None:
            container = typing.get_origin(hint) or hint
            found.append(ArrayField(item.name, element, container, unit, required))
        elif required:
            return []
    return found


def filled(kind: Any, fields: Sequence[ArrayField], table: Table) -> Any:
    """An instance with each field read from its column; one with a default may be missing."""
    return kind(
        **{
            field.name: array_of(table, field.column, field.kind, field.container)
            for field in fields
            if field.required or table.has(field.column, field.kind)
        }
    )


def array_of(table: Table, name: str, kind: Kind, container: Any) -> Any:
    """A column as a NumPy array, or as a list or tuple where that is the container."""
    import numpy as np

    values: Any
    if kind == "text":
        values = table.texts(name)
    else:
        values = table.array(name, kind)
    if issubclass(container, tuple):
        return tuple(values if kind == "text" else values.tolist())
    if issubclass(container, np.ndarray):
        return np.array(values) if kind == "text" else values
    return values if kind == "text" else values.tolist()


def kind_of_array(hint: Any) -> Kind | None:
    """What an array annotation holds, None where it is no array; a bare `ndarray` or `list` holds floats."""
    origin = typing.get_origin(hint) or hint
    if not isinstance(origin, type):
        return None
    inner = [part for part in typing.get_args(hint) if part is not Ellipsis]
    if (origin.__module__, origin.__name__) == ("numpy", "ndarray"):
        dtypes = typing.get_args(inner[-1]) if inner else ()
        return _kind_of_scalar(dtypes[0]) if dtypes else "float"
    if issubclass(origin, Sequence) and not issubclass(origin, str | bytes):
        return _OF_ELEMENT.get(inner[0]) if inner else "float"
    return None


def unaliased(hint: Any) -> Any:
    """What a type alias stands for: later NumPy releases make `NDArray[np.float64]` one (PEP 695)."""
    value = getattr(typing.get_origin(hint) or hint, "__value__", None)
    if value is None:
        return hint
    arguments = typing.get_args(hint)
    return unaliased(value[arguments] if arguments else value)


def _bare(hint: Any) -> Any:
    hint = unaliased(hint)
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not types.NoneType]
        return _bare(members[0]) if len(members) == 1 else hint
    return hint


def _kind_of_scalar(scalar: Any) -> Kind | None:
    import numpy as np

    kinds: tuple[tuple[type, Kind], ...] = (
        (np.integer, "integer"),
        (np.datetime64, "time"),
        (np.str_, "text"),
        (np.float32, "float32"),
        (np.floating, "float"),
    )
    if not isinstance(scalar, type):
        return "float"
    return next((kind for base, kind in kinds if issubclass(scalar, base)), None)
