"""What the rule rows say to a spindle: tolerances, limits of processes, effort, and the models of prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from recore.method import Note
from recore.model.route import AcceptanceTest
from recore.quantity import Quantity
from recore.restoration.spindle.core import Seat, SpindleCore
from recore.rules import Rule
from recore.rules.known import Known

DOMAIN = "restoration"


@dataclass(frozen=True)
class Book:
    """Rows in force, asked for one spindle. A row that is missing makes the answer None, never a guess."""

    known: Known
    core: SpindleCore

    def row(self, subject: str, **facts: Any) -> Rule | None:
        return self.known.about(DOMAIN, subject, {**self.core.facts, **facts})

    def params(self, subject: str, **facts: Any) -> dict[str, Any] | None:
        row = self.row(subject, **facts)
        return None if row is None else row.params

    def seat_tolerance_um(self, seat: Seat) -> float | None:
        """Permitted run-out of a seat for the class of its bearing."""
        seat_row = self.params("seat-run-out")
        if seat_row is None:
            return None
        grade = self.params(f"tolerance:{seat_row['grade']}", tolerance_grade=seat_row["grade"])
        at = None if grade is None else _step(grade["up_to_mm"], seat.diameter_mm)
        return None if grade is None or at is None else float(seat_row["share"] * grade["um"][at])

    def kia_um(self) -> float | None:
        """Run-out of the inner ring that a new bearing of this class may have, at the largest seat."""
        row = self.params("bearing-run-out")
        at = None if row is None else _step(row["up_to_mm"], max(s.diameter_mm for s in self.core.seats))
        return None if row is None or at is None else float(row["kia_um"][at])

    def permissible_unbalance(self) -> tuple[Quantity, Rule] | None:
        """U_per = 1000 G m / ω [g·mm] with G in mm/s, m in kg, ω in rad/s (ISO 21940-11:2016, 5.3)."""
        row = self.row("balance-grade")
        if row is None:
            return None
        omega = 2 * math.pi * self.core.max_speed_rpm / 60
        value = 1000 * row.params["grade_mm_s"] * self.core.rotor_mass_kg / omega
        return Quantity(value, "g·mm"), row

    def motion_limits(self) -> dict[str, tuple[float, str, int]]:
        """Largest synchronous and asynchronous error motion [µm], with rule and evidence level."""
        found: dict[str, tuple[float, str, int]] = {}
        own = self.core.limits
        taper = self.row("taper-run-out")
        share = self.row("acceptance:error-motion")
        for which in ("synchronous", "asynchronous"):
            if (stated := getattr(own, f"{which}_um")) is not None:
                found[which] = (stated, own.source, 3)
            elif taper is not None and share is not None:
                limit = float(share.params[f"{which}_share"] * taper.params["nose_um"])
                found[which] = (limit, share.rule_id, max(share.evidence_level, taper.evidence_level))
        return found

    def tests(self) -> tuple[tuple[AcceptanceTest, ...], tuple[Note, ...]]:
        """What a restored spindle must show, and what no row says a limit for."""
        direction = self.core.sensitive_direction
        found = [
            AcceptanceTest(
                f"{which} error motion, {direction} sensitive direction",
                "spindle.error-motion",
                f"{which}_{direction}",
                Quantity(limit, "µm"),
                rule,
                level,
            )
            for which, (limit, rule, level) in self.motion_limits().items()
        ]
        if (taper := self.row("taper-run-out")) is not None:
            bar = taper.params["bar_mm"]
            for name, key, where in (
                ("taper_run_out_nose", "nose_um", "at the nose"),
                ("taper_run_out_bar", "bar_um", f"at {bar} mm"),
            ):
                found.append(
                    AcceptanceTest(
                        f"run-out of the taper {where}",
                        "",
                        name,
                        Quantity(float(taper.params[key]), "µm"),
                        taper.rule_id,
                        taper.evidence_level,
                    )
                )
        if (fault := self.row("acceptance:bearing-fault")) is not None:
            found.append(
                AcceptanceTest(
                    "bearing fault",
                    "vibration.envelope",
                    "bearing_fault",
                    Quantity(fault.params["fault"]),
                    fault.rule_id,
                    fault.evidence_level,
                )
            )
        velocity = self.row("acceptance:vibration")
        if self.core.limits.velocity_mm_s is not None:
            limit, rule, level = self.core.limits.velocity_mm_s, self.core.limits.source, 3
            found.append(_velocity(limit, rule, level))
        elif velocity is not None:
            found.append(
                _velocity(float(velocity.params["velocity_mm_s"]), velocity.rule_id, velocity.evidence_level)
            )
        if (balance := self.permissible_unbalance()) is not None:
            found.append(
                AcceptanceTest(
                    "residual unbalance",
                    "",
                    "unbalance",
                    balance[0],
                    balance[1].rule_id,
                    balance[1].evidence_level,
                )
            )
        asked = {
            f"synchronous_{direction}",
            f"asynchronous_{direction}",
            "taper_run_out_nose",
            "taper_run_out_bar",
            "bearing_fault",
            "velocity",
            "unbalance",
        }
        notes = tuple(
            Note("no-limit", f"no rule row in force says a limit for {name}: it cannot be accepted")
            for name in sorted(asked - {test.result for test in found})
        )
        return tuple(found), notes


def _velocity(limit: float, rule: str, level: int) -> AcceptanceTest:
    return AcceptanceTest(
        "vibration velocity", "vibration.severity", "velocity", Quantity(limit, "mm/s"), rule, level
    )


def _step(up_to: list[float], size: float) -> int | None:
    """Which step of a table by nominal size; None above the last."""
    return next((i for i, bound in enumerate(up_to) if size <= bound), None)
