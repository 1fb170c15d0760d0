"""Numbers of a named rule set for tests of machine tools: one row, one set, never two mixed."""

from __future__ import annotations

from dataclasses import dataclass

from recore.errors import BadInput
from recore.finding import Note
from recore.rules import Rule, RuleSet, Verdict, shipped

DOMAIN = "machine-test"
_UNVERIFIED = 5


@dataclass(frozen=True)
class NamedSet:
    """One rule set as its row states it."""

    row: Rule

    @property
    def name(self) -> str:
        return str(self.row.params.get("name", self.row.rule_id))

    def number(self, name: str) -> float:
        """A number of the set.

        Raises
        ------
        BadInput : the row does not hold it
        """
        value = self.row.params.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise BadInput(
                f"{name} is {value!r:.40}",
                where=f"rule {self.row.rule_id!r}, params",
                right="a number above 0 is wanted",
            )
        return float(value)

    def notes(self) -> list[Note]:
        """A flag where nobody has verified the row."""
        if self.row.evidence_level < _UNVERIFIED:
            return []
        text = f"{self.name}: the rule set is not verified against its text (evidence level 5); no verdict rests on it"
        return [Note("rule-set-unverified", text)]


def named_set(wanted: str, rules: RuleSet | None) -> NamedSet:
    """The one row of domain 'machine-test' that speaks of a rule set.

    Raises
    ------
    BadInput : none does, or several do
    """
    given = shipped("machine") if rules is None else rules
    rows = [
        row
        for row in given.known().domains.get(DOMAIN, ())
        if row.effect == "state" and row.outcome({"rule_set": wanted}, row.valid_from).verdict is Verdict.PASS
    ]
    if len(rows) != 1:
        raise BadInput(
            f"{len(rows) or 'no'} rows speak of the rule set {wanted!r}",
            where="rules",
            right=f"exactly one row of domain {DOMAIN!r} with effect 'state' is wanted",
        )
    return NamedSet(rows[0])
