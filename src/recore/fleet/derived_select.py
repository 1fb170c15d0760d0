"""Queries of derived tables as text of SQL: names from the closed list, values always as parameters."""

# ruff: noqa: S608 - every name that goes into a text is checked against NAME or the table's own columns

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from recore.errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
TIME = pa.timestamp("us", tz="UTC")
# arrow type → its name in our catalogue and in both databases; times are kept as UTC without a zone
TYPES: dict[str, tuple[pa.DataType, str, str]] = {
    "bool": (pa.bool_(), "BOOLEAN", "boolean"),
    "int8": (pa.int8(), "SMALLINT", "smallint"),
    "int16": (pa.int16(), "SMALLINT", "smallint"),
    "int32": (pa.int32(), "INTEGER", "integer"),
    "int64": (pa.int64(), "BIGINT", "bigint"),
    "float": (pa.float32(), "REAL", "real"),
    "double": (pa.float64(), "DOUBLE", "double precision"),
    "string": (pa.string(), "VARCHAR", 'text COLLATE "C"'),
    "timestamp[us, tz=UTC]": (TIME, "TIMESTAMP", "timestamp"),
}
Function = Literal["count", "sum", "mean", "min", "max"]
FUNCTIONS = {"count": "count", "sum": "sum", "mean": "avg", "min": "min", "max": "max"}


@dataclass(frozen=True)
class Every:
    """A column in steps, to group by: the start of the step that a value lies in.

    Parameters
    ----------
    column : number or time
    step : width of a step, in the column's unit, of times in seconds; steps begin at 0 or 1970-01-01
    """

    column: str
    step: float


@dataclass(frozen=True)
class Shape:
    """What a derived table is made of."""

    schema: pa.Schema
    key: tuple[str, ...]

    def json(self) -> str:
        return json.dumps({"columns": [[f.name, str(f.type)] for f in self.schema], "key": list(self.key)})

    @classmethod
    def from_json(cls, text: str) -> Shape:
        made = json.loads(text)
        return cls(pa.schema([(name, TYPES[kind][0]) for name, kind in made["columns"]]), tuple(made["key"]))


class Dialect(Protocol):
    """What differs between databases."""

    marker: str  # of a parameter
    dialect: int  # place of the type's name in TYPES


def select(
    name: str,
    shape: Shape,
    columns: Sequence[str] | None,
    where: Mapping[str, Any],
    group: Sequence[str | Every],
    aggregate: Mapping[str, tuple[Function, str]],
    order: Sequence[str] | None,
    limit: int | None,
    dialect: Dialect,
) -> tuple[str, list[Any], pa.Schema]:
    """Text, parameters and columns of the answer; the meaning of each is told at `Derived.query`."""
    if columns is not None and (group or aggregate):
        raise BadInput("columns with groups", where=name, right="give columns, or group and aggregate")
    chosen = (
        _grouped(shape, name, group, aggregate, dialect)
        if group or aggregate
        else [(c, quoted(c), _field(shape, c, name).type) for c in columns or shape.schema.names]
    )
    schema = pa.schema([(title, kind) for title, _, kind in chosen])
    sql = (
        f"SELECT {', '.join(f'{text} AS {quoted(title)}' for title, text, _ in chosen)} FROM {of_table(name)}"
    )
    values: list[Any] = []
    if conditions := [
        _condition(_field(shape, column, name), wanted, values, dialect.marker)
        for column, wanted in where.items()
    ]:
        sql += f" WHERE {' AND '.join(conditions)}"
    if group:
        sql += f" GROUP BY {', '.join(str(i + 1) for i in range(len(group)))}"
    if order is None:  # of one database state the same answer each time
        order = [
            c for c in (schema.names[: len(group)] if group or aggregate else shape.key) if c in schema.names
        ]
    if order:
        sql += f" ORDER BY {', '.join(_place(schema, column, name) for column in order)}"
    return (sql if limit is None else f"{sql} LIMIT {int(limit)}"), values, schema


