"""The four reference circles of roundness (ISO 12181-1) and what a reading's error does to them.

Kernels on plain arrays: x and y [any one length unit], in any order; results in the same unit.
"""

from recore.metrology.circles.circle import Circle, largest_gap
from recore.metrology.circles.circumscribed import minimum_circumscribed
from recore.metrology.circles.inscribed import NotLocked, maximum_inscribed
from recore.metrology.circles.least_squares import NoCircle, least_squares
from recore.metrology.circles.minimum_zone import minimum_zone
from recore.metrology.circles.sensitivity import Sensitivity, sensitivities

__all__ = [
    "Circle",
    "NoCircle",
    "NotLocked",
    "Sensitivity",
    "largest_gap",
    "least_squares",
    "maximum_inscribed",
    "minimum_circumscribed",
    "minimum_zone",
    "sensitivities",
]
