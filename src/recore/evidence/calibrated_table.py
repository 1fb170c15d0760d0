"""A table some of whose columns are multiplied to the unit of what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import Column, find, units_of
from recore.evidence.values import BadCell, as_kind
from recore.quantity import unit_of

if TYPE_CHECKING:
    import pyarrow as pa

    from recore.evidence.table import Source


@dataclass(frozen=True)
class CalibratedSource:
    """Another source with a factor on some of its columns.

    Parameters
    ----------
    source : where the values come from
    columns : names of all columns, with the unit after calibration
    factors : factor by position
    """

    source: Source
    columns: tuple[str, ...]
    factors: Mapping[int, float]

    @classmethod
    def over(cls, source: Source, columns: Sequence[str], factor: float, unit: str) -> CalibratedSource:
        """See `recore.evidence.signal.calibrated`."""
        if not (math.isfinite(factor) and factor > 0):
            raise BadInput(
                f"the factor is {factor!r}", where="calibration", right="a positive number is wanted"
            )
        unit = unit_of(unit)
        names = list(source.columns)
        factors = {}
        for asked in columns:
            position = find(source.columns, asked, "float", source.name).position
            names[position] = f"{units_of(source.columns[position])[0]} [{unit}]"
            factors[position] = factor
        return cls(source, tuple(names), factors)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def rate_hz(self) -> float | None:
        return getattr(self.source, "rate_hz", None)

    @property
    def rates(self) -> tuple[float, ...]:
        return getattr(self.source, "rates", ())

    @property
    def facts(self) -> Mapping[str, float]:
        return getattr(self.source, "facts", {})

    def rate_of(self, position: int) -> float | None:
        rate_of = getattr(self.source, "rate_of", None)
        return None if rate_of is None else rate_of(position)

    def part_rows(self) -> list[int] | None:
        return self.source.part_rows()

    def scan(self, wanted: Sequence[Column], part: int | None, rows: int) -> Iterator[list[Any]]:
        # a calibrated column is read as the number it is in the file, under the file's own name
        plain = [
            Column(c.stored, self.source.columns[c.position], "float", c.position)
            if c.position in self.factors
            else c
            for c in wanted
        ]
        for block in self.source.scan(plain, part, rows):
            yield [
                self._multiplied(array, column.position) for array, column in zip(block, plain, strict=True)
            ]

    def _multiplied(self, array: Any, position: int) -> Any:
        if position not in self.factors:
            return array
        import pyarrow.compute as pc

        stored = self.source.columns[position]
        try:
            numbers = as_kind(array, Column(stored, stored, "float", position), check=False)
        except BadCell as bad:
            where = f"{self.name}, column {stored!r}"
            raise BadInput(bad.what, where=where, right=bad.right) from None
        return pc.multiply(numbers, self.factors[position])

    def constant(self, position: int, part: int) -> pa.Array | None:
        return None if position in self.factors else self.source.constant(position, part)

    def raw(self, positions: Sequence[int]) -> pa.Table:
        import pyarrow as pa

        table = self.source.raw(positions)
        columns = [
            pa.chunked_array([self._multiplied(chunk, position) for chunk in table.column(i).chunks])
            if position in self.factors
            else table.column(i)
            for i, position in enumerate(positions)
        ]
        return pa.table(columns, names=[self.columns[position] for position in positions])

    def place(self, row: int) -> str:
        return self.source.place(row)
