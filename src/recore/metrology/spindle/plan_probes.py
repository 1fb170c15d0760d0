"""Where to put the probes so that no harmonic of the wanted band drowns in their noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.budget import Contribution, budget_table, combined, expanded_of_samples, stated
from recore.metrology.spindle.layout_gain import gains, mean_square_gains, worst_gains
from recore.metrology.spindle.layout_search import best_layout, extreme_offsets, worst_within
from recore.metrology.spindle.layout_space import Space
from recore.metrology.spindle.plan_probes_plot import draw_plan
from recore.metrology.spindle.published_layouts import PUBLISHED, PublishedLayout, equally_spaced
from recore.quantity import Quantity

Floats = NDArray[np.float64]

_FEWEST, _MOST = 3, 8
_HIGHEST = 1000
_WIDEST_TOLERANCE = 5.0
_BEYOND = 1e6  # a gain that no record can use; no number is given for it


@dataclass(frozen=True)
class ProbePlan:
    """Angles of probes and what they let through.

    Parameters
    ----------
    angles_deg : angles of all probes, ascending [deg]
    spindle_gain : noise of the separated spindle motion in its worst real radial direction / noise of one probe,
        at the worst harmonic of the band; U is what the mounting makes of it
    artefact_gain : the same for the artefact's form
    spindle_gain_p95, artefact_gain_p95 : gain that 95 of 100 mounted layouts stay below
    spindle_gain_worst, artefact_gain_worst : largest gain found within the mounting tolerance; none where a
        harmonic can be lost within it
    spindle_u, artefact_u : U (k = 2) that the noise of the probes leaves in the separated motion and form, rms over
        the band [nm]
    least_spacing : smallest angle between two probes [deg]
    gains : for each harmonic upr, spindle_gain, artefact_gain, observable (both below the limit)
    layouts : published layouts over the same band: name, angles_deg, spindle_gain, artefact_gain, source
    budget : what each source gives to each result
    """

    angles_deg: Annotated[Quantity, Unit("deg")]
    spindle_gain: Annotated[Quantity, Unit("1")]
    artefact_gain: Annotated[Quantity, Unit("1")]
    spindle_gain_p95: Annotated[Quantity, Unit("1")]
    artefact_gain_p95: Annotated[Quantity, Unit("1")]
    spindle_gain_worst: Annotated[Quantity | None, Unit("1")]
    artefact_gain_worst: Annotated[Quantity | None, Unit("1")]
    spindle_u: Annotated[Quantity, Unit("nm")]
    artefact_u: Annotated[Quantity, Unit("nm")]
    least_spacing: Annotated[Quantity, Unit("deg")]
    gains: Annotated[pa.Table, Artifact("gains.csv")]
    layouts: Annotated[pa.Table, Artifact("layouts.csv")]
    budget: Annotated[pa.Table, Artifact("budget.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...] = ()


@method(
    "spindle.plan-probes",
    version=1,
    reproducible={
        "angles_deg": Tolerance(absolute=0.005),
        "least_spacing": Tolerance(absolute=0.01),
        # close to a lost harmonic the gain grows without bound
        "spindle_gain_worst": Tolerance(relative=0.05),
        "artefact_gain_worst": Tolerance(relative=0.05),
        "*": Tolerance(relative=2e-3),
    },
)
def plan_probes(
    *,
    probes: Annotated[int, Field(json_schema_extra={"minimum": _FEWEST, "maximum": _MOST})],
    max_upr: Annotated[int, Field(json_schema_extra={"minimum": 2, "maximum": _HIGHEST})],
    min_upr: Annotated[int, Field(json_schema_extra={"minimum": 2, "maximum": _HIGHEST})] = 2,
    min_spacing_deg: Annotated[float, Unit("deg")] = 25.0,
    forbidden_deg: list[str] | None = None,
    existing_deg: list[float] | None = None,
    tolerance_deg: Annotated[float, Unit("deg")] = 0.1,
    robust: bool = False,
    minimise: Literal["spindle", "artefact", "both"] = "both",
    gain_limit: Annotated[float, Field(gt=1)] = 10.0,
    probe_noise_nm: Annotated[float, Unit("nm"), Field(ge=0, le=1e6)] = 5.0,
    revolutions: Annotated[int, Field(ge=1)] = 500,
    samples_per_revolution: Annotated[int, Field(ge=8)] = 1024,
    trials: Annotated[int, Field(ge=0, le=100_000)] = 2000,
    seed: Annotated[int, Field(ge=0)] = 1,
) -> ProbePlan:
    """Best probe angles for separating spindle motion from artefact form over a band of harmonics.

    Parameters
    ----------
    probes : number of radial probes in one plane, 3 to 8
    max_upr, min_upr : band of harmonics that is to be separated [undulations per revolution]
    min_spacing_deg : least angle between two probes [deg]
    forbidden_deg : sectors where no probe can stand, as from-to in deg: 100-140, or 350-20 over 0; their ends are free
    existing_deg : probes that stay where they are [deg], counted in `probes`
    tolerance_deg : every angle as mounted lies within ± this of its plan [deg]
    robust : make the worst gain over the ends and the inside of the tolerance small, rather than the nominal one
    minimise : whose worst gain is made small; 'both' takes the larger of the two
    gain_limit : above it a harmonic counts as not observable
    probe_noise_nm : noise of one reading of one probe, standard deviation [nm], for the prediction of U
    revolutions, samples_per_revolution : of the record, for the prediction of U
    trials : mountings drawn for U and the 95 % gains; 0 for none
    seed : of the search and of the draws

    Returns
    -------
    ProbePlan : angles, worst gains with U from the mounting, gain of every harmonic, published layouts beside it

    Raises
    ------
    BadInput : fewer than 3 or more than 8 probes; a band outside 2 to 1000 UPR or not sampled; probes that do not fit

    Notes
    -----
    What is minimised: the largest gain over the harmonics min_upr … max_upr. The least-squares estimate of
    (X_k, Y_k, R_k) from rows [cos phi, sin phi, exp(-ik phi)] has covariance sigma² (H^H H)^-1, so the gain of the form
    is 1 / sqrt(P - B^H A^-1 B) and that of the motion the root of the larger eigenvalue of the real part of
    (A - B B^H / P)^-1, with A = Σ [c; s][c; s]^T and B = Σ exp(-ik phi) [c; s]. The search is random with a seed:
    it proves no optimum. k = 0 and 1 can be observed by no layout.

    U of a gain: angles uniform within the tolerance. The gain is the largest of many functions of the angles, so a
    first-order budget is a rough one; the larger of it and the simulated interval is stated. A layout near its optimum
    can only get worse, hence the 95 % and the worst gain. U of motion and form: white noise of the probes,
    averaged over the revolutions; not in it are angle and gain errors, curvature, drift and asynchronous motion.

    Refuses where every layout in the space loses a harmonic of the band.

    References
    ----------
    D. J. Whitehouse, Some theoretical aspects of error separation techniques in surface metrology, Journal of Physics
    E 9 (1976) 531-536 (multi-probe separation and its lost harmonics); JCGM 100:2008, 5.1 and JCGM 101:2008, 5.9.
    """
    _checked(probes, min_upr, max_upr, tolerance_deg, samples_per_revolution)
    space = Space.of(probes, min_spacing_deg, forbidden_deg or (), existing_deg or ())
    offsets = _cases(probes, tolerance_deg, seed) if robust and tolerance_deg > 0 else None
    angles = best_layout(space, min_upr, max_upr, minimise, seed, offsets)
    spindle, artefact = gains(angles, min_upr, max_upr)
    if not max(spindle.max(), artefact.max()) < _BEYOND:
        lost = np.arange(min_upr, max_upr + 1)[~(np.maximum(spindle, artefact) < _BEYOND)]
        raise Refusal(
            "harmonics-lost",
            f"no layout that fits observes the whole band: {_listed(lost)} UPR are lost at best; "
            "less spacing, narrower forbidden sectors, more probes or a second layout would be needed",
        )
    mounted = _mounted(angles, tolerance_deg, min_upr, max_upr, trials, seed)
    lines = _gain_lines(angles, tolerance_deg, min_upr, max_upr)
    simulated = {
        name: expanded_of_samples(mounted[:, i]) if len(mounted) else 0.0
        for i, name in enumerate(("spindle_gain", "artefact_gain"))
    }
    noise = probe_noise_nm * float(np.sqrt(2 / (samples_per_revolution * revolutions)))
    lines += _noise_lines(angles, tolerance_deg, min_upr, max_upr, noise, probe_noise_nm, seed)
    high = np.quantile(mounted, 0.95, axis=0) if len(mounted) else np.array([spindle.max(), artefact.max()])
    worst: tuple[float, float] = (float(spindle.max()), float(artefact.max()))
    if tolerance_deg > 0:
        worst = worst_within(angles, tolerance_deg, min_upr, max_upr, seed)

    def of_band(name: str, value: float) -> Quantity:
        return Quantity(value, "1", stated(lines, simulated if trials else {}, name))

    others = [*PUBLISHED, equally_spaced(probes)]
    return ProbePlan(
        angles_deg=Quantity(tuple(float(a) for a in angles), "deg"),
        spindle_gain=of_band("spindle_gain", float(spindle.max())),
        artefact_gain=of_band("artefact_gain", float(artefact.max())),
        spindle_gain_p95=Quantity(min(float(high[0]), _BEYOND)),
        artefact_gain_p95=Quantity(min(float(high[1]), _BEYOND)),
        spindle_gain_worst=Quantity(worst[0]) if worst[0] < _BEYOND else None,
        artefact_gain_worst=Quantity(worst[1]) if worst[1] < _BEYOND else None,
        spindle_u=Quantity(combined(lines, "spindle_u"), "nm"),
        artefact_u=Quantity(combined(lines, "artefact_u"), "nm"),
        least_spacing=Quantity(_least_spacing(angles), "deg"),
        gains=_gain_table(min_upr, spindle, artefact, gain_limit),
        layouts=_layout_table(angles, others, min_upr, max_upr),
        budget=budget_table(lines, simulated if len(mounted) else None),
        flags=tuple(_flags(spindle, artefact, high, worst, gain_limit, tolerance_deg, min_upr)),
    )


def _checked(probes: int, min_upr: int, max_upr: int, tolerance: float, samples: int) -> None:
    if probes < _FEWEST:
        raise BadInput(
            f"{probes} probes",
            where="probes",
            right="at least 3 are wanted: each harmonic has three unknowns (x, y and the form), "
            "and two probes cannot tell form from motion",
        )
    if probes > _MOST:
        raise BadInput(f"{probes} probes", where="probes", right="at most 8 are planned in one plane")
    if min_upr < 2:
        raise BadInput(
            f"{min_upr} UPR",
            where="min_upr",
            right="at least 2 are wanted: form and motion of 0 and 1 UPR cannot be told apart by any layout",
        )
    if not min_upr <= max_upr <= _HIGHEST:
        raise BadInput(
            f"a band from {min_upr} to {max_upr} UPR",
            where="max_upr",
            right=f"a whole number from min_upr to {_HIGHEST} is wanted",
        )
    if max_upr >= samples / 2:
        raise BadInput(
            f"{max_upr} UPR with {samples} samples per revolution",
            where="max_upr",
            right="harmonics below half the samples per revolution can be seen; give more samples_per_revolution",
        )
    if not 0 <= tolerance <= _WIDEST_TOLERANCE:
        raise BadInput(
            f"{tolerance:g} deg",
            where="tolerance_deg",
            right=f"an angle from 0 to {_WIDEST_TOLERANCE:g} deg is wanted",
        )


def _cases(probes: int, tolerance: float, seed: int) -> Floats:
    """Deviations under which a robust layout has to be good: ends and middles of the tolerance, and places inside."""
    ends = extreme_offsets(probes, tolerance)
    inside = np.random.Generator(np.random.PCG64(seed)).uniform(-tolerance, tolerance, ends.shape)
    return np.concatenate((ends, ends / 2, inside))


def _mounted(angles: Floats, tolerance: float, lowest: int, highest: int, trials: int, seed: int) -> Floats:
    """Worst gains, spindle and artefact, of layouts as they may come out; [trial, 2]."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    return worst_gains(
        angles + rng.uniform(-tolerance, tolerance, (trials, len(angles))), lowest, highest
    ).clip(max=_BEYOND)


