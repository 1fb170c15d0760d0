"""A cage motor as an equivalent circuit: the test bench of the motor tests.

Phasors and a bisection on slip; nothing of the method is used. The circuit is R1 – (iron branch) – jX1 –
(jXm(E) ∥ (R2/s + jX2)), per phase of an equivalent star. Xm falls with the flux, iron losses are
proportional to a power of the voltage behind R1, friction to speed^2.5, stray loss to torque squared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

COPPER, ALUMINIUM = 235.0, 225.0


@dataclass(frozen=True)
class CageMotor:
    power_kw: float = 18.5
    voltage_v: float = 400.0
    frequency_hz: float = 50.0
    poles: int = 4
    r1: float = 0.187  # per phase of the equivalent star, at 20 °C
    r2: float = 0.14
    x1: float = 0.507
    x2: float = 0.77
    xm: float = 22.1
    saturation: float = 0.25  # share of Xm lost at rated voltage
    iron_w: float = 410.0
    iron_exponent: float = 2.0
    friction_w: float = 180.0
    stray_w: float = 160.0  # at rated torque
    rotor_constant: float = COPPER

    @property
    def synchronous_rpm(self) -> float:
        return 120 * self.frequency_hz / self.poles

    def resistances(self, winding_c: float) -> tuple[float, float]:
        return (
            self.r1 * (COPPER + winding_c) / (COPPER + 20),
            self.r2 * (self.rotor_constant + winding_c) / (self.rotor_constant + 20),
        )

    def state(self, line_v: float, slip: float, winding_c: float) -> dict[str, float]:
        r1, r2 = self.resistances(winding_c)
        phase = line_v / math.sqrt(3)
        rated_phase = self.voltage_v / math.sqrt(3)
        rotor = complex(r2 / slip, self.x2)
        ur: complex = complex(phase, 0.0)
        em = phase
        for _ in range(200):
            xm = self.xm * (1 - self.saturation * (em / rated_phase) ** 4)
            air = 1 / (1 / complex(0, xm) + 1 / rotor)
            iron = self.iron_w * (abs(ur) / rated_phase) ** self.iron_exponent
            conductance = iron / 3 / abs(ur) ** 2
            behind = 1 / (conductance + 1 / (complex(0, self.x1) + air))
            current = phase / (r1 + behind)
            new_ur = current * behind
            main = new_ur * air / (complex(0, self.x1) + air)
            if abs(new_ur - ur) + abs(abs(main) - em) < 1e-12 * phase:
                break
            ur, em = new_ur, abs(main)
        i2 = abs(main / rotor)
        gap = 3 * i2**2 * r2 / slip
        speed = self.synchronous_rpm * (1 - slip)
        friction = self.friction_w * (1 - slip) ** 2.5
        inner = gap * (1 - slip) - friction
        omega = speed * math.pi / 30
        rated_torque = self.power_kw * 1000 / (self.synchronous_rpm * math.pi / 30)
        a = self.stray_w / rated_torque**2
        torque = 2 * inner / (omega + math.sqrt(omega**2 + 4 * a * max(inner, 0.0)))
        return {
            "voltage_v": line_v,
            "current_a": abs(current),
            "power_w": 3 * (phase * current.conjugate()).real,
            "speed_rpm": speed,
            "torque_nm": torque,
            "shaft_w": torque * omega,
            "stator": 3 * abs(current) ** 2 * r1,
            "rotor": gap * slip,
            "iron": iron,
            "friction": friction,
            "stray": a * torque**2,
        }

    def loaded(self, line_v: float, shaft_w: float, winding_c: float) -> dict[str, float]:
        """Operating point with this shaft power (0: running free)."""
        low, high = 1e-9, 0.3
        for _ in range(200):
            middle = 0.5 * (low + high)
            if self.state(line_v, middle, winding_c)["shaft_w"] < shaft_w:
                low = middle
            else:
                high = middle
        return self.state(line_v, 0.5 * (low + high), winding_c)

    def sheet(
        self,
        winding_c: float = 90.0,
        coolant_c: float = 21.0,
        loads: tuple[float, ...] = (1.25, 1.15, 1.0, 0.75, 0.5, 0.25),
        idle: tuple[float, ...] = (1.1, 1.0, 0.95, 0.9, 0.6, 0.5, 0.4, 0.3),
        connection: str = "delta",
        noise: float = 0.0,
        seed: int = 1,
    ) -> dict[str, object]:
        """Test sheet of this motor; `noise`: relative standard deviation of every power and torque reading."""
        rng = np.random.default_rng(seed)

        def read(point: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
            noisy = {"power_w", "torque_nm"}
            return {n: point[n] * (1 + noise * rng.standard_normal() * (n in noisy)) for n in names}

        electric = ("voltage_v", "current_a", "power_w")
        return {
            "rated": {
                "power_kw": self.power_kw,
                "voltage_v": self.voltage_v,
                "frequency_hz": self.frequency_hz,
                "poles": self.poles,
            },
            "connection": connection,
            "line_resistance_ohm": 2 * self.resistances(winding_c)[0],
            "resistance_temperature_c": winding_c,
            "coolant_temperature_c": coolant_c,
            "no_load": [read(self.loaded(x * self.voltage_v, 0.0, winding_c), electric) for x in idle],
            "load": [
                read(
                    self.loaded(self.voltage_v, 1000 * x * self.power_kw, winding_c),
                    (*electric, "speed_rpm", "torque_nm"),
                )
                for x in loads
            ],
        }

    def at_25(self, winding_c: float, coolant_c: float) -> dict[str, float]:
        """True rated point of the same motor with a coolant of 25 °C."""
        return self.loaded(self.voltage_v, 1000 * self.power_kw, winding_c + 25 - coolant_c)
