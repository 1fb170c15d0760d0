"""Fixtures of the tests of trade."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trade_rows import rules

from recore.evidence import open_file
from recore.method import Outcome
from recore.rules import RuleSet
from recore.trade.landed_cost import landed_cost


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Outcome]:
    """Run the method on quotes, as a door does."""

    def go(
        document: Any, rows: RuleSet | list[dict[str, Any]], table: str | None = None, **more: Any
    ) -> Outcome:
        path = tmp_path / "quote.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        files = [open_file(path)]
        if table is not None:
            (tmp_path / "freight.csv").write_text(table, encoding="utf-8")
            files.append(open_file(tmp_path / "freight.csv"))
        given = rows if isinstance(rows, RuleSet) else rules(*rows)
        return landed_cost.run(files, {"rules": given.json(), **more})

    return go
