"""What a Chinese exporter gets back of the VAT paid at home, and what stays in the price of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from recore.errors import BadInput
from recore.finding import Note
from recore.rules import Rule, RuleSet, Verdict
from recore.rules.charge import decimal
from recore.rules.judge import UNVERIFIED
from recore.trade.fx import NoRate, conversion
from recore.trade.money import EXACT, ZERO, cents
from recore.trade.quote import FxRate, Manufacturer, NoInvoice, OwnAsset, SpecialInvoice

CNY = "CNY"
_DOMAIN = "vat_refund"


@dataclass(frozen=True)
class VatRefund:
    """Amounts in CNY; `offset` is what a manufacturer sets against domestic output VAT."""

    rebate: Decimal
    trapped: Decimal
    offset: Decimal | None = None


@dataclass
class VatAnswer:
    """A refund, or the reasons why there is none to state; `row` is the one it follows."""

    refund: VatRefund | None = None
    row: Rule | None = None
    refusals: tuple[Note, ...] = ()
    flags: tuple[Note, ...] = ()
    consulted: tuple[Rule, ...] = ()


def own_asset(case: OwnAsset, vat_rate: Decimal, refund_rate: Decimal) -> VatRefund:
    """Exempt with refund on the net value: base = invoice × (original - depreciation) / original.

    References
    ----------
    Caishui [2012] 39, art. 4(6); State Taxation Administration announcement 2012 no. 24.
    """
    net = EXACT.subtract(case.original_value, case.booked_depreciation)
    base = EXACT.divide(EXACT.multiply(case.invoice_ex_vat, net), case.original_value)
    return _on(base, vat_rate, refund_rate)


def special_invoice(case: SpecialInvoice, vat_rate: Decimal, refund_rate: Decimal) -> VatRefund:
    """Exempt with refund on the amount of the special invoice: Caishui [2012] 39, art. 4(4)."""
    return _on(case.invoice_ex_vat, vat_rate, refund_rate)


def no_invoice(case: NoInvoice, vat_rate: Decimal) -> VatRefund:
    """Exempt without refund: the VAT within the price stays there, price × v / (1 + v)."""
    inside = EXACT.divide(EXACT.multiply(case.price, vat_rate), EXACT.add(Decimal(1), vat_rate))
    return VatRefund(cents(ZERO), cents(inside))


def manufacturer(case: Manufacturer, fob_cny: Decimal, vat_rate: Decimal, refund_rate: Decimal) -> VatRefund:
    """Exemption, credit and refund of who makes or remanufactures: Caishui [2012] 39, art. 5(1).

    Raises
    ------
    BadInput : bonded inputs above the FOB value
    """
    base = EXACT.subtract(fob_cny, case.bonded_inputs)
    if base < 0:
        raise BadInput(
            f"bonded_inputs {case.bonded_inputs} CNY is above the FOB value of {cents(fob_cny)} CNY",
            where="purchase",
            right="the inputs are part of what is exported",
        )
    stays = EXACT.multiply(base, EXACT.subtract(vat_rate, refund_rate))
    limit = EXACT.multiply(base, refund_rate)
    payable = case.output_vat - (case.input_vat - stays) - case.carry
    rebate = min(max(-payable, ZERO), limit)
    return VatRefund(cents(rebate), cents(stays), cents(limit - rebate))


def refund(
    purchase: OwnAsset | SpecialInvoice | NoInvoice | Manufacturer,
    rules: RuleSet,
    facts: Mapping[str, Any],
    day: date,
    *,
    fob: Decimal | None,
    currency: str,
    fx: tuple[FxRate, ...],
) -> VatAnswer:
    """Find the row in force and apply it to the way of purchase."""
    found, rates = _row(rules, facts, day)
    if rates is None:
        return found
    vat_rate, refund_rate = rates
    flags: tuple[Note, ...] = ()
    match purchase:
        case OwnAsset(input_vat_deducted=True):
            text = (
                "the input VAT of this asset was deducted, so the formula of Caishui [2012] 39 art. 4(6) does not "
                "apply, and whether the export is taxed or exempt is contested; ask for a tax opinion"
            )
            found.refusals = (Note("vat-deducted", text),)
            return found
        case OwnAsset():
            found.refund = own_asset(purchase, vat_rate, refund_rate)
            text = "taken that the input VAT was not deducted and that a special invoice or customs certificate is at hand"
            flags = (Note("vat-own-asset", text),)
        case SpecialInvoice():
            found.refund = special_invoice(purchase, vat_rate, refund_rate)
        case NoInvoice():
            found.refund = no_invoice(purchase, vat_rate)
        case Manufacturer():
            if fob is None:
                found.refusals = (
                    Note("vat-fob", "the refund of a manufacturer stands on FOB, not known here"),
                )
                return found
            try:
                into_cny = conversion(fx, currency, CNY, day)
            except NoRate as error:
                found.refusals = (Note(error.code, f"refund of a manufacturer: {error.text}"),)
                return found
            found.refund = manufacturer(purchase, into_cny.apply(fob), vat_rate, refund_rate)
    found.flags = flags
    return found


def _on(base: Decimal, vat_rate: Decimal, refund_rate: Decimal) -> VatRefund:
    rebate = cents(EXACT.multiply(base, refund_rate))
    return VatRefund(rebate, cents(EXACT.multiply(base, vat_rate)) - rebate)


def _row(
    rules: RuleSet, facts: Mapping[str, Any], day: date
) -> tuple[VatAnswer, tuple[Decimal, Decimal] | None]:
    """The VAT rate and refund rate of the day, or why they are not known."""
    rows = tuple(
        rule
        for rule in rules.rows
        if rule.jurisdiction == "CN" and rule.domain == _DOMAIN and rule.effect not in ("cover", "warn")
    )
    answer = VatAnswer(consulted=rows)

    def refused(code: str, text: str) -> tuple[VatAnswer, None]:
        answer.refusals = (Note(code, f"rebate and trapped VAT: {text}"),)
        return answer, None

    valid = [rule for rule in rows if rule.valid_on(day)]
    if not valid:
        known = ", ".join(f"{rule.rule_id} ({rule.validity})" for rule in rows) or "none is known"
        return refused("vat-row", f"no row of CN is in force on {day}: {known}")
    outcomes = [
        (rule, rule.outcome(facts, day))
        for rule in valid
        if rule.selector.match(facts).verdict is not Verdict.FAIL
    ]
    unknown = [(rule, outcome) for rule, outcome in outcomes if outcome.verdict is Verdict.UNKNOWN]
    if unknown:
        missing = sorted({path for _, outcome in unknown for path in outcome.missing})
        text = "; ".join(f"{rule.rule_id}: {outcome.text}" for rule, outcome in unknown)
        return refused("vat-open", text + (f"; missing: {', '.join(missing)}" if missing else ""))
    applying = [rule for rule, outcome in outcomes if outcome.verdict is Verdict.PASS]
    if not applying:
        return refused("vat-row", f"no row of CN in force on {day} concerns this machine")
    lost = [
        other
        for rule in applying
        for other in rule.conflicts_with
        if not any(item.rule_id == other for item in valid)
    ]
    if lost:
        return refused("vat-contradiction", f"a contradicting row is not in force: {', '.join(lost)}")
    said: dict[tuple[Decimal, Decimal], Rule] = {}
    for rule in sorted(applying, key=lambda rule: rule.evidence_level):
        said.setdefault(_rates(rule), rule)
    if len(said) > 1:
        text = "; ".join(f"{rule.rule_id} says {v} and {r}" for (v, r), rule in said.items())
        return refused("vat-contradiction", f"rows contradict each other: {text}")
    (rates, answer.row), *_ = said.items()
    if answer.row.evidence_level >= UNVERIFIED:
        return refused("vat-unverified", f"only the unverified row {answer.row.rule_id} answers")
    return answer, rates


def _rates(rule: Rule) -> tuple[Decimal, Decimal]:
    vat_rate, refund_rate = (decimal(rule.params.get(name)) for name in ("vat_rate", "refund_rate"))
    if vat_rate is None or refund_rate is None or not 0 <= refund_rate <= vat_rate < 1:
        raise BadInput(
            f"vat_rate {rule.params.get('vat_rate')!r}, refund_rate {rule.params.get('refund_rate')!r}",
            where=f"rule {rule.rule_id!r}, params",
            right="two shares with 0 ≤ refund_rate ≤ vat_rate < 1 are wanted",
        )
    return vat_rate, refund_rate
