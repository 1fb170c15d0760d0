"""A package of somebody else, written from CONTRIBUTING alone."""

from dataclasses import dataclass
from typing import Annotated

from recore.evidence import Table
from recore.method import Refusal, Tolerance, Unit, method
from recore.quantity import Quantity


@dataclass(frozen=True)
class MeanWear:
    mean_wear: Annotated[Quantity, Unit("mm")]


@method("acme.mean-wear", version=2, reproducible=Tolerance(relative=1e-9))
def mean_wear(readings: Table, *, new_mm: Annotated[float, Unit("mm")] = 83.0) -> MeanWear:
    """Mean wear of a sprocket from caliper readings."""
    worn = new_mm - readings.floats("measured_mm")
    if len(worn) < 3:
        raise Refusal("few-readings", "at least three readings are wanted for a mean with an uncertainty")
    return MeanWear(Quantity(worn.mean(), "mm", 2 * worn.std(ddof=1) / len(worn) ** 0.5))


@method("acme.mean-wear", version=1, reproducible=Tolerance(relative=1e-9))
def mean_wear_1(readings: Table) -> dict[str, Quantity]:
    """Mean wear of a sprocket, new at 83 mm."""
    return {"mean_wear": Quantity(83 - readings.floats("measured_mm").mean(), "mm")}
