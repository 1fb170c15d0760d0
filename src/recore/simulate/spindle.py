"""A rig for testing spindles: artefact, spindle, probes and electronics, with the truth about all of them.

A round artefact turns in a spindle and probes look at it radially. The rotor angle is t, counter-clockwise; the probe
at phi_p looks towards the axis. The centre of the artefact goes where the spindle's motion (x, y) and its own
eccentricity take it, and each probe sees the nearest edge along its line: on a round surface that is not only the
projection of the centre but also how far the line misses it, which makes a false form of 2 UPR. Functions of the angle
are f(t) = f0 + Re Σ A_k exp(ikt). Synthetic: no claim about a real spindle may rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.simulate.periodic import Periodic
from recore.simulate.spindle_motion import Motion, clock, motion_of, spectrum

Floats = NDArray[np.float64]

# layouts with a small worst gain to 100 UPR (three probes: the layout that is quoted most)
LAYOUTS: dict[int, tuple[float, ...]] = {
    1: (0.0,),
    2: (0.0, 90.0),
    3: (0.0, 99.84, 202.5),
    4: (0.0, 34.627, 96.954, 135.036),
    5: (0.0, 95.747, 169.371, 232.748, 283.478),
    6: (0.0, 66.265, 102.993, 163.154, 206.14, 259.667),
    7: (0.0, 55.234, 133.101, 210.398, 252.728, 285.177, 333.9),
    8: (0.0, 27.119, 88.401, 146.34, 195.428, 236.675, 270.061, 308.477),
}
_MOST_VALUES = 100_000_000


@dataclass(frozen=True)
class Rig:
    """How the rig is built, and what is wrong with it.

    Parameters
    ----------
    angles_deg : angles of the probes [deg]
    revolutions, samples : revolutions, and samples in each
    speed_rpm, speed_variation_pct : mean speed, and how far it swings around it, slowly
    sampling : 'angle' takes samples at equal angles (encoder); 'time' at equal times, with a tacho pulse once a turn
    artefact_pv_nm, artefact_upr : peak-to-valley of the artefact's form and its highest harmonic
    radius_mm : radius of the artefact; 0 for a surface without curvature
    ball : the artefact is a ball, so that axial motion shows too
    eccentricity_um : of the artefact's centre from the axis
    spindle_pv_nm, spindle_upr : peak-to-valley of the synchronous motion in x, and its highest harmonic
    backward_nm : motion once per revolution against the sense of rotation, amplitude
    asynchronous_nm : bearing motion at orders of cage and balls with wandering phase, and a wandering centre; rms each
        direction
    structural_nm, structural_hz : vibration of the frame, rms each direction, and its first resonance
    drift_nm, drift_s : growth of the spindle after the start: final value and time constant
    axial_pv_nm, tilt_pv_urad : peak-to-valley of axial motion, and of tilt about either direction
    noise_nm : noise of a probe, standard deviation of a reading
    gain_error_pct, angle_error_deg, offset_um : standard deviation of the probes' gains, angles and offsets
    linearity_pct : cubic departure at the end of a probe's range, in percent of it, standard deviation
    range_um : a probe reads from minus this to plus this and is cut off beyond; 0 for no limit
    adc_bits : resolution over the range; 0 for none
    encoder_jitter_urad, encoder_eccentricity_urad : random and once-per-revolution error of the rotor angle
    missing_share : share of samples that are not there; the record then has a column angle_deg
    swapped : two probes whose cables are exchanged, numbered from 1
    plane_distance_mm : distance of a second plane with probes q1, q2 …; 0 for none
    axial : there are axial probes: one on the axis, and one at face_radius_mm where that is not 0
    face_radius_mm : where the second axial probe looks at the face, in the direction of x
    """

    angles_deg: tuple[float, ...] = LAYOUTS[3]
    revolutions: int = 100
    samples: int = 1024
    speed_rpm: float = 1000.0
    speed_variation_pct: float = 0.0
    sampling: Literal["angle", "time"] = "angle"
    artefact_pv_nm: float = 50.0
    artefact_upr: int = 50
    radius_mm: float = 12.5
    ball: bool = True
    eccentricity_um: float = 5.0
    spindle_pv_nm: float = 30.0
    spindle_upr: int = 50
    backward_nm: float = 0.0
    asynchronous_nm: float = 10.0
    structural_nm: float = 0.0
    structural_hz: float = 180.0
    drift_nm: float = 0.0
    drift_s: float = 60.0
    axial_pv_nm: float = 20.0
    tilt_pv_urad: float = 0.2
    noise_nm: float = 5.0
    gain_error_pct: float = 0.0
    angle_error_deg: float = 0.0
    offset_um: float = 0.0
    linearity_pct: float = 0.0
    range_um: float = 0.0
    adc_bits: int = 0
    encoder_jitter_urad: float = 0.0
    encoder_eccentricity_urad: float = 0.0
    missing_share: float = 0.0
    swapped: tuple[int, int] | None = None
    plane_distance_mm: float = 0.0
    axial: bool = False
    face_radius_mm: float = 0.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True)
class Setup:
    """How the artefact and the probes stand in one record of a set.

    Parameters
    ----------
    name : of the record's file, without ending
    artefact_deg : angle by which the artefact is turned on the spindle, counter-clockwise like the rotation, so that
        each of its features comes to a probe earlier by that angle [deg]
    probes_deg : angle by which all probes are turned [deg]
    eccentricity_um : where it is not that of the rig
    """

    name: str = "rec"
    artefact_deg: float = 0.0
    probes_deg: float = 0.0
    eccentricity_um: float | None = None


@dataclass(frozen=True)
class SpindleRecord:
    """A simulated record and what is true about it.

    Parameters
    ----------
    record : columns p1_um … pN_um; q1_um … of the second plane, axial1_um, axial2_um; angle_deg where samples are
        missing; time_s and tacho_v where it is sampled in time
    harmonics : upr, artefact_re_nm … as a separation gives them, uncertainties 0
    truth : parameters and drawn values, with units in their names
    """

    record: pa.Table
    harmonics: pa.Table
    truth: dict[str, Any] = field(repr=False)


def spindle(seed: int, rig: Rig | None = None, setup: Setup | None = None, take: int = 0) -> SpindleRecord:
    """Simulate one record.

    Parameters
    ----------
    seed : of artefact, spindle, probes and noise; each source draws from its own stream, so that changing one leaves
        the others
    rig : how it is built
    setup : how artefact and probes stand
    take : number of the record in a set: noise, asynchronous motion and the direction of the eccentricity are drawn
        anew, form, synchronous motion and probes stay
    """
    rig, setup = rig or Rig(), setup or Setup()
    form = Periodic(spectrum(_stream(seed, "form"), rig.artefact_upr, rig.artefact_pv_nm) * 1e-3)
    turns, time = clock(rig)
    angle = _encoder(rig, _stream(seed, "encoder", take), turns)
    motion = motion_of(
        rig, lambda word: _stream(seed, word, take), lambda word: _stream(seed, word), angle, turns, time
    )
    drawn = _probes_of(rig, _stream(seed, "probes"))
    eccentricity = rig.eccentricity_um if setup.eccentricity_um is None else setup.eccentricity_um
    phase = float(_stream(seed, "eccentricity", take).uniform(0, 2 * np.pi))
    mounted = np.exp(1j * (angle + phase)) * eccentricity
    noise = _stream(seed, "noise", take)
    columns: dict[str, Floats] = {}
    planes = {"p": 0.0} | ({"q": rig.plane_distance_mm} if rig.plane_distance_mm else {})
    for letter, distance in planes.items():
        # µrad times mm are nm
        centre = mounted + motion.radial + distance * motion.tilt * 1e-3
        for p, nominal in enumerate(rig.angles_deg):
            probe = drawn[letter][p]
            phi = np.radians(nominal + setup.probes_deg) + probe["angle_error_rad"]
            seen = _edge(rig, form, centre, motion.axial, angle + np.radians(setup.artefact_deg), phi)
            columns[f"{letter}{p + 1}_um"] = _read(rig, probe, seen, noise)
    if rig.axial:
        columns["axial1_um"] = _read(rig, drawn["axial"][0], motion.axial, noise)
        if rig.face_radius_mm:
            face = motion.axial - rig.face_radius_mm * motion.tilt.real * 1e-3
            columns["axial2_um"] = _read(rig, drawn["axial"][1], face, noise)
    if rig.swapped:
        one, other = (f"p{number}_um" for number in rig.swapped)
        columns[one], columns[other] = columns[other], columns[one]
    record = _record(rig, columns, turns, time, _stream(seed, "missing", take))
    truth = _truth(seed, rig, setup, drawn, motion, eccentricity, phase, take)
    return SpindleRecord(record, _harmonics(form, motion), truth)


def _edge(
    rig: Rig, form: Periodic, centre: NDArray[np.complex128], axial: Floats, turned: Floats, phi: float
) -> Floats:
    """Where the probe's line meets the surface, from its mean radius [µm]."""
    along = centre * np.exp(-1j * phi)
    if not rig.radius_mm:
        flat: Floats = along.real + form(turned - phi)
        return flat
    radius = rig.radius_mm * 1e3
    # the line misses the centre by this and meets the surface beside its nearest point
    beside = along.imag
    height = form(turned - phi + np.arcsin(beside / radius))
    missed = beside**2 + (axial**2 if rig.ball else 0.0)
    # sqrt((radius + height)² - missed) - radius without losing digits
    gained = height * (2 * radius + height) - missed
    edge: Floats = along.real + gained / (np.sqrt((radius + height) ** 2 - missed) + radius)
    return edge


