"""Percent worn of track parts: the printed values of a maker's sheet first, then what must hold of every curve."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from recore.cli import app
from recore.errors import BadInput
from recore.evidence import Table, open_file
from recore.method import Outcome
from recore.metrology.undercarriage_wear import UndercarriageWear, undercarriage_wear
from recore.metrology.wear_curve import WearCurve, curves_by_part
from recore.model.trade import OneOrMany

# Dimensions of the sprocket, new and at the limit of use: Case CX350B, service manual 1002-25 (04-2010), in mm
CASE = {"a": (83.0, 73.0), "b": (660.7, 649.2), "c": (748.0, 738.0), "e": (40.0, 45.0)}


def curve(tool: str = "a", **changes: Any) -> dict[str, Any]:
    new, limit = CASE[tool]
    document = {
        "maker": "Case",
        "model": "CX350B",
        "part": "sprocket",
        "tool": tool,
        "knots": [[new, 0], [limit, 100]],
        "source": "Case CX350B, service manual 1002-25",
        "licence": "two numbers cited for a test",
    }
    return document | changes


def curves(*documents: dict[str, Any]) -> OneOrMany[WearCurve]:
    return OneOrMany[WearCurve].model_validate(list(documents))


def readings(*rows: tuple[str, float, float | None], **columns: list[Any]) -> Table:
    table: dict[str, list[Any]] = {
        "part": ["sprocket"] * len(rows),
        "tool": [row[0] for row in rows],
        "measured_mm": [row[1] for row in rows],
    }
    if all(row[2] is not None for row in rows):
        table["u_mm"] = [row[2] for row in rows]
    return Table.of(table | columns)


def bent(**changes: Any) -> dict[str, Any]:
    """A curve with knees, falling, with a knot at 120 %."""
    return curve(knots=[[83, 0], [80, 20], [76, 80]], limit100=73, limit120=72, **changes)


def percents(result: UndercarriageWear) -> list[float | None]:
    return [part.percent for part in result.parts]


@pytest.mark.parametrize(("tool", "measured", "worn"), [("a", 78, 50.0), ("b", 655, 49.6), ("c", 741, 70.0)])
def test_the_sheet_of_the_maker(tool: str, measured: float, worn: float) -> None:
    result = undercarriage_wear(readings((tool, measured, 0.2)), curves(curve(tool)))
    assert result.percent_worn is not None
    assert round(result.percent_worn.value, 1) == worn
    new, limit = CASE[tool]
    assert result.percent_worn.value == pytest.approx(100 * (new - measured) / (new - limit))
    assert result.percent_worn.uncertainty == pytest.approx(100 * 0.2 / (new - limit))


def test_a_gap_that_grows() -> None:
    result = undercarriage_wear(readings(("e", 44.0, 0.1)), curves(curve("e")))
    assert result.percent_worn is not None
    assert result.percent_worn.value == pytest.approx(80)


def test_the_worst_part_is_named_and_its_interval_holds_every_upper_end() -> None:
    result = undercarriage_wear(
        readings(("a", 78, 0.1), ("b", 655, 2.9), ("c", 741, 0.1), side=["left", "left", "right"]),
        curves(*(curve(tool) for tool in "abc")),
    )
    assert result.worst_part == "right sprocket c"
    assert result.percent_worn is not None
    assert result.percent_worn.value == pytest.approx(70)
    upper = max((part.percent or 0) + (part.u_percent or 0) for part in result.parts)
    assert result.percent_worn.value + (result.percent_worn.uncertainty or 0) == pytest.approx(upper)
    assert upper == pytest.approx(49.5652 + 25.2174, abs=1e-3)


def test_knots_at_and_between() -> None:
    rows = [("a", value, 0.0) for value in (83, 80, 78, 76, 74.5, 73, 72.5, 72)]
    result = undercarriage_wear(readings(*rows), curves(bent()))
    assert percents(result) == pytest.approx([0, 20, 50, 80, 90, 100, 110, 120])
    assert [flag.code for flag in result.flags] == ["worn-120", "worn-100"]
    assert result.worn_out.value == 3


def test_a_reading_across_a_knot_takes_the_steeper_slope() -> None:
    flat, steep = 20 / 3, 15.0
    result = undercarriage_wear(readings(("a", 80.4, 0.5), ("a", 82, 0.5)), curves(bent()))
    assert [part.u_percent for part in result.parts] == pytest.approx([steep * 0.5, flat * 0.5])


@pytest.mark.parametrize("value", [84.0, 71.0, 0.0])
def test_nothing_is_extrapolated(value: float) -> None:
    result = undercarriage_wear(readings(("a", value, 0.3), ("a", 80, 0.3)), curves(bent()))
    assert result.percent_worn is None
    assert result.percent_worn_at_least is not None
    assert result.percent_worn_at_least.value == pytest.approx(20)
    assert result.hours_to_100 is None
    assert [note.code for note in result.refusals] == ["outside-curve"]
    assert result.parts[0].state == "outside the curve"
    assert (result.readings.value, result.judged.value) == (2, 1)


def test_beyond_an_end_by_less_than_u_is_held_to_it() -> None:
    result = undercarriage_wear(readings(("a", 83.2, 0.3), ("a", 71.9, 0.3)), curves(bent()))
    assert percents(result) == [0.0, 120.0]
    assert "held-to-end" in [flag.code for flag in result.flags]
    assert result.parts[1].state == "120 % within the uncertainty"
    assert not result.refusals


def test_only_refused_readings_give_no_number() -> None:
    result = undercarriage_wear(readings(("a", 90, 0.1)), curves(bent()))
    assert result.percent_worn is result.percent_worn_at_least is result.worst_part is None


def test_limits_within_the_uncertainty_are_told() -> None:
    result = undercarriage_wear(readings(("a", 73.1, 0.3), ("a", 73.0, 0.0)), curves(bent()))
    assert {flag.code for flag in result.flags} == {"worn-100-open", "worn-100"}


def test_hours_to_100_with_its_assumption() -> None:
    result = undercarriage_wear(readings(("a", 78, 0.5), ("a", 73, 0.5)), curves(curve()), hours=5000.0)
    assert result.parts[0].hours_to_100 == pytest.approx(5000)
    # U: 100 h/p² times U of p, 100 × 5000 / 2500 × 5
    assert result.parts[0].u_hours == pytest.approx(1000)
    assert result.hours_to_100 is not None
    assert result.hours_to_100.value == 0
    assert any(flag.code == "constant-wear-assumed" for flag in result.flags)
    new = undercarriage_wear(readings(("a", 83, 0.5)), curves(curve()), hours=10.0)
    assert new.hours_to_100 is None


def test_without_u_there_is_none() -> None:
    result = undercarriage_wear(readings(("a", 78, None)), curves(curve()), hours=100.0)
    assert result.percent_worn is not None
    assert result.percent_worn.uncertainty is None
    assert result.hours_to_100 is not None
    assert result.hours_to_100.uncertainty is None
    assert [flag.code for flag in result.flags] == ["uncertainty-not-stated", "constant-wear-assumed"]


falling = st.lists(st.floats(0.05, 5), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(falling, falling, st.booleans(), st.floats(0, 1), st.floats(0, 0.5))
def test_every_curve_is_monotone_and_bounded(
    steps: list[float], rises: list[float], grows: bool, share: float, u: float
) -> None:
    count = min(len(steps), len(rises))
    measured = np.cumsum([50.0, *(step if grows else -step for step in steps[:count])])
    percent = np.cumsum([0.0, *rises[:count]])
    made = WearCurve.model_validate(
        curve(knots=[list(knot) for knot in zip(measured.tolist(), percent.tolist(), strict=True)])
    )
    low, high = sorted((measured[0], measured[-1]))
    at = low + share * (high - low)
    found = made.worn(at, u)
    assert found is not None
    assert -1e-9 <= found.percent <= percent[-1] + 1e-9
    slopes = np.diff(percent) / np.abs(np.diff(measured))
    assert slopes.min() * u - 1e-9 <= found.uncertainty <= slopes.max() * u + 1e-9
    worse = made.worn(min(high, at + 0.01) if grows else max(low, at - 0.01), u)
    assert worse is not None
    assert worse.percent >= found.percent - 1e-9
    for value, worn in zip(measured, percent, strict=True):
        knot = made.worn(float(value), 0.0)
        assert knot is not None
        assert math.isclose(knot.percent, worn, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"knots": [[83, 0]]}, "at least two knots"),
        ({"knots": [[83, 0], [75, 50], [76, 100]]}, "rise throughout or fall throughout"),
        ({"knots": [[83, 0], [83, 100]]}, "rise throughout or fall throughout"),
        ({"knots": [[83, -5], [73, 100]]}, "between 0 and 200"),
        ({"knots": [[83, 0], [73, 300]]}, "between 0 and 200"),
        ({"limit100": 74}, "100 percent stands at 73 and at 74"),
        ({"unit": "MPa"}, "no unit of length"),
        ({"unit": "furlong"}, "furlong"),
        ({"source": ""}, "at least 1"),
    ],
)
def test_a_curve_that_is_none(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((ValidationError, BadInput), match=said):
        curves(curve(**changes))


def test_a_curve_in_inches() -> None:
    inches = curve(knots=[[83 / 25.4, 0], [73 / 25.4, 100]], unit="in")
    result = undercarriage_wear(readings(("a", 78, 0.1)), curves(inches))
    assert result.percent_worn is not None
    assert result.percent_worn.value == pytest.approx(50)


def test_curves_as_a_table_are_the_same_curves() -> None:
    document = bent()
    rows = document["knots"]
    words = {
        name: [document[name]] * len(rows) for name in ("maker", "model", "part", "tool", "source", "licence")
    }
    table = Table.of(
        {
            **words,
            "measured_mm": [float(row[0]) for row in rows],
            "percent": [float(row[1]) for row in rows],
            "limit100_mm": [73.0] * len(rows),
            "limit120_mm": [72.0] * len(rows),
        }
    )
    assert list(curves_by_part(table).values()) == [WearCurve.model_validate(document)]
    broken = Table.of(
        {**{k: v[:1] for k, v in words.items()}, "measured_mm": [1.0], "percent": [0.0]}, name="c.csv"
    )
    with pytest.raises(BadInput, match="at least two knots") as caught:
        curves_by_part(broken)
    assert caught.value.where == "c.csv"
    empty = Table.of({**{k: [""] for k in words}, "measured_mm": [1.0], "percent": [0.0]})
    with pytest.raises(BadInput):
        curves_by_part(empty)


def test_two_curves_for_one_part() -> None:
    with pytest.raises(BadInput, match="two curves for sprocket, A"):
        curves_by_part(curves(curve(), curve(tool="a") | {"tool": "A"}))


def test_a_reading_without_a_curve_or_with_a_negative_u() -> None:
    with pytest.raises(BadInput, match="no curve for 'sprocket', tool 'c'"):
        undercarriage_wear(readings(("c", 741, 0.1)), curves(curve()))
    with pytest.raises(BadInput, match="u_mm is -1"):
        undercarriage_wear(readings(("a", 78, -1)), curves(curve()))


def ran(tmp_path: Path, table: str, **parameters: Any) -> Outcome:
    (tmp_path / "readings.csv").write_text(table)
    (tmp_path / "curves.json").write_text(json.dumps([bent()]))
    files = [open_file(tmp_path / name) for name in ("readings.csv", "curves.json")]
    return undercarriage_wear.run(files, parameters)


def test_a_finding_with_its_table_and_plot(tmp_path: Path) -> None:
    outcome = ran(
        tmp_path, "part,tool,measured_in,u_in\nsprocket,a,3.0,0.01\nSprocket,A,3.9,0.01\n", hours=4000
    )
    assert set(outcome.artifacts) == {"wear.csv"}
    assert outcome.finding.refusals[0].code == "outside-curve"
    drawn = outcome.plot()
    assert drawn is not None
    assert "percent worn" in json.dumps(drawn)


def test_through_the_command_line(tmp_path: Path) -> None:
    ran(tmp_path, "part,tool,measured_mm,u_mm\nsprocket,a,78,0.3\n")
    names = [str(tmp_path / name) for name in ("readings.csv", "curves.json")]
    done = CliRunner().invoke(
        app, ["run", "undercarriage.wear", *names, "--json", "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 0
    results = json.loads(done.stdout)["results"]
    assert results["percent_worn"]["value"] == pytest.approx(50)
    assert results["percent_worn"]["unit"] == "%"
    assert (tmp_path / "o" / "wear.csv").read_text().startswith('"part","tool"')