def _gain_lines(angles: Floats, tolerance: float, lowest: int, highest: int) -> list[Contribution]:
    """What the mounting of each probe does to the worst gains, by finite differences (JCGM 100:2008, 5.1.3 note 2)."""
    standard = tolerance / float(np.sqrt(3))
    steps = np.eye(len(angles)) * standard
    middle = worst_gains(angles[None], lowest, highest)
    up, down = (worst_gains(angles + sign * steps, lowest, highest) for sign in (1, -1))
    # the worst of many harmonics has a kink here: the mean square of both sides, not half their difference
    change = np.minimum(np.sqrt(((up - middle) ** 2 + (down - middle) ** 2) / 2), _BEYOND)
    return [
        Contribution(
            name,
            f"mounting of probe {p + 1} at {angle:g} deg",
            "B",
            standard,
            "deg",
            float(change[p, i]),
            "1",
        )
        for i, name in enumerate(("spindle_gain", "artefact_gain"))
        for p, angle in enumerate(angles)
    ]


def _noise_lines(
    angles: Floats, tolerance: float, lowest: int, highest: int, noise: float, of_one: float, seed: int
) -> list[Contribution]:
    """What the probes' noise leaves in motion and form; `noise` is that of one harmonic, rms over a turn [nm]."""
    nominal = np.sqrt(mean_square_gains(angles, lowest, highest))
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    shifted = angles + rng.uniform(-tolerance, tolerance, (24, len(angles)))
    spread = np.sqrt([mean_square_gains(case, lowest, highest) for case in shifted]).std(axis=0)
    standard = tolerance / float(np.sqrt(3))
    lines = []
    for i, name in enumerate(("spindle_u", "artefact_u")):
        lines += [
            Contribution(name, "probe noise x gain", "B", of_one, "nm", noise * float(nominal[i]), "nm"),
            Contribution(
                name, "mounting of the probes", "B", standard, "deg", noise * float(spread[i]), "nm"
            ),
        ]
    return lines


