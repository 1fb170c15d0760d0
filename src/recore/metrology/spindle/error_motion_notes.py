"""What must be said beside the values of a spindle test without forbidding them."""

from __future__ import annotations

from typing import Any

import numpy as np

from recore.method import Note
from recore.metrology.spindle.error_motion_record import Pass
from recore.metrology.spindle.error_motion_sources import Stated
from recore.metrology.spindle.error_motion_uncertainty import widening
from recore.metrology.spindle.motion_values import centred, synchronous
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.order_spectrum import Peak
from recore.metrology.spindle.polar_statistics import Polar
from recore.metrology.spindle.revolutions import Revolutions
from recore.metrology.spindle.signal_checks import Reach, is_coarse

_SMALL_UM = 0.05  # hardly an artefact is centred to less
_QUIET_UM = 2e-5  # no probe and no room is so quiet; below the second limit it is rounding
_ROUNDING_UM = 1e-9
_SHARE = 0.1  # of the motion: what is larger must be said


def record_flags(found: Pass, setup: Setup, reaches: list[Reach], turns: Revolutions) -> list[Note]:
    """What must be said of a record without forbidding an answer."""
    notes = _rotation_flags(found, setup)
    smallest = min(reach.range for reach in reaches)
    scatter = float(np.sqrt(np.mean(found.polars["fixed"].sigma ** 2)))
    doubts = []
    if smallest < _SMALL_UM:
        doubts.append(
            f"a channel moves through {smallest:.3g} µm with the eccentricity in it, less than artefacts are centred to"
        )
    if _ROUNDING_UM < scatter < _QUIET_UM:
        doubts.append(f"the revolutions scatter by {1000 * scatter:.2g} nm, less than any probe")
    if doubts:
        notes.append(
            Note(
                "units-doubtful",
                f"{'; '.join(doubts)}: is it in another unit than its name says (µm read as nm)?",
            )
        )
    coarse = max(reach.step for reach in reaches)
    if is_coarse(coarse, scatter):
        notes.append(
            Note(
                "coarse-resolution",
                f"the readings move in steps of {1000 * coarse:.3g} nm, and the revolutions scatter by {1000 * scatter:.3g} nm "
                "only: averaging does not see between the steps, and U is too small; use a finer range",
            )
        )
    if turns.left_over:
        notes.append(
            Note(
                "incomplete-revolution",
                f"{turns.left_over:.3g} {'samples' if turns.clock == 'samples' else 'of a revolution'} at the ends "
                "belong to no whole revolution and are left out",
            )
        )
    return notes


def _rotation_flags(found: Pass, setup: Setup) -> list[Note]:
    """What the once-per-revolution signal says about probes and revolutions without forbidding an answer."""
    notes = []
    wander, varies = found.revolving.unsteady
    if wander > np.pi / setup.samples and wander > 3 * varies:
        notes.append(
            Note(
                "speed-not-kept",
                f"what turns with the rotor wanders by {np.degrees(wander):.2g}°: part of the asynchronous motion is "
                "the eccentricity seen at changing angles",
            )
        )
    plane = found.polars["x"] if "x" in found.polars else found.polars["fixed"]
    spectrum = np.abs(np.fft.rfft(plane.mean))
    odd, even = float(np.sum(spectrum[1::2] ** 2)), float(np.sum(spectrum[2::2] ** 2))
    random = float(np.sum(plane.sigma**2)) / plane.revolutions * setup.samples / 2
    if even > 100 * random and odd < 1e-3 * even + 3 * random:
        notes.append(
            Note(
                "revolution-doubtful",
                "the motion repeats twice in each revolution: samples_per_revolution may be that of two turns",
            )
        )
    once = found.once(setup)
    if once is None:
        notes.append(
            Note(
                "channels-unchecked",
                "one probe does not show whether it is the one it is said to be, nor its angle",
            )
        )
        return notes
    size = max(abs(once.forward), abs(once.backward))
    if size < np.ptp(centred(plane.mean)) or size < 3 * np.sqrt(np.mean(plane.sigma**2) / plane.revolutions):
        notes.append(
            Note(
                "channels-unchecked",
                f"the eccentricity, {size:.3g} µm, is too small to tell from its phases whether the channels are in order",
            )
        )
    elif once.unround > 0.05:
        notes.append(
            Note(
                "eccentricity-not-round",
                f"{100 * once.unround:.2g} % of the eccentricity does not turn with the rotor as the probe angles say: "
                "a gain, an angle or a channel is off, or the axis itself moves once per revolution; "
                f"{abs(once.backward):.3g} µm of it stand as 2 UPR in the rotating sensitive direction",
            )
        )
    return notes


