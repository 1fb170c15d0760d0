"""Tables of a finance offer; of several cases each row begins with the number of its case."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from recore.quantity import Quantity
from recore.trade.finance.amounts import down
from recore.trade.finance.case import FinanceCase
from recore.trade.finance.eligibility import Reason
from recore.trade.finance.schedule import Schedule
from recore.trade.finance.subsidy import Bound

_MONEY = pa.decimal128(18, 2)
_SCHEDULE = {"payment": _MONEY, "interest": _MONEY, "principal": _MONEY, "balance": _MONEY}
_AMOUNTS = (
    "subsidy",
    "subsidy_if_eligible",
    "loan_principal",
    "first_payment",
    "last_payment",
    "total_interest",
    "interest_subsidy",
    "down_payment",
    "total_cost",
    "total_cost_after_subsidies",
    "expected_loss",
)
_RATIOS = (
    "effective_annual_rate",
    "effective_annual_rate_after_subsidy",
    "ltv_fmv",
    "ltv_olv",
    "ltv_flv",
    "dscr",
)


def schedule_table(schedules: Sequence[Schedule | None]) -> pa.Table:
    rows = [(n, row) for n, found in enumerate(schedules, 1) for row in (found.rows if found else ())]
    columns: dict[str, Any] = {"month": pa.array([row.month for _, row in rows], pa.int32())}
    for name, kind in _SCHEDULE.items():
        columns[name] = pa.array([getattr(row, name) for _, row in rows], kind)
    return _numbered(columns, [n for n, _ in rows], len(schedules))


def bounds_table(cases: Sequence[tuple[Sequence[Bound], str]]) -> pa.Table:
    rows = [(n, bound, binding) for n, (found, binding) in enumerate(cases, 1) for bound in found]
    columns = {
        "bound": pa.array([bound.name for _, bound, _ in rows], pa.string()),
        "amount": pa.array([down(bound.amount) for _, bound, _ in rows], _MONEY),
        "binding": pa.array([bound.name == binding for _, bound, binding in rows], pa.bool_()),
        "rule_id": pa.array([bound.rule_id for _, bound, _ in rows], pa.string()),
        "source": pa.array([bound.source for _, bound, _ in rows], pa.string()),
    }
    return _numbered(columns, [n for n, _, _ in rows], len(cases))


def reasons_table(cases: Sequence[Sequence[Reason]]) -> pa.Table:
    rows = [(n, reason) for n, reasons in enumerate(cases, 1) for reason in reasons]
    columns = {
        name: pa.array([getattr(reason, name) for _, reason in rows], pa.string()) for name in Reason._fields
    }
    return _numbered(columns, [n for n, _ in rows], len(cases))


def offers_table(cases: Sequence[tuple[FinanceCase, dict[str, Any]]]) -> pa.Table:
    """One row for each case; what a case does not ask for is empty."""
    columns: dict[str, Any] = {
        "case": pa.array(range(1, len(cases) + 1), pa.int32()),
        "currency": pa.array([case.currency for case, _ in cases], pa.string()),
        "date": pa.array([case.date for case, _ in cases], pa.date32()),
        "pin": pa.array([case.machine.pin if case.machine else None for case, _ in cases], pa.string()),
        "eligibility": pa.array([results["eligibility"].value for _, results in cases], pa.string()),
        "missing": pa.array(["; ".join(results["missing"]) for _, results in cases], pa.string()),
        "subsidy_binding": pa.array([results["subsidy_binding"].value for _, results in cases], pa.string()),
    }
    for name in _AMOUNTS:
        columns[name] = pa.array([_amount(results.get(name)) for _, results in cases], _MONEY)
    for name in _RATIOS:
        values = [found.value if (found := results.get(name)) else None for _, results in cases]
        columns[name] = pa.array(values, pa.float64())
    return pa.table(columns)


def _amount(quantity: Quantity | None) -> Decimal | None:
    return None if quantity is None else Decimal(repr(quantity.value)).quantize(Decimal("0.01"))


def _numbered(columns: dict[str, Any], numbers: Sequence[int], cases: int) -> pa.Table:
    if cases == 1:
        return pa.table(columns)
    return pa.table({"case": pa.array(numbers, pa.int32()), **columns})