def _least_spacing(angles: Floats) -> float:
    ordered = np.sort(angles % 360)
    return float(np.diff(ordered, append=ordered[0] + 360).min())


def _gain_table(lowest: int, spindle: Floats, artefact: Floats, limit: float) -> pa.Table:
    return pa.table(
        {
            "upr": np.arange(lowest, lowest + len(spindle)),
            "spindle_gain": spindle,
            "artefact_gain": artefact,
            "observable": np.maximum(spindle, artefact) <= limit,
        }
    )


def _layout_table(angles: Floats, others: Sequence[PublishedLayout], lowest: int, highest: int) -> pa.Table:
    rows = [
        PublishedLayout("planned", tuple(float(a) for a in angles), "this plan"),
        *others,
    ]
    worst = [worst_gains(np.array([row.angles_deg]), lowest, highest)[0] for row in rows]
    seen = [[float(value) if value < _BEYOND else None for value in pair] for pair in worst]
    return pa.table(
        {
            "name": [row.name for row in rows],
            "angles_deg": ["/".join(f"{angle:g}" for angle in row.angles_deg) for row in rows],
            "spindle_gain": pa.array([pair[0] for pair in seen], pa.float64()),
            "artefact_gain": pa.array([pair[1] for pair in seen], pa.float64()),
            "source": [row.source for row in rows],
        }
    )


