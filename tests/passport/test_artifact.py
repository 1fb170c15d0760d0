"""Files that methods made, compared by what they say."""

from __future__ import annotations

import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recore.finding import Tolerance
from recore.passport.artifact import differences


def parquet(**columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def npy(array) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def tight(name: str) -> Tolerance:
    return Tolerance(absolute=1e-6) if name in ("x", "a") else Tolerance()


CASES = [
    ("a.parquet", parquet(x=[1.0, None]), parquet(x=[1.0 + 1e-9, None]), ""),
    ("a.parquet", parquet(x=[1.0, float("nan")]), parquet(x=[1.0 + 1e-9, float("nan")]), ""),
    ("a.parquet", parquet(x=[1.0]), parquet(x=[1.1]), "column x: .*1.0.* became .*1.1"),
    ("a.parquet", parquet(y=[1.0]), parquet(y=[1.0 + 1e-9]), "column y"),
    ("a.parquet", parquet(x=[1.0]), parquet(x=[float("inf")]), "column x"),
    ("a.parquet", parquet(x=[1.0, None]), parquet(x=[None, 1.0]), "values differ"),
    ("a.parquet", parquet(x=[1.0]), parquet(z=[1.0]), "columns"),
    ("a.parquet", parquet(x=[1.0]), parquet(x=[1.0, 2.0]), "1 rows became 2"),
    ("a.parquet", parquet(n=[1]), parquet(n=[2]), "values differ"),
    ("a.parquet", parquet(n=["a"], x=[1.0]), parquet(n=["b"], x=[1.0]), "column n"),
    ("a.parquet", b"not parquet", parquet(x=[1.0]), "cannot be compared"),
    ("a.csv", b"x\n1.5\n", b"x\n1.5000000001\n", ""),
    ("a.csv", b"x,n\n1.5,a\n", b"x,n\n1.5,b\n", "column n"),
    ("a.npy", npy(np.array([1.0, np.nan])), npy(np.array([1.0 + 1e-9, np.nan])), ""),
    ("a.npy", npy(np.array([1.0])), npy(np.array([2.0])), "at place 0"),
    ("a.npy", npy(np.array([1.0])), npy(np.array([1.0, 2.0])), "shape"),
    ("a.npy", npy(np.array([1])), npy(np.array([2])), "values differ"),
    ("a.npy", npy(np.array([1], dtype=np.int32)), npy(np.array([1], dtype=np.int64)), "shape"),
    ("a.npy", npy(np.array([{}], dtype=object)), npy(np.array([1.0])), "cannot be compared"),
    ("a.json", b'{"v": [1.0, "w", true]}', b'{"v": [1.0000000001, "w", true]}', ""),
    ("a.json", b'{"v": [1.0]}', b'{"v": [1.1]}', "content differs"),
    ("a.json", b'{"v": 1}', b'{"v": true}', "content differs"),
    ("a.json", b'{"v": 1}', b'{"w": 1}', "content differs"),
    ("a.json", b'[1]', b'[1, 2]', "content differs"),
    ("a.json", b'[1]', b'[NaN]', "cannot be compared"),
    ("a.stl", b"one", b"two", "bytes differ"),
    ("a.stl", b"one", b"one", ""),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "says"), CASES)
def test_artifacts_are_compared_by_content(file, old, new, says):
    found = differences(file, old, new, tight)
    if says:
        assert len(found) == 1 and re.search(says, found[0])
    else:
        assert found == []


def test_array_with_relative_tolerance():
    old, new = npy(np.array([1e9, 0.0])), npy(np.array([1e9 + 1, 0.0]))
    assert differences("a.npy", old, new, lambda name: Tolerance(relative=1e-8)) == []
    assert differences("a.npy", old, new, lambda name: Tolerance(relative=1e-10))
    infinite = npy(np.array([np.inf]))
    assert differences("a.npy", infinite, npy(np.array([1.0])), lambda name: Tolerance(relative=0.5))
