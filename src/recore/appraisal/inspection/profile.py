"""An inspection profile: the rule rows that make the check-list of one machine family.

Rows of domain `inspection` ask one item each (`params.question`); one cover row per family names every item that
its inspection needs and those that stop the machine. Rows of domain `inspection-section` name and order the sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from recore.errors import BadInput
from recore.model.trade import Document
from recore.quantity import unit_of
from recore.rules import Rule, RuleSet, Verdict
from recore.rules.predicate import Comparison, in_words

DOMAIN = "inspection"
SECTIONS = "inspection-section"
DEFAULT_PROFILE = "iso-10987-3-shaped"
NOMINAL = "nominal."

Kind = Literal["yes_no", "choice", "measured", "count", "text"]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _Params(Document):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Choice(Document):
    """A word that may be answered, in both languages."""

    value: Text
    en: Text
    zh: Text


class PhotoRule(Document):
    """When a photo is wanted with the answer, and of what."""

    needed: Literal["always", "if_fail", "never"] = "if_fail"
    of_en: str = ""
    of_zh: str = ""


class ItemParams(_Params):
    """What the params of an item's row say."""

    question: Text
    section: Text
    order: Annotated[int, Field(ge=0, le=10**6)]
    kind: Kind
    ask_en: Text
    ask_zh: Text
    how_en: str = ""
    how_zh: str = ""
    unit: str | None = None
    choices: tuple[Choice, ...] = ()
    stop: bool = False
    optional: bool = False
    weight: Annotated[int, Field(ge=1, le=100)] = 1
    photo: PhotoRule = PhotoRule()

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str | None) -> str | None:
        return None if unit is None else unit_of(unit)

    @model_validator(mode="after")
    def _of_its_kind(self) -> ItemParams:
        if self.kind == "choice" and len({choice.value for choice in self.choices}) < 2:
            raise ValueError("a choice wants at least two choices")
        if self.kind == "measured" and self.unit is None:
            raise ValueError("a measured item wants a unit ('1' for a plain number)")
        return self


class _FamilyParams(_Params):
    family: Text
    name_en: Text
    name_zh: Text
    questions: tuple[Text, ...]
    stop: tuple[Text, ...] = ()


class _SectionParams(_Params):
    question: Text
    order: Annotated[int, Field(ge=0, le=10**6)]
    title_en: Text
    title_zh: Text


P = TypeVar("P", bound=_Params)


def _read(model: type[P], rule: Rule) -> P:
    try:
        return model.model_validate(rule.params)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in ("params", *fault["loc"]))
        raise BadInput(
            f"{where}: {fault['msg'].removeprefix('Value error, ')}", where=f"rule {rule.rule_id!r}"
        ) from None


@dataclass(frozen=True)
class Item:
    """One item of a check-list: its row, and what the row's params say."""

    rule: Rule
    params: ItemParams

    @property
    def name(self) -> str:
        return self.params.question

    @cached_property
    def comparison(self) -> Comparison | None:
        """The condition where it is a single comparison of the item's own answer."""
        predicate = self.rule.predicate
        own = isinstance(predicate, Comparison) and predicate.field == f"answers.{self.name}"
        return predicate if own and isinstance(predicate, Comparison) else None

    @property
    def good(self) -> bool | str | None:
        """The answer that meets the item, where there is exactly one."""
        simple = self.comparison
        if simple is None or simple.op != "==" or not isinstance(simple.value, bool | str):
            return None
        return simple.value

    @property
    def nominal(self) -> tuple[str, ...]:
        """Names of the maker's limits that the item is held against."""
        return tuple(
            sorted(path.removeprefix(NOMINAL) for path in self.rule.reads if path.startswith(NOMINAL))
        )

    def limit_text(self, language: str) -> str:
        """The limit as the form shows it."""
        if isinstance(self.good, bool):
            words = {"en": ("yes", "no"), "zh": ("是", "否")}[language]
            return words[0] if self.good else words[1]
        if isinstance(self.good, str):
            named = {choice.value: (choice.en, choice.zh) for choice in self.params.choices}
            english, chinese = named.get(self.good, (self.good, self.good))
            return english if language == "en" else chinese
        return in_words(self.rule.predicate).replace(f"answers.{self.name} ", "")