def _flags(
    spindle: Floats,
    artefact: Floats,
    high: Floats,
    worst: tuple[float, float],
    limit: float,
    tolerance: float,
    lowest: int,
) -> list[Note]:
    notes = []
    bad = np.flatnonzero(np.maximum(spindle, artefact) > limit) + lowest
    if len(bad):
        notes.append(
            Note(
                "badly-conditioned",
                f"the gain is above {limit:g} at {_listed(bad)} UPR: a separation would not give these harmonics",
            )
        )
    elif not max(worst) <= limit:
        share = "more than 1 in 20 mountings" if max(high) > limit else "unlucky mountings"
        notes.append(
            Note(
                "lost-within-tolerance",
                f"within ± {tolerance:g} deg {share} bring a harmonic above a gain of {limit:g}; measure the "
                "angles after mounting and look at the gains of these, or mount closer",
            )
        )
    return notes


def _listed(harmonics: NDArray[np.int_]) -> str:
    shown = ", ".join(str(k) for k in harmonics[:12])
    return shown if len(harmonics) <= 12 else f"{shown} … ({len(harmonics)} in all)"


@plan_probes.plot
def _draw(plan: ProbePlan) -> dict[str, Any]:
    return draw_plan(
        np.array(plan.angles_deg.value),
        plan.gains,
        tuple(PUBLISHED),
        spindle=plan.spindle_gain,
        artefact=plan.artefact_gain,
    )
