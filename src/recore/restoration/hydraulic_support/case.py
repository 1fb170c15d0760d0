"""The case of a repair plan as a person writes it: limits of the workshop, actions, spares, and components with their life."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, model_validator

from recore.model.case import Word
from recore.model.trade import Amount, Currency, Document

# every set of periods is gone through
MAX_PERIODS = 16
MAX_SUPPORTS = 2_000
MAX_COMPONENTS = 50_000
MAX_OF_A_SUPPORT = 200
KEEP = "keep"

_LISTED = 8
Count = Annotated[int, Field(ge=0, le=10**9, strict=True)]
_Positive = Annotated[float, Field(gt=0, le=1e6)]


class Horizon(Document):
    """What the workshop may spend and do in each period.

    Parameters
    ----------
    budget : for actions and set-up of each period, in `currency`; what is left over is not carried on
    hours : of the workshop in each period, for actions and set-up
    max_supports_out : supports that may be opened in one period
    max_adjacent_out : longest run of neighbours (consecutive support numbers) that may be opened in one period
    setup_cost, setup_hours : of opening a support, once per support and period
    """

    currency: Currency
    periods: Annotated[int, Field(ge=1, le=MAX_PERIODS, strict=True)]
    budget: tuple[Amount, ...]
    hours: tuple[Amount, ...]
    max_supports_out: Count
    max_adjacent_out: Count
    setup_cost: Amount
    setup_hours: Amount


class Action(Document):
    """Something that can be done about a kind of component; afterwards its age is `age_factor` times what it was."""

    kind: Word
    name: Word
    cost: Amount
    hours: Amount
    age_factor: Annotated[float, Field(ge=0, le=1)]
    spare: Word | None = None


class Spare(Document):
    """A spare part and how many arrive at the start of each period; unused stock carries over."""

    name: Word
    arrivals: tuple[Count, ...]


class Part(Document):
    """A component with the life that its condition gives it.

    Parameters
    ----------
    age : at the beginning of period 1 [periods]
    shape, scale : of the Weibull cumulative hazard (age / scale)^shape, scale in periods
    severity : multiplies the hazard; 1 for an average place
    failure_cost : of one failure with its minimal repair
    """

    support: Annotated[int, Field(ge=0, le=10**6, strict=True)]
    name: Word
    kind: Word
    age: Annotated[float, Field(ge=0, le=1e6)]
    shape: Annotated[float, Field(gt=0, le=100)]
    scale: _Positive
    severity: Annotated[float, Field(ge=0, le=1e6)]
    failure_cost: Amount

    def expected_failures(self, age: float, periods: int) -> float:
        """Expected failures over `periods` that begin at an age; raises OverflowError beyond a double."""
        later, now = (age + periods) / self.scale, age / self.scale
        found: float = self.severity * (later**self.shape - now**self.shape)
        return found


class PlanCase(Document):
    """Everything `case.toml` of a repair plan says."""

    plan: Horizon
    action: Annotated[tuple[Action, ...], Field(max_length=1_000)] = ()
    spare: Annotated[tuple[Spare, ...], Field(max_length=100)] = ()
    component: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MAX_COMPONENTS)]

    @model_validator(mode="wrap")
    @classmethod
    def _rows_by_name(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        """Faults are told as a person counts: 'component 3 (support 7, leg 1)', not 'component.2'."""
        try:
            return handler(value)
        except ValidationError as error:
            problems = error.errors()
            said = "; ".join(_said(problem, value) for problem in problems[:_LISTED])
            more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
            raise ValueError(said + more) from None

    @model_validator(mode="after")
    def _joined_up(self) -> PlanCase:
        periods = self.plan.periods
        for name, listed in (
            ("plan: budget", self.plan.budget),
            ("plan: hours", self.plan.hours),
            *((f"{_row('spare', n, s.name)}: arrivals", s.arrivals) for n, s in enumerate(self.spare, 1)),
        ):
            if len(listed) != periods:
                raise ValueError(f"{name} has {len(listed)} values; one per period, {periods}, is wanted")
        _unique("spare", [(s.name,) for s in self.spare])
        _unique("action", [(a.kind, a.name) for a in self.action])
        _unique("component", [(c.support, c.name) for c in self.component])
        spares = {s.name for s in self.spare}
        for number, action in enumerate(self.action, 1):
            row = _row("action", number, f"{action.kind}, {action.name}")
            if action.name == KEEP:
                raise ValueError(f"{row}: name = 'keep' is what stands in the plan where nothing is done")
            if action.spare is not None and action.spare not in spares:
                known = ", ".join(sorted(spares)) or "none"
                raise ValueError(f"{row}: spare = {action.spare!r} is no [[spare]]; known: {known}")
        self._bounded()
        return self

    def _bounded(self) -> None:
        of_support = Counter(c.support for c in self.component)
        if len(of_support) > MAX_SUPPORTS:
            raise ValueError(f"{len(of_support)} supports; at most {MAX_SUPPORTS} are planned at once")
        support, most = of_support.most_common(1)[0]
        if most > MAX_OF_A_SUPPORT:
            raise ValueError(
                f"support {support} has {most} components; at most {MAX_OF_A_SUPPORT} are planned"
            )
        for number, part in enumerate(self.component, 1):
            try:
                worst = part.expected_failures(part.age, self.plan.periods) * float(part.failure_cost)
            except OverflowError:
                worst = float("inf")
            if not worst < 1e15:
                raise ValueError(
                    f"{_row('component', number, f'support {part.support}, {part.name}')}: age, shape, scale, severity "
                    "and failure_cost give an expected failure cost beyond 10^15; check age / scale and shape"
                )


def _row(table: str, number: int, name: str) -> str:
    return f"{table} {number} ({name})"


def _unique(table: str, names: list[tuple[Any, ...]]) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for number, name in enumerate(names, 1):
        if (before := first.setdefault(name, number)) != number:
            words = ", ".join(str(word) for word in name)
            raise ValueError(f"{table} {number} ({words}) stands already as {table} {before}; give each once")


def _said(problem: Any, document: Any) -> str:
    """One fault: the row as a person counts it, the field, what stands there, and what would be right."""
    where, field = "", list(problem["loc"])
    if len(field) > 1 and isinstance(field[1], int):
        table, number = field[:2]
        row = document[table][number] if isinstance(document, dict) else {}
        if not isinstance(row, dict):
            row = {}
        words = [f"support {row['support']}"] if "support" in row else []
        words += [
            str(row[name]) for name in ("kind", "name") if name in row and not (words and name == "kind")
        ]
        where, field = _row(table, number + 1, f"{', '.join(words):.100}") + ": ", field[2:]
    elif len(field) > 1:
        where, field = f"{field[0]}: ", field[1:]
    name = ".".join(f"value {part + 1}" if isinstance(part, int) else str(part) for part in field)
    if problem["type"] == "missing":
        return f"{where}{name} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{where}{name} is not known"
    text = problem["msg"].removeprefix("Value error, ")
    text = f"{text[:1].lower()}{text[1:]}"
    return f"{where}{name} = {problem['input']!r:.60}: {text}" if name else f"{where}{text}"