def _read(rig: Rig, probe: dict[str, float], seen: Floats, rng: np.random.Generator) -> Floats:
    """What the electronics make of it: offset, gain, linearity, noise, range, resolution [µm]."""
    value = probe["offset_um"] + probe["gain"] * seen
    if rig.linearity_pct:
        value = value + probe["cubic"] * rig.range_um * (value / rig.range_um) ** 3
    value = value + rng.normal(0, 1, len(seen)) * (rig.noise_nm * 1e-3)
    if rig.range_um:
        value = np.clip(value, -rig.range_um, rig.range_um)
    if rig.adc_bits:
        step = 2 * rig.range_um / 2**rig.adc_bits
        value = np.clip(np.round(value / step) * step, -rig.range_um, rig.range_um - step)
    return value


def _probes_of(rig: Rig, rng: np.random.Generator) -> dict[str, list[dict[str, float]]]:
    """Gain, angle, offset and linearity of every probe."""
    counts = {"p": len(rig.angles_deg), "q": len(rig.angles_deg), "axial": 2}
    return {
        plane: [
            {
                "gain": 1 + rig.gain_error_pct / 100 * float(draw[0]),
                "angle_error_rad": float(np.radians(rig.angle_error_deg * draw[1])),
                "offset_um": rig.offset_um * float(draw[2]),
                "cubic": rig.linearity_pct / 100 * float(draw[3]),
            }
            for draw in rng.standard_normal((count, 4))
        ]
        for plane, count in counts.items()
    }


