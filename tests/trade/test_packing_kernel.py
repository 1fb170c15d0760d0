"""The packing kernel against an oracle that checks box against box, and loads whose best packing is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing_oracle import faults

from recore.errors import BadInput
from recore.trade.packing import BoxKind, pack

UP = (False, False, True)


# --- loads whose best packing is known ---


@pytest.mark.parametrize(
    ("container", "kinds", "fill"),
    [
        # 2 × 2 × 2 cubes fill it
        ((20, 20, 20), [BoxKind((10, 10, 10), 8)], 1.0),
        # 5 × 4 bricks in a 9 × 9 pinwheel: no guillotine cut packs four, the middle stays free
        ((9, 9, 1), [BoxKind((5, 4, 1), 4, UP)], 80 / 81),
        # the tall one must lie down: only its long edge is too long to stand
        ((30, 10, 10), [BoxKind((30, 10, 10), 1)], 1.0),
        # a cover over two equal tops needs their common surface
        ((20, 10, 20), [BoxKind((10, 10, 10), 2, UP), BoxKind((20, 10, 10), 1, UP)], 1.0),
        # two steps of one height from different stacks carry the cover
        (
            (20, 10, 30),
            [BoxKind((10, 10, 20), 1, UP), BoxKind((10, 10, 5), 4, UP), BoxKind((20, 10, 10), 1, UP)],
            1.0,
        ),
        # four corners and a cross, as on a pallet
        ((60, 40, 10), [BoxKind((30, 20, 10), 4, UP), BoxKind((60, 40, 10), 1, UP)], 1.0),
        # the large one does not go over the gap that the small ones leave
        ((20, 10, 20), [BoxKind((9, 10, 10), 2, UP), BoxKind((20, 10, 10), 1, UP)], 0.95),
    ],
)
def test_the_best_packing_is_found(container, kinds, fill):
    packing = pack(container, kinds, seconds=5, work=2000)
    assert faults(container, kinds, packing) == []
    assert packing.fill == pytest.approx(fill)


def test_full_support_costs_what_it_costs():
    # 9 + 9 wide below leaves a gap of 2: a cover of 20 may not hang over it, one of 9 may stand on a 9
    kinds = [BoxKind((9, 10, 10), 2, UP), BoxKind((20, 10, 10), 1, UP)]
    packing = pack((20, 10, 20), kinds, seconds=5)
    assert packing.packed == (2, 1)  # the wide one below, the two above it


def test_edges_stand_upright_only_where_allowed():
    # 12 high only on its side, which is forbidden
    assert pack((20, 20, 12), [BoxKind((12, 10, 20), 1, UP)], seconds=1).packed == (0,)
    assert pack((20, 20, 12), [BoxKind((12, 10, 20), 1, (True, False, False))], seconds=1).packed == (1,)
    assert pack((20, 20, 12), [BoxKind((12, 10, 20), 1, (False, False, False))], seconds=1).packed == (0,)
    tall = pack((10, 10, 100), [BoxKind((10, 5, 50), 4, UP)], seconds=1)
    assert set(map(tuple, tall.placements[:, 4:])) <= {(10, 5, 50), (5, 10, 50)} and tall.packed == (4,)


def test_payload_holds_to_the_gram():
    kinds = [BoxKind((10, 10, 10), 100, mass_kg=0.1)]
    assert pack((100, 100, 10), kinds, seconds=1, payload_kg=0.3, work=500).packed == (3,)
    assert pack((100, 100, 10), kinds, seconds=1, payload_kg=0.29999, work=500).packed == (2,)
    assert pack((100, 100, 10), kinds, seconds=1, payload_kg=0.0, work=500).packed == (0,)
    assert pack((100, 100, 10), kinds, seconds=1, payload_kg=10.0).packed == (100,)


def test_nothing_stands_on_what_is_not_stackable():
    fragile = BoxKind((10, 10, 10), 8, stackable=False)
    assert pack((20, 20, 20), [fragile], seconds=1, work=500).packed == (4,)
    both = [fragile, BoxKind((10, 10, 10), 4)]
    packing = pack((20, 20, 20), both, seconds=1, work=2000)
    assert packing.packed == (4, 4) and faults((20, 20, 20), both, packing) == []
    assert set(packing.placements[packing.placements[:, 0] == 0][:, 3]) == {10}


# --- whatever the load, the packing is legal ---

edge = st.integers(1, 12)
kind = st.builds(
    BoxKind,
    dims=st.tuples(edge, edge, edge),
    count=st.integers(0, 12),
    vertical_allowed=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    mass_kg=st.sampled_from([0.0, 0.1, 0.25, 1.7, 3.0]),
    stackable=st.booleans(),
)


@settings(max_examples=80, deadline=None)
@given(
    container=st.tuples(st.integers(1, 30), st.integers(1, 25), st.integers(1, 25)),
    kinds=st.lists(kind, min_size=0, max_size=6),
    payload=st.one_of(st.none(), st.sampled_from([0.0, 0.5, 3.3, 20.0])),
    seed=st.integers(0, 3),
)
def test_every_packing_is_legal(container, kinds, payload, seed):
    packing = pack(container, kinds, seconds=1, work=150, payload_kg=payload, seed=seed)
    assert faults(container, kinds, packing, payload) == []
    assert packing.work <= 150
    # nothing is left behind that would go into the empty container when nothing is in it
    if packing.fill == 0 and payload is None:
        assert not any(
            k.count and k.vertical_allowed[u] and k.dims[u] <= container[2]
            and sorted(k.dims[i] for i in range(3) if i != u)[0] <= min(container[:2])
            and sorted(k.dims[i] for i in range(3) if i != u)[1] <= max(container[:2])
            for k in kinds for u in range(3)
        )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    high=st.integers(1, 5),
)
def test_a_container_cut_into_boxes_is_filled_again(cuts, rows, high):
    container = (sum(cuts), sum(rows), high)
    kinds = [BoxKind((c, r, high), 1, UP) for c in cuts for r in rows]
    packing = pack(container, kinds, seconds=5, work=4000)
    assert faults(container, kinds, packing) == []
    assert packing.fill >= 0.9
    if len(rows) == 1:
        assert packing.fill == 1.0


def test_a_hundred_kinds():
    rng = np.random.default_rng(5)
    kinds = [
        BoxKind(tuple(int(v) for v in rng.integers(80, 700, 3)), int(rng.integers(1, 4))) for _ in range(100)
    ]
    packing = pack((5898, 2352, 2393), kinds, seconds=1, work=10)
    assert faults((5898, 2352, 2393), kinds, packing) == []
    assert sum(packing.packed) == sum(kind.count for kind in kinds)


def test_three_thousand_small_boxes():
    # more rows and layers than blocks are kept: some numbers of boxes along an edge are left out
    kinds = [BoxKind((101, 103, 57), 3000), BoxKind((97, 41, 39), 1000)]
    packing = pack((1200, 1000, 1100), kinds, seconds=1, work=10)
    assert packing.fill > 0.85
    assert packing.placements[:, 1:4].min() == 0
    assert ((packing.placements[:, 1:4] + packing.placements[:, 4:]) <= (1200, 1000, 1100)).all()


# --- the same again ---


def test_work_replays_a_timed_run(br):
    container, kinds = br
    timed = pack(container, kinds, seconds=0.5)
    again = pack(container, kinds, seconds=0, work=timed.work)
    assert again.work == timed.work > 0
    assert np.array_equal(again.placements, timed.placements)
    short = pack(container, kinds, seconds=60, work=7)
    assert short.work == 7 and short.fill <= timed.fill
    assert pack(container, kinds, seconds=60, work=0).packed == (0,) * len(kinds)


def test_more_work_is_never_worse_and_seeds_differ(br):
    container, kinds = br
    fills = [pack(container, kinds, seconds=1, work=work).fill for work in (1, 30, 300)]
    assert fills == sorted(fills) and fills[0] > 0.6
    plain, same, shaken = (pack(container, kinds, seconds=1, work=200, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(plain.placements, same.placements)
    assert not np.array_equal(plain.placements, shaken.placements)


def test_stages_end_the_search(br):
    container, kinds = br
    one, two = (pack(container, kinds, seconds=600, max_stage=stage) for stage in (1, 3))
    assert one.work < two.work
    assert pack(container, kinds, seconds=600, max_stage=0).work == 0


def test_at_least_one_packing_however_short_the_time(br):
    container, kinds = br
    assert pack(container, kinds, seconds=0).fill > 0.6


def test_an_exhausted_search_stops_by_itself():
    packing = pack((10, 10, 10), [BoxKind((6, 6, 6), 2)], seconds=600)
    assert packing.packed == (1,) and packing.seconds < 60


def test_progress_is_told(br):
    container, kinds = br
    told = []
    pack(container, kinds, seconds=1, work=100, progress=lambda share, doing: told.append((share, doing)))
    assert all(0 <= share <= 1 for share, _ in told) and told[-1][0] > 0.5 and "% full" in told[-1][1]
    pack(container, kinds, seconds=0.2, progress=lambda share, doing: told.append((share, doing)))
    assert 0 <= told[-1][0] <= 1


def test_interpreter_and_machine_code_pack_alike():
    code = """
