"""Facts of many machines as columns: what each holds at a dotted path, as codes of distinct values.

Grouping is exact: two machines share a code only where they hold the same value of the same type.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.quantity import Quantity
from recore.rules.predicate import node_at

Codes = NDArray[np.int64]
_WHOLE = (str, bool, int, float, date, type(None))
_WIDEST = 2**40


@dataclass(frozen=True)
class Column:
    """One code for each machine; `values` by code; `first` machine that holds each."""

    codes: Codes
    values: list[Any]
    first: Codes


@dataclass(frozen=True)
class Grouping:
    """Machines grouped: the group of each, and the first machine of each group."""

    codes: Codes
    first: Codes

    @property
    def count(self) -> int:
        return len(self.first)


def factorised(values: Sequence[Any]) -> Column:
    """Distinct values in order of first appearance."""
    kinds = set(map(type, values))
    plain = kinds <= {*_WHOLE} and len(kinds & {bool, int, float}) <= 1
    if plain and float in kinds:
        numbers = np.array([value for value in values if type(value) is float])
        plain = not bool(np.any((numbers == 0) & np.signbit(numbers)) or np.any(np.isnan(numbers)))
    keys = values if plain else [_key(value) for value in values]
    place = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    codes = np.fromiter(map(place.__getitem__, keys), np.int64, len(values))
    first = _first(codes, len(place))
    return Column(codes, [values[at] for at in first.tolist()], first)


def _key(value: Any) -> Any:
    """What is equal exactly where type and content are."""
    kind = type(value)
    if kind is float:
        return kind, repr(value)
    if kind in _WHOLE:
        return kind, value
    if kind in (list, tuple):
        return kind, tuple(map(_key, value))
    if kind is dict:
        return kind, tuple((_key(name), _key(item)) for name, item in value.items())
    if kind is Quantity:
        return kind, _key(value.json())
    return kind, id(value)


def _first(codes: Codes, count: int) -> Codes:
    """The first place of each code: of equal indices the last assignment stays, so from the end."""
    first = np.zeros(count, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


def grouped(parts: Iterable[tuple[Codes, int]], size: int) -> Grouping:
    """Group by several codes at once.

    Parameters
    ----------
    parts : codes, each with the number of its values
    size : number of machines
    """
    key, width = np.zeros(size, np.int64), 1
    for codes, count in parts:
        if count <= 1:
            continue
        if width * count > _WIDEST:
            key, width = _dense(key, width)
        key, width = key * count + codes, width * count
    key, width = _dense(key, width)
    return Grouping(key, _first(key, width))


def _dense(key: Codes, width: int) -> tuple[Codes, int]:
    """Codes without gaps."""
    if width <= max(4 * len(key), 1024):
        seen = np.zeros(width, np.bool_)
        seen[key] = True
        return (np.cumsum(seen) - 1)[key], int(seen.sum())
    distinct, codes = np.unique(key, return_inverse=True)
    return codes.reshape(len(key)).astype(np.int64), len(distinct)


class FactColumns:
    """Facts of many machines, by machine or by path.

    Parameters
    ----------
    machines : nested facts of each machine, or columns by dotted path (a mapping, or a `pyarrow.Table`), where
        null is not stated. Columns stand under `machine` as well, unless one of them is named so
    """

    def __init__(self, machines: Sequence[Mapping[str, Any]] | Mapping[str, Any] | pa.Table) -> None:
        self.derived: dict[str, Column] = {}
        self._columns: dict[str, Column] | None = None
        self._found: dict[str, Column] = {}
        self._rows: Sequence[Mapping[str, Any]] = ()
        if isinstance(machines, pa.Table):
            machines = {name: machines.column(name) for name in machines.column_names}
        if isinstance(machines, Mapping):
            _apart(machines)
            self._columns = {name: _encoded(values) for name, values in machines.items()}
            sizes = {len(column.codes) for column in self._columns.values()}
            if len(sizes) != 1:
                raise BadInput("the columns are not of one length", where="machines")
            self.size = sizes.pop()
        else:
            self._rows = machines
            self.size = len(machines)

    def facts(self, at: int) -> dict[str, Any]:
        """All facts of one machine; what it states goes before what is derived."""
        derived = {name: column.values[column.codes[at]] for name, column in self.derived.items()}
        known = {name: value for name, value in derived.items() if value is not None}
        return {**known, **self.stated(at)}

    def stated(self, at: int) -> Mapping[str, Any]:
        """The facts of one machine as they were given."""
        if self._columns is None:
            return self._rows[at]
        facts: dict[str, Any] = {}
        for path, column in self._columns.items():
            value = column.values[column.codes[at]]
            if value is not None:
                _put(facts, path, value)
        return facts if "machine" in facts or self._names_machine else {**facts, "machine": facts}

    @property
    def _names_machine(self) -> bool:
        return any(path.partition(".")[0] == "machine" for path in self._columns or ())

    def derive(self, name: str, column: Column) -> None:
        """Add a fact that is not stated; a machine that states it, be it as absent, keeps its own."""
        stated, count = self.states(name)
        if count > 1:
            own = self.at(name)
            own_or_derived = zip(stated.tolist(), own.codes.tolist(), column.codes.tolist(), strict=True)
            column = factorised(
                [own.values[o] if there else column.values[d] for there, o, d in own_or_derived]
            )
        self.derived[name] = column
        self._found[name] = column

    def states(self, name: str) -> tuple[Codes, int]:
        """1 where a machine states a fact of the top level, be it as None, else 0; and how many codes there are."""
        rows = self._rows
        if self._columns is not None:
            possible = any(path.partition(".")[0] == name for path in self._columns)
            rows = [self.stated(at) for at in range(self.size)] if possible else ()
        there = np.fromiter((name in row for row in rows), np.int64, len(rows))
        return (there, 2) if there.any() else (np.zeros(self.size, np.int64), 1)

    def at(self, path: str) -> Column:
        """What every machine holds at a dotted path; None where it is not stated."""
        if path not in self._found:
            self._found[path] = self._read(path)
        return self._found[path]

    def _read(self, path: str) -> Column:
        if self._columns is None:
            if "." not in path:
                return factorised([row.get(path) for row in self._rows])
            return factorised([node_at(path, row) for row in self._rows])
        short = path if self._names_machine else path.removeprefix("machine.")
        if short in self._columns:
            return self._columns[short]
        near = any(_inside(short, name) or _inside(name, short) for name in self._columns)
        if not near and path != "machine":
            return Column(np.zeros(self.size, np.int64), [None], np.zeros(1, np.int64))
        return factorised([node_at(path, self.stated(at)) for at in range(self.size)])


def _apart(names: Iterable[str]) -> None:
    ordered = sorted(names, key=lambda name: name.split("."))
    for one, other in itertools.pairwise(ordered):
        if _inside(other, one):
            raise BadInput(
                f"column {other!r} stands inside {one!r}", where="machines", right="give one of them"
            )


def _inside(path: str, other: str) -> bool:
    return path.startswith(other + ".")


def _put(facts: dict[str, Any], path: str, value: Any) -> None:
    *heads, last = path.split(".")
    for head in heads:
        facts = facts.setdefault(head, {})
    facts[last] = value


def _encoded(values: Any) -> Column:
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return factorised(values.tolist() if isinstance(values, np.ndarray) else list(values))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    words = factorised([*values.dictionary.to_pylist(), None])
    indices = values.indices.fill_null(len(words.codes) - 1).to_numpy(zero_copy_only=False)
    group = grouped([(words.codes[indices.astype(np.int64)], len(words.values))], len(indices))
    return Column(group.codes, [words.values[words.codes[indices[at]]] for at in group.first], group.first)
