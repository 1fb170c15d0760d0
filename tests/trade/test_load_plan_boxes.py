"""Many boxes through trade.load-plan: limits that the block search does not know, replay, and sizes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_machines import CONTAINERS
from load_oracle import faults

from recore.evidence.reading import validated
from recore.model.trade import OneOrMany
from recore.trade.load_plan import LoadPlan, load_plan
from recore.trade.loading.boxes import repaired
from recore.trade.loading.cargo import Container, Item, Items
from recore.trade.loading.check import check, off_centre, overlaps, support
from recore.trade.loading.space import Load, room_of

BOX = CONTAINERS[0]


def part(name: str, size: list[int], mass: float, count: int, **more: Any) -> dict[str, Any]:
    up = [True, True, True]
    return {
        "id": name, "size_mm": size, "mass_kg": mass, "count": count, "vertical_allowed": up, "stackable": True, **more,
    }  # fmt: skip


def planned(items: list[dict[str, Any]], container: Any, **parameters: Any) -> LoadPlan:
    return load_plan(
        validated({"items": items}, OneOrMany[Items], "items.json"),
        validated(container, OneOrMany[Container], "container.json"),
        **{"seconds": 1.0, **parameters},
    )


def wrong(plan: LoadPlan, items: list[dict[str, Any]], container: dict[str, Any]) -> list[str]:
    return faults(plan.placements.to_pylist(), {one["id"]: one for one in items}, container)


def test_equal_boxes_fill_the_container() -> None:
    container = {
        **BOX,
        "inner_mm": [2000, 1000, 1000],
        "door_mm": [1000, 1000],
        "cog_max_offset": [0.05, 0.05],
    }
    items = [part("cube", [500, 500, 500], 10, 20)]
    plan = planned(items, container)
    assert plan.fill.value == 1
    assert (plan.packed.value, plan.left_behind.value) == (16, 4)
    assert plan.left.to_pylist()[0]["reason"] == "space"
    assert not wrong(plan, items, container)


def test_heavy_boxes_stay_within_line_load_payload_and_centre() -> None:
    items = [part("iron", [600, 400, 300], 250, 60), part("foam", [900, 700, 500], 5, 60)]
    for floor, payload in ((4500, 28000), (1500, 28000), (4500, 3000)):
        container = {**BOX, "floor_kg_per_m": floor, "payload_kg": payload, "cog_max_offset": [0.02, 0.02]}
        plan = planned(items, container)
        assert plan.legal.value is True
        assert wrong(plan, items, container) == []
        assert plan.packed.value > 40
        assert {note.code for note in plan.flags} & {"payload", "floor", "centre-of-gravity", "space"}


def test_no_box_stands_wider_or_higher_than_the_door() -> None:
    items = [part("beam", [2345, 300, 200], 40, 20), part("post", [2300, 250, 250], 40, 20)]
    plan = planned(items, BOX)
    for row in plan.placements.to_pylist():
        assert row["dy_mm"] <= 2340 and row["dz_mm"] <= 2274
    assert plan.packed.value == 40
    assert not wrong(plan, items, BOX)


def test_work_replays_the_search() -> None:
    parts = [part(str(n), [310 + 70 * n, 250 + 40 * n, 190 + 55 * n], 12, 200) for n in range(5)]
    first = planned(parts, BOX)
    note = next(note for note in first.flags if note.code == "ended-by-clock")
    assert f"work={first.work.value}" in note.text
    again = planned(parts, BOX, work=first.work.value, seconds=0.01)
    assert again.placements.equals(first.placements)
    assert again.work.value == first.work.value
    assert "ended-by-clock" not in {note.code for note in again.flags}


def test_the_clock_is_kept() -> None:
    parts = [part(str(n), [310 + 70 * n, 250 + 40 * n, 190 + 55 * n], 12, 60) for n in range(5)]
    planned(parts, BOX, seconds=0.5)
    begin = time.process_time()
    planned(parts, BOX, seconds=2)
    assert time.process_time() - begin < 10


def test_machines_stand_out_and_boxes_go_behind_them() -> None:
    rack = {**CONTAINERS[2], "floor_kg_per_m": 5000}
    items = [
        part(
            "excavator", [7500, 3000, 3100], 20000, 1, vertical_allowed=[False, False, True], stackable=False
        ),
        part("bucket", [900, 700, 500], 300, 30),
    ]
    plan = planned(items, rack)
    assert wrong(plan, items, rack) == []
    packed = {row["item"] for row in plan.packing_list.to_pylist()}
    assert packed == {"excavator", "bucket"}
    assert plan.over_width_mm.value == 3000 - 2126


def test_a_hundred_thousand_boxes() -> None:
    begin = time.process_time()
    plan = planned([part("brick", [250, 120, 65], 0.1, 100_000)], BOX)
    assert plan.legal.value is True
    assert plan.packed.value + plan.left_behind.value == 100_000
    assert plan.packed.value >= 14_000
    assert time.process_time() - begin < 60


def test_more_boxes_than_one_search_takes() -> None:
    items = [part("cube", [100, 100, 100], 0.2, 60_000), part("case", [1000, 800, 600], 40, 20)]
    plan = planned(items, CONTAINERS[1])
    assert "boxes-capped" in {note.code for note in plan.flags}
    packed = {row["item"]: row["count"] for row in plan.packing_list.to_pylist()}
    assert packed["case"] == 20 and packed["cube"] > 15_000
    assert plan.legal.value is True


def test_boxes_that_can_never_be_loaded_have_their_reason() -> None:
    items = [
        part("fits", [500, 500, 500], 10, 20),
        part("long", [7000, 300, 300], 10, 5),
        part("iron", [200, 200, 200], 2000, 5),
        part("ton", [300, 300, 300], 40_000, 5),
    ]
    plan = planned(items, BOX)
    reasons = {row["item"]: row["reason"] for row in plan.left.to_pylist()}
    assert reasons == {"long": "length", "iron": "floor", "ton": "payload"}
    assert plan.packed.value == 20
    full = planned([{**items[0], "count": 2000}, items[1]], {**CONTAINERS[2], "inner_mm": [6000, 2000, 2000]})
    assert {row["item"]: row["reason"] for row in full.left.to_pylist()} == {
        "fits": "space",
        "long": "length",
    }


def test_a_rack_that_is_full_of_one_machine_takes_no_boxes() -> None:
    rack = {**CONTAINERS[2], "inner_mm": [7500, 2126, 2043]}
    items = [
        part(
            "excavator", [7500, 3000, 3100], 20000, 1, vertical_allowed=[False, False, True], stackable=False
        ),
        part("bucket", [900, 700, 500], 300, 30),
    ]
    plan = planned(items, rack)
    assert [row["item"] for row in plan.packing_list.to_pylist()] == ["excavator"]
    assert plan.legal.value is True


def test_short_contact_loads_one_section() -> None:
    """Boxes on short skids: 400 kg on 0.2 m each is 2 t/m where four stand side by side and stacked."""
    items = [
        part("case", [1000, 500, 500], 400, 40, contact_length_mm=200, vertical_allowed=[False, False, True])
    ]
    plan = planned(items, {**BOX, "floor_kg_per_m": 4100, "cog_max_offset": [0.5, 0.5]})
    assert plan.legal.value is True
    lengthways = [row for row in plan.placements.to_pylist() if row["orientation"].startswith("1")]
    at: dict[int, int] = {}
    for row in lengthways:
        at[row["x_mm"]] = at.get(row["x_mm"], 0) + 1
    assert max(at.values(), default=0) <= 2


def test_several_containers_share_the_time() -> None:
    items = [part("case", [1100, 900, 800], 300, 60)]
    plan = planned(items, [BOX, {**BOX, "name": "second"}], seconds=2)
    assert plan.left_behind.value == 0 or plan.packed.value >= 50
    for number, container in enumerate([BOX, BOX], 1):
        mine = [row for row in plan.placements.to_pylist() if row["container"].endswith(str(number))]
        assert mine and not faults(mine, {"case": items[0]}, container)


def test_check_agrees_with_the_second_judge_on_broken_loads() -> None:
    """Random boxes thrown into a room: each fault that one sees the other sees."""
    chance = np.random.default_rng(5)
    items = [
        part(str(n), (100 * chance.integers(1, 6, 3)).tolist(), 10, 9, stackable=n != 1) for n in range(3)
    ]
    models = [Item.model_validate(one) for one in items]
    container = {**BOX, "inner_mm": [1200, 800, 600], "door_mm": [700, 500], "cog_max_offset": [0.3, 0.3]}
    room = room_of(Container.model_validate(container))
    legal = 0
    for _ in range(400):
        n = int(chance.integers(1, 4))
        kind = chance.integers(0, 3, n)
        size = np.array([chance.permutation(items[k]["size_mm"]) for k in kind])
        box = np.hstack([100 * chance.integers(0, [10, 6, 3], (n, 3)) * chance.integers(0, 2, (n, 3)), size])
        load = Load(box, kind, ("123",) * n, size / 2)
        verdicts = check(load, models, room)
        names = ("x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm")
        rows = [
            dict(zip(names, b, strict=True)) | {"item": str(k)}
            for b, k in zip(box.tolist(), kind, strict=True)
        ]
        found = faults(rows, {one["id"]: one for one in items}, container)
        assert verdicts.legal == (not found), (rows, verdicts, found)
        legal += verdicts.legal
    assert 10 < legal < 390


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3, *[st.integers(1, 4)] * 3), max_size=12))
def test_overlap_and_support_by_cells(rows: list[tuple[int, ...]]) -> None:
    box = np.array(rows, np.int64).reshape(-1, 6)
    cells = np.zeros((12, 12, 12), int)
    for x, y, z, dx, dy, dz in rows:
        cells[x : x + dx, y : y + dy, z : z + dz] += 1
    assert overlaps(box) == bool((cells > 1).any())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recore.trade.loading.check._CELLS", 0)
        patch.setattr("recore.trade.loading.check._CHUNK", 3)
        assert overlaps(box) == bool((cells > 1).any())
    if (cells > 1).any():
        return
    room = room_of(Container.model_validate({**BOX, "inner_mm": [12, 12, 12]}))
    good, _ = support(box, np.ones(len(box), bool), room)
    for n, (x, y, z, dx, dy, _) in enumerate(rows):
        below = cells[x : x + dx, y : y + dy, z - 1] if z else np.ones(1)
        tops_below = all(
            any(r[2] + r[5] == z and r[0] <= i < r[0] + r[3] and r[1] <= j < r[1] + r[4] for r in rows)
            for i in range(x, x + dx)
            for j in range(y, y + dy)
        )
        assert good[n] == (z == 0 or tops_below)
        if good[n]:
            assert (below > 0).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4), st.integers(1, 60)), min_size=2, max_size=10),
    st.sampled_from([0.0, 0.01, 0.1]),
    st.integers(50, 400),
)
def test_repair_ends_and_keeps_every_limit(columns: Any, share: float, floor: int) -> None:
    """Columns of boxes along the length, unbalanced and too heavy: what is left is legal."""
    items, rows, kind = [], [], []
    at = 0
    for n, (length, high, mass) in enumerate(columns):
        items.append(Item.model_validate(part(str(n), [100 * length, 500, 200], mass, high)))
        for level in range(high):
            rows.append((at, 0, 200 * level, 100 * length, 500, 200))
            kind.append(n)
        at += 100 * length
    load = Load(np.array(rows), np.array(kind), ("123",) * len(rows), np.array(rows)[:, 3:] / 2)
    container = {
        **BOX, "inner_mm": [at + 300, 700, 1000], "door_mm": [700, 1000], "floor_kg_per_m": floor,
        "cog_max_offset": [share, 0.2],
    }  # fmt: skip
    room = room_of(Container.model_validate(container))
    kept, why = repaired(load, items, room)
    assert check(kept, items, room).legal
    assert set(why.values()) <= {"floor", "centre-of-gravity"}
    gone = len(load) - len(kept)
    assert (gone > 0) == bool(why)
    if not gone:
        assert off_centre(kept, np.array([one.mass_kg for one in items]), room) <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["br1", "br3", "br5"])
def test_the_wrapper_keeps_the_fill_of_the_block_search(
    name: str, shared_data: Callable[[str], Path]
) -> None:
    from recore.trade.packing import BoxKind, pack

    for problem in json.loads(shared_data(f"trade/packing/{name}_first50.json").read_text())[:2]:
        items = [
            part(
                str(box["type"]), [10 * edge for edge in box["dims"]], 1, box["count"],
                vertical_allowed=[bool(up) for up in box["vertical_allowed"]],
            )
            for box in problem["boxes"]
        ]  # fmt: skip
        inner = [10 * edge for edge in problem["container"]]
        container = {
            **BOX, "inner_mm": inner, "door_mm": inner[1:], "floor_kg_per_m": 1e5, "cog_max_offset": [0.5, 0.5],
        }  # fmt: skip
        plan = planned(items, container)
        assert not wrong(plan, items, container)
        kinds = [
            BoxKind(tuple(one["size_mm"]), one["count"], tuple(one["vertical_allowed"]), 1.0, True)
            for one in items
        ]
        alone = pack(
            tuple(inner), kinds, seconds=60, payload_kg=container["payload_kg"], work=plan.work.value
        )
        assert plan.fill.value == pytest.approx(alone.fill, abs=1e-12)