def _grouped(
    shape: Shape,
    name: str,
    group: Sequence[str | Every],
    aggregate: Mapping[str, tuple[Function, str]],
    dialect: Dialect,
) -> list[tuple[str, str, pa.DataType]]:
    chosen = []
    for item in group:
        if isinstance(item, str):
            chosen.append((item, quoted(item), _field(shape, item, name).type))
            continue
        field, column, step = _field(shape, item.column, name), quoted(item.column), float(item.step)
        if (
            not (math.isfinite(step) and step > 0)
            or pa.types.is_string(field.type)
            or pa.types.is_boolean(field.type)
        ):
            raise BadInput(
                f"steps of {item.step}", where=f"{name}.{item.column}", right="numbers or times, above 0"
            )
        if field.type == TIME:
            bucket = "time_bucket" if dialect.dialect == 1 else "date_bin"
            text = f"{bucket}(INTERVAL '{round(step * 1e6)} microseconds', {column}, TIMESTAMP '1970-01-01')"
            chosen.append((item.column, text, TIME))
        else:
            double = TYPES["double"][dialect.dialect]
            text = f"floor(CAST({column} AS {double}) / {step!r}) * {step!r}"
            chosen.append((item.column, text, pa.float64()))
    for title, (function, column) in aggregate.items():
        if not NAME.match(title) or function not in FUNCTIONS:
            raise BadInput(f"{function!r} as {title!r}", where=name, right=f"one of {', '.join(FUNCTIONS)}")
        chosen.append(_aggregated(shape, name, title, function, column, dialect))
    return chosen


def _aggregated(
    shape: Shape, name: str, title: str, function: str, column: str, dialect: Dialect
) -> tuple[str, str, pa.DataType]:
    if function == "count":
        inner = "*" if column == "*" else quoted(_field(shape, column, name).name)
        return title, f"count({inner})", pa.int64()
    kind = _field(shape, column, name).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if (function in ("sum", "mean") and not number) or pa.types.is_boolean(kind):
        raise BadInput(f"the {function} of {column}", where=name, right="a column of numbers")
    if function in ("min", "max"):
        return title, f"{function}({quoted(column)})", kind
    whole = function == "sum" and pa.types.is_integer(kind)
    cast = "int64" if whole else "double"
    inner = quoted(column) if whole else f"CAST({quoted(column)} AS {TYPES['double'][dialect.dialect]})"
    return title, f"CAST({FUNCTIONS[function]}({inner}) AS {TYPES[cast][dialect.dialect]})", TYPES[cast][0]


def _condition(field: pa.Field, wanted: Any, values: list[Any], marker: str) -> str:
    column = quoted(field.name)

    def value(item: Any) -> str:
        values.append(_value(field, item))
        return marker

    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise BadInput(f"{wanted!r}", where=field.name, right="a pair (from, below)")
        parts = [
            f"{column} {sign} {value(end)}"
            for sign, end in zip((">=", "<"), wanted, strict=True)
            if end is not None
        ]
        return " AND ".join(parts) or "TRUE"
    if isinstance(wanted, list | set | frozenset):
        return f"{column} IN ({', '.join(value(item) for item in wanted)})" if wanted else "FALSE"
    return f"{column} = {value(wanted)}"


def _value(field: pa.Field, item: Any) -> Any:
    kind = field.type
    if hasattr(item, "item"):  # a NumPy scalar
        item = item.item()
    if kind == TIME:
        good = isinstance(item, datetime) and item.tzinfo is not None
    elif pa.types.is_string(kind):
        good = isinstance(item, str) and "\0" not in item
    elif pa.types.is_boolean(kind):
        good = isinstance(item, bool)
    else:
        good = isinstance(item, int | float) and not isinstance(item, bool)
    if not good:
        raise BadInput(
            f"{item!r}", where=field.name, right="a time with a zone" if kind == TIME else f"{kind}"
        )
    return pc.cast(pa.scalar(item, TIME), pa.timestamp("us")).as_py() if kind == TIME else item


def _field(shape: Shape, column: str, name: str) -> pa.Field:
    if column not in shape.schema.names:
        raise BadInput(f"no column {column!r}", where=name, right=f"it has {', '.join(shape.schema.names)}")
    return shape.schema.field(column)


def _place(schema: pa.Schema, column: str, name: str) -> str:
    if column not in schema.names:
        raise BadInput(f"order by {column!r}", where=name, right=f"one of {', '.join(schema.names)}")
    return str(schema.names.index(column) + 1)


def zoneless(schema: pa.Schema) -> pa.Schema:
    # databases turn times with a zone by the zone of their session; ours are UTC and stay so
    return pa.schema([(f.name, pa.timestamp("us") if f.type == TIME else f.type) for f in schema])


def typed(schema: pa.Schema, dialect: int) -> str:
    return ", ".join(f"{quoted(f.name)} {TYPES[str(f.type)][dialect]}" for f in schema)


def of_table(name: str) -> str:
    return quoted(f"derived_{name}")


def listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    return f'"{name}"'  # names come from the catalogue or match NAME: no quote can be in them
