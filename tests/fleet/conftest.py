"""Tests of derived tables run on DuckDB and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(params=["duckdb", "postgresql"])
def derived_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database for derived tables."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'fleet.duckdb'}"
    empty: Callable[[], str] = request.getfixturevalue("postgres")
    return empty()