def motion_flags(
    fields: dict[str, Any], polars: dict[str, Polar], found: Pass, stated: Stated, still: dict[str, float]
) -> list[Note]:
    notes = []
    if left_out := stated.left_out():
        notes.append(
            Note("not-in-uncertainty", f"nothing is stated, and nothing is in U, of: {', '.join(left_out)}")
        )
    synchronous_value = fields.get("synchronous_fixed")
    if stated.artefact_form_um is None:
        notes.append(
            Note(
                "artefact-unknown",
                "the form of the artefact is in the radial synchronous motion: state artefact_form_um, or separate it "
                "with spindle.separate",
            )
        )
    elif synchronous_value is not None and stated.artefact_form_um > _SHARE * synchronous_value.value:
        notes.append(
            Note(
                "artefact-form",
                f"the artefact's form, {stated.artefact_form_um:.3g} µm, exceeds a tenth of the synchronous motion, "
                f"{synchronous_value.value:.3g} µm, and is in it: separate it with spindle.separate",
            )
        )
    radial = polars["fixed"]
    if synchronous_value is not None:
        left = widening(centred(radial.mean), radial.sigma / np.sqrt(radial.revolutions))
        if left > _SHARE * synchronous_value.value:
            notes.append(
                Note(
                    "widened-by-noise",
                    f"what {radial.revolutions} revolutions leave of noise and asynchronous motion makes the "
                    f"synchronous value about {left:.3g} µm too large; record more revolutions",
                )
            )
    run, motion = drift_and_motion(radial, drift_of(found, "fixed"))
    if _SHARE * motion < run <= motion:
        notes.append(
            Note(
                "drift",
                f"the axis drifts by {run:.3g} µm over the record, and this is in asynchronous and total motion; "
                "drift=remove takes a straight line out",
            )
        )
    wide = fields.get("asynchronous_fixed")
    if wide is not None and still and still["fixed"] > 0.5 * wide.value:
        notes.append(
            Note(
                "structural-motion",
                f"with the spindle stopped there are {still['fixed']:.3g} µm already: much of the asynchronous motion "
                "is the structure's or the surroundings', not the bearings'",
            )
        )
    return notes


def line_flags(found: Pass, lines: list[Peak]) -> list[Note]:
    """Asynchronous lines so near to a whole order that the mean cannot tell them from synchronous motion."""
    if found.spectrum is None:
        return []
    apart = 1 / found.spectrum.segment
    near = [p for p in lines if round(p.order) and abs(p.order - round(p.order)) < apart]
    if not near:
        return []
    return [
        Note(
            "line-near-whole-order",
            f"an asynchronous line at {near[0].order:.4g} orders beats slowly with the rotor: part of it may stand in "
            "the synchronous motion; record more revolutions",
        )
    ]


def drift_and_motion(polar: Polar, per_revolution: float) -> tuple[float, float]:
    """How far a motion drifts over the record, and how large it is without the drift [its unit]."""
    run = abs(per_revolution) * (polar.revolutions - 1)
    random = float(np.sqrt(max(float(np.mean(polar.sigma**2)) - run**2 / 12, 0.0)))
    return run, max(synchronous(polar.mean), 6 * random)


def drift_of(found: Pass, motion: str) -> float:
    return float(np.abs(np.sum(found.weights[motion] * found.drift[:, None], axis=0)).max())