def _encoder(rig: Rig, rng: np.random.Generator, turns: Floats) -> Floats:
    """True rotor angle at each sample [rad], within one turn for the sake of its last digits."""
    angle: Floats = 2 * np.pi * (turns % 1.0)
    if rig.encoder_eccentricity_urad:
        angle = angle + rig.encoder_eccentricity_urad * 1e-6 * np.sin(angle + rng.uniform(0, 2 * np.pi))
    if rig.encoder_jitter_urad:
        angle = angle + rig.encoder_jitter_urad * 1e-6 * rng.standard_normal(len(turns))
    return angle


def _record(
    rig: Rig, columns: dict[str, Floats], turns: Floats, time: Floats, rng: np.random.Generator
) -> pa.Table:
    if rig.sampling == "time":
        # a slot of a fiftieth of a turn that begins at angle 0
        columns = {"time_s": time, "tacho_v": np.where(turns % 1.0 < 0.02, 5.0, 0.0)} | columns
    if rig.missing_share:
        kept = rng.random(len(turns)) >= rig.missing_share
        columns = {"angle_deg": 360 * (turns % 1.0)} | columns
        columns = {name: values[kept] for name, values in columns.items()}
    return pa.table(columns)


def _harmonics(form: Periodic, motion: Motion) -> pa.Table:
    highest = max(len(form.harmonics), len(motion.x), len(motion.y))
    columns: dict[str, Any] = {"upr": np.arange(2, highest)}
    for name, values in (("artefact", form.harmonics), ("x", motion.x), ("y", motion.y)):
        padded = np.zeros(highest, dtype=complex)
        padded[: len(values)] = values * 1e3
        columns |= {
            f"{name}_re_nm": padded.real[2:],
            f"{name}_im_nm": padded.imag[2:],
            f"{name}_u_nm": np.zeros(highest - 2),
        }
    return pa.table(columns | {"observable": np.ones(highest - 2, dtype=bool)})


