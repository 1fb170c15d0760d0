"""trade.load-plan: hand-made cases first, then every plan against a second judge, hostile input, and the doors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_machines import CONTAINERS, shipment
from load_oracle import faults

from recore.errors import BadInput
from recore.evidence.reading import validated
from recore.model.trade import OneOrMany
from recore.trade.load_plan import LoadPlan, load_plan
from recore.trade.loading.cargo import Container, Items

BOX = CONTAINERS[1]
RACK = CONTAINERS[2]


def item(name: str, size: list[float], mass: float, count: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "size_mm": size,
        "mass_kg": mass,
        "count": count,
        "vertical_allowed": [False, False, True],
        "stackable": False,
        **more,
    }


def planned(items: Any, container: Any, **parameters: Any) -> LoadPlan:
    document = items if isinstance(items, dict) else {"items": items}
    return load_plan(
        validated(document, OneOrMany[Items], "items.json"),
        validated(container, OneOrMany[Container], "container.json"),
        **{"seconds": 2.0, **parameters},
    )


def rows(plan: LoadPlan) -> list[dict[str, Any]]:
    return plan.placements.to_pylist()


def wrong(plan: LoadPlan, items: Any, container: dict[str, Any]) -> list[str]:
    listed = items["items"] if isinstance(items, dict) else items
    return faults(rows(plan), {one["id"]: one for one in listed}, container)


def codes(plan: LoadPlan) -> set[str]:
    return {note.code for note in plan.flags}


class TestByHand:
    def test_one_machine_stands_in_the_middle(self) -> None:
        plan = planned([item("roller", [4800, 2250, 2500], 10500)], BOX)
        (row,) = rows(plan)
        assert (row["x_mm"], row["y_mm"], row["z_mm"]) == (3616, 50, 0)
        assert (row["dx_mm"], row["dy_mm"], row["dz_mm"]) == (4800, 2250, 2500)
        assert plan.legal.value is True
        assert plan.vgm_kg.value == 10500 + 3860
        assert plan.fill.value == pytest.approx(4800 * 2250 * 2500 / (12032 * 2350 * 2697))
        assert plan.left_behind.value == 0
        assert plan.cog_x_mm is not None and plan.cog_x_mm.value == 6016

    def test_a_machine_taller_than_the_door_stays_behind(self) -> None:
        items = [item("roller", [4800, 2250, 2500], 9000), item("dozer", [5000, 2300, 2650], 15000)]
        plan = planned(items, BOX)
        assert [row["item"] for row in rows(plan)] == ["roller"]
        assert plan.left.to_pylist()[0] | {"text": ""} == {
            "item": "dozer", "count": 1, "reason": "door", "text": ""
        }  # fmt: skip
        assert "door" in codes(plan)
        assert plan.legal.value is True

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"payload_kg": 5000}, "payload"),
            ({"floor_kg_per_m": 1000}, "floor"),
            ({"inner_mm": [4000, 2350, 2697]}, "length"),
            ({"inner_mm": [12032, 2000, 2697]}, "width"),
            ({"inner_mm": [12032, 2350, 2400]}, "height"),
        ],
    )
    def test_each_limit_gives_its_reason(self, changed: dict[str, Any], reason: str) -> None:
        plan = planned([item("roller", [4800, 2250, 2500], 9000)], {**BOX, **changed})
        assert [row["reason"] for row in plan.left.to_pylist()] == [reason]
        assert reason in codes(plan)
        assert (plan.packed.value, plan.left_behind.value, plan.fill.value) == (0, 1, 0)
        assert plan.legal.value is True

    def test_an_unbalanced_pair_is_not_loaded(self) -> None:
        """8 t on 3 m and 0.8 t on 9 m fill 12 of 12.03 m: the centre of gravity cannot come near the middle."""
        items = [item("heavy", [3000, 2000, 2000], 8000), item("light", [9000, 2000, 2000], 800)]
        plan = planned(items, BOX)
        assert [row["item"] for row in rows(plan)] == ["light"]
        assert codes(plan) == {"centre-of-gravity", "friction-unknown"}
        free = planned(items, {**BOX, "cog_max_offset": [0.5, 0.5]})
        assert free.left_behind.value == 0

    def test_the_heavy_one_goes_between_the_light_ones(self) -> None:
        """12 t next to 1 t and 1 t, no length to spare: only light, heavy, light is balanced."""
        items = [item("heavy", [4000, 2000, 2000], 10000), item("light", [4000, 2000, 2000], 500, 2)]
        plan = planned(items, {**BOX, "cog_max_offset": [0.02, 0.02]})
        assert [row["item"] for row in sorted(rows(plan), key=lambda row: row["x_mm"])] == [
            "light",
            "heavy",
            "light",
        ]

    def test_an_over_wide_machine_is_centred_on_a_flat_rack(self) -> None:
        items = [item("excavator", [9500, 3000, 3100], 22000)]
        plan = planned(items, RACK)
        (row,) = rows(plan)
        assert row["y_mm"] == -437 and row["dy_mm"] == 3000
        assert plan.over_width_mm.value == 3000 - 2126
        assert plan.over_height_mm.value == 3100 - 2043
        assert plan.over_length_mm.value == 0
        assert 0 < plan.fill.value < 1
        assert "out-of-gauge" in codes(plan)
        assert not wrong(plan, items, RACK)

    def test_no_machine_passes_the_end_walls(self) -> None:
        plan = planned([item("crane", [13000, 2000, 2000], 22000)], RACK)
        assert plan.packed.value == 0 and codes(plan) == {"length"}

    def test_a_machine_is_not_turned_across_to_fit_beside_another(self) -> None:
        items = [item("excavator", [9500, 2000, 2000], 20000), item("mini", [4200, 1550, 2000], 3500)]
        plan = planned(items, {**RACK, "floor_kg_per_m": 5000})
        assert [row["item"] for row in rows(plan)] == ["excavator"]

    def test_nothing_stands_on_a_machine_but_crates_stand_on_crates(self) -> None:
        items = [
            item("gearbox", [1900, 1400, 1000], 4000),
            item("crate", [1200, 1000, 1000], 900, 8, stackable=True),
        ]
        container = {**BOX, "inner_mm": [4400, 2350, 2300], "floor_kg_per_m": 6000}
        plan = planned(items, container)
        assert not wrong(plan, items, container)
        assert max(row["z_mm"] for row in rows(plan)) == 1000
        assert plan.packed.value == 9

    def test_a_centre_of_gravity_off_the_middle_of_the_machine_counts(self) -> None:
        machine = item("loader", [6000, 2000, 2000], 9000, cog_mm=[1500, 1000, 800])
        plan = planned([machine], BOX)
        (row,) = rows(plan)
        assert plan.cog_x_mm is not None and plan.cog_z_mm is not None
        assert plan.cog_x_mm.value == 6016
        assert plan.cog_z_mm.value == 800
        nearer = 1500 if not row["orientation"].endswith("-") else 4500
        assert row["x_mm"] == 6016 - nearer

    def test_short_tracks_load_the_floor_more(self) -> None:
        machine = item("excavator", [8000, 2000, 2000], 12000)
        assert planned([machine], {**BOX, "floor_kg_per_m": 2000}).packed.value == 1
        short = planned([{**machine, "contact_length_mm": 3000}], {**BOX, "floor_kg_per_m": 2000})
        assert codes(short) == {"floor"}

    def test_an_axle_too_heavy_for_the_floor(self) -> None:
        truck = item("truck", [7000, 2300, 2500], 9000, axles=[{"at_mm": 1000, "load_kg": 6000}])
        assert codes(planned([truck], {**BOX, "axle_max_kg": 5460})) == {"axle"}

    def test_what_stays_behind_goes_into_the_next_container(self) -> None:
        items = [item("roller", [4800, 2250, 2500], 9000, 3), item("excavator", [9500, 2990, 3050], 21800)]
        plan = planned(items, [BOX, {**RACK, "floor_kg_per_m": 4000}, {**BOX, "name": "last"}])
        where = {(row["container"], row["item"]) for row in rows(plan)}
        assert where == {
            ("40 ft high 1", "roller"),
            ("flat rack 2", "excavator"),
            ("last 3", "roller"),
        }
        assert plan.left_behind.value == 0
        assert plan.vgm_kg.value == (18000 + 3860, 21800 + 5800, 9000 + 3860)
        assert plan.containers.column("packed").to_pylist() == [2, 1, 1]
        for number, container in enumerate([BOX, RACK, BOX], 1):
            mine = [row for row in rows(plan) if row["container"].endswith(str(number))]
            limits = {**container, "floor_kg_per_m": 4000}
            assert not faults(mine, {one["id"]: one for one in items}, limits)


class TestContainers:
    def test_a_known_name_fills_what_is_absent(self) -> None:
        plan = planned([item("roller", [4800, 2250, 2500], 9000)], {"name": "40HC"})
        assert "container-from-row" in codes(plan)
        assert plan.vgm_kg.value == 9000 + 3860
        stated = planned([item("roller", [4800, 2250, 2500], 9000)], {"name": "40HC", "tare_kg": 4000})
        assert stated.vgm_kg.value == 13000

    def test_dunnage_counts_in_payload_and_vgm(self) -> None:
        roller = [item("roller", [4800, 2250, 2500], 9000)]
        plan = planned(roller, {**BOX, "dunnage_kg": 250})
        assert plan.vgm_kg.value == 9000 + 250 + 3860
        assert plan.vgm[0]["dunnage_and_securing_kg"] == 250
        assert codes(planned(roller, {**BOX, "payload_kg": 9100, "dunnage_kg": 250})) == {"payload"}

    def test_vgm_above_the_maximum_gross_mass_is_told(self) -> None:
        plan = planned([item("roller", [4800, 2250, 2500], 9000)], {**BOX, "max_gross_kg": 12000})
        assert "over-max-gross" in codes(plan)

    def test_an_open_top_is_loaded_from_above(self) -> None:
        plan = planned([item("press", [3000, 2000, 2600], 7000)], {"name": "40OT"})
        assert plan.packed.value == 1
        assert plan.over_height_mm.value == 2600 - 2330

    def test_a_deck_slot(self) -> None:
        plan = planned([item("excavator", [9500, 2990, 3050], 21800)], {"name": "RORO-HIGH"})
        assert plan.packed.value == 1 and plan.legal.value is True
        assert plan.over_width_mm.value == 0

    @pytest.mark.parametrize(
        ("size", "slots"),
        [
            ([9500, 2300, 1900], 0.0),
            ([9500, 2400, 1900], 4.0),
            ([9500, 2100, 2100], 2.0),
            ([9500, 2400, 2100], 10.0),
        ],
    )
    def test_lost_slots_of_a_40_ft_rack(self, size: list[float], slots: float) -> None:
        """Both neighbours when over-wide, the slot above when over-high, 2 TEU each."""
        plan = planned([item("machine", size, 20000)], {"name": "40FR"})
        assert plan.lost_slots_teu is not None and plan.lost_slots_teu.value == slots

    @pytest.mark.parametrize(
        ("container", "text"),
        [
            ({"name": "a crate"}, "no rule row knows"),
            ({**BOX, "inner_mm": None}, "inner_mm"),
            ({**BOX, "door_mm": None}, "door_mm"),
            ({**BOX, "payload_kg": None}, "payload_kg"),
            ({**BOX, "dunnage_kg": 1e5}, "dunnage_kg"),
            ([], "empty list"),
            ({**BOX, "inner_mm": [0, 1, 2]}, "inner_mm"),
            ({**BOX, "kind": "balloon"}, "kind"),
        ],
    )
    def test_a_container_that_says_too_little(self, container: Any, text: str) -> None:
        stated = (
            {k: v for k, v in container.items() if v is not None}
            if isinstance(container, dict)
            else container
        )
        with pytest.raises(BadInput, match=text):
            planned([item("roller", [4800, 2250, 2500], 9000)], stated)

    def test_absent_limits_are_told(self) -> None:
        bare = {k: v for k, v in BOX.items() if k not in ("floor_kg_per_m", "cog_max_offset")}
        assert {"no-floor-limit", "no-cog-limit"} <= codes(
            planned([item("roller", [4800, 2250, 2500], 9000)], bare)
        )


class TestSecondJudge:
    def test_the_judge_finds_what_is_wrong(self) -> None:
        """A judge that finds nothing would prove nothing."""
        items = {
            "a": item("a", [1000, 1000, 1000], 500, 9),
            "b": item("b", [500, 1000, 1000], 10, 9, stackable=True),
        }
        place = {"item": "a", "x_mm": 0, "y_mm": 0, "z_mm": 0, "dx_mm": 1000, "dy_mm": 1000, "dz_mm": 1000}
        loose = {**BOX, "cog_max_offset": [0.5, 0.5]}
        assert faults([place], items, loose) == []
        bad = {
            "overlap": [place, {**place, "x_mm": 999}],
            "not stackable": [place, {**place, "z_mm": 1000}],
            "nothing under": [place, {**place, "x_mm": 1000, "z_mm": 1}],
            "end wall": [{**place, "x_mm": -1}],
            "past a side": [{**place, "y_mm": 2000}],
            "floor or roof": [{**place, "z_mm": 1700}],
            "orientation": [{**place, "dx_mm": 900}],
            "pieces of": [place | {"x_mm": 1000 * n} for n in range(10)],
        }
        for text, rows_ in bad.items():
            assert any(text in fault for fault in faults(rows_, items, loose)), text
        assert any("centre" in fault for fault in faults([place], items, BOX))
        assert any("line load" in f for f in faults([place], items, {**loose, "floor_kg_per_m": 499}))
        assert any("payload" in f for f in faults([place], items, {**loose, "payload_kg": 499}))
        assert any("door" in f for f in faults([place], items, {**loose, "door_mm": [999, 2000]}))

    @pytest.mark.parametrize("first", range(0, 120, 20))
    def test_every_plan_of_machines_is_legal(self, first: int) -> None:
        loaded = 0
        for seed in range(first, first + 20):
            items, container = shipment(seed)
            if sum(one["count"] for one in items["items"]) > 12:
                for one in items["items"]:
                    one["count"] = 1
            plan = planned(items, container)
            assert plan.legal.value is True, seed
            assert wrong(plan, items, container) == [], seed
            counted = plan.packed.value + plan.left_behind.value
            assert counted == sum(one["count"] for one in items["items"]), seed
            loaded += plan.packed.value
        assert loaded > 20

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.tuples(*[st.integers(1, 14)] * 3),
                st.integers(0, 40),
                st.integers(0, 3),
                st.tuples(*[st.booleans()] * 3),
                st.booleans(),
            ),
            min_size=1,
            max_size=5,
        ),
        st.tuples(st.integers(2, 24), st.integers(2, 12), st.integers(2, 12)),
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.sampled_from(["container", "flat-rack"]),
        st.integers(10, 300),
        st.tuples(st.sampled_from([0.0, 0.02, 0.2]), st.sampled_from([0.0, 0.02, 0.5])),
    )
    def test_every_plan_of_small_blocks_is_legal(
        self, blocks: Any, inner: Any, door: Any, kind: str, payload: int, cog: Any
    ) -> None:
        items = [
            item(
                str(n),
                [100 * e for e in size],
                mass,
                min(count, 2),
                vertical_allowed=list(up),
                stackable=soft,
            )
            for n, (size, mass, count, up, soft) in enumerate(blocks)
        ]
        container = {
            "name": "c", "kind": kind, "inner_mm": [100 * e for e in inner], "door_mm": [100 * e for e in door],
            "payload_kg": payload, "tare_kg": 10, "floor_kg_per_m": payload, "cog_max_offset": list(cog),
        }  # fmt: skip
        plan = planned(items, container)
        assert plan.legal.value is True
        assert wrong(plan, items, container) == []

    def test_a_plan_is_found_again(self) -> None:
        items, container = shipment(7)
        assert rows(planned(items, container)) == rows(planned(items, container))


class TestHostile:
    def test_fractions_of_a_millimetre_are_rounded_up_and_told(self) -> None:
        plan = planned([item("roller", [4799.2, 2250, 2500], 9000)], BOX)
        assert rows(plan)[0]["dx_mm"] == 4800
        assert "size-rounded" in codes(plan)

    def test_nothing_to_load(self) -> None:
        for items in ([], [item("roller", [4800, 2250, 2500], 9000, 0)]):
            plan = planned(items, BOX)
            assert (plan.fill.value, plan.packed.value, plan.legal.value) == (0, 0, True)
            assert plan.vgm_kg.value == 3860
            assert plan.cog_x_mm is None

    def test_cargo_without_mass(self) -> None:
        plan = planned([item("foam", [4800, 2250, 2500], 0)], BOX)
        assert plan.packed.value == 1 and "no-mass" in codes(plan)
        assert plan.cog_x_mm is None

    def test_a_container_smaller_than_every_item(self) -> None:
        tiny = {**BOX, "inner_mm": [100, 100, 100], "door_mm": [100, 100]}
        plan = planned([item("roller", [4800, 2250, 2500], 9000, 1000)], tiny)
        assert plan.left_behind.value == 1000 and codes(plan) == {"door"}

    def test_no_edge_may_stand(self) -> None:
        plan = planned([item("egg", [100, 100, 100], 1, vertical_allowed=[False] * 3)], BOX)
        assert codes(plan) == {"orientation"}

    def test_fields_that_are_not_read_are_told(self) -> None:
        plan = planned([item("roller", [4800, 2250, 2500], 9000, stackble=True)], BOX)
        assert any(note.code == "field-not-read" and "stackble" in note.text for note in plan.flags)

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"size_mm": [1, 2]}, "size_mm"),
            ({"size_mm": [-1, 2, 3]}, "size_mm"),
            ({"mass_kg": -1}, "mass_kg"),
            ({"mass_kg": float("nan")}, "mass_kg"),
            ({"count": -1}, "count"),
            ({"count": 1.5}, "count"),
            ({"count": 300_000}, "count"),
            ({"id": ""}, "id"),
            ({"cog_mm": [9000, 1, 1]}, "cog_mm"),
            ({"contact_length_mm": 9000}, "contact_length_mm"),
            ({"axles": [{"at_mm": 9000, "load_kg": 1}]}, "axle"),
            ({"attach_mm": 9000}, "attach_mm"),
        ],
    )
    def test_items_that_cannot_be(self, change: dict[str, Any], text: str) -> None:
        with pytest.raises(BadInput, match=text):
            planned([{**item("roller", [4800, 2250, 2500], 9000), **change}], BOX)

    def test_an_id_twice_and_too_many_pieces(self) -> None:
        roller = item("roller", [4800, 2250, 2500], 9000)
        with pytest.raises(BadInput, match="twice"):
            planned([roller, roller], BOX)
        with pytest.raises(BadInput, match="at most"):
            planned([{**roller, "count": 150_000}, {**roller, "id": "b", "count": 150_000}], BOX)

    def test_work_for_another_number_of_containers(self) -> None:
        with pytest.raises(BadInput, match="each container"):
            planned([item("roller", [4800, 2250, 2500], 9000)], BOX, work=(1, 2))


class TestDoors:
    def written(self, folder: Path, items: Any, container: Any) -> tuple[str, str]:
        (folder / "items.json").write_text(json.dumps(items))
        (folder / "container.json").write_text(json.dumps(container))
        return str(folder / "items.json"), str(folder / "container.json")

    def test_the_command_line(self, recore: Callable[..., Any], tmp_path: Path) -> None:
        items, container = (
            {"items": [item("roller", [4800, 2250, 2500], 9000), item("dozer", [5000, 2300, 3000], 9000)]},
            BOX,
        )
        files = self.written(tmp_path, items, container)
        out = tmp_path / "out"
        ended = recore("run", "trade.load-plan", *files, "--json", "--out", str(out))
        assert ended.status == 0
        results = ended.json["results"]
        assert results["legal"]["value"] is True
        assert results["vgm_kg"] == {"value": 12860.0, "unit": "kg"}
        assert any(flag["code"] == "door" for flag in ended.json["flags"])
        read = list(csv.DictReader(io.StringIO((out / "placements.csv").read_text())))
        names = ["item", "x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm"]
        assert list(read[0])[:7] == names and read[0]["item"] == "roller"
        scene = json.loads((out / "scene.json").read_text())
        assert scene["containers"][0]["boxes"][0]["size"] == [4800, 2250, 2500]
        listed = list(csv.DictReader(io.StringIO((out / "packing_list.csv").read_text())))
        assert listed[0]["count"] == "1" and listed[0]["total_mass_kg"] == "9000"

    def test_bad_input_ends_with_2(self, recore: Callable[..., Any], tmp_path: Path) -> None:
        files = self.written(tmp_path, {"items": [item("roller", [4800, 2250], 9000)]}, BOX)
        ended = recore("run", "trade.load-plan", *files, "--json")
        assert ended.status == 2 and "size_mm" in ended.err

    def test_rows_can_be_given(self) -> None:
        from recore.rules import RuleSet, shipped

        only = RuleSet(rule for rule in shipped().rows if rule.domain == "container")
        roller = [item("roller", [4800, 2250, 2500], 9000)]
        plan = planned(roller, {"name": "40HC"}, rules=only)
        assert plan.road is not None and plan.road.value == "unknown"
        assert "no-acceleration-row" in codes(plan)
        with pytest.raises(BadInput, match="no rule row knows"):
            planned(roller, {"name": "40HC"}, rules=RuleSet([]))

    def test_the_picture(self) -> None:
        import vl_convert

        items, containers = (
            {
                "items": [
                    item("excavator", [9500, 3000, 3100], 22000),
                    item("crate", [1200, 1000, 1000], 900, 4, stackable=True),
                ]
            },
            [{"name": "40FR"}, BOX],
        )
        plan = planned(items, containers)
        assert load_plan.draw is not None
        spec = load_plan.draw(plan)
        picture = vl_convert.vegalite_to_svg(spec)
        assert "excavator" in picture and "over-width 874 mm" in picture
        vl_convert.vegalite_to_svg(load_plan.draw(planned([], BOX)))
