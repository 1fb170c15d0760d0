"""Method `reman.rate`: the remanufacturing rate by number, by mass and by value, each with its denominator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Tolerance, Unit, method
from recore.model.case import Word
from recore.model.trade import Amount, Currency, Document, OneOrMany
from recore.quantity import Quantity
from recore.rules import Rule, RuleSet, shipped

DOMAIN = "reman-rate"
Fate = Literal["reused", "remanufactured", "replaced-new", "replaced-used", "recycled"]


class ReusedPart(Document):
    """A kind of part of the finished product: how many, what became of it, mass and value of one."""

    part: Word
    fate: Fate
    count: Annotated[int, Field(ge=1, le=10**6, strict=True)] = 1
    mass_kg: Annotated[Decimal, Field(gt=0, le=10**7)] | None = None
    value: Amount | None = None


@dataclass(frozen=True)
class Rates:
    """Three rates; none is given without what was kept and what there is in all."""

    rate_by_number: Annotated[Quantity | None, Unit("%")]
    number_kept: Annotated[Quantity, Unit("pcs")]
    number_all: Annotated[Quantity, Unit("pcs")]
    rate_by_mass: Annotated[Quantity | None, Unit("%")]
    mass_kept: Annotated[Quantity | None, Unit("kg")]
    mass_all: Annotated[Quantity | None, Unit("kg")]
    rate_by_value: Annotated[Quantity | None, Unit("%")]
    value_kept: Quantity | None
    value_all: Quantity | None
    rules_sha256: str
    parts: Annotated[Any, Artifact("parts.csv")]
    flags: tuple[Note, ...]
    _rules: RuleSet  # the rows consulted
    refusals: tuple[Note, ...]


@method(
    "reman.rate",
    version=1,
    standard="GB/T 28620-2012 (formula unverified)",
    reproducible=Tolerance(relative=1e-12),
)
def rate(
    parts: OneOrMany[ReusedPart],
    *,
    currency: Currency = "CNY",
    day: date | None = None,
    rules: RuleSet | None = None,
) -> Rates:
    """Remanufacturing rate of a finished product by number, mass and value of its parts.

    Parameters
    ----------
    parts : part, fate (reused, remanufactured, replaced-new, replaced-used, recycled), count, mass_kg and value of one
    currency : of the values
    day : day on which the rows must be in force (default: the day on which the newest was recorded)
    rules : rule rows instead of the shipped ones; they say which fates count as kept

    Returns
    -------
    Rates : R_n, R_m, R_v [%] = kept / all × 100, each with numerator and denominator [pcs, kg, currency];
        a rate for which one part lacks its mass or value is refused, not estimated

    References
    ----------
    GB/T 28620-2012; the formula is unverified (evidence level 5) until somebody confirms it against the text.
    """
    rows = _rows(shipped("process") if rules is None else rules, day)
    number = _share(parts, rows, "number", lambda part: Decimal(1))
    mass = _share(parts, rows, "mass", lambda part: part.mass_kg)
    value = _share(parts, rows, "value", lambda part: part.value)
    counted = sum(part.count for part in parts.root)
    used = RuleSet(rule for rule in rows.values())
    return Rates(
        rate_by_number=_percent(number),
        number_kept=Quantity(int(number.kept or 0), "pcs"),
        number_all=Quantity(counted, "pcs"),
        rate_by_mass=_percent(mass),
        mass_kept=_amount(mass.kept, "kg"),
        mass_all=_amount(mass.all, "kg"),
        rate_by_value=_percent(value),
        value_kept=_amount(value.kept, currency),
        value_all=_amount(value.all, currency),
        rules_sha256=used.digest,
        _rules=used,
        parts=_table(parts, currency),
        flags=tuple(
            Note("unverified", f"{rule.title}: {rule.legal_basis} (evidence level {rule.evidence_level})")
            for rule in rows.values()
            if rule.evidence_level == 5
        ),
        refusals=tuple(note for share in (number, mass, value) for note in share.refusals),
    )


@dataclass(frozen=True)
class _Share:
    kept: Decimal | None
    all: Decimal | None
    refusals: tuple[Note, ...] = ()


def _rows(rules: RuleSet, day: date | None) -> dict[str, Rule]:
    rows = [rule for rule in rules.known().rows if rule.domain == DOMAIN and rule.effect == "state"]
    when = day or max((rule.recorded_at for rule in rows), default=None)
    found: dict[str, Rule] = {}
    for rule in rows:
        basis = str(rule.params.get("basis", ""))
        if when is None or not rule.valid_on(when):
            continue
        if basis in found:
            raise BadInput(
                f"two rows say what counts by {basis}: {found[basis].rule_id} and {rule.rule_id}",
                where="rules",
                right="let one of them expire",
            )
        found[basis] = rule
    return found


def _share(
    parts: OneOrMany[ReusedPart],
    rows: dict[str, Rule],
    basis: str,
    of_one: Callable[[ReusedPart], Decimal | None],
) -> _Share:
    rule = rows.get(basis)
    if rule is None:
        return _Share(
            None, None, (Note("no-row", f"no rule row in force says which parts count by {basis}"),)
        )
    weights = {id(part): of_one(part) for part in parts.root}
    without = [part.part for part in parts.root if weights[id(part)] is None]
    if without:
        named = ", ".join(without[:20])
        return _Share(None, None, (Note(f"no-{basis}", f"not stated for: {named}; no rate by {basis}"),))
    kept = [str(fate) for fate in rule.params.get("kept", ())]
    shares = [(part.fate in kept, (weights[id(part)] or Decimal(0)) * part.count) for part in parts.root]
    total = sum((amount for _, amount in shares), Decimal(0))
    if total == 0:
        return _Share(None, None, (Note(f"no-{basis}", f"the parts add up to nothing; no rate by {basis}"),))
    return _Share(sum((amount for fits, amount in shares if fits), Decimal(0)), total)


def _percent(share: _Share) -> Quantity | None:
    if share.kept is None or share.all is None:
        return None
    return Quantity(float(100 * share.kept / share.all), "%")


def _amount(value: Decimal | None, unit: str) -> Quantity | None:
    return None if value is None else Quantity(float(value), unit)


def _table(parts: OneOrMany[ReusedPart], currency: str) -> Any:
    import pyarrow as pa

    def shown(value: Decimal | None) -> str:
        return "" if value is None else str(value)

    return pa.table(
        {
            "part": [part.part for part in parts.root],
            "fate": [part.fate for part in parts.root],
            "count": [part.count for part in parts.root],
            "mass_kg": [shown(part.mass_kg) for part in parts.root],
            f"value_{currency.lower()}": [shown(part.value) for part in parts.root],
        }
    )