import json
from recore.trade.packing import BoxKind, pack
kinds = [BoxKind((5, 3, 2), 9), BoxKind((4, 4, 3), 5, (False, False, True)), BoxKind((2, 2, 2), 6, stackable=False)]
packing = pack((13, 9, 8), kinds, seconds=1, work=40)
print(json.dumps([packing.placements.tolist(), packing.fill, packing.work]))
"""
    answers = []
    for plain in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=os.environ | {"NUMBA_DISABLE_JIT": plain},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert answers[0][1] > 0.5


def test_importing_compiles_nothing():
    code = "import sys, recore.trade.packing; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- benchmark and bad input ---

BR = [  # drawn by the procedure of Bischoff and Ratcliff (1995)
    ((1130, 790, 520), 20, (False, True, True)),
    ((720, 540, 290), 60, (False, True, True)),
    ((900, 560, 410), 33, (False, True, True)),
    ((630, 470, 380), 50, (True, True, True)),
    ((480, 330, 210), 90, (False, True, True)),
]


@pytest.fixture(scope="module")
def br():
    return (5870, 2330, 2200), [BoxKind(*row) for row in BR]


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_published_problem_in_two_seconds(shared_data, number):
    row = json.loads(shared_data(f"trade/packing/br{number}_first50.json").read_text())[1]
    kinds = [
        BoxKind(tuple(10 * v for v in box["dims"]), box["count"], tuple(map(bool, box["vertical_allowed"])))
        for box in row["boxes"]
    ]
    packing = pack((5870, 2330, 2200), kinds, seconds=2)
    assert faults((5870, 2330, 2200), kinds, packing) == []
    assert packing.fill >= 0.90


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"container": (10, 10)}, "container"),
        ({"container": (10, 10, 0)}, "container"),
        ({"container": (10, 10, 2.5)}, "container"),
        ({"kinds": [BoxKind((1, 1, 0), 1)]}, "kinds[0].dims"),
        ({"kinds": [BoxKind((1, 1, True), 1)]}, "kinds[0].dims"),
        ({"kinds": [BoxKind((1, 1, 1), -1)]}, "kinds[0].count"),
        ({"kinds": [BoxKind((1, 1, 1), 10**6)]}, "kinds"),
        ({"kinds": [BoxKind((1, 1, 1), 1, (True, True))]}, "kinds[0].vertical_allowed"),
        ({"kinds": [BoxKind((1, 1, 1), 1, mass_kg=float("nan"))]}, "kinds[0].mass_kg"),
        ({"kinds": [BoxKind((1, 1, 1), 1, mass_kg=-1.0)]}, "kinds[0].mass_kg"),
        ({"payload_kg": -1.0}, "payload_kg"),
        ({"payload_kg": float("inf")}, "payload_kg"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"work": -1}, "work"),
        ({"max_stage": 0.5}, "max_stage"),
        ({"seed": -3}, "seed"),
    ],
)
def test_bad_input_is_refused(change, where):
    given = {"container": (10, 10, 10), "kinds": [BoxKind((1, 1, 1), 1)], "seconds": 1} | change
    with pytest.raises(BadInput) as refused:
        pack(given.pop("container"), given.pop("kinds"), **given)
    assert refused.value.where == where


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([(0, 0, 0, 0, 10, 10, 10), (0, 5, 0, 0, 10, 10, 10)], "one place"),
        ([(0, 0, 0, 5, 10, 10, 10)], "carried"),
        ([(0, 15, 0, 0, 10, 10, 10)], "out of the container"),
        ([(1, 0, 0, 0, 5, 5, 8)], "forbidden way"),
        ([(2, 0, 0, 0, 10, 10, 10), (0, 0, 0, 10, 10, 10, 10)], "carries nothing"),
        ([(1, 0, 0, 0, 8, 5, 5), (1, 8, 0, 0, 8, 5, 5)], "too many"),
        ([(0, 0, 0, 0, 10, 10, 10)], "heavier"),
    ],
)
def test_the_oracle_finds_what_is_wrong(rows, word):
    kinds = [
        BoxKind((10, 10, 10), 2, mass_kg=1.0),
        BoxKind((8, 5, 5), 1, UP),
        BoxKind((10, 10, 10), 1, stackable=False),
    ]
    placements = np.array(rows)
    packed = tuple(int(n) for n in np.bincount(placements[:, 0], minlength=3))
    claimed = SimpleNamespace(
        placements=placements, packed=packed, fill=float(placements[:, 4:].prod(1).sum() / 8000)
    )
    found = faults((20, 20, 20), kinds, claimed, payload_kg=0.5)
    assert any(word in fault for fault in found), found
