"""From the fit of all terms to a ranked diagnosis with uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.method import Note
from recore.metrology.budget import Contribution, expanded_of_samples
from recore.metrology.machine.ballbar_model import ENDS, Fit

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """One line of the diagnosis.

    Parameters
    ----------
    name, unit : as in the finding
    parts : terms of the fit that it is made of
    value : of the parts' estimates, (…, parts) → (…)
    set_up : belongs to the measuring set-up, not to the machine
    """

    name: str
    unit: str
    parts: tuple[str, ...]
    value: Callable[[Floats], Floats]
    set_up: bool = False


def _first(parts: Floats) -> Floats:
    one: Floats = parts[..., 0]
    return one


def _mean(parts: Floats) -> Floats:
    mean: Floats = parts.mean(axis=-1)
    return mean


def _amplitude(parts: Floats) -> Floats:
    size: Floats = np.hypot(parts[..., 0], parts[..., 1])
    return size


TERMS: tuple[Term, ...] = (
    Term("radius_deviation", "µm", ("radius",), _first, set_up=True),
    Term("centre_x", "µm", ("centre_x",), _first, set_up=True),
    Term("centre_y", "µm", ("centre_y",), _first, set_up=True),
    Term("squareness", "µm/m", ("squareness",), _first),
    Term("scale_mismatch", "µm/m", ("scale_mismatch",), _first),
    Term("backlash_x", "µm", ("backlash_x",), _first),
    Term("backlash_y", "µm", ("backlash_y",), _first),
    Term("lateral_play_x", "µm", ("lateral_play_x",), _first),
    Term("lateral_play_y", "µm", ("lateral_play_y",), _first),
    Term("reversal_spike_x", "µm", (ENDS[0], ENDS[2]), _mean),
    Term("reversal_spike_y", "µm", (ENDS[1], ENDS[3]), _mean),
    Term("servo_mismatch", "ms", ("servo_mismatch",), _first),
    Term("straightness_x", "µm", ("straightness_x",), _first),
    Term("straightness_y", "µm", ("straightness_y",), _first),
    Term("cyclic_error_x", "µm", ("cyclic_x_cos", "cyclic_x_sin"), _amplitude),
    Term("cyclic_error_y", "µm", ("cyclic_y_cos", "cyclic_y_sin"), _amplitude),
)


@dataclass(frozen=True)
class Found:
    """A term as found: value with U (k = 2), and what it makes of the circle.

    Parameters
    ----------
    effect : range of the radius that the term alone makes on this record [µm]
    why_not : None, or why nothing is stated of it
    """

    term: Term
    value: float
    u: float
    effect: float
    why_not: str | None


def diagnosis(
    fit: Fit, gain_u: float, feed_u: float | None, trials: int, seed: int
) -> tuple[list[Found], list[Contribution], dict[str, float]]:
    """Every term, its budget, and its expanded uncertainty by drawing from the covariance of the fit.

    Parameters
    ----------
    fit : least squares of all terms
    gain_u : relative standard uncertainty of the transducer's gain
    feed_u : relative standard uncertainty of the feed; None where no feed is stated, and then no time is
    trials, seed : of the Monte Carlo run
    """
    generator = np.random.default_rng(seed)
    drawn = (
        generator.multivariate_normal(fit.values, fit.covariance, size=trials, method="eigh")
        if trials
        else None
    )
    gain = 1 + gain_u * generator.standard_normal(trials)
    feed = 1 + (feed_u or 0.0) * generator.standard_normal(trials)
    found, lines, simulated = [], [], {}
    for term in TERMS:
        if any(part not in fit.names for part in term.parts):
            continue
        at = [fit.names.index(part) for part in term.parts]
        why_not = next((why for part in term.parts if (why := fit.apart[part])), None)
        if why_not is None and term.name == "servo_mismatch" and feed_u is None:
            why_not = "a time wants the feed: give feed_mm_per_min"
        value = float(term.value(fit.values[at]))
        own = fit.covariance[np.ix_(at, at)]
        noise = float(np.sqrt(_slope(term, fit.values[at]) @ own @ _slope(term, fit.values[at])))
        parts = [("noise and what no term explains", "A", noise)]
        if gain_u:
            parts.append(("gain of the transducer", "B", abs(value) * gain_u))
        timed = term.name == "servo_mismatch" and bool(feed_u)
        if timed:
            parts.append(("feed", "B", abs(value) * (feed_u or 0.0)))
        u = 2 * float(np.sqrt(sum(size**2 for _, _, size in parts)))
        if why_not is None:
            lines += [
                Contribution(term.name, source, "A" if kind == "A" else "B", size, term.unit, size, term.unit)
                for source, kind, size in parts
            ]
            if drawn is not None:
                samples = term.value(drawn[:, at]) * gain / (feed if timed else 1.0)
                simulated[term.name] = expanded_of_samples(samples)
                u = max(u, simulated[term.name])
        found.append(Found(term, value, u, float(np.ptp(fit.curve(term.parts))), why_not))
    return found, lines, simulated


def _slope(term: Term, parts: Floats) -> Floats:
    if term.value is _mean:
        return np.full(len(parts), 1 / len(parts))
    if term.value is _amplitude:
        size = float(np.hypot(*parts))
        return parts / size if size else np.array([1.0, 0.0])
    return np.ones(1)


def ranked(found: Sequence[Found]) -> list[tuple[Found, float]]:
    """Terms of the machine that can be told, the strongest first, each with its share of the summed effects."""
    own = [one for one in found if not one.term.set_up and one.why_not is None]
    total = sum(one.effect for one in own)
    return [
        (one, one.effect / total if total else 0.0)
        for one in sorted(own, key=lambda one: (-one.effect, one.term.name))
    ]


def is_seen(one: Found) -> bool:
    """Whether a term differs from zero by more than its U."""
    return one.why_not is None and abs(one.value) > one.u


def diagnosis_table(found: Sequence[Found], fit: Fit) -> pa.Table:
    """Columns rank, term, value, unit, expanded_uncertainty, effect_um, share_pct, seen, remark; the set-up and what
    cannot be told stand below, without a rank and a share; the ends of the spikes follow by themselves."""
    import pyarrow as pa

    rows: list[
        tuple[int | None, str, float | None, str, float | None, float | None, float | None, bool | None, str]
    ]
    rows = []
    for rank, (one, share) in enumerate(ranked(found), start=1):
        rows.append(
            (rank, one.term.name, one.value, one.term.unit, one.u, one.effect, 100 * share, is_seen(one), "")
        )
    for one in found:
        if one.why_not is not None:
            rows.append((None, one.term.name, None, one.term.unit, None, None, None, None, one.why_not))
        elif one.term.set_up:
            text = "of the set-up: in no share"
            rows.append(
                (None, one.term.name, one.value, one.term.unit, one.u, one.effect, None, is_seen(one), text)
            )
    for end in ENDS:
        at = fit.names.index(end)
        if fit.apart[end] is None:
            value, u = float(fit.values[at]), 2 * float(np.sqrt(fit.covariance[at, at]))
            text = "part of the reversal spike of its axis"
            rows.append((None, end, value, "µm", u, None, None, abs(value) > u, text))
    names = (
        "rank",
        "term",
        "value",
        "unit",
        "expanded_uncertainty",
        "effect_um",
        "share_pct",
        "seen",
        "remark",
    )
    kinds = (pa.int64(), pa.string(), pa.float64(), pa.string(), *[pa.float64()] * 3, pa.bool_(), pa.string())
    return pa.table({name: pa.array([row[i] for row in rows], kinds[i]) for i, name in enumerate(names)})


def not_told(found: Sequence[Found]) -> list[Note]:
    """A refusal for every term that the record cannot tell."""
    return [
        Note(
            f"{one.term.name.replace('_', '-')}-not-separable",
            f"no {one.term.name.replace('_', ' ')}: {one.why_not}",
        )
        for one in found
        if one.why_not is not None
    ]
