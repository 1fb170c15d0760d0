"""Compile every kernel before the tests, once and outside their tracer, which would take three times as long.

The machine code stays beside the sources, where the tests and every later run find it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np


def cycles() -> None:
    from recore.metrology.leg_pressure import kernel

    kernel.compiled()


def packing() -> None:
    from recore.trade.packing.search import warm

    warm()


def telematics() -> None:
    importlib.import_module("recore.fleet.aemp.decode")


def spindle() -> None:
    from recore.metrology.spindle.polar_statistics import PolarStatistics
    from recore.metrology.spindle.signal_checks import Extremes

    block = np.zeros((1, 2, 8))
    PolarStatistics(np.ones((1, 1, 8))).update(block)
    Extremes(1).update(block.reshape(1, -1))


KERNELS: tuple[Callable[[], None], ...] = (packing, cycles, telematics, spindle)


def main() -> None:
    with ProcessPoolExecutor(2) as pool:
        for done in [pool.submit(kernel) for kernel in KERNELS]:
            done.result()


if __name__ == "__main__":
    main()
