"""What the pages ask of the rule rows: those that match a search, what runs out, what disagrees, what answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime

from recore.rules import Ending, Outcome, Problem, Rule, RuleSet, Vector, Verdict, expiring
from recore.rules.checks import Placed, check_rows
from recore.rules.predicate import in_words
from recore.web.territories import territory
from recore.workspace.rules import RuleBook


def today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Search:
    """What a reader looks for; what is empty asks nothing."""

    q: str = ""
    jurisdiction: str = ""
    domain: str = ""
    effect: str = ""
    level: str = ""
    origin: str = ""
    valid_on: date | None = None
    known_on: date | None = None

    def found(self, book: RuleBook) -> list[Rule]:
        """The newest known version of every row that matches, in order."""
        words = self.q.casefold().split()
        return [
            rule
            for rule in book.rules.known(self.known_on).rows
            if self.jurisdiction in ("", rule.jurisdiction)
            and self.domain in ("", rule.domain)
            and self.effect in ("", rule.effect)
            and self.level in ("", str(rule.evidence_level))
            and (not self.origin or (self.origin == "own") == book.is_own(rule))
            and (self.valid_on is None or rule.valid_on(self.valid_on))
            and (not words or all(word in _told(rule) for word in words))
        ]


def _told(rule: Rule) -> str:
    """Everything of a row that a reader may look for."""
    names = (territory(rule.jurisdiction, language) for language in ("en", "zh"))
    told = (rule.rule_id, rule.title, rule.domain, rule.question, rule.legal_basis, str(rule.source))
    return " ".join((*told, in_words(rule.predicate), *names)).casefold()


def counts(rules: RuleSet) -> dict[str, dict[str, int]]:
    """How many newest rows there are of each jurisdiction, domain, effect and evidence level."""
    newest = rules.known().rows
    told = {
        "jurisdiction": Counter(rule.jurisdiction for rule in newest),
        "domain": Counter(rule.domain for rule in newest),
        "effect": Counter(str(rule.effect) for rule in newest),
        "level": Counter(str(rule.evidence_level) for rule in newest),
    }
    return {name: dict(sorted(found.items())) for name, found in told.items()}


def state_on(rule: Rule, day: date) -> str:
    """'now', 'later' or 'ended': where a day lies to the validity of a row."""
    if rule.valid_on(day):
        return "now"
    return "later" if day < rule.valid_from else "ended"


HERE = "the rows here"
_STANDING: dict[tuple[str, date], list[Problem]] = {}


def standing(book: RuleBook, day: date) -> list[Problem]:
    """What `recore rules check` says of all rows, shipped and own; kept until a row is added or the day ends."""
    key = (book.rules.digest, day)
    if key not in _STANDING:
        _STANDING.clear()
        _STANDING[key] = check_rows([(HERE, rule) for rule in book.rules.rows], as_of=day)
    return _STANDING[key]


def alarms(book: RuleBook, day: date) -> list[Ending]:
    """Rows that have ended, or will within 90 days, and that no row follows."""
    return expiring(book.rules, day)


def checked(placed: list[Placed], book: RuleBook) -> list[Problem]:
    """What is wrong with new versions, and what they would make wrong elsewhere.

    Parameters
    ----------
    placed : the versions, each with the place where it stands; they replace all versions of the same rows
    book : the rows that they will stand beside
    """
    new, day = {rule.rule_id for _, rule in placed}, today()
    others = [(HERE, rule) for rule in book.rules.rows if rule.rule_id not in new]
    known = {(found.rule_id, found.code, found.text) for found in standing(book, day)}
    return [
        found
        for found in check_rows([*placed, *others], as_of=day)
        if found.file != HERE or (found.rule_id, found.code, found.text) not in known
    ]


@dataclass(frozen=True)
class Tried:
    """A test vector and what the row makes of it now."""

    vector: Vector
    outcome: Outcome

    @property
    def kept(self) -> bool:
        return self.outcome.verdict is self.vector.expect


def tried(rule: Rule) -> list[Tried]:
    """Every test vector of a row with its outcome; a vector may leave out what the selector asks."""
    found = []
    for vector in rule.test_vectors:
        concerns = rule.selector.match(vector.given).verdict
        open_selector = rule.valid_on(vector.date) and concerns is Verdict.UNKNOWN
        ask = rule.answer if open_selector else rule.outcome
        found.append(Tried(vector, ask(vector.given, vector.date)))
    return found


def contradictions(book: RuleBook) -> list[tuple[Rule, Rule]]:
    """Pairs of rows that are said to contradict each other, each pair once."""
    newest = book.newest
    pairs = {
        tuple(sorted((rule.rule_id, other)))
        for rule in newest.values()
        for other in rule.conflicts_with
        if other in newest and other != rule.rule_id
    }
    return [(newest[one], newest[other]) for one, other in sorted(pairs)]


def asked_by(book: RuleBook, rule: Rule) -> list[Rule]:
    """Cover rows that ask the question which a row answers."""
    return [
        cover
        for cover in book.newest.values()
        if cover.effect == "cover"
        and {rule.domain, rule.question} & set(cover.params["questions"])
        and (
            rule.jurisdiction in (cover.jurisdiction, "*")
            or rule.jurisdiction in cover.params.get("includes", ())
        )
    ]


def order_of(rule: Rule) -> tuple[float, str]:
    """Place of a charge among others."""
    order = rule.params.get("order")
    return (float(order) if isinstance(order, int | float) else float("inf"), rule.rule_id)


@dataclass(frozen=True)
class Asked:
    """A question of a country, the rows that answer it, and how well it is answered on a day."""

    question: str
    covers: tuple[Rule, ...]
    rows: tuple[Rule, ...]
    state: str  # answered, unverified, ended or nothing


def areas(rules: RuleSet, code: str, day: date) -> list[str]:
    """Jurisdictions whose rows count for a country: its own, those its cover rows include, and '*'."""
    found, new = [code], [code]
    while new:
        place = new.pop()
        for rule in rules.rows:
            if rule.effect == "cover" and rule.jurisdiction == place and rule.valid_on(day):
                more = [area for area in rule.params.get("includes", ()) if area not in found]
                found += more
                new += more
    return [*found, "*"]


def questions(rules: RuleSet, code: str, day: date) -> list[Asked]:
    """Every question that cover rows of a country ask on a day, with its rows."""
    places = areas(rules, code, day)
    here = [rule for rule in rules.rows if rule.jurisdiction in places]
    covers: dict[str, list[Rule]] = {}
    for rule in here:
        if rule.effect == "cover" and rule.valid_on(day) and rule.jurisdiction != "*":
            for question in rule.params["questions"]:
                covers.setdefault(question, []).append(rule)
    found = []
    for question, by in covers.items():
        rows = [
            rule
            for rule in here
            if question in (rule.domain, rule.question) and rule.effect not in ("cover", "warn", "grade")
        ]
        in_force = [rule for rule in rows if rule.valid_on(day)]
        if any(rule.evidence_level < 5 for rule in in_force):
            state = "answered"
        else:
            state = "unverified" if in_force else "ended" if rows else "nothing"
        found.append(Asked(question, tuple(by), tuple(rows), state))
    return found


def covered(rules: RuleSet, day: date) -> list[str]:
    """Countries that have a cover row in force on a day for a question of trade."""
    return sorted(
        {
            rule.jurisdiction
            for rule in rules.rows
            if rule.effect == "cover" and rule.valid_on(day) and len(rule.jurisdiction) == 2
        }
    )
