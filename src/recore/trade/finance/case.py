"""The document `finance.offer` is asked with."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from recore.model.trade import Amount, Currency, Day, Document, Number, TradeMachine

MAX_MONTHS = 600
MAX_AMOUNT = 10**12
MAX_PLACES = 20

Base = Literal["fmv", "olv", "flv", "low", "high"]
Months = Annotated[int, Field(ge=1, le=MAX_MONTHS, strict=True)]


def _short(value: Decimal) -> Decimal:
    """Exact arithmetic needs numbers that a person could have written."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_PLACES:
        raise ValueError(f"more than {MAX_PLACES} decimal places")
    return value


def _share(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1 is wanted; 4 percent is 0.04")
    return value


def _whole(value: Decimal) -> Decimal:
    if value % Decimal("0.01"):
        raise ValueError("whole cents are wanted")
    return value


Money = Annotated[Amount, Field(lt=MAX_AMOUNT), AfterValidator(_short)]
Cents = Annotated[Money, AfterValidator(_whole)]
Share = Annotated[Number, AfterValidator(_short), AfterValidator(_share)]


class Valuation(Document):
    """What the machine is worth: fair market, orderly and forced liquidation value, bounds of the interval."""

    fmv: Money | None = None
    olv: Money | None = None
    flv: Money | None = None
    low: Money | None = None
    high: Money | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Valuation:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self


class Subsidy(Document):
    """A subsidy on the valuation: rate and base, cap per machine, what is left of the programme."""

    rate: Share
    base: Base
    unit_cap: Money | None = None
    programme_remaining: Money | None = None


class Loan(Document):
    """A loan with monthly payments in arrears; `balloon` is left to be paid with the last one."""

    ltv_max: Annotated[Number, Field(ge=0, le=1.5), AfterValidator(_short)]
    ltv_base: Base
    annual_rate: Share
    months: Months
    type: Literal["annuity", "equal-principal"]
    balloon: Cents = Decimal(0)
    fee: Cents = Decimal(0)


class InterestSubsidy(Document):
    """Points off the annual rate (1.5 percentage points are 0.015) for the first months."""

    points: Share
    months: Months


class Lease(Document):
    """A lease seen by who pays it: `advance` rents are due at the start, `residual` at the end of the months."""

    price: Money
    rent: Money
    months: Months
    residual: Money = Decimal(0)
    advance: Annotated[int, Field(ge=0, le=MAX_MONTHS, strict=True)] = 0

    @model_validator(mode="after")
    def _financed(self) -> Lease:
        if self.advance > self.months:
            raise ValueError(f"advance {self.advance} is more than the {self.months} rents there are")
        if self.price <= self.advance * self.rent:
            raise ValueError(
                f"advance: {self.advance} rents at the start are no less than the price {self.price}"
            )
        return self


class FlatOffer(Document):
    """A quotation at a flat rate: interest on the whole principal for the whole term, in equal payments."""

    principal: Annotated[Money, Field(gt=0)]
    annual_rate: Share
    months: Months


class Risk(Document):
    """Probability of default, and the valuation that is recovered then."""

    pd: Share
    recovery_base: Base = "low"


class FinanceCase(Document):
    """One machine, one buyer, one offer.

    `borrower` is whatever the eligibility rows read, such as {"green_list": true}; `evidence` are papers by name.
    """

    currency: Currency
    date: Day
    valuation: Valuation
    price: Money
    borrower: Any = None
    machine: TradeMachine | None = None
    subsidy: Subsidy | None = None
    loan: Loan | None = None
    interest_subsidy: InterestSubsidy | None = None
    lease: Lease | None = None
    flat_offer: FlatOffer | None = None
    risk: Risk | None = None
    annual_cash_flow: (
        Annotated[Number, Field(gt=-MAX_AMOUNT, lt=MAX_AMOUNT), AfterValidator(_short)] | None
    ) = None
    evidence: Annotated[dict[str, Annotated[bool, Field(strict=True)]], Field(max_length=500)] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _stated(self) -> FinanceCase:
        """Every value that a part of the case is computed from is there."""
        wanted: dict[str, str] = {}
        if self.subsidy:
            wanted["subsidy.base"] = self.subsidy.base
            wanted["the cap of the subsidy"] = "low"
        if self.loan:
            wanted["loan.ltv_base"] = self.loan.ltv_base
        if self.risk:
            wanted["risk.recovery_base"] = self.risk.recovery_base
        for name, base in wanted.items():
            if getattr(self.valuation, base) is None:
                raise ValueError(f"{name} needs valuation.{base}, which is not stated")
        if self.interest_subsidy and not self.loan:
            raise ValueError("interest_subsidy without a loan")
        if self.risk and not self.loan:
            raise ValueError("risk without a loan")
        return self

    def value(self, base: Base) -> Decimal:
        """The stated valuation of a base that `_stated` has asked for."""
        found: Decimal = getattr(self.valuation, base)
        return found

    def facts(self) -> dict[str, Any]:
        """What rule predicates read: the case, and the machine's fields bare and under `machine`."""
        stated = {
            name: _plain(value)
            for name, value in self.model_dump(exclude={"machine", "evidence"}).items()
            if value is not None
        }
        machine = self.machine.facts() if self.machine else {}
        # what the machine's papers call "borrower" or "loan" says nothing of the case
        machine = {name: value for name, value in machine.items() if name not in _OWN}
        return {**machine, **stated, "evidence": {**machine.get("evidence", {}), **self.evidence}}


_OWN = frozenset(FinanceCase.model_fields) - {"machine", "evidence"}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
