"""Compile every kernel before the tests, once and outside their tracer, which would take three times as long.

The machine code stays beside the sources, where the tests and every later run find it.
"""

from __future__ import annotations

import importlib

import numpy as np

from recore.metrology.leg_pressure import kernel
from recore.metrology.spindle.polar_statistics import PolarStatistics
from recore.metrology.spindle.signal_checks import Extremes
from recore.trade.packing.search import warm


def main() -> None:
    kernel.compiled()
    importlib.import_module("recore.fleet.aemp.decode")
    warm()
    block = np.zeros((1, 2, 8))
    PolarStatistics(np.ones((1, 1, 8))).update(block)
    Extremes(1).update(block.reshape(1, -1))


if __name__ == "__main__":
    main()
