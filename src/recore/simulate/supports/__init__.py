"""Leg pressures of hydraulic roof supports, with the truth about them. Synthetic: no claim about a real face may rest on it.

Two simulators: `supports` runs each support on its own (small, for cycles and leaks); `LongwallFace` runs a
whole longwall face, shear after shear, with weighting, faults of legs, valves and sensors, and faults of the log.
"""

from recore.simulate.supports.face import LongwallFace
from recore.simulate.supports.faults import FAULTS, Fault
from recore.simulate.supports.independent import EPOCH, Face, SupportLog, demo_log, supports
from recore.simulate.supports.longwall import Longwall

__all__ = [
    "EPOCH",
    "FAULTS",
    "Face",
    "Fault",
    "Longwall",
    "LongwallFace",
    "SupportLog",
    "demo_log",
    "supports",
]
