"""Value of condition data: means of the simulation against what is expected, and the order of the policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recore.restoration.hydraulic_support.case import PlanCase
from recore.restoration.hydraulic_support.options import options_of
from recore.restoration.hydraulic_support.value import _failure_prices, _future, plan_value
from recore.simulate.repair import repair_case


@pytest.fixture(scope="module")
def valued() -> tuple[PlanCase, Any]:
    case = PlanCase.model_validate(repair_case(3, shape_of=(12, 6, 4), tightness=1.5))
    return case, plan_value(
        case, trials=200, foreseen=5, seconds=300.0, rounds=0, progress=lambda share, doing: None
    )


def test_data_save_and_nobody_beats_the_clairvoyant(valued: tuple[PlanCase, Any]) -> None:
    _, found = valued
    assert found.clairvoyant.value < found.condition.value < found.age.value < found.run_to_failure.value
    assert found.against_age.value > found.against_age.uncertainty
    # common random numbers: the difference is known better than the costs
    assert found.against_age.uncertainty < found.condition.uncertainty


def test_the_mean_is_the_expected_cost(valued: tuple[PlanCase, Any]) -> None:
    case, found = valued
    expected = float(options_of(case).keep.sum())
    assert abs(found.run_to_failure.value - expected) < 2 * found.run_to_failure.uncertainty
    trials = found.trials.to_pydict()
    assert len(trials["age"]) == 200
    saved = np.subtract(trials["age"], trials["condition"])
    assert saved.mean() == pytest.approx(found.against_age.value)


def test_a_choice_with_more_hazard_never_fails_less(valued: tuple[PlanCase, Any]) -> None:
    case, _ = valued
    options = options_of(case)
    random = np.random.default_rng(1)
    for _ in range(10):
        future = _future(options, _failure_prices(case, options), random)
        less = options.fail < options.keep[..., None, None]
        assert (future.fail <= future.keep[..., None, None] + 1e-6)[less].all()


def test_a_seed_is_a_future() -> None:
    case = PlanCase.model_validate(repair_case(3, shape_of=(3, 4, 3), tightness=5.0))
    runs = [
        plan_value(
            case, trials=20, foreseen=2, rounds=0, seed=seed, progress=lambda share, doing: None
        ).run_to_failure
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]
