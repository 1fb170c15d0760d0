"""Exchange rates of one day: direct, inverse, or across one common currency; never of another day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from recore.trade.money import EXACT, plain
from recore.trade.quote import FxRate

APART = Decimal("0.01")


@dataclass(frozen=True)
class Conversion:
    """Multiply an amount by `times`, then divide by `over`; `path` says how it was found."""

    times: Decimal = Decimal(1)
    over: Decimal = Decimal(1)
    path: str = ""
    used: tuple[FxRate, ...] = ()
    flag: str = ""

    def apply(self, amount: Decimal) -> Decimal:
        """The amount in the other currency, not rounded."""
        if self.over == 1:
            return EXACT.multiply(amount, self.times)
        return EXACT.divide(EXACT.multiply(amount, self.times), self.over)


class NoRate(Exception):
    """No rate, or no single rate, of a pair on a day."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def conversion(rates: Sequence[FxRate], base: str, quote: str, day: date) -> Conversion:
    """How 1 `base` becomes `quote` on a day.

    A stated rate of the pair counts first, then the inverse of a stated one, then two rates that share one
    currency. Two rates of one pair that differ, or two common currencies that lead to different rates, are
    refused: nothing is averaged. A rate and the inverse of another agree where rounding of the digits
    stated can explain the gap.

    Raises
    ------
    NoRate : code `fx-missing` or `fx-contradiction`
    """
    if base == quote:
        return Conversion()
    today = [rate for rate in rates if rate.date == day]
    direct = _direct(today, base, quote)
    across = _across(today, base, quote)
    if direct is not None:
        for other in across:
            gap = abs(_value(direct) / _value(other) - 1)
            if gap > APART:
                text = f"{direct.path} of {day} stands, though {other.path} is {gap:.1%} away"
                return Conversion(direct.times, direct.over, direct.path, direct.used, text)
        return direct
    if not across:
        others = sorted({str(rate.date) for rate in rates if {rate.base, rate.quote} == {base, quote}})
        text = f"there is no rate {base}/{quote} of {day}"
        text += f"; those of {', '.join(others)} do not count" if others else ""
        raise NoRate("fx-missing", text)
    for other in across[1:]:
        if not _agree(across[0], other):
            text = f"{base}/{quote} of {day} is {across[0].path}, and is {other.path}; state the pair itself"
            raise NoRate("fx-contradiction", text)
    return across[0]


def _direct(today: Sequence[FxRate], base: str, quote: str) -> Conversion | None:
    found = [
        Conversion(times=rate.rate, path=f"{base}/{quote} {plain(rate.rate)}", used=(rate,))
        for rate in today
        if (rate.base, rate.quote) == (base, quote)
    ]
    found += [
        Conversion(over=rate.rate, path=f"inverse of {quote}/{base} {plain(rate.rate)}", used=(rate,))
        for rate in today
        if (rate.base, rate.quote) == (quote, base)
    ]
    for other in found[1:]:
        if not _agree(found[0], other):
            text = f"contradictory rates of {base}/{quote} on {today[0].date}: {found[0].path}, {other.path}"
            raise NoRate("fx-contradiction", text)
    return found[0] if found else None


def _across(today: Sequence[FxRate], base: str, quote: str) -> list[Conversion]:
    found = []
    for middle in sorted({code for rate in today for code in (rate.base, rate.quote)} - {base, quote}):
        first, second = _direct(today, base, middle), _direct(today, middle, quote)
        if first is not None and second is not None:
            found.append(
                Conversion(
                    EXACT.multiply(first.times, second.times),
                    EXACT.multiply(first.over, second.over),
                    f"{first.path} × {second.path}",
                    (*first.used, *second.used),
                )
            )
    return found


def _value(found: Conversion) -> Decimal:
    return EXACT.divide(found.times, found.over)


def _agree(one: Conversion, other: Conversion) -> bool:
    """Equal, or apart by no more than the rounding of the stated digits can explain, and below 1 %."""
    if one.times * other.over == other.times * one.over:
        return True
    if len(one.used) == len(other.used) == 1 and one.used[0].base == other.used[0].base:
        return False  # one pair stated twice
    slack = sum((_half_digit(rate.rate) for rate in (*one.used, *other.used)), Decimal(0))
    return abs(_value(one) / _value(other) - 1) <= min(slack, APART)


def _half_digit(rate: Decimal) -> Decimal:
    """Half a unit of the last stated digit, relative to the rate."""
    exponent = rate.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(5).scaleb(exponent - 1) / rate