def _truth(
    seed: int,
    rig: Rig,
    setup: Setup,
    drawn: dict[str, list[dict[str, float]]],
    motion: Motion,
    eccentricity: float,
    phase: float,
    take: int,
) -> dict[str, Any]:
    from dataclasses import asdict

    planes = ["p", *(["q"] if rig.plane_distance_mm else []), *(["axial"] if rig.axial else [])]
    return {
        "synthetic": True,
        "seed": seed,
        "take": take,
        "rig": asdict(rig),
        "setup": asdict(setup),
        "eccentricity_um": eccentricity,
        "eccentricity_phase_rad": phase,
        "probes": {plane: drawn[plane] for plane in planes},
        "asynchronous_orders": motion.orders,
        "x_1upr_nm": [float(motion.x[1].real * 1e3), float(motion.x[1].imag * 1e3)],
        "y_1upr_nm": [float(motion.y[1].real * 1e3), float(motion.y[1].imag * 1e3)],
        "convention": "m_p(t) = R(t + artefact_deg - phi_p) + x cos phi_p + y sin phi_p + e cos(t + phase - phi_p); "
        "f(t) = f0 + Re sum A_k exp(ikt)",
    }


# every source of chance has a stream of its own; the order is part of what a seed means
_WORDS = ("form", "motion", "axial", "tilt", "asynchronous", "structural", "drift", "probes", "noise", "encoder",
          "eccentricity", "missing")  # fmt: skip


def _stream(seed: int, word: str, take: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, _WORDS.index(word), take])


def _check(rig: Rig) -> None:
    def wrong(what: str, where: str, right: str) -> BadInput:
        return BadInput(what, where=where, right=right)

    if not 1 <= len(rig.angles_deg) <= 8:
        raise wrong(f"{len(rig.angles_deg)} probes", "angles", "1 to 8 probes are wanted")
    for name, value in vars(rig).items():
        numbers = value if name == "angles_deg" else (value,)
        for number in numbers:
            if isinstance(number, float) and not np.isfinite(number):
                raise wrong(f"{number}", name, "a finite number is wanted")
            free = name == "angles_deg" or isinstance(number, str | tuple) or number is None
            if not free and number < 0:
                raise wrong(f"{number:g}", name, "a number of at least 0 is wanted")
    for name in ("revolutions", "samples", "artefact_upr", "spindle_upr"):
        least = {"revolutions": 1, "samples": 8}.get(name, 2)
        if getattr(rig, name) < least:
            raise wrong(f"{getattr(rig, name)}", name, f"at least {least} are wanted")
    if max(rig.artefact_upr, rig.spindle_upr) > 2000:
        raise wrong("more than 2000 UPR", "artefact_upr, spindle_upr", "at most 2000 are wanted")
    if rig.revolutions * rig.samples * len(rig.angles_deg) > _MOST_VALUES:
        raise wrong(
            f"{rig.revolutions} revolutions of {rig.samples} samples",
            "revolutions, samples",
            f"at most {_MOST_VALUES:,} readings are wanted",
        )
    if not 0 < rig.speed_rpm <= 1e6:
        raise wrong(f"{rig.speed_rpm:g} rpm", "speed_rpm", "more than 0 and at most 1,000,000 is wanted")
    if rig.speed_variation_pct > 50:
        raise wrong(f"{rig.speed_variation_pct:g} %", "speed_variation_pct", "at most 50 % is wanted")
    if rig.drift_nm and not rig.drift_s > 0:
        raise wrong("0 s", "drift_s", "drift needs a time constant")
    if rig.structural_nm and not rig.structural_hz > 0:
        raise wrong("0 Hz", "structural_hz", "vibration needs a frequency")
    if rig.radius_mm and rig.eccentricity_um >= 100 * rig.radius_mm:
        raise wrong(
            f"{rig.eccentricity_um:g} µm on a radius of {rig.radius_mm:g} mm",
            "eccentricity_um",
            "less than a tenth of the radius is wanted",
        )
    if (rig.adc_bits or rig.linearity_pct) and not rig.range_um:
        raise wrong("no range", "range_um", "resolution and linearity need the range of a probe")
    if rig.adc_bits > 32:
        raise wrong(f"{rig.adc_bits} bits", "adc_bits", "at most 32 are wanted")
    if rig.missing_share >= 1:
        raise wrong(f"{rig.missing_share:g}", "missing_share", "a share below 1 is wanted")
    if rig.swapped and not (
        len(set(rig.swapped)) == 2 and all(1 <= number <= len(rig.angles_deg) for number in rig.swapped)
    ):
        raise wrong(f"{rig.swapped}", "swapped", "two different probes, numbered from 1, are wanted")
    if rig.face_radius_mm and not rig.axial:
        raise wrong("no axial probes", "face_radius_mm", "a face is looked at by axial probes")
