"""The chain of amounts from FOB to the landed total, exact in decimals, and its graph for whoever recomputes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import islice, product
from typing import Any

from recore.finding import Note
from recore.rules.charge import Charge
from recore.rules.charge import plain as plain_name
from recore.trade.charges import Candidate, ChargeBook
from recore.trade.fx import Conversion
from recore.trade.money import CENT, EXACT, ZERO, cents, plain

MOST_ALTERNATIVES = 256
_INSURED = Decimal("1.1")
_STARTS = 4


@dataclass(frozen=True)
class Shipment:
    """What the chain begins with, in the currency of the quote; amounts in whole cents."""

    fob: Decimal
    freight: Decimal
    insurance_rate: Decimal

    @cached_property
    def cif(self) -> Decimal:
        """(FOB + freight) / (1 - 1.1 r): what is insured is 110 % of the CIF value, premium included."""
        share = EXACT.subtract(Decimal(1), EXACT.multiply(_INSURED, self.insurance_rate))
        return cents(EXACT.divide(self.fob + self.freight, share))

    def start(self) -> dict[str, Decimal]:
        """The four amounts that charges stand on."""
        return {
            "fob": self.fob,
            "freight": self.freight,
            "insurance": self.cif - self.fob - self.freight,
            "cif": self.cif,
        }


@dataclass(frozen=True)
class Chain:
    """One way through the charges: each name with one row.

    Parameters
    ----------
    steps : in order
    conversions : from each foreign currency into that of the quote; what has no rate is not there
    absent : names that count as nothing in a base
    """

    steps: tuple[Candidate, ...]
    conversions: Mapping[str, Conversion]
    absent: frozenset[str] = frozenset()

    def amounts(
        self, shipment: Shipment, known: Mapping[str, Decimal | None] | None = None
    ) -> dict[str, Decimal | None]:
        """Every amount by name, in order; None where it hangs on something that is not known.

        `known` holds the first amounts, where they have been found before.
        """
        found: dict[str, Decimal | None] = dict(known or shipment.start())
        for step in self.steps[len(found) - _STARTS :]:
            found[step.charge.name] = self._amount(step.charge, found)
        return found

    def total(self, shipment: Shipment, known: Mapping[str, Decimal | None] | None = None) -> Decimal | None:
        """CIF and all charges."""
        found = self.amounts(shipment, known)
        total = shipment.cif
        for step in self.steps:
            part = found[step.charge.name]
            if part is None:
                return None
            total += part
        return total

    def base(self, charge: Charge, amounts: Mapping[str, Decimal | None]) -> Decimal | None:
        """The amount that a rate is taken of."""
        total = ZERO
        for factor, name in charge.base:
            if name in amounts:
                part = amounts[name]
                if part is None:
                    return None
                total = EXACT.add(total, part if factor == 1 else EXACT.multiply(factor, part))
            elif name not in self.absent:
                return None
        return total

    def _amount(self, charge: Charge, amounts: Mapping[str, Decimal | None]) -> Decimal | None:
        rate = self.conversions.get(charge.currency) if charge.currency else Conversion()
        if rate is None:
            return None
        if charge.kind == "ad_valorem":
            base = self.base(charge, amounts)
            if base is None or charge.rate is None:
                return None
            amount = EXACT.multiply(base, charge.rate)
            if charge.minimum is not None:
                amount = max(amount, rate.apply(charge.minimum))
            if charge.maximum is not None:
                amount = min(amount, rate.apply(charge.maximum))
            return cents(amount)
        stated = charge.amount
        if charge.unit is not None and charge.coefficient is not None:
            stated = EXACT.multiply(charge.unit, charge.coefficient)
        return None if stated is None else cents(rate.apply(cents(stated)))

    @property
    def unverified(self) -> bool:
        return any(step.unverified for step in self.steps)

    def rising(self) -> bool:
        """Whether a higher FOB value can never lower the total."""
        return all(
            step.charge.rate is None or (step.charge.rate >= 0 and all(f >= 0 for f, _ in step.charge.base))
            for step in self.steps
        )

    def graph(self, shipment: Shipment, total: str) -> dict[str, Any]:
        """All that is needed to recompute every cent; numbers are decimals written as text."""
        amounts = self.amounts(shipment)
        nodes: list[dict[str, Any]] = [
            {"name": "fob", "kind": "input", "amount": str(shipment.fob)},
            {"name": "freight", "kind": "input", "amount": str(shipment.freight)},
            {"name": "insurance_rate", "kind": "input", "amount": plain(shipment.insurance_rate)},
            {
                "name": "cif",
                "kind": "formula",
                "formula": "round((fob + freight) / (1 - 1.1 * insurance_rate))",
                "amount": str(shipment.cif),
            },
            {
                "name": "insurance",
                "kind": "sum",
                "terms": [["1", "cif"], ["-1", "fob"], ["-1", "freight"]],
                "amount": str(amounts["insurance"]),
            },
        ]
        nodes += [self._node(step, amounts) for step in self.steps]
        named = ["cif", *(step.charge.name for step in self.steps)]
        end = self.total(shipment)
        nodes.append(
            {
                "name": total,
                "kind": "sum",
                "terms": [["1", name] for name in named],
                "amount": None if end is None else str(end),
            }
        )
        return {"rounding": "half up to 0.01, each amount before it is used again", "nodes": nodes}

    def _node(self, step: Candidate, amounts: Mapping[str, Decimal | None]) -> dict[str, Any]:
        charge, amount = step.charge, amounts[step.charge.name]
        node: dict[str, Any] = {
            "name": charge.name,
            "kind": charge.kind,
            "rule_id": step.rule.rule_id,
            "rule_version": step.rule.version,
            "amount": None if amount is None else str(amount),
        }
        if charge.kind == "ad_valorem":
            node["terms"] = [[plain(factor), name] for factor, name in charge.base if name in amounts]
        for word, value in (
            ("rate", charge.rate),
            ("min", charge.minimum),
            ("max", charge.maximum),
            ("stated", charge.amount),
            ("unit", charge.unit),
            ("coefficient", charge.coefficient),
        ):
            if value is not None:
                node[word] = plain(value)
        if charge.currency and (conversion := self.conversions.get(charge.currency)) is not None:
            node["currency"] = charge.currency
            node["times"], node["over"] = plain(conversion.times), plain(conversion.over)
        return node

    def turned(self, place: int, factor: Decimal) -> Chain:
        """The chain with what the charge at a place states multiplied."""

        def scaled(value: Decimal | None) -> Decimal | None:
            return None if value is None else EXACT.multiply(value, factor)

        step = self.steps[place]
        charge = replace(
            step.charge,
            rate=scaled(step.charge.rate),
            amount=scaled(step.charge.amount),
            coefficient=scaled(step.charge.coefficient),
        )
        steps = (*self.steps[:place], replace(step, charge=charge), *self.steps[place + 1 :])
        return replace(self, steps=steps)


def unknown_bases(book: ChargeBook) -> list[Note]:
    """A base that names an amount which no row states: the row of it was lost, or comes later."""
    earlier = {"fob", "freight", "insurance", "cif", *book.absent}
    charged = {item.charge.name for group in book.charges for item in group}
    stated = {plain_name(str(rule.params.get("name"))) for rule in book.consulted}
    notes = []
    for group in book.charges:
        for item in group:
            for _, name in item.charge.base:
                if name in earlier or (plain_name(name) in stated and name not in charged):
                    continue  # what is refused already needs no second refusal
                why = "comes later in the order" if name in charged else "is stated by no row"
                text = f"{item.rule.rule_id}: the base of {item.charge.name} names {name}, which {why}"
                notes.append(Note("base-unknown", text))
        earlier.add(group[0].charge.name)
    return notes


def chains(book: ChargeBook, conversions: Mapping[str, Conversion]) -> list[Chain]:
    """Every way through the charges: one, or the combinations of rows that contradict each other."""
    ways = product(*book.charges)
    absent = frozenset(book.absent)
    return [Chain(steps, conversions, absent) for steps in islice(ways, MOST_ALTERNATIVES + 1)]


def highest_fob(chain: Chain, wanted: Decimal, freight: Decimal, insurance_rate: Decimal) -> Decimal | None:
    """The highest FOB value, to the cent, whose landed total is at most what is wanted; None where none is.

    Every amount of a rising chain grows with FOB or stays, its rounded values too, so halving finds the edge.
    """

    def fits(number: int) -> bool:
        total = chain.total(Shipment(number * CENT, freight, insurance_rate))
        return total is not None and total <= wanted

    low, high = 0, int(wanted / CENT) + 1
    if not fits(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * CENT