@dataclass(frozen=True)
class Section:
    """A section of the list, with its place and its titles."""

    id: str
    order: int
    title_en: str
    title_zh: str


@dataclass(frozen=True)
class Profile:
    """All rows that one family's inspection consults."""

    name: str
    family: str
    rules: RuleSet

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item of the family, in order; of several rows on one item the first in order speaks for the form."""
        found: dict[str, Item] = {}
        rows = (rule for rule in self.rules.rows if rule.domain == DOMAIN and rule.effect != "cover")
        for item in sorted(
            (Item(rule, _read(ItemParams, rule)) for rule in rows),
            key=lambda item: (item.params.order, item.rule.rule_id),
        ):
            found.setdefault(item.name, item)
        return tuple(found.values())

    @cached_property
    def covers(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules.rows if rule.effect == "cover")

    @cached_property
    def sections(self) -> dict[str, Section]:
        """By id; a section without a row goes by its id and comes last."""
        found = {}
        for rule in self.rules.rows:
            if rule.domain == SECTIONS:
                params = _read(_SectionParams, rule)
                found[params.question] = Section(
                    params.question, params.order, params.title_en, params.title_zh
                )
        for item in self.items:
            name = item.params.section
            found.setdefault(name, Section(name, 10**6 + 1, name, name))
        return dict(sorted(found.items(), key=lambda entry: (entry[1].order, entry[0])))

    @property
    def recorded(self) -> date:
        """The day on which the newest of the rows was recorded."""
        return max(rule.recorded_at for rule in self.rules.rows)

    def covered(self) -> Iterator[tuple[str, bool]]:
        """Items that the cover rows name, each with whether it stops the machine."""
        for rule in self.covers:
            params = _read(_FamilyParams, rule)
            for question in params.questions:
                yield question, question in params.stop


def families(rules: RuleSet, profile: str) -> list[dict[str, str]]:
    """Families that a profile has a list for, with their names in both languages."""
    found = {}
    for rule in rules.known().rows:
        if rule.domain == DOMAIN and rule.effect == "cover" and rule.names_profile(profile):
            params = _read(_FamilyParams, rule)
            found[params.family] = {"family": params.family, "en": params.name_en, "zh": params.name_zh}
    return [found[name] for name in sorted(found)]


def profile_of(rules: RuleSet, profile: str, family: str) -> Profile:
    """The rows of a profile that concern a family.

    Parameters
    ----------
    family : any name that the family's cover row goes by, such as 'bulldozer' for a dozer

    Raises
    ------
    BadInput : no row names the profile, or none the family; the ones there are, are named
    """
    known = rules.known()
    rows = [rule for rule in known.rows if rule.domain in (DOMAIN, SECTIONS) and rule.names_profile(profile)]
    if not rows:
        names = {name for rule in known.rows if rule.domain == DOMAIN for name in rule.selector.profile or ()}
        raise BadInput(
            f"there is no inspection profile {profile!r}",
            where="profile",
            right=f"there are: {', '.join(sorted(names)) or 'none'}",
        )
    canonical = _canonical(rows, profile, family)
    facts = {"profile": profile, "family": canonical}
    return Profile(
        profile,
        canonical,
        RuleSet(rule for rule in rows if rule.selector.match(facts).verdict is not Verdict.FAIL),
    )


def _canonical(rows: list[Rule], profile: str, family: str) -> str:
    named: dict[str, str] = {}
    for rule in rows:
        for name in rule.selector.family or ():
            if rule.effect == "cover":
                named[name.casefold()] = _read(_FamilyParams, rule).family
            else:
                named.setdefault(name.casefold(), name)
    found = named.get(family.strip().casefold())
    if found is None:
        import difflib

        near = difflib.get_close_matches(family.strip().casefold(), named, n=3, cutoff=0.6)
        right = (
            f"near it: {', '.join(near)}" if near else f"there are: {', '.join(sorted(set(named.values())))}"
        )
        raise BadInput(
            f"the profile {profile!r} has no check-list for the family {family!r}",
            where="family",
            right=right,
        )
    return found
