"""Securing: values worked by hand from the formulas of annex 7 and EN 12195-1, then balances, rows and gaps."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.evidence.reading import validated
from recore.model.trade import OneOrMany
from recore.rules import RuleSet, Verdict, shipped
from recore.trade.load_plan import LoadPlan, load_plan
from recore.trade.loading.cargo import Container, Items
from recore.trade.loading.securing import Block, G, Lashing, lashings_needed, slide, tip

CONTAINER = {
    "name": "c", "kind": "container", "inner_mm": [12032, 2350, 2697], "door_mm": [2340, 2577], "payload_kg": 26600,
    "tare_kg": 3860, "floor_kg_per_m": 3000, "cog_max_offset": [0.05, 0.05],
}  # fmt: skip
CUBE = Block(1000, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0)
TOWER = Block(1000, 0.25, 0.25, 0.25, 1.0, 0.5, 0.5)
HELD: dict[str, Any] = {"dynamic": 0.75, "sides": 2, "safety": 1.1}


def planned(rules: RuleSet | None = None, **item: Any) -> LoadPlan:
    crate = {
        "id": "crate", "size_mm": [2000, 1500, 1500], "mass_kg": 4000, "count": 1,
        "vertical_allowed": [False, False, True], "stackable": False, **item,
    }  # fmt: skip
    return load_plan(
        validated({"items": [crate]}, OneOrMany[Items], "items.json"),
        validated(CONTAINER, OneOrMany[Container], "container.json"),
        rules=rules,
    )


def words(plan: LoadPlan) -> list[Any]:
    return [
        None if found is None else found.value
        for found in (plan.road, plan.rail, plan.sea_a, plan.sea_b, plan.sea_c)
    ]


class TestByHand:
    def test_sliding_force(self) -> None:
        """1 t, 0.8 g forward, friction 0.45: 1000 · 9.80665 · 0.35 = 3.4323 kN."""
        assert slide(CUBE, 0.8, 1.0, 0.45) == pytest.approx(3.4323275)
        assert slide(CUBE, 0.4, 1.0, 0.45) == 0

    def test_tipping_moment(self) -> None:
        """1 t, centre of gravity 1 m high, 0.25 m to the edge, 0.5 g: 9.80665 · (0.5 - 0.25) = 2.4517 kN·m."""
        assert tip(TOWER, 0.5, 1.0, "sideways") == pytest.approx(2.4516625)
        assert tip(CUBE, 0.5, 1.0, "sideways") == 0

    def test_top_over(self) -> None:
        """1.1 · 3.4323 / (2 · 0.45 · 4 · sin 75°) = 1.086: two lashings."""
        lashing = Lashing("top-over", pretension_kn=4, angle_deg=75)
        found = lashings_needed(CUBE, lashing, push=0.8, down=1.0, friction=0.45, direction="forward", **HELD)
        assert found == (2, "")

    def test_top_over_against_tipping(self) -> None:
        """1.1 · 2.4517 / (4 · sin 90° · 0.5) = 1.348: two, while sliding (friction 0.6) needs none."""
        lashing = Lashing("top-over", pretension_kn=4, angle_deg=90)
        found = lashings_needed(
            TOWER, lashing, push=0.5, down=1.0, friction=0.6, direction="sideways", **HELD
        )
        assert found == (2, "")

    def test_direct(self) -> None:
        """μ' = 0.3375; 9.80665 · (0.8 - 0.3375) = 4.5356 kN; 2 kN · (cos 30° · cos 45° + μ' · sin 30°) = 1.5622: 3."""
        lashing = Lashing("direct", msl_kn=2, angle_deg=30, across_deg=45)
        found = lashings_needed(CUBE, lashing, push=0.8, down=1.0, friction=0.45, direction="forward", **HELD)
        assert found == (3, "")
        loop = Lashing("loop", msl_kn=2, angle_deg=30, across_deg=45)
        found = lashings_needed(CUBE, loop, push=0.8, down=1.0, friction=0.45, direction="forward", **HELD)
        assert found == (2, "")

    @pytest.mark.parametrize(
        ("lashing", "missing"),
        [
            (Lashing("top-over"), "pretension_kn"),
            (Lashing("top-over", pretension_kn=4, angle_deg=0), "angle_deg above 0"),
            (Lashing("direct", angle_deg=45), "msl_kn"),
            (Lashing("direct", msl_kn=10, angle_deg=0, across_deg=90), "do not act"),
        ],
    )
    def test_what_is_not_known_is_not_guessed(self, lashing: Lashing, missing: str) -> None:
        number, why = lashings_needed(
            CUBE, lashing, push=0.8, down=1.0, friction=0.45, direction="forward", **HELD
        )
        assert number is None and missing in why

    def test_what_stands_needs_nothing(self) -> None:
        for kind in ("top-over", "direct", "loop"):
            found = lashings_needed(
                CUBE, Lashing(kind), push=0.3, down=1.0, friction=0.6, direction="sideways", **HELD
            )
            assert found == (0, "")


class TestBalance:
    @given(
        st.floats(100, 40_000), st.floats(0.05, 0.7), st.floats(0.3, 1.0), st.floats(0.2, 1.0), st.floats(1, 85),
        st.floats(0, 60), st.floats(5, 100),
    )  # fmt: skip
    def test_so_many_direct_lashings_hold_and_one_fewer_do_not(
        self, mass: float, friction: float, push: float, down: float, angle: float, across: float, msl: float
    ) -> None:
        block = Block(mass, 2, 2, 1, 0.2, 4, 2)  # too flat to tip
        lashing = Lashing("direct", msl_kn=msl, angle_deg=angle, across_deg=across)
        number, _ = lashings_needed(
            block, lashing, push=push, down=down, friction=friction, direction="forward", **HELD
        )
        assert number is not None
        a, b, low = math.radians(angle), math.radians(across), 0.75 * friction

        def held(n: int) -> float:
            pull, press = n * msl * math.cos(a) * math.cos(b), n * msl * math.sin(a)
            return pull + low * (mass * G / 1000 * down + press) - mass * G / 1000 * push

        assert held(number) >= -1e-6 * mass
        if number:
            assert held(number - 1) < 1e-6 * mass

    @given(
        st.floats(100, 40_000), st.floats(0.05, 0.7), st.floats(0.3, 1.0), st.floats(10, 90), st.floats(1, 30)
    )
    def test_so_many_top_over_lashings_hold_with_their_factor(
        self, mass: float, friction: float, push: float, angle: float, tension: float
    ) -> None:
        block = Block(mass, 2, 2, 1, 0.2, 4, 2)
        lashing = Lashing("top-over", pretension_kn=tension, angle_deg=angle)
        number, _ = lashings_needed(
            block, lashing, push=push, down=1.0, friction=friction, direction="forward", **HELD
        )
        assert number is not None
        grip = friction * number * 2 * tension * math.sin(math.radians(angle))
        assert grip * (1 + 1e-6) >= 1.1 * slide(block, push, 1.0, friction) - 1e-9


class TestRows:
    def test_accelerations(self) -> None:
        rows = {
            rule.rule_id.rpartition(".")[2]: rule for rule in shipped().rows if "acceleration" in rule.rule_id
        }
        asked = ("forward", "backward", "sideways", "down_longitudinal", "down_transverse")
        assert {name: tuple(rule.params[key] for key in asked) for name, rule in rows.items()} == {
            "road": (0.8, 0.5, 0.5, 1.0, 1.0),
            "rail": (0.5, 0.5, 0.5, 1.0, 0.7),
            "sea-A": (0.3, 0.3, 0.5, 0.5, 1.0),
            "sea-B": (0.3, 0.3, 0.7, 0.3, 1.0),
            "sea-C": (0.4, 0.4, 0.8, 0.2, 1.0),
        }

    def test_friction_comes_from_a_material_pair(self) -> None:
        plan = planned(contact="sawn-timber-plywood")
        assert {row["friction"] for row in plan.securing.to_pylist()} == {0.45}
        assert {row["rule_id"] for row in plan.securing.to_pylist()} == {
            f"lashing.acceleration.{name}" for name in ("road", "rail", "sea-A", "sea-B", "sea-C")
        }
        unknown = planned(contact="ice")
        assert {"contact-unknown", "friction-unknown"} <= {note.code for note in unknown.flags}

    def test_a_verdict_for_each_transport(self) -> None:
        secured = {"friction": 0.45, "lashing": "direct", "msl_kn": 20, "angle_deg": 45, "across_deg": 45}
        assert words(planned(**secured, lashings=4)) == ["pass"] * 5
        assert "fail" in words(planned(**{**secured, "msl_kn": 1}, lashings=1))
        assert words(planned(**secured)) == ["unknown"] * 5
        assert words(planned()) == ["unknown"] * 5
        # with 0.3 g or less pressing down, no friction below 1 holds 0.3 g and 0.4 g along
        flat = planned(friction=0.9, size_mm=[3000, 2000, 500])
        assert words(flat) == ["pass", "pass", "pass", "unknown", "unknown"]

    def test_only_the_asked_transports(self) -> None:
        crate = {"items": [{"id": "a", "size_mm": [1000, 1000, 500], "mass_kg": 10, "friction": 0.9}]}
        plan = load_plan(
            validated(crate, OneOrMany[Items], "items.json"),
            validated(CONTAINER, OneOrMany[Container], "container.json"),
            transport=("road", "sea-A"),
        )
        assert words(plan) == ["pass", None, "pass", None, None]
        assert {row["transport"] for row in plan.securing.to_pylist()} == {"road", "sea-A"}

    def test_tipping_alone_can_fail(self) -> None:
        """A tall case: friction holds it, the centre of gravity does not."""
        tall = {"size_mm": [800, 800, 2400], "mass_kg": 1000, "friction": 0.9}
        plan = planned(**tall, lashing="top-over", pretension_kn=4, angle_deg=80, lashings=1)
        (row,) = [
            row
            for row in plan.securing.to_pylist()
            if (row["transport"], row["direction"]) == ("sea-C", "sideways")
        ]
        assert row["slide_kn"] == 0
        # 9.80665 · (0.8 · 1.2 - 1.0 · 0.4) = 5.4917 kN·m; 1.1 · 5.4917 / (4 · sin 80° · 0.8) = 1.917: two
        assert row["tip_knm"] == pytest.approx(5.491724)
        assert (row["lashings_needed"], row["verdict"]) == (2, "fail")

    @pytest.mark.parametrize("lashing", ["top-over", "direct"])
    def test_no_row_no_pass(self, lashing: str) -> None:
        """Take away each lashing row in turn: no verdict turns to pass, and what it decided is unknown."""
        secured = {
            "contact": "sawn-timber-plywood", "lashing": lashing, "breaking_kn": 120, "gear": "web",
            "pretension_kn": 20, "angle_deg": 60, "lashings": 12,
        }  # fmt: skip
        whole = planned(**secured)
        assert words(whole) == ["pass"] * 5
        consulted = 0
        for gone in (rule for rule in shipped().rows if rule.domain == "lashing"):
            plan = planned(RuleSet(rule for rule in shipped().rows if rule is not gone), **secured)
            if plan.rules_sha256.value != whole.rules_sha256.value:
                consulted += 1
                if gone.evidence_level < 5:
                    assert "unknown" in words(plan), gone.rule_id
            else:
                assert words(plan) == words(whole)
        assert consulted >= 7

    def test_rows_of_another_day(self) -> None:
        from datetime import date

        crate = {"items": [{"id": "a", "size_mm": [1000, 1000, 500], "mass_kg": 10, "friction": 0.9}]}
        plan = load_plan(
            validated(crate, OneOrMany[Items], "items.json"),
            validated(CONTAINER, OneOrMany[Container], "container.json"),
            shipment_date=date(2001, 1, 1),
        )
        assert words(plan) == ["unknown"] * 5
        assert "no-acceleration-row" in {note.code for note in plan.flags}

    def test_every_row_keeps_its_promises(self) -> None:
        rows = [rule for rule in shipped().rows if rule.domain in ("lashing", "container", "out-of-gauge")]
        assert len(rows) > 30
        for rule in rows:
            assert rule.effect == "state" and rule.source.title and rule.evidence_level
            for vector in rule.test_vectors:
                assert rule.answer(vector.given, vector.date).verdict is vector.expect
            assert {vector.expect for vector in rule.test_vectors} == {Verdict.PASS, Verdict.FAIL}
