"""Vibration of a machine with one rolling bearing and a gear, with a local fault or none, and the truth about it.

A spall strikes at intervals that are nearly but not quite equal, because balls slip; each blow rings a resonance of the
housing. A fault on the inner ring passes through the load zone once a turn, one on a ball is carried round by the cage
and strikes both rings in turn. Gear mesh, shaft harmonics and noise lie over it. Synthetic: no claim about a real
bearing may rest on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.simulate.writing import Simulated

Floats = NDArray[np.float64]
Fault = Literal["none", "inner", "outer", "ball"]

# elements, their diameter and the pitch diameter [mm], contact angle [deg]; from inches as the bearing data centre of
# Case Western Reserve University gives them for the bearings of its test stand
BEARINGS: dict[str, tuple[float, float, float, float]] = {
    "6205": (9, 7.94, 39.04, 0.0),
    "6203": (8, 6.746, 28.50, 0.0),
}
_RINGS_OUT = 9.0  # time constants after which a blow is forgotten
_MOST_SAMPLES = 50_000_000


@dataclass(frozen=True)
class Machine:
    """The machine, its fault and how it is recorded.

    Parameters
    ----------
    fault : where the spall is
    bearing : '6205', '6203', or elements, element and pitch diameter [mm] and contact angle [deg] separated by commas
    speed_rpm : shaft speed; the outer ring stands still
    seconds, rate_hz : length and sampling rate
    blow : height of a blow in the load zone [m/s²]
    slip_pct : standard deviation of the interval between blows, in percent of it
    resonance_hz, damping : of the housing
    load_zone_deg : half the angle over which the bearing carries load, seen from the load
    mesh_teeth, mesh : teeth on the shaft's gear and amplitude of its mesh [m/s²]; 0 for none
    shaft : amplitude once per revolution [m/s²]
    pink, white : standard deviation of noise that falls by 3 dB an octave, and of white noise [m/s²]
    speed_wander_pct : slow random variation of the speed, standard deviation in percent
    """

    fault: Fault = "none"
    bearing: str = "6205"
    speed_rpm: float = 1797.0
    seconds: float = 10.0
    rate_hz: float = 12_000.0
    blow: float = 3.0
    slip_pct: float = 1.0
    resonance_hz: float = 3200.0
    damping: float = 0.05
    load_zone_deg: float = 80.0
    mesh_teeth: int = 21
    mesh: float = 0.5
    shaft: float = 0.2
    pink: float = 0.4
    white: float = 0.3
    speed_wander_pct: float = 0.1

    def __post_init__(self) -> None:
        _check(self)

    @property
    def geometry(self) -> tuple[float, float, float, float]:
        """Elements, their diameter and the pitch diameter [mm], contact angle [deg]."""
        name = self.bearing.strip().upper().split("-")[0]
        if name in BEARINGS:
            return BEARINGS[name]
        words = self.bearing.split(",")
        try:
            elements, element, pitch, contact = (float(word) for word in (*words, *["0"] * (4 - len(words))))
        except ValueError:
            elements = element = pitch = contact = -1.0
        if not (elements >= 3 and elements == int(elements) and 0 < element < pitch and 0 <= contact < 90):
            raise BadInput(
                f"{self.bearing!r}",
                where="bearing",
                right=f"{' or '.join(BEARINGS)} is known; else elements, element and pitch diameter [mm] and "
                "contact angle [deg] are wanted, as in 9,7.94,39.04,0",
            )
        return elements, element, pitch, contact

    @property
    def orders(self) -> dict[str, float]:
        """Blows per revolution without slip: outer, inner, ball (twice its spin), and the cage's revolutions.

        References
        ----------
        R. B. Randall and J. Antoni, Rolling element bearing diagnostics: a tutorial, Mechanical Systems and Signal
        Processing 25 (2011) 485-520, sec. 2.
        """
        elements, element, pitch, contact = self.geometry
        ratio = element / pitch * float(np.cos(np.radians(contact)))
        return {
            "outer": elements / 2 * (1 - ratio),
            "inner": elements / 2 * (1 + ratio),
            "ball": pitch / element * (1 - ratio**2),
            "cage": (1 - ratio) / 2,
        }


def vibration(seed: int, machine: Machine | None = None) -> Simulated:
    """Simulate a record: time_s, housing [m/s²], tacho_v (one pulse a turn).

    Parameters
    ----------
    seed : the same seed gives the same record
    machine : what runs, and how it is recorded
    """
    machine = machine or Machine()
    count = round(machine.seconds * machine.rate_hz)
    time = np.arange(count) / machine.rate_hz
    turns = _turns(machine, _stream(seed, 0), time)
    signal = _background(machine, _stream(seed, 1), turns)
    struck = np.empty(0)
    if machine.fault != "none":
        struck, heights = _blows(machine, _stream(seed, 2), float(turns[-1]))
        # from revolutions to seconds
        _ring(machine, signal, np.interp(struck, turns, time), heights)
    table = pa.table(
        {"time_s": time, "housing [m/s²]": signal, "tacho_v": np.where(turns % 1.0 < 0.02, 5.0, 0.0)}
    )
    orders = machine.orders
    truth: dict[str, Any] = {
        "synthetic": True,
        "seed": seed,
        "machine": asdict(machine),
        "fault": machine.fault,
        "orders": orders,
        "frequencies_hz": {name: order * machine.speed_rpm / 60 for name, order in orders.items()},
        "blows": len(struck),
        "revolutions": float(turns[-1]),
    }
    return Simulated({"rec": table}, truth, {})


def _turns(machine: Machine, rng: np.random.Generator, time: Floats) -> Floats:
    """Revolutions made; the speed wanders with a memory of about a second."""
    steady = machine.speed_rpm / 60 * time
    if not machine.speed_wander_pct:
        return steady
    ends = np.arange(0, time[-1] + 2, 1.0)
    wander = np.interp(time, ends, rng.normal(0, machine.speed_wander_pct / 100, len(ends)))
    # a shaft does not turn back, whatever is asked for
    rate = machine.speed_rpm / 60 * np.maximum(1 + wander, 0.1)
    turns: Floats = np.concatenate(([0.0], np.cumsum((rate[1:] + rate[:-1]) / 2))) / machine.rate_hz
    return turns


def _blows(machine: Machine, rng: np.random.Generator, revolutions: float) -> tuple[Floats, Floats]:
    """Shaft revolution at which each blow falls, and its height."""
    order = machine.orders[machine.fault]
    count = int(revolutions * order * 1.2) + 20
    # slip lasts: the next interval begins where the last one ended
    intervals = np.maximum(1 + rng.normal(0, machine.slip_pct / 100, count), 0.05) / order
    at = np.cumsum(intervals) - rng.uniform(0, 1) / order
    at = at[(at >= 0) & (at < revolutions)]
    heights = machine.blow * (1 + 0.1 * rng.standard_normal(len(at)))
    start = rng.uniform(0, 1)
    if machine.fault == "inner":
        heights *= _load(machine, start + at)
    elif machine.fault == "ball":
        # carried round by the cage; the rings are struck in turn, the inner one sounds weaker outside
        heights *= 0.3 + 0.7 * _load(machine, start + at * machine.orders["cage"])
        heights[1::2] *= 0.7
    return at, heights


def _load(machine: Machine, turns: Floats) -> Floats:
    """Load on an element at an angle from the load, 1 at its middle, after Stribeck."""
    angle = 2 * np.pi * turns
    limit = np.cos(np.radians(machine.load_zone_deg))
    shape = np.maximum((np.cos(angle) - limit) / (1 - limit), 0.0)
    load: Floats = shape**1.5
    return load


def _ring(machine: Machine, signal: Floats, at: Floats, heights: Floats) -> None:
    """Add what the housing does after each blow."""
    omega = 2 * np.pi * machine.resonance_hz
    decay = machine.damping * omega
    damped = omega * np.sqrt(1 - machine.damping**2)
    length = min(int(np.ceil(_RINGS_OUT / decay * machine.rate_hz)) + 1, len(signal))
    first = np.ceil(at * machine.rate_hz).astype(np.int64)
    late = first / machine.rate_hz - at
    for step in range(length):
        place = first + step
        inside = place < len(signal)
        t = late[inside] + step / machine.rate_hz
        np.add.at(signal, place[inside], heights[inside] * np.exp(-decay * t) * np.sin(damped * t))


def _background(machine: Machine, rng: np.random.Generator, turns: Floats) -> Floats:
    count = len(turns)
    signal = rng.normal(0, machine.white or 0.0, count)
    phases = rng.uniform(0, 2 * np.pi, 8)
    angle = 2 * np.pi * turns
    for times, share in ((1, 1.0), (2, 0.4)):
        signal += machine.shaft * share * np.cos(times * angle + phases[times])
    if machine.mesh_teeth and machine.mesh:
        uneven = 1 + 0.3 * np.cos(angle + phases[4])
        for times, share in ((1, 1.0), (2, 0.5), (3, 0.25)):
            signal += (
                machine.mesh * share * uneven * np.cos(times * machine.mesh_teeth * angle + phases[4 + times])
            )
    if machine.pink:
        spectrum = np.fft.rfft(rng.standard_normal(count))
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        spectrum[0] = 0
        noise = np.fft.irfft(spectrum, count)
        signal += machine.pink * noise / noise.std()
    return signal


def _stream(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, 77, number])


def _check(machine: Machine) -> None:
    for name, value in vars(machine).items():
        if isinstance(value, str):
            continue
        if not np.isfinite(value) or value < 0:
            raise BadInput(f"{value:g}", where=name, right="a finite number of at least 0 is wanted")
    for name in ("speed_rpm", "seconds", "rate_hz", "resonance_hz"):
        if not getattr(machine, name) > 0:
            raise BadInput("0", where=name, right="more than 0 is wanted")
    if not 0 < machine.damping < 1:
        raise BadInput(f"{machine.damping:g}", where="damping", right="more than 0 and less than 1 is wanted")
    if not 0 < machine.load_zone_deg <= 180:
        raise BadInput(
            f"{machine.load_zone_deg:g} deg", where="load_zone_deg", right="more than 0, at most 180"
        )
    samples = machine.seconds * machine.rate_hz
    if not 100 <= samples <= _MOST_SAMPLES:
        raise BadInput(
            f"{samples:.3g} samples", where="seconds, rate_hz", right=f"100 to {_MOST_SAMPLES:,} are wanted"
        )
    if machine.resonance_hz >= machine.rate_hz / 2:
        raise BadInput(
            f"{machine.resonance_hz:g} Hz at {machine.rate_hz:g} samples per second",
            where="resonance_hz",
            right="less than half the sampling rate is wanted",
        )
    if machine.fault not in ("none", "inner", "outer", "ball"):
        raise BadInput(f"{machine.fault!r}", where="fault", right="none, inner, outer or ball is wanted")
    if max(machine.orders.values()) * machine.speed_rpm / 60 > machine.rate_hz / 4:
        raise BadInput(
            f"{machine.speed_rpm:g} rpm",
            where="speed_rpm, rate_hz",
            right="at least 4 samples between two blows are wanted",
        )
