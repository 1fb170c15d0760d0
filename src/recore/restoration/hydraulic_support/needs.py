"""What each component of a support needs: from the fault codes of the record, and from the facts of the check list."""

from __future__ import annotations

from dataclasses import dataclass, field

from recore.method import Note
from recore.restoration.decision import held
from recore.restoration.hydraulic_support.acceptance import DOMAIN
from recore.restoration.hydraulic_support.core import Component, SupportCore
from recore.restoration.hydraulic_support.found import FaultRow, Found
from recore.rules.known import Known

_FACTS = ("seal_age_a", "rod_wear_mm", "bore_scratch_mm", "clearance_mm", "bend_mm_per_m", "crack_mm")


@dataclass
class Needs:
    """Needs of one component.

    Parameters
    ----------
    words : need → why, naming the finding or the rule row
    open : what is not known and must be looked at
    faults : faults of the record that are laid to this component, by the need that each gives
    suspected : the record's fault may be this component's or another's
    """

    words: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    faults: dict[str, list[FaultRow]] = field(default_factory=dict)
    suspected: bool = False

    def add(self, need: str, why: str) -> None:
        self.words.setdefault(need, []).append(why)


def needs_of(
    known: Known, core: SupportCore, found: Found
) -> tuple[dict[str, Needs], list[Note], list[Note]]:
    """Needs by component name, flags, and refusals."""
    needs = {part.name: Needs() for part in core.component}
    flags: list[Note] = []
    refusals: list[Note] = []
    for part in core.component:
        _of_facts(known, part, needs[part.name])
    own = [row for row in found.rows or () if row.support == core.support]
    latest = {(row.fault, row.leg): row for row in own}
    for row in latest.values():
        _of_fault(known, core, row, needs, flags, refusals)
    for name, need in needs.items():
        if need.open:
            flags.append(Note("to-inspect", f"{name}: {'; '.join(need.open)}"))
    health = found.health.get(core.support)
    if health is not None and health < 100 and not own:
        flags.append(
            Note(
                "health", f"health index {health:.0f} of 100 without a fault code: no work is derived from it"
            )
        )
    return needs, flags, refusals


def _of_facts(known: Known, part: Component, needs: Needs) -> None:
    for fact in _FACTS:
        row = known.about(DOMAIN, f"support-condition:{fact}", {"component_kind": part.kind, "fact": fact})
        if row is None:
            continue
        p = row.params
        measured = part.fact(fact)
        if measured is None:
            needs.open.append(f"{fact} was not measured (limit {p['above']:g} {p['unit']}, {row.rule_id})")
            continue
        value, spread = measured
        said = f"{fact} {value:g}" + (f" ± {spread:g}" if spread else "") + f" {p['unit']}"
        verdict = held(value, spread, float(p["above"]))
        if verdict == "fail":
            needs.add(p["need"], f"{said} is above {p['above']:g} ({row.rule_id})")
        elif verdict == "unknown":
            needs.open.append(
                f"{said} straddles {p['above']:g} ({row.rule_id}): measure with less uncertainty"
            )


def _of_fault(
    known: Known,
    core: SupportCore,
    row: FaultRow,
    needs: dict[str, Needs],
    flags: list[Note],
    refusals: list[Note],
) -> None:
    rule = known.about(DOMAIN, f"support-fault:{row.fault}", {"fault": row.fault})
    where = f"{row.fault} at " + ("the whole support" if row.leg is None else f"leg {row.leg}")
    if rule is None:
        refusals.append(Note("rule-row-missing", f"{where}: no rule row says what it asks for"))
        return
    p = rule.params
    if p["belongs"] != "support":
        flags.append(
            Note(
                "not-mechanical",
                f"{where}: asks for no work on the support, it is of the {p['belongs']}: {p['inspect']} ({rule.rule_id})",
            )
        )
        return
    asked = dict(zip(p["components"], p["needs"], strict=True))
    suspects = [c for c in core.component if c.kind in asked and (row.leg is None or c.leg == row.leg)]
    why = f"{where}" + ("" if row.confidence is None else f", confidence {row.confidence:.2f}")

    def laid_to(part: Component, how: str) -> None:
        need = asked[part.kind]
        needs[part.name].add(need, f"{why}{how} ({rule.rule_id})")
        needs[part.name].faults.setdefault(need, []).append(row)

    guilty = [c for c in suspects if c.holds is False]
    untried = [c for c in suspects if c.holds is None]
    for part in guilty:
        laid_to(part, "; it does not hold on the bench")
    missing = sorted(set(asked) - {c.kind for c in suspects})
    if guilty:
        return
    if not missing and len(untried) == 1:
        how = "" if len(suspects) == 1 else "; all the others hold on the bench"
        laid_to(untried[0], how)
        return
    for part in untried:
        needs[part.name].suspected = True
    if not suspects or (not untried and missing):
        text = f"the core lists no {' and no '.join(missing)} of it to lay it to"
        refusals.append(Note("component-missing", f"{where}: {text}; look at: {p['inspect']}"))
    elif not untried:
        text = "every component it may be laid to holds on the bench"
        refusals.append(Note("fault-contradicted", f"{where}: {text}; look again: {p['inspect']}"))
    else:
        named = ", ".join([*(c.name for c in untried), *(f"a {kind} that is not listed" for kind in missing)])
        refusals.append(
            Note("fault-not-located", f"{where}: the record does not tell which of {named}; {p['inspect']}")
        )
