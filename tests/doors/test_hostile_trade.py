"""What a hostile or unlucky exporter does: documents that claim what is computed, odd words, the ends of time."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recore.model.trade import TradeMachine
from recore.rules.age import years_between
from recore.rules.expiry import later

Run = Callable[..., Any]
TRADE = Path(__file__).parents[2] / "examples" / "trade"


def _changed(tmp_path: Path, name: str, **changes: Any) -> Path:
    document = json.loads((TRADE / name).read_text()) | changes
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"currency": []}, "ISO 4217"),
        ({"currency": {}}, "ISO 4217"),
        ({"fob": "1_000"}, "is not a number"),
        ({"fob": "\uff18"}, "is not a number"),
        ({"fob": True}, "true or false is not wanted"),
        ({"machine": {"mass_kg": True}}, "true or false is not wanted"),
        ({"machine": {"hs": "\uff18\uff14\uff12\uff19"}}, "hs"),
    ],
)
def test_a_quote_of_wrong_types(recore: Run, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    ended = recore("run", "trade.landed-cost", _changed(tmp_path, "quote.json", **changes))
    assert ended.status == 2
    assert told in ended.err


def test_true_is_no_mass_and_nothing_loaded_is_not_secured(recore: Run, tmp_path: Path) -> None:
    items = json.loads((TRADE / "items.json").read_text())
    items["items"][0]["mass_kg"] = True
    path = tmp_path / "items.json"
    path.write_text(json.dumps(items))
    assert recore("run", "trade.load-plan", path, TRADE / "container.json").status == 2
    path.write_text('{"items": []}')
    ended = recore("run", "trade.load-plan", path, TRADE / "container.json", "--json")
    results = json.loads(ended.out)["results"]
    assert "pass" not in str([results[name] for name in ("road", "rail", "sea_a", "sea_b", "sea_c")])


def test_a_machine_cannot_state_its_age_or_rank_and_words_are_compared_plainly() -> None:
    stated = TradeMachine.model_validate(
        {"age_years": 1, "emission_rank": 9, "condition": "Used", "use": "Resale"}
    )
    facts = stated.facts()
    assert facts == {
        "condition": "used", "use": "resale", "evidence": {},
        "machine": {"condition": "used", "use": "resale", "evidence": {}},
    }  # fmt: skip


def test_a_table_of_dots_and_the_end_of_the_calendar(recore: Run, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a." * 50_000 + "b=1")
    ended = recore("rules", "check", tmp_path)
    assert ended.status == 1
    assert "dots" in ended.out + ended.err
    assert years_between(date(2018, 2, 28), date(9999, 12, 31)) == pytest.approx(7981 + 306 / 365)
    assert later(date.max, 90) == date.max
    assert later(date.min, -1) == date.min
    assert recore("rules", "expiring", "--as-of", "9999-12-31").status in (0, 1)
