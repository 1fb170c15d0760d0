"""One pass over the record of a spindle test: everything that its error motion values are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.method import Refusal
from recore.metrology.spindle.motion_values import centred
from recore.metrology.spindle.motions import Setup
from recore.metrology.spindle.order_spectrum import OrderSpectrum, Spectrum
from recore.metrology.spindle.polar_statistics import Kept, Polar, PolarStatistics, Revolving
from recore.metrology.spindle.probe_layout import OncePerTurn, once_per_turn
from recore.metrology.spindle.signal_checks import Reach

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pass:
    """What one pass found.

    Parameters
    ----------
    polars : each motion over the angle, nothing taken out
    weights : of each motion
    revolving : drift and once-per-revolution signal of the channels
    drift : (channel,) linear drift that is still in the record [µm per revolution]
    removed : (channel,) that was taken out
    spectral, spectrum : motions of the spectrum, and their order spectrum without the synchronous part
    kept : revolutions evenly spread over the record; float64 [channel, revolution, angle]
    """

    polars: dict[str, Polar]
    weights: dict[str, Floats]
    revolving: Revolving
    drift: Floats
    removed: Floats
    spectral: tuple[str, ...]
    spectrum: Spectrum | None
    kept: Floats

    def once(self, setup: Setup) -> OncePerTurn | None:
        """The eccentricity in the first plane; None with one probe."""
        radial = len(setup.angles_deg)
        if radial < 2:
            return None
        return once_per_turn(self.revolving.amplitudes[:radial], setup.angles_deg)

    def deviations(self, motion: str) -> Floats:
        """How far the kept revolutions lie off the mean of all, float64 [revolution, angle]."""
        found: Floats = np.einsum("pa,pra->ra", self.weights[motion], self.kept) - self.polars[motion].mean
        return found


def gone_through(
    blocks: Callable[[], Iterable[Floats]], setup: Setup, *, highest_order: float, remove_drift: bool
) -> Pass:
    """Go through the revolutions of a record once (twice where a drift is to be removed).

    Parameters
    ----------
    blocks : gives the whole revolutions, block after block; float64 [channel, revolution, angle]
    setup : the probes
    highest_order : of the spectrum; 0 leaves it out
    remove_drift : take the straight line through the revolutions out of every channel

    Raises
    ------
    Refusal : `too-few-revolutions`, fewer than two
    """
    weights = setup.weights()
    removed = np.zeros(setup.channels)
    if remove_drift:
        before = Revolving(setup.channels, setup.samples, setup.sense)
        for block in blocks():
            before.update(block)
        removed = before.drift if before.revolutions else removed
    statistics = PolarStatistics(np.stack(list(weights.values())))
    revolving = Revolving(setup.channels, setup.samples, setup.sense)
    spectral = tuple(n for n in ("x", "y", "axial") if n in weights) if "x" in weights else ("fixed",)
    rows = np.stack([weights[name] for name in spectral])
    spectrum = OrderSpectrum(len(spectral), setup.samples, highest_order) if highest_order else None
    kept = Kept()
    for block in blocks():
        if remove_drift:
            at = (
                revolving.revolutions
                + np.arange(block.shape[1])[:, None]
                + np.arange(setup.samples) / setup.samples
            )
            block = block - removed[:, None, None] * at
        statistics.update(block)
        revolving.update(block)
        kept.update(block)
        if spectrum is not None:
            seen = np.einsum("qpa,pra->qra", rows, block)
            spectrum.update(seen.reshape(len(spectral), -1))
    if revolving.revolutions < 2:
        raise Refusal(
            "too-few-revolutions",
            f"the record holds {revolving.revolutions} whole revolution{'s' if revolving.revolutions != 1 else ''} "
            f"of {setup.samples} samples: synchronous and asynchronous motion cannot be told apart",
        )
    polars = dict(zip(weights, statistics.polars(), strict=True))
    return Pass(
        polars,
        weights,
        revolving,
        revolving.drift,
        removed,
        spectral,
        None if spectrum is None else spectrum.finish(np.stack([polars[n].mean for n in spectral])),
        kept.revolutions(),
    )


def check_channels(names: list[str], reaches: list[Reach], largest_um: float) -> None:
    """Refuse channels that no probe on a spindle gives.

    Raises
    ------
    BadInput : a channel stands still
    Refusal : `signal-clipped`, `implausible-range`
    """
    for name, reach in zip(names, reaches, strict=True):
        if reach.range == 0.0:
            raise BadInput(
                f"{name!r} is {reach.lowest:g} throughout",
                where=f"column {name!r}",
                right="a probe that sees the rotor turn; leave out a channel that is not connected",
            )
        if reach.held:
            raise Refusal(
                "signal-clipped",
                f"{name!r} stands at its extreme ({reach.lowest:.6g} or {reach.highest:.6g} µm) for up to "
                f"{reach.held} samples in a row: the probe or its amplifier is at the end of its range",
            )
        if reach.range > largest_um:
            raise Refusal(
                "implausible-range",
                f"{name!r} moves through {reach.range:.4g} µm, more than largest_plausible_um = {largest_um:g}: "
                "is it in another unit than its name says (nm read as µm)?",
            )


def check_rotation(found: Pass, setup: Setup, clock: str) -> None:
    """Refuse a record whose revolutions are not what they are said to be, or whose channels are exchanged.

    Raises
    ------
    Refusal : `samples-per-revolution`, the eccentricity turns on from one revolution to the next;
        `swapped-channels`, its phases at the probes fit another order of the channels
    """
    turn, steady = found.revolving.slip
    amplitudes = np.abs(found.revolving.amplitudes)
    step = 2 * np.pi / setup.samples
    once = found.once(setup)
    plane = found.polars["x"] if "x" in found.polars else found.polars["fixed"]
    noise = float(np.sqrt(np.mean(plane.sigma**2)))
    if abs(turn) > 0.75 * step and steady > 0.5 and clock == "samples":
        raise Refusal(
            "samples-per-revolution",
            f"what turns with the rotor is {np.degrees(turn):+.3g}° further from one revolution of {setup.samples} "
            f"samples to the next: a revolution does not have {setup.samples} samples, or the speed was not kept",
        )
    wander, varies = found.revolving.unsteady
    if clock == "samples" and wander > 3 * step and wander > 3 * varies:
        raise Refusal(
            "speed-not-kept",
            f"what turns with the rotor wanders by {np.degrees(wander):.3g}° from revolution to revolution: the speed "
            f"was not kept, or a revolution does not have {setup.samples} samples; record an encoder or a tacho",
        )
    if once is None or once.better_order is None or amplitudes.max() < 3 * noise / np.sqrt(plane.revolutions):
        return
    if max(abs(once.forward), abs(once.backward)) < np.ptp(centred(plane.mean)):
        return
    order = ", ".join(f"p{i}" for i in once.better_order)
    raise Refusal(
        "swapped-channels",
        f"the eccentricity is {abs(once.backward):.3g} µm against and {abs(once.forward):.3g} µm with the sense of "
        f"rotation: the probes fit their angles in the order {order}; exchange the channels, correct "
        "probe_angles_deg, or give rotation=cw where the rotor turns clockwise",
    )
