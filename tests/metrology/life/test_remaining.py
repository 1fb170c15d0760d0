"""Remaining life from condition: a wear law that is known, and engines that ran to failure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Refusal
from recore.metrology.life import remaining
from recore.metrology.life.condition import features
from recore.metrology.life.remaining import life_remaining


def fleet(seed: int, units: int) -> list[Any]:
    """Wear that grows as a power of life's share, seen by two noisy channels; one channel is noise, one never changes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(units):
        life = int(rng.integers(60, 160))
        share = np.arange(1, life + 1) / life
        wear = share**3
        noise = rng.normal(size=(life, 3)) * 0.05
        found.append(
            np.column_stack([wear + noise[:, 0], 1 - wear + noise[:, 1], noise[:, 2], np.full(life, 7.0)])
        )
    return found


def table(units: list[Any]) -> Table:
    return Table.of(
        {
            "unit": np.repeat(np.arange(1, len(units) + 1), [len(u) for u in units]),
            "cycle": np.concatenate([np.arange(1, len(u) + 1) for u in units]),
            **{name: np.concatenate([u[:, k] for u in units]) for k, name in enumerate("abcd")},
        }
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer examples, where the answers themselves do not matter."""
    for name, number in (("_CHOOSING", 150), ("_FITTING", 200), ("_NEIGHBOURS", 100)):
        monkeypatch.setattr(remaining, name, number)


@pytest.fixture(scope="module")
def judged() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    whole = fleet(9, 40)
    cut = [int(rng.integers(20, len(u))) for u in whole]
    true = [float(len(u) - c) for u, c in zip(whole, cut, strict=True)]
    now = table([u[:c] for u, c in zip(whole, cut, strict=True)])
    known = Table.of({"unit": np.arange(1, 41), "remaining": true})
    return life_remaining(table(fleet(8, 40)), now, known, cap=80.0), np.array(true)


def test_the_answers_are_near_and_their_intervals_cover(judged: tuple[Any, Any]) -> None:
    found, true = judged
    guess = np.sqrt(np.mean((np.minimum(true, 80) - np.minimum(true, 80).mean()) ** 2))
    assert found.rmse_capped.value < 0.6 * guess
    assert found.rmse_capped.value < 2 * found.cv_rmse.value
    assert found.coverage.value >= 0.75
    assert found.cv_coverage.value == pytest.approx(0.9, abs=0.03)
    rows = found.table
    assert np.all(rows["lower"].to_numpy() <= rows["remaining"].to_numpy() + 25)
    assert {note.code for note in found.flags} == {"channel-never-changes"}
    assert "c, d" in found.flags[0].text, "noise and a constant tell nothing"


def test_the_same_seed_gives_the_same_and_the_order_of_rows_does_not_matter(quick: None) -> None:
    past, now = table(fleet(1, 12)), fleet(2, 3)
    mixed = table(now).arrow()
    order = np.random.default_rng(0).permutation(mixed.num_rows)
    one = life_remaining(past, table(now), cap=60.0)
    other = life_remaining(past, Table.of(mixed.take(order)), cap=60.0)
    assert one.table.equals(other.table)
    assert one.rmse is None


def test_features_are_least_squares() -> None:
    rng = np.random.default_rng(0)
    readings = rng.normal(size=(50, 2))
    found = features(readings, np.array([50]))[0]
    a = np.arange(30) - 14.5
    slope = (a[:, None] * readings[-30:]).sum(axis=0) / ((a**2).sum() + 200.0)
    assert found[6:8] == pytest.approx(slope * 30)
    assert found[4:6] == pytest.approx(readings[-30:].mean(axis=0) + slope * 14.5)


def test_a_unit_unlike_all_others_is_flagged(quick: None) -> None:
    strange = fleet(2, 1)
    strange[0][:, 0] += 20.0
    found = life_remaining(table(fleet(1, 12)), table(strange), cap=60.0)
    assert "unlike-history" in {note.code for note in found.flags}


def test_what_tells_nothing_is_refused(quick: None) -> None:
    with pytest.raises(Refusal, match="too-few-units"):
        life_remaining(table(fleet(1, 9)), table(fleet(2, 2)))
    with pytest.raises(Refusal, match="never-change"):
        life_remaining(table(fleet(1, 12)), table(fleet(2, 2)), channels=["d"])
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(200, 4)) for _ in range(12)]
    with pytest.raises(Refusal, match="tell-nothing"):
        life_remaining(table(noise), table(noise))


def test_bad_input_is_named(quick: None) -> None:
    units = fleet(1, 12)
    twice = table(units).arrow()
    with pytest.raises(BadInput, match="stands twice"):
        life_remaining(
            Table.of({n: np.append(twice[n].to_numpy(), twice[n][0].as_py()) for n in twice.column_names}),
            table(units),
        )
    with pytest.raises(BadInput, match="no channel"):
        life_remaining(Table.of({"unit": [1], "cycle": [1]}), table(units))
    with pytest.raises(BadInput, match="unit 2 is not there"):
        life_remaining(
            table(units), table(fleet(2, 2)), Table.of({"unit": [1], "remaining": [4.0]}), cap=60.0
        )


@pytest.mark.slow
def test_turbofan_engines(shared_data: Any) -> None:
    """NASA's set FD001 as published, true lives uncapped; an LSTM reaches 14.93, a convolutional network 16.97."""
    train, test, lives = (
        np.loadtxt(shared_data(f"supports/cmapss_fd001/{name}_FD001.txt"))
        for name in ("train", "test", "RUL")
    )

    def engines(rows: Any) -> Table:
        channels = {f"s{j}": rows[:, j] for j in range(2, 26)}
        return Table.of({"unit": rows[:, 0].astype(int), "cycle": rows[:, 1].astype(int), **channels})

    truth = Table.of({"unit": np.arange(1, 101), "remaining": lives})
    found = life_remaining(engines(train), engines(test), truth)
    assert found.rmse is not None
    assert found.coverage is not None
    assert found.rmse.value <= 12.5
    assert 0.8 <= found.coverage.value <= 1.0
