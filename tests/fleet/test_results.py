"""Tables of findings as derived tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recore.errors import BadInput
from recore.fleet.derived import Derived
from recore.fleet.results import keep
from recore.method import method
from recore.simulate.supports import supports


def test_cycles_of_two_logs_are_kept_once_each(recore: Any, tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'face.duckdb'}"
    for seed in (1, 2):
        pq.write_table(supports(seed, supports=1, days=0.3).log, tmp_path / f"{seed}.parquet")
    counts = []
    for seed in (1, 2, 1):
        ended = recore(
            "run",
            "support.cycles",
            tmp_path / f"{seed}.parquet",
            "--database",
            url,
            "--json",
            "--out",
            tmp_path / "o" / str(seed),
        )
        assert ended.status == 0, ended.err
        counts.append(ended.json["results"]["cycles"]["value"])
    store = Derived(url)
    (name,) = [
        name for name in store.tables() if name.endswith("_cycles") and "support_cycles" not in name[15:]
    ]
    assert store.count(name) == counts[0] + counts[1] > 10
    assert store.count("findings") == 2
    kept = store.query(name, order=["finding", "row"])
    written = pa.concat_tables([pq.read_table(tmp_path / "o" / seed / "cycles.parquet") for seed in "12"])
    assert sorted(kept["twap_mpa"].to_pylist()) == sorted(written["twap_mpa"].to_pylist())
    assert sorted(kept["start"].to_pylist()) == sorted(written["start"].to_pylist())


def made(**columns: Any) -> Any:
    @method("test.table")
    def table() -> dict[str, Any]:
        """A table."""
        return {}

    outcome = table.run([], {})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    outcome.artifacts["things.parquet"] = sink.getvalue().to_pybytes()
    return outcome


def test_every_plain_type_has_a_place(tmp_path: Path) -> None:
    store = Derived(tmp_path / "t.duckdb")
    outcome = made(
        few=pa.array([1, None], pa.uint8()),
        word=pa.array(["a", "b"]).dictionary_encode(),
        when=pa.array([0, 1], pa.timestamp("ms")),
        true=[True, None],
        many=[[1.5, 2.0], None],
    )
    assert keep(store, outcome, "key")["test_table_1_things"] == 2
    assert keep(store, outcome, "key")["test_table_1_things"] == 0
    row = store.query("test_table_1_things", order=["row"]).to_pylist()[0]
    assert (row["few"], row["word"], row["many"], row["finding"]) == (1, "a", "[1.5,2]", "key")
    with pytest.raises(BadInput, match="holds"):
        keep(store, made(blob=pa.array([b"\xff\xfe"], pa.binary())), "other")
