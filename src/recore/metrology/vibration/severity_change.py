"""Change of vibration against an earlier record of the same positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from recore.errors import BadInput
from recore.evidence.signal import sampling_rate
from recore.method import Note
from recore.metrology import budget
from recore.metrology.budget import Contribution
from recore.metrology.vibration import zones as zoning
from recore.metrology.vibration.band_level import BandLevel, band_level
from recore.metrology.vibration.channels import Channel, mean_of, vibration_channels
from recore.metrology.vibration.level_uncertainty import Chain
from recore.metrology.vibration.zones import Concerned
from recore.quantity import Quantity
from recore.rules import Rule, RuleSet

if TYPE_CHECKING:
    from recore.evidence import Table


@dataclass(frozen=True)
class Change:
    """The largest change of a position.

    Parameters
    ----------
    value : velocity now minus before [mm/s], with U(k = 2)
    lines, simulated : its budget, and U by Monte Carlo
    """

    value: Quantity
    lines: tuple[Contribution, ...]
    simulated: dict[str, float]


def largest_change(
    measured: Sequence[BandLevel], earlier: Sequence[BandLevel | None], chain: Chain, trials: int, seed: int
) -> Change | None:
    """The change of the position that changed most; None without a baseline.

    Notes
    -----
    The same chain measured both, so its calibration cancels; the sensor was put on anew, so its mounting does not.
    """
    pairs = [(now, then) for now, then in zip(measured, earlier, strict=True) if then is not None]
    if not pairs:
        return None
    now, then = max(pairs, key=lambda pair: abs(pair[0].velocity - pair[1].velocity))
    change = now.velocity - then.velocity
    finite = float(
        np.hypot(now.velocity * now.spread(now.velocity2), then.velocity * then.spread(then.velocity2))
    )
    mounted = chain.mounting * float(np.hypot(now.velocity, then.velocity))
    lines = (
        Contribution("change", "finite records", "A", finite, "mm/s", finite, "mm/s"),
        Contribution("change", "sensor put on anew", "B", 100 * chain.mounting, "%", mounted, "mm/s"),
    )
    simulated = {}
    if trials >= 200:
        rng = np.random.Generator(np.random.PCG64([seed, 2]))
        gain = 1 + chain.mounting * rng.uniform(-np.sqrt(3), np.sqrt(3), (2, trials))
        scatter = finite * rng.standard_normal(trials)
        simulated["change"] = budget.expanded_of_samples(
            now.velocity * gain[0] - then.velocity * gain[1] + scatter
        )
    return Change(Quantity(change, "mm/s", budget.stated(lines, simulated, "change")), lines, simulated)


def change_verdict(
    change: Change | None,
    which: Concerned,
    rows: RuleSet,
    facts: dict[str, Any],
    day: date | None,
    other_band: bool,
) -> tuple[str, Rule | None]:
    """'significant', 'not significant', 'undecided' or 'unknown', and the row of the criterion; 'none' without a
    baseline. In another band than that of the zones their boundary says nothing."""
    if change is None:
        return "none", None
    found = zoning.stated(rows, facts, day, "share_of_bc")
    limit = next((row for row in which.zones if row.kind == "velocity" and row.upper_of_b is not None), None)
    if found is None or limit is None or limit.upper_of_b is None or other_band:
        return "unknown", None
    rule, share = found
    low, high = limit.upper_of_b
    if rule.evidence_level > zoning.VERIFIED or not limit.decides:
        return "unknown", rule
    size, spread = abs(change.value.value), change.value.uncertainty or 0.0
    if size - spread > share * high:
        return "significant", rule
    return "not significant" if size + spread <= share * low else "undecided", rule


def baseline_levels(
    baseline: Table | None,
    picked: list[Channel],
    channels: list[str] | None,
    unit: str | None,
    rate_hz: float | None,
    band: tuple[float, float],
    speed: float | None,
    flags: list[Note],
) -> list[BandLevel | None]:
    """Level of each picked channel in the earlier record, None where it has none; what differs goes to the flags.

    Raises
    ------
    BadInput : the baseline has none of the channels
    """
    if baseline is None:
        return [None] * len(picked)
    there = {c.name: c for c in vibration_channels(baseline, channels, unit)}
    rate = sampling_rate(baseline, rate_hz if baseline.rate_hz is None else None)
    found: list[BandLevel | None] = []
    for channel in picked:
        other = there.get(channel.name)
        if other is None:
            flags.append(Note("no-baseline", f"the baseline record has no channel {channel.name!r}"))
            found.append(None)
            continue
        if other.kind != channel.kind:
            flags.append(
                Note("other-sensor", f"channel {channel.name!r} was measured as {other.kind} before")
            )
        found.append(band_level(other.read(baseline), rate, band, other.kind, f"{other.name} (baseline)"))
    if not any(found):
        raise BadInput(
            "the baseline record has none of the channels",
            where=baseline.name,
            right=f"channels {', '.join(c.name for c in picked)} are wanted",
        )
    turned = mean_of(baseline, "speed_rpm", None)
    if turned is not None and speed is not None and abs(turned - speed) > 0.05 * speed:
        flags.append(
            Note("other-speed", f"the baseline was taken at {turned:.4g} rpm, the record at {speed:.4g} rpm")
        )
    return found
