"""The voyage of a quote: its way by sea, its days, and its greenhouse gas by dated factors."""

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
from recore.trade.sea import network

EMISSION = "transport_emission"
FAR_KM = 50.0


@dataclass(frozen=True)
class Voyage:
    """What is known of a voyage; what is not is None, and a note says why."""

    route: network.Route | None = None
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()


def voyage(origin: str | None, destination: str | None, closed: tuple[str, ...]) -> Voyage:
    """The shortest way by sea between two ports by UN/LOCODE.

    Raises
    ------
    BadInput : a closed passage that is not known
    """
    shut = network.checked_closures(closed)
    if origin is None or destination is None:
        return Voyage(flags=(Note("no-ports", "no distance by sea: the quote does not name both ports"),))
    ends, refusals, flags = [], [], []
    for code in (origin, destination):
        port = network.port(code)
        if port is None:
            near = network.near_ports(code)
            text = f"the sea network knows no port {code}" + (f"; near it: {', '.join(near)}" if near else "")
            refusals.append(Note("port-unknown", text))
            continue
        ends.append(port)
        away = network.port_gap_km(port)
        if away > FAR_KM:
            text = f"{code} {port.name} lies {away:.0f} km from the sea lane where its distance is taken"
            flags.append(Note("port-inland", text))
    if refusals:
        return Voyage(None, tuple(flags), tuple(refusals))
    route = network.shortest(ends[0].node, ends[1].node, shut)
    if route is None:
        text = f"no way by sea from {origin} to {destination} with {', '.join(sorted(shut))} closed"
        return Voyage(None, tuple(flags), (Note("no-route", text),))
    return Voyage(route, tuple(flags))


@dataclass(frozen=True)
class Emission:
    """Greenhouse gas of the transport in kg CO2e, with the factors it rests on."""

    kg: float | None = None
    flags: tuple[Note, ...] = ()
    consulted: tuple[Rule, ...] = ()


def emission(
    rules: RuleSet,
    day: date,
    *,
    mode: str | None,
    mass_kg: float | None,
    sea_km: float | None,
    road_km: float,
) -> Emission:
    """Mass × distance × factor of each leg, by the `state` rows of domain `transport_emission` in force.

    Where the quote names no mode of sea transport the row of mode `average` counts, and it is flagged.
    """
    rows = tuple(rule for rule in rules.rows if rule.domain == EMISSION and rule.effect == "state")
    if not rows:
        return Emission()
    if mass_kg is None or sea_km is None:
        missing = "machine.mass_kg is not stated" if mass_kg is None else "the distance is not known"
        return Emission(flags=(Note("co2-open", f"no greenhouse gas of the route: {missing}"),))
    flags, consulted, total = [], [], Decimal(0)
    legs = [(mode or "average", sea_km), *([("road", road_km)] if road_km else [])]
    for word, km in legs:
        found = [
            rule
            for rule in rows
            if rule.valid_on(day) and rule.outcome({"mode": word}, day).verdict is Verdict.PASS
        ]
        if len(found) != 1:
            why = "no row" if not found else "contradictory rows"
            note = Note("co2-open", f"no greenhouse gas of the route: {why} for mode {word} on {day}")
            return Emission(flags=(note,), consulted=tuple(found))
        rule = found[0]
        consulted.append(rule)
        grams, detour = (
            _number(rule.params, rule, "g_co2e_per_tkm"),
            _number(rule.params, rule, "distance_factor"),
        )
        total += Decimal(repr(mass_kg)) / 1000 * Decimal(repr(km)) * detour * grams / 1000
        if word == "average":
            flags.append(Note("co2-mode", f"the mode is not stated, so an average counts: {rule.title}"))
    return Emission(float(total), tuple(flags), tuple(consulted))


def _number(params: Mapping[str, Any], rule: Rule, name: str) -> Decimal:
    found = decimal(params.get(name))
    if found is None or found < 0:
        raise BadInput(
            f"{name} {params.get(name)!r:.40}",
            where=f"rule {rule.rule_id!r}, params",
            right="a number ≥ 0 is wanted",
        )
    return found
