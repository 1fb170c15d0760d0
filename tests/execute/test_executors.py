"""The executor port: same results wherever the work runs."""

from __future__ import annotations

import math

import pytest

from recore.errors import BadInput
from recore.execute import Inline, executor


def test_the_executors_agree() -> None:
    work = [float(n) for n in range(20)]
    with executor("inline") as here, executor("processes:2") as there:
        assert list(here.map(math.sqrt, work)) == list(there.map(math.sqrt, work))


def test_an_error_stays_in_its_future() -> None:
    future = Inline().submit(math.sqrt, -1.0)
    assert isinstance(future.exception(), ValueError)


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Inline().submit(interrupted)


@pytest.mark.parametrize("where", ["", "threads", "processes:0", "processes:-1", "processes:x", "dask"])
def test_an_unknown_executor_is_named(where: str) -> None:
    with pytest.raises(BadInput, match="--on"):
        executor(where)


def test_processes_without_a_number_takes_every_core() -> None:
    with executor("processes") as pool:
        assert pool.submit(math.sqrt, 4.0).result() == 2.0
