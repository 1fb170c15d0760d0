"""Columns that need not be read or converted: constant ones, and those kept as they are stored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recore.evidence import Table, open_file

KINDS = {"ts": "time", "support": "integer", "leg": "integer"}


@pytest.fixture
def table(tmp_path):
    columns = {
        "ts": np.datetime64("2026-01-01T00:00:00", "ms") + np.arange(6),
        "support": np.array([1, 1, 1, 2, 2, 3], np.int16),
        "leg": pa.array([1, 1, 1, None, 2, 2], pa.int8()),
        "pressure_mpa": np.arange(6, dtype=np.float32),
    }
    pq.write_table(pa.table(columns), tmp_path / "log.parquet", row_group_size=3)
    return open_file(tmp_path / "log.parquet").read(Table)


def test_constants_of_a_row_group(table):
    first, second = table.parts()
    assert first.constants(["support", "leg"], KINDS) == {"support": 1, "leg": 1}
    # two values, and one that is missing somewhere
    assert second.constants(["support", "leg"], KINDS) == {}
    # only whole numbers: the bounds of a float column leave out NaN
    assert first.constants(["pressure_mpa"]) == {}


def test_no_constants_without_statistics(tmp_path):
    pq.write_table(pa.table({"support": [1, 1]}), tmp_path / "log.parquet", write_statistics=False)
    (part,) = open_file(tmp_path / "log.parquet").read(Table).parts()
    assert part.constants(["support"], {"support": "integer"}) == {}


def test_no_constants_outside_parquet(tmp_path):
    (tmp_path / "log.csv").write_text("support\n1\n1\n")
    (tmp_path / "log.json").write_text('[{"support": 1}, {"support": 1}]')
    tables = [
        Table.of({"support": [1, 1]}),
        *(open_file(tmp_path / f"log.{end}").read(Table) for end in ("csv", "json")),
    ]
    for table in tables:
        assert table.parts()[0].constants(["support"], {"support": "integer"}) == {}


def test_stored_keeps_precision_and_resolution(table):
    batch = next(table.batches(["ts", "pressure_mpa"], {"ts": "time"}, stored=True))
    assert batch.schema.types == [pa.timestamp("ms"), pa.float32()]
    batch = next(table.batches(["ts", "pressure_mpa"], {"ts": "time"}))
    assert batch.schema.types == [pa.timestamp("us", "UTC"), pa.float64()]


def test_stored_still_converts_units_and_nanoseconds():
    table = Table.of(
        {
            "ts": np.array(["2026-01-01T00:00:00"], "datetime64[ns]"),
            "pressure_bar": np.array([350], np.float32),
        }
    )
    batch = next(table.batches(["ts", "pressure_mpa"], {"ts": "time"}, stored=True))
    assert batch.schema.types == [pa.timestamp("us", "UTC"), pa.float64()]
    assert batch.column(1).to_pylist() == [35.0]
