"""How old a machine is on a day, as a rule counts it.

Three bases are in use, and the choice flips eligibility:

    build_year         calendar years: year of the day - build year
    build_date         from the day of building; on its anniversary the age is a whole number
    first_of_january   from 1 January of the build year, likewise

A machine built on 29 February has its anniversary on 28 February in common years, the stricter reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import MAXYEAR, date
from typing import Any, NamedTuple

BUILD_YEAR = "build_year"
BASES = (BUILD_YEAR, "build_date", "first_of_january")


class Age(NamedTuple):
    """Age in years, or None with the facts that are wanting and the reason."""

    years: float | None
    missing: tuple[str, ...] = ()
    text: str = ""


def age(facts: Mapping[str, Any], day: date, basis: str = BUILD_YEAR) -> Age:
    """Age on a day by one of `BASES`, from `build_year` and `build_date` of the facts or of their `machine`.

    The year of a build date stands in for a build year that is not stated; where both are stated and differ,
    the age is not known.
    """
    year, built = _stated(facts, "build_year"), _day(_stated(facts, "build_date"))
    if not isinstance(year, int) or isinstance(year, bool):
        year = None
    if year is not None and built is not None and built.year != year:
        return Age(None, (), f"build_date {built} is not of the build_year {year}")
    if built is not None:
        year = built.year
    if basis == "build_date" and built is None:
        return Age(None, ("build_date",), "build_date is not stated, and the rule counts from it")
    if year is None:
        return Age(None, ("build_year",), "build_year is not stated")
    first = built if basis == "build_date" and built is not None else date(year, 1, 1)
    if first > day:
        return Age(None, (), f"built on {first}, after {day}" if built else f"built in {year}, after {day}")
    return Age(day.year - year if basis == BUILD_YEAR else years_between(first, day))


def years_between(first: date, day: date) -> float:
    """Years from one day to a later one: whole on anniversaries, between them in proportion to the days."""
    whole = day.year - first.year
    if anniversary(first, whole) > day:
        whole -= 1
    last = anniversary(first, whole)
    if last.year == MAXYEAR:  # the calendar ends before the next anniversary; the year 10000 is a leap year
        leap = (last.month, last.day) > (2, 28) or (first.month, first.day) == (2, 29)
        return whole + (day - last).days / (366 if leap else 365)
    return whole + (day - last).days / (anniversary(first, whole + 1) - last).days


def anniversary(first: date, years: int) -> date:
    """The same day some years later; 28 February for 29 February where there is none."""
    try:
        return first.replace(year=first.year + years)
    except ValueError:
        return date(first.year + years, 2, 28)


def _stated(facts: Mapping[str, Any], name: str) -> Any:
    if facts.get(name) is not None:
        return facts[name]
    machine = facts.get("machine")
    return machine.get(name) if isinstance(machine, Mapping) else None


def _day(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
