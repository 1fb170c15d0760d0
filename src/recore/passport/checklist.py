"""Checks that were made, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recore.errors import BadInput


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: it holds, it fails, or (None) it could not be decided."""

    level: str
    name: str
    ok: bool | None
    reason: str

    def json(self) -> dict[str, Any]:
        return {"level": self.level, "name": self.name, "ok": self.ok, "reason": self.reason}


class Checklist:
    """The checks made so far."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def hold(self, level: str, name: str, check: Callable[[], str]) -> bool:
        """Make one check; its text says what holds, and bad input says what does not."""
        try:
            self.checks.append(Check(level, name, True, check()))
        except BadInput as error:
            self.checks.append(Check(level, name, False, str(error)))
        return self.checks[-1].ok is True

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)
