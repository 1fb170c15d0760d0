"""The used spindle as it lies on the bench: its description, its seats, its taper, what a workshop asks for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recore.model.case import Word
from recore.model.trade import Currency, Document

Finite = Annotated[float, Field(strict=True, ge=0, le=1e7, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=1e-6, le=1e7, allow_inf_nan=False)]


class Seat(Document):
    """A journal that carries a bearing.

    Parameters
    ----------
    name : 'front', 'rear' …
    diameter_mm, length_mm : nominal size
    wear_mm : depth of wear below the nominal surface, and its expanded uncertainty u_wear_mm
    run_out_um : measured total radial run-out (or cylindricity), and its expanded uncertainty u_run_out_um
    """

    name: Word
    diameter_mm: Annotated[float, Field(gt=3, le=315)]
    length_mm: Annotated[float, Field(gt=0, le=2000)]
    wear_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    u_wear_mm: Annotated[float, Field(ge=0, le=5)] = 0.0
    run_out_um: Finite | None = None
    u_run_out_um: Finite = 0.0


class Taper(Document):
    """The tool taper in the spindle's nose.

    Parameters
    ----------
    system : '7/24' (ISO 7388) or 'HSK' (ISO 12164, taper 1:9.98)
    size : 30, 40 or 50; the tolerance rows know these
    nose_um, bar_um : measured run-out at the nose and at the end of the test bar; None where not measured
    u_um : expanded uncertainty of both
    worn_um : depth of fretting or score marks on the diameter that grinding must take off
    """

    system: Literal["7/24", "HSK"] = "7/24"
    size: Literal[30, 40, 50]
    nose_um: Finite | None = None
    bar_um: Finite | None = None
    u_um: Finite = 0.5
    worn_um: Finite = 0.0


class Life(Document):
    """What is known of the bearings' load: C and P [kN], speed [rpm] and hours run."""

    dynamic_rating_kn: Positive
    load_kn: Positive
    speed_rpm: Positive
    hours_run: Finite


class Rates(Document):
    """What a workshop asks; without them a route has hours and energy, and no cost."""

    currency: Currency
    labour_per_h: Finite
    energy_per_kwh: Finite
    bearings: Finite
    shaft: Finite | None = None


class Limits(Document):
    """The maker's own limits; they stand above the rule rows."""

    synchronous_um: Positive | None = None
    asynchronous_um: Positive | None = None
    velocity_mm_s: Positive | None = None
    source: Word = "limits in the spindle's document"


class SpindleCore(Document):
    """A used spindle.

    Parameters
    ----------
    name : what it goes by
    use : what it drives, which decides the balance grade
    accuracy_class : of the machine it belongs to
    sensitive_direction : 'rotating' (milling, boring, grinding) or 'fixed' (turning)
    taper, seats : the surfaces that wear
    bearing_class : tolerance class of the bearings it takes
    rotor_mass_kg, max_speed_rpm : for the balance
    crack : whether magnetic particle or dye testing found one; None where it was not looked for
    """

    name: Word
    use: Literal["machining", "grinding", "high-precision"]
    accuracy_class: Literal["increased", "high", "very-high"]
    sensitive_direction: Literal["rotating", "fixed"] = "rotating"
    taper: Taper
    seats: Annotated[tuple[Seat, ...], Field(min_length=1, max_length=8)]
    bearing_class: Literal["P5", "P4", "SP", "P2", "UP"]
    rotor_mass_kg: Annotated[float, Field(gt=0, le=5000)]
    max_speed_rpm: Annotated[float, Field(gt=0, le=200_000)]
    crack: Annotated[bool, Field(strict=True)] | None = None
    life: Life | None = None
    rates: Rates | None = None
    limits: Limits = Limits()

    @property
    def facts(self) -> dict[str, object]:
        """What the predicates of the rule rows read."""
        return {
            "accuracy_class": self.accuracy_class,
            "taper_size": self.taper.size,
            "bearing_class": self.bearing_class,
            "use": self.use,
            "restored": True,
        }
