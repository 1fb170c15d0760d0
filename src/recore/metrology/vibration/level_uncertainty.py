"""Uncertainty of a vibration level: calibration, mounting, band filter, finite record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from recore.errors import BadInput
from recore.method import Note
from recore.metrology import budget
from recore.metrology.budget import Contribution
from recore.metrology.vibration import zones as zoning
from recore.metrology.vibration.band_level import BandLevel
from recore.metrology.vibration.channels import Channel
from recore.rules import RuleSet


@dataclass(frozen=True)
class Level:
    """r.m.s. values of one channel with U(k = 2), and that of the baseline record.

    Parameters
    ----------
    velocity, displacement : r.m.s. within the band [mm/s], [µm]
    velocity_u, displacement_u : U(k = 2)
    band : the level with its segments and spectrum
    before : velocity of the baseline record [mm/s]
    """

    channel: Channel
    velocity: float
    velocity_u: float
    displacement: float
    displacement_u: float
    band: BandLevel
    before: float | None = None


@dataclass(frozen=True)
class Chain:
    """Standard uncertainties of gain, relative, and whether they are bounds."""

    calibration: float
    calibration_is_bound: bool
    mounting: float


def chain_of(
    rows: RuleSet, calibration_pct: float | None, mounting: str | None, day: date | None
) -> tuple[Chain, list[Note], list[Any]]:
    """Calibration and mounting as stated, else as rule rows bound them; notes, and the rows consulted."""
    notes, used = [], []
    if calibration_pct is None:
        found = zoning.stated(rows, {"chain": "not stated"}, day, "limit_pct")
        if found is None:
            raise BadInput(
                "calibration_pct is not stated", where="calibration_pct", right="give U(k = 2) in %"
            )
        used.append(found[0])
        calibration = float(found[1]) / 100 / np.sqrt(3)
        notes.append(
            Note(
                "calibration-assumed",
                f"no calibration is stated: the instrument is taken to be within ± {found[1]:g} % "
                f"({found[0].params['standard']}); give calibration_pct",
            )
        )
    else:
        calibration = calibration_pct / 200
    fixed = zoning.stated(rows, {"mounting": mounting or "not-stated"}, day, "limit_pct")
    if fixed is None:
        raise BadInput(
            f"no rule row for the mounting {mounting!r}", where="mounting", right="stud, adhesive …"
        )
    used.append(fixed[0])
    if mounting is None:
        notes.append(
            Note(
                "mounting-not-stated",
                f"how the sensor was fixed is not stated: ± {fixed[1]:g} % is taken; give mounting",
            )
        )
    return Chain(calibration, calibration_pct is None, float(fixed[1]) / 100 / np.sqrt(3)), notes, used


def _filter_share(level: BandLevel) -> float:
    """Standard uncertainty from the shape of the band filter, relative; a bound on either side."""
    return abs(float(np.sqrt(level.filtered2)) / level.velocity - 1) / float(np.sqrt(3))


def contributions_of(channel: Channel, level: BandLevel, chain: Chain) -> list[Contribution]:
    """Lines of the budget of one channel, for '<channel> velocity' and '<channel> displacement'."""
    found = []
    for name, value, unit, squares in (
        ("velocity", level.velocity, "mm/s", level.velocity2),
        ("displacement", level.displacement, "µm", level.displacement2),
    ):
        result = f"{channel.name} {name}"
        for source, kind, share in (
            ("calibration of the chain", "B", chain.calibration),
            ("mounting of the sensor", "B", chain.mounting),
            ("slopes of the band filter", "B", _filter_share(level)),
            ("finite record", "A", level.spread(squares)),
        ):
            found.append(Contribution(result, source, kind, 100 * share, "%", value * share, unit))  # type: ignore[arg-type]
    return found


def simulated_of(
    picked: list[Channel], measured: list[BandLevel], chain: Chain, trials: int, seed: int
) -> dict[str, float]:
    """Expanded uncertainties by Monte Carlo, all draws at once."""
    if trials < 200:
        return {}
    rng = np.random.Generator(np.random.PCG64(seed))
    root = np.sqrt(3)
    found = {}
    for channel, level in zip(picked, measured, strict=True):
        bounded = rng.uniform(-root, root, (2, trials))
        gain = bounded[0] if chain.calibration_is_bound else rng.standard_normal(trials)
        factor = (1 + chain.calibration * gain) * (1 + chain.mounting * bounded[1])
        factor = factor * (1 + _filter_share(level) * rng.uniform(-root, root, trials))
        scatter = rng.standard_normal(trials)
        for name, value, squares in (
            ("velocity", level.velocity, level.velocity2),
            ("displacement", level.displacement, level.displacement2),
        ):
            # the mean square is drawn, its root taken: a level never falls below zero
            power = np.maximum(0, 1 + 2 * level.spread(squares) * scatter)
            draws = value * factor * np.sqrt(power)
            found[f"{channel.name} {name}"] = budget.expanded_of_samples(draws)
    return found
