"""Tables: names, units, kinds and streaming."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recore.evidence import Table, open_file


def test_parts_of_parquet_are_row_groups_and_can_be_pickled(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"pressure_bar": [300.0, 301.5, 299.0]}), path, row_group_size=2)
    parts = pickle.loads(pickle.dumps(open_file(path).read(Table).parts()))
    assert [(part.first_row, part.rows) for part in parts] == [(0, 2), (2, 1)]
    values = [batch.column(0).to_pylist() for part in parts for batch in part.batches(["pressure_mpa"])]
    assert values == [[30.0, 30.15], [29.9]]


def test_floats_are_in_the_unit_asked_for_and_writable() -> None:
    table = Table.of({"radius [mm]": [1.5, 2.5]})
    radius = table.floats("radius_um")
    radius -= radius.mean()
    np.testing.assert_array_equal(radius, [-500.0, 500.0])
