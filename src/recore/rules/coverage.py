"""The verdict of a jurisdiction: every question its cover rows ask, answered by rows in force.

A cover row says which questions a verdict needs; its `params.questions` name domains ('age') or the
`params.question` of single rows ('document:coc'). No valid cover row, or a question without a valid row, is
unknown. A row that objects is heard although no cover row asks for its question. `params.includes` of a cover
row names jurisdictions whose rows count as well, such as a customs union.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from recore.rules.judge import Judgement, judge
from recore.rules.ladder import climbed
from recore.rules.predicate import Outcome, Verdict
from recore.rules.row import Rule
from recore.rules.table import RuleSet

DECIDING = ("require", "block", "document")
AMOUNTS = ("charge", "vat_refund", "finance")
DOMAINS = ("prohibition", "age", "emission", "conformity", "document")


@dataclass(frozen=True)
class Answer:
    """One question, how it was judged, and the cover rows that ask for it."""

    question: str
    judgement: Judgement
    asked_by: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Decision:
    """A verdict with every answer that led to it."""

    verdict: Verdict
    jurisdiction: str
    day: date
    answers: tuple[Answer, ...]
    missing: tuple[str, ...]
    covers: tuple[Rule, ...]
    warnings: tuple[tuple[Rule, Outcome], ...] = ()

    @property
    def conflicts(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if answer.judgement.conflict)

    def reasons(self) -> Iterator[tuple[str, Rule, Outcome]]:
        """Question, row and outcome; a question that no row answers cites the cover rows that ask it."""
        for answer in self.answers:
            if answer.judgement.reasons:
                for rule, outcome in answer.judgement.reasons:
                    yield answer.question, rule, outcome
            for cover in () if answer.judgement.reasons else answer.asked_by:
                yield (
                    answer.question,
                    cover,
                    Outcome(Verdict.UNKNOWN, (f"rule row: {answer.question}",), answer.judgement.text),
                )
        for rule, outcome in self.warnings:
            yield rule.question, rule, outcome


def decide(
    rules: RuleSet,
    facts: Mapping[str, Any],
    day: date,
    jurisdiction: str,
    *,
    known_on: date | None = None,
    domains: Collection[str] = DOMAINS,
) -> Decision:
    """Judge a thing by all rows of a jurisdiction on a day.

    Parameters
    ----------
    rules : every version of every row
    facts : nested facts; ranks on ladders are added
    day : the day for which it is asked, such as that of shipment
    jurisdiction : country code, as the rows name it
    known_on : leaves out what was recorded after this day
    domains : whose objections are heard although no cover row asks for them

    Returns
    -------
    Decision : fail where one answer is fail; else unknown where one is, or nothing is covered; else pass
    """
    known = rules.known(known_on)
    facts = climbed(known, facts, day)
    covers, areas = covering(known, facts, day, jurisdiction)
    asked: dict[str, list[Rule]] = {}
    for cover in covers:
        for question in cover.params["questions"]:
            asked.setdefault(question, []).append(cover)
    here = known.within(areas)
    heard = [
        rule for rule in here if rule.effect in DECIDING and (rule.domain in domains or _asked(rule, asked))
    ]
    groups: dict[tuple[str, str], list[Rule]] = {}
    for rule in heard:
        if rule.selector.match(facts).verdict is not Verdict.FAIL:
            groups.setdefault((rule.domain, rule.question), []).append(rule)
    answers = [
        Answer(question, settled(group, facts, day), tuple(_asking(domain, question, asked)))
        for (domain, question), group in groups.items()
    ]
    answers += [
        Answer(question, _unanswered(question, day), tuple(by))
        for question, by in asked.items()
        if not any(_in_force(rule, question, facts, day) for rule in here)
    ]
    missing = [path for answer in answers for path in answer.judgement.missing]
    missing += [f"rule row: {a.question}" for a in answers if not a.judgement.reasons]
    verdicts = {answer.judgement.verdict for answer in answers}
    verdict = Verdict.PASS
    if Verdict.FAIL in verdicts:
        verdict = Verdict.FAIL
    elif Verdict.UNKNOWN in verdicts or not covered(covers):
        verdict = Verdict.UNKNOWN
    if not covered(covers):
        missing.append(f"rule row: coverage of {jurisdiction}")
    warnings = tuple(
        (rule, rule.outcome(facts, day))
        for rule in here
        if rule.effect == "warn"
        and rule.domain in domains
        and rule.valid_on(day)
        and rule.selector.match(facts).verdict is not Verdict.FAIL
    )
    return Decision(
        verdict, jurisdiction, day, tuple(answers), tuple(dict.fromkeys(missing)), covers, warnings
    )


def covered(covers: Iterable[Rule]) -> bool:
    """Whether cover rows ask anything about the thing itself; one that asks for amounts alone covers nothing."""
    return any(
        question.partition(":")[0] not in AMOUNTS
        for cover in covers
        for question in cover.params["questions"]
    )


def areas_of(rules: RuleSet, facts: Mapping[str, Any], day: date, jurisdiction: str) -> frozenset[str]:
    """Jurisdictions whose rows count for one: itself, '*', and what its cover rows in force include."""
    return covering(rules, facts, day, jurisdiction)[1]


def covering(
    rules: RuleSet, facts: Mapping[str, Any], day: date, jurisdiction: str
) -> tuple[tuple[Rule, ...], frozenset[str]]:
    """Cover rows in force, those of included jurisdictions too, and every jurisdiction that counts."""
    areas, found, new = {jurisdiction}, [], [jurisdiction]
    while new:
        place = new.pop()
        for rule in rules.places.get(place, ()):
            if rule.effect == "cover" and rule.outcome(facts, day).verdict is Verdict.PASS:
                found.append(rule)
                more = [area for area in dict.fromkeys(rule.params.get("includes", ())) if area not in areas]
                areas.update(more)
                new += more
    return tuple(found), frozenset({*areas, "*"})


def _asked(rule: Rule, asked: Mapping[str, Any]) -> bool:
    return rule.domain in asked or rule.question in asked


def _asking(domain: str, question: str, asked: Mapping[str, list[Rule]]) -> list[Rule]:
    return [*asked.get(question, ()), *(asked.get(domain, ()) if domain != question else ())]


def answers_question(rule: Rule, question: str, day: date) -> bool:
    """Whether a row in force answers a question, for those it concerns."""
    return (
        question in (rule.domain, rule.question)
        and rule.effect not in ("cover", "warn", "grade")
        and rule.valid_on(day)
    )


def no_row(question: str, day: date) -> str:
    """What is said where nothing answers a question."""
    return f"no rule row in force on {day} answers the question {question!r}"


def cited(rule: Rule) -> str:
    """The source of a row in one line: its title, or its address."""
    return rule.source.title or rule.source.url


def _in_force(rule: Rule, question: str, facts: Mapping[str, Any], day: date) -> bool:
    return answers_question(rule, question, day) and rule.selector.match(facts).verdict is not Verdict.FAIL


def _unanswered(question: str, day: date) -> Judgement:
    return Judgement(Verdict.UNKNOWN, (), no_row(question, day), ())


def settled(group: list[Rule], facts: Mapping[str, Any], day: date) -> Judgement:
    """Judge one question; a row whose declared contradiction is not in force waits for a person.

    Otherwise a contradicting row that expires, or is lost, would turn an open question into a pass.
    """
    found = judge(group, facts, day)
    if found.verdict is not Verdict.PASS:
        return found
    against = [rule for rule, outcome in found.reasons if outcome.verdict is Verdict.FAIL]
    if against:  # only rows of evidence level 5, which decide nothing, can say so beside a pass
        text = f"{found.text}; but {', '.join(rule.rule_id for rule in against)}, unverified, says no"
        return Judgement(Verdict.UNKNOWN, (), text, found.reasons, conflict=True)
    valid = {rule.rule_id for rule in group if rule.valid_on(day)}
    for rule in group:
        lost = [other for other in rule.conflicts_with if other not in valid]
        if lost and rule.rule_id in valid:
            text = f"{rule.rule_id} contradicts {', '.join(lost)}, not in force on {day}; a person must say what stands"
            return Judgement(Verdict.UNKNOWN, (), text, found.reasons, conflict=True)
    return found
