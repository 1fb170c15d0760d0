"""Routes of spindle restoration and the acceptance after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recore.errors import BadInput
from recore.method import Refusal
from recore.model.trade import OneOrMany
from recore.quantity import Quantity
from recore.restoration.spindle.accept import accept
from recore.restoration.spindle.book import Book
from recore.restoration.spindle.core import SpindleCore
from recore.restoration.spindle.prediction import Source, predict
from recore.restoration.spindle.restore import restore
from recore.restoration.spindle.state import state_of
from recore.rules import RuleSet, shipped
from recore.rules.known import Known

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "spindle"
CORE = json.loads((EXAMPLES / "core.json").read_text())
BEFORE = json.loads((EXAMPLES / "before.json").read_text())
AFTER = json.loads((EXAMPLES / "after.json").read_text())
Run = Callable[..., Any]


def core(**more: Any) -> SpindleCore:
    return SpindleCore.model_validate({**CORE, **more})


def sheet(**results: Any) -> dict[str, Any]:
    """The findings before restoration with some of them changed; None takes one away."""
    plain = {**BEFORE[0]["results"], **results}
    return {"results": {name: value for name, value in plain.items() if value is not None}}


def um(value: float, spread: float | None = 0.2) -> dict[str, Any]:
    found: dict[str, Any] = {"value": value, "unit": "µm"}
    return found if spread is None else {**found, "uncertainty": spread}


def routes(
    spindle: SpindleCore, *documents: dict[str, Any], **more: Any
) -> tuple[Any, dict[str, dict[str, Any]]]:
    result = restore(
        spindle, OneOrMany[dict[str, Any]](documents) if documents else None, trials=4000, **more
    )
    return result, {route["route"]: route for route in result.routes}


SOUND = {
    "taper": {"size": 40, "nose_um": 2.0, "bar_um": 4.0, "u_um": 0.5},
    "seats": [{"name": "front", "diameter_mm": 70, "length_mm": 60, "run_out_um": 0.8, "u_run_out_um": 0.2}],
}
QUIET = {
    "synchronous_rotating": um(1.0),
    "asynchronous_rotating": um(1.0),
    "bearing_fault": {"value": "none", "unit": "1"},
}


class TestNumbers:
    def test_residual_unbalance_of_the_standard(self) -> None:
        """G 6.3 at 3,000 1/min permits 20 µm, as the diagram of the standard shows; here G 2.5."""
        spindle = core(rotor_mass_kg=10, max_speed_rpm=3000)
        found = Book(Known(shipped("restoration"), None), spindle).permissible_unbalance()
        assert found is not None
        assert found[0].value == pytest.approx(10 * 20.05 * 2.5 / 6.3, rel=1e-3)
        assert found[0].unit == "g·mm"

    @pytest.mark.parametrize(
        ("use", "grade"), [("machining", 2.5), ("grinding", 1.0), ("high-precision", 0.4)]
    )
    def test_balance_grade_goes_by_use(self, use: str, grade: float) -> None:
        found = Book(Known(shipped("restoration"), None), core(use=use)).permissible_unbalance()
        assert found is not None
        assert found[1].params["grade_mm_s"] == grade

    @pytest.mark.parametrize(
        ("bearing_class", "diameter", "tolerance"),
        [("P4", 70, 1.5), ("P2", 70, 1.0), ("P5", 100, 2.0), ("SP", 40, 1.25)],
    )
    def test_seat_tolerance_is_half_a_grade(
        self, bearing_class: str, diameter: float, tolerance: float
    ) -> None:
        spindle = core(
            bearing_class=bearing_class, seats=[{"name": "a", "diameter_mm": diameter, "length_mm": 9}]
        )
        book = Book(Known(shipped("restoration"), None), spindle)
        assert book.seat_tolerance_um(spindle.seats[0]) == tolerance

    def test_error_motion_of_new_bearings_against_the_closed_moments(self) -> None:
        """hypot of two products of uniforms: its mean square is known without drawing."""
        ring, form, through = Source("r", 0.1, 0.5), Source("f", 0.0, 1.5), Source("t", 0.2, 0.7)
        found = predict(
            "synchronous",
            (ring, form, through),
            lambda d: np.hypot(4 * d["r"], d["f"] * d["t"]),
            None,
            200_000,
            3,
        )
        rng = np.random.default_rng(8)
        again = np.hypot(
            4 * rng.uniform(0.1, 0.5, 10**6), rng.uniform(0, 1.5, 10**6) * rng.uniform(0.2, 0.7, 10**6)
        )
        assert found.value.value == pytest.approx(np.median(again), rel=5e-3)
        square = 16 * (0.5**3 - 0.1**3) / (3 * 0.4) + 1.5**2 / 3 * (0.7**3 - 0.2**3) / (3 * 0.5)
        assert np.mean(again**2) == pytest.approx(square, rel=2e-3)
        assert {line.source for line in found.budget} == {"r", "f", "t"}

    def test_survival_is_weibull_with_nine_tenths_at_l10(self) -> None:
        """C/P = 10 at 1,000/60 1/min: L10 = 10^6 h / 60 … chosen so that 4,000 h is L10."""
        life = {"dynamic_rating_kn": 10.0, "load_kn": 1.0, "speed_rpm": 1e9 / (60 * 4000), "hours_run": 0}
        _, found = routes(core(life=life), *BEFORE)
        assert found["bearings"]["properties"]["survival_4000_h"]["value"] == pytest.approx(0.9)
        worn = {**life, "hours_run": 8000}
        _, later = routes(core(life=worn), *BEFORE)
        assert later["keep"]["properties"]["survival_4000_h"]["value"] < 0.9
        assert later["bearings"]["properties"]["survival_4000_h"]["value"] == pytest.approx(0.9)


class TestRoutes:
    def test_the_example(self) -> None:
        result, found = routes(core(), *BEFORE)
        assert set(result.needs) == {"bearings", "taper", "seat front"}
        assert {name for name, route in found.items() if route["feasible"]} == {
            "hard-chrome",
            "hvof",
            "laser-clad",
            "new-shaft",
        }
        assert result.best_route == "hvof"  # the cheapest of those that are sure
        assert result.chance.value > 0.9
        assert result.synchronous.uncertainty > 0
        assert result.cost.unit == "CNY"
        assert {note.code for note in result.flags} >= {"stated-by-hand", "working-assumptions"}
        assert all(route["acceptance"] for route in found.values())

    def test_a_sound_spindle_is_kept(self) -> None:
        result, found = routes(core(**SOUND), sheet(**QUIET))
        assert result.needs == ("nothing",)
        assert result.best_route == "keep"
        assert result.time.value == 0
        assert found["hard-chrome"]["feasible"] is False

    @pytest.mark.parametrize("lost", ["bearing_fault", "asynchronous_rotating"])
    def test_what_was_not_measured_keeps_no_spindle_closed(self, lost: str) -> None:
        result, found = routes(core(**SOUND), sheet(**{**QUIET, lost: None}))
        assert not found["keep"]["feasible"] and not found["pre-load"]["feasible"]
        assert result.best_route not in ("keep", "pre-load")

    def test_an_undecided_diagnosis_is_no_clean_one(self) -> None:
        _, found = routes(
            core(**SOUND), sheet(**{**QUIET, "bearing_fault": {"value": "undecided", "unit": "1"}})
        )
        assert not found["keep"]["feasible"]

    def test_a_cracked_shaft_is_replaced(self) -> None:
        result, found = routes(core(crack=True), *BEFORE)
        assert [name for name, route in found.items() if route["feasible"]] == ["new-shaft"]
        assert result.best_route == "new-shaft"

    def test_an_unknown_crack_is_told(self) -> None:
        result, found = routes(core(**SOUND, crack=None), sheet(**QUIET))
        assert "crack-not-tested" in {note.code for note in result.flags}
        assert not found["keep"]["feasible"]

    @pytest.mark.parametrize(
        ("wear", "feasible"),
        [
            (0.02, {"hard-chrome", "hvof", "laser-clad"}),
            (0.4, {"hvof", "laser-clad"}),
            (1.5, {"laser-clad"}),
            (3.0, set()),
        ],
    )
    def test_deeper_wear_leaves_fewer_processes(self, wear: float, feasible: set[str]) -> None:
        seats = [{"name": "front", "diameter_mm": 70, "length_mm": 60, "wear_mm": wear}]
        _, found = routes(core(seats=seats), *BEFORE)
        assert {n for n in ("hard-chrome", "hvof", "laser-clad") if found[n]["feasible"]} == feasible
        assert found["new-shaft"]["feasible"]

    def test_the_mass_deposited_is_that_of_the_layer(self) -> None:
        seats = [{"name": "front", "diameter_mm": 100, "length_mm": 50, "wear_mm": 0.95, "u_wear_mm": 0.05}]
        _, found = routes(core(seats=seats), *BEFORE)
        deposit = next(o for o in found["laser-clad"]["operations"] if o["name"] == "laser-clad")
        (mass,) = deposit["material"].values()
        assert mass["value"] == pytest.approx(np.pi * 0.1 * 0.05 * 0.0013 * 7900 / 0.7)

    def test_a_taper_ground_too_often_is_not_ground_again(self) -> None:
        taper = {"size": 40, "nose_um": 9, "bar_um": 12, "worn_um": 150}
        _, found = routes(core(taper=taper), *BEFORE)
        assert not found["bearings-taper"]["feasible"] and not found["hvof"]["feasible"]
        assert any("gauge plane" in reason for reason in found["hvof"]["reasons"])
        hsk = {**taper, "system": "HSK", "worn_um": 30}
        _, steep = routes(core(taper=hsk), *BEFORE)  # 1:9.98 moves three times as far as 7:24
        assert not steep["hvof"]["feasible"]

    def test_the_makers_limit_stands_above_the_rows(self) -> None:
        result, found = routes(core(limits={"synchronous_um": 0.2, "source": "maker"}), *BEFORE)
        assert result.chance.value < 0.1
        assert "limit-doubtful" in {note.code for note in result.flags}
        assert {t["rule"] for t in found["hvof"]["acceptance"] if t["result"].startswith("synchronous")} == {
            "maker"
        }

    def test_without_rates_there_is_no_cost(self) -> None:
        result, _ = routes(core(rates=None), *BEFORE)
        assert result.cost is None
        assert result.best_route == "hvof"
        assert result.time.value > 20

    def test_without_a_price_of_the_shaft_its_route_has_no_cost(self) -> None:
        rates = {name: value for name, value in CORE["rates"].items() if name != "shaft"}
        _, found = routes(core(rates=rates), *BEFORE)
        assert any(o["cost"] is None for o in found["new-shaft"]["operations"])

    def test_a_fixed_sensitive_direction_asks_its_own_motion(self) -> None:
        result, _ = routes(core(sensitive_direction="fixed"), *BEFORE)
        assert "error-motion-not-tested" in {note.code for note in result.flags}

    def test_nothing_known_predicts_only_what_rows_say(self) -> None:
        result, found = routes(core(**SOUND))
        assert not found["keep"]["properties"].get("synchronous_um")
        assert found["bearings"]["properties"]["synchronous_um"]["uncertainty"] > 0
        assert "bearings-not-tested" in {note.code for note in result.flags}

    def test_no_rows_no_guess(self) -> None:
        with pytest.raises(Refusal, match="nothing-to-go-by"):
            routes(core(), rules=RuleSet(()))

    @pytest.mark.parametrize(
        "lost",
        sorted(row.rule_id for row in shipped("restoration").rows if row.rule_id.startswith("spindle")),
    )
    def test_a_lost_row_is_told_or_changes_nothing(self, lost: str) -> None:
        """Deleting any row may make routes infeasible or unpredicted, never more feasible."""
        rows = RuleSet(row for row in shipped("restoration").rows if row.rule_id != lost)
        result, found = routes(core(), *BEFORE, rules=rows)
        whole = {"hard-chrome", "hvof", "laser-clad", "new-shaft"}
        feasible = {name for name, route in found.items() if route["feasible"]}
        told = {note.code for note in (*result.flags, *result.refusals)}
        assert feasible <= whole or told & {
            "no-taper-limit",
            "no-seat-tolerance",
            "no-limit",
            "rule-row-missing",
        }

    def test_the_seed_is_all_the_chance_there_is(self) -> None:
        one, _ = routes(core(), *BEFORE, seed=4)
        two, _ = routes(core(), *BEFORE, seed=4)
        three, _ = routes(core(), *BEFORE, seed=5)
        assert one.synchronous == two.synchronous != three.synchronous


class TestState:
    def test_a_finding_and_a_sheet(self, recore: Run) -> None:
        document = {
            "method": {"id": "spindle.error-motion", "version": 1}, "evidence": [], "parameters": {}, "artifacts": [],
            "results": {"synchronous_rotating": {"value": 0.0021, "unit": "mm", "uncertainty": 0.0001}},
            "flags": [], "refusals": [{"code": "x", "text": "no axial probe"}], "standard": "", "environment": {},
        }  # fmt: skip
        state = state_of([document, {"results": {"unbalance": {"value": 3, "unit": "g·mm"}}}], where="w")
        found = state.get("synchronous_rotating")
        assert found is not None
        assert (found.value, found.origin) == (pytest.approx(2.1), "spindle.error-motion")
        assert {note.code for note in state.notes} == {"finding-refused", "no-uncertainty", "stated-by-hand"}

    @pytest.mark.parametrize(
        ("document", "says"),
        [
            ({}, "no finding and no sheet"),
            ({"results": {"unbalance": {"value": 1, "unit": "µm"}}}, "no unbalance"),
            ({"results": {"bearing_fault": {"value": 1, "unit": "1"}}}, "no word"),
            ({"results": {"velocity": {"value": "fast", "unit": "1"}}}, "no speed"),
            ({"method": {"id": 3}}, "not a finding"),
            ({"results": [], "more": 1}, "no finding and no sheet"),
        ],
        ids=["empty", "kind", "number", "word", "broken", "more"],
    )
    def test_bad_documents(self, document: dict[str, Any], says: str) -> None:
        with pytest.raises(BadInput, match=says):
            state_of([document], where="w")

    def test_one_question_answered_twice(self) -> None:
        with pytest.raises(BadInput, match="answered twice"):
            state_of([{"results": {"unbalance": {"value": n, "unit": "g·mm"}}} for n in (1, 2)], where="w")


class TestAcceptance:
    @staticmethod
    def held(after: dict[str, Any], spindle: SpindleCore | None = None, **more: Any) -> Any:
        many = OneOrMany[dict[str, Any]]
        return accept(spindle or core(limits={"velocity_mm_s": 1.0}), many(BEFORE), many([after]), **more)

    def test_all_pass(self) -> None:
        result = self.held(AFTER[0])
        assert (result.verdict, result.passed.value, result.improved.value) == ("pass", 7, 6)
        assert "pass" in result.report and "<table>" in result.report

    def test_an_unverified_limit_never_passes(self) -> None:
        result = self.held(AFTER[0], core())
        assert (result.verdict, result.open.value) == ("unknown", 1)

    @pytest.mark.parametrize(
        ("value", "spread", "verdict"),
        [(2.7, 0.3, "pass"), (2.9, 0.3, "unknown"), (3.1, 0.3, "unknown"), (3.4, 0.3, "fail")],
    )
    def test_uncertainty_decides(self, value: float, spread: float, verdict: str) -> None:
        after = {"results": {**AFTER[0]["results"], "synchronous_rotating": um(value, spread)}}
        assert self.held(after).verdict == verdict

    @pytest.mark.parametrize("lost", list(AFTER[0]["results"]))
    def test_a_missing_test_is_open(self, lost: str) -> None:
        after = {"results": {name: item for name, item in AFTER[0]["results"].items() if name != lost}}
        result = self.held(after)
        assert result.verdict == "unknown"
        assert any(note.code == "test-open" for note in result.flags)

    @pytest.mark.parametrize(
        ("fault", "verdict"), [("undecided", "unknown"), ("outer", "fail"), ("none", "pass")]
    )
    def test_the_diagnosis_decides(self, fault: str, verdict: str) -> None:
        after = {"results": {**AFTER[0]["results"], "bearing_fault": {"value": fault, "unit": "1"}}}
        assert self.held(after).verdict == verdict

    def test_what_got_worse_is_told(self) -> None:
        result = self.held({"results": {**AFTER[0]["results"], "asynchronous_rotating": um(9.0)}})
        assert (result.verdict, result.worse.value) == ("fail", 1)
        assert "got-worse" in {note.code for note in result.flags}

    def test_no_rows_no_verdict(self) -> None:
        with pytest.raises(Refusal, match="no-limits"):
            self.held(AFTER[0], core(), rules=RuleSet(()))

    def test_the_report_escapes_what_a_document_says(self) -> None:
        spindle = core(name="<script>alert(1)</script>")
        assert "<script>" not in self.held(AFTER[0], spindle).report


class TestDoors:
    def test_command_line(self, recore: Run, tmp_path: Path) -> None:
        ended = recore(
            "run",
            "spindle.restore",
            EXAMPLES / "core.json",
            EXAMPLES / "before.json",
            "--json",
            "--out",
            tmp_path,
        )
        assert ended.status == 0
        assert ended.json["results"]["best_route"]["value"] == "hvof"
        made = json.loads((tmp_path / "routes.json").read_text())
        assert {route["route"] for route in made} >= {"keep", "hvof"}
        assert "Monte Carlo" in (tmp_path / "budget.csv").read_text()
        ended = recore(
            "run",
            "spindle.accept",
            *(EXAMPLES / f"{n}.json" for n in ("core", "before", "after")),
            "--out",
            tmp_path,
        )
        assert ended.status == 0
        assert (tmp_path / "report.html").exists()

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"taper": {"size": 41}}, "size"),
            ({"rotor_mass_kg": -1}, "rotor_mass_kg"),
            ({"seats": []}, "seats"),
            ({"colour": "red"}, "colour"),
        ],
        ids=["size", "mass", "seats", "unknown"],
    )
    def test_bad_input(self, recore: Run, tmp_path: Path, change: dict[str, Any], says: str) -> None:
        (tmp_path / "core.json").write_text(json.dumps({**CORE, **change}))
        ended = recore("run", "spindle.restore", tmp_path / "core.json")
        assert ended.status == 2
        assert says in ended.err
        assert "Traceback" not in ended.err

    def test_plots_are_specifications(self) -> None:
        result, _ = routes(core(), *BEFORE)
        assert restore.draw is not None and accept.draw is not None
        assert "vconcat" in restore.draw(result)
        drawn = accept.draw(TestAcceptance.held(AFTER[0]))
        assert len(drawn["data"]["values"]) == 12


@pytest.mark.parametrize(
    "wrong",
    [
        {"unbalance": {"value": -5, "unit": "g·mm"}},
        {"synchronous_rotating": um(-1.0)},
        {"synchronous_rotating": um(1e300)},
        {"asynchronous_rotating": um(1.0, 1e300)},
    ],
    ids=["unbalance", "negative", "huge", "huge-uncertainty"],
)
def test_amounts_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="is no amount of"):
        state_of([sheet(**wrong)], where="before")


def test_totals_are_unknown_where_a_part_is() -> None:
    from recore.model.route import Operation, Route

    one = Operation("a", "grind", "b", Quantity(1.0, "h", 0.3), Quantity(5.0, "CNY"))
    two = Operation("c", "grind", "b", Quantity(2.0, "h", 0.4))
    route = Route("r", "R", (one, two), {}, None, (), True)
    assert route.total("time") == Quantity(3.0, "h", 0.5)
    assert route.total("cost") is None
