"""Whether a piece slides or tips under the accelerations of a transport, and what holds it.

Statics of a rigid block as in the CTU Code (IMO/ILO/UNECE 2014), annex 7, and EN 12195-1: in each direction the
block is pushed with c·m·g while it presses down with c_z·m·g.

- sliding: the force left to secure is m·g·(c - μ·c_z)
- tipping: about the edge of the base it tips where c·h > c_z·b, with h the height of the centre of gravity and b
  its distance from that edge
- top-over lashings press: n = f_s·m·g·(c - μ·c_z) / (k·μ·F_T·sin α); against tipping
  n = f_s·m·g·(c·h - c_z·b) / (F_T·w·sin α), w the width of the base in that direction
- direct lashings pull, the cargo moves a little and 75 % of the friction count (annex 7, appendix 2):
  n = m·g·(c - μ'·c_z) / (MSL·(cos α·cos β + μ'·sin α)); against tipping the pull has the levers of its height and
  of the far edge: n = m·g·(c·h - c_z·b) / (MSL·(cos α·cos β·h_a + sin α·w))
- a loop pulls with both its ends: twice a direct lashing

Blocking against walls and neighbours is not counted: what needs no lashing here stands by friction alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from recore.method import Note
from recore.rules import Rule
from recore.rules.known import Known
from recore.trade.loading.cargo import Item
from recore.trade.loading.plan import Loaded

G = 9.80665
Transport = Literal["road", "rail", "sea-A", "sea-B", "sea-C"]
Answer = Literal["pass", "fail", "unknown"]
DIRECTIONS = ("forward", "backward", "sideways")
_NOTHING = 1e-9
_ORDER = {"fail": 0, "unknown": 1, "pass": 2}


@dataclass(frozen=True)
class Held:
    """One kind of piece in one direction of one transport; None where something needed is not stated.

    slide_kn : force left to secure against sliding; 0 where friction holds
    tip_knm : moment left to secure against tipping; 0 where it stands
    needed : lashings needed in this direction
    """

    container: str
    item: str
    pose: str
    transport: str
    direction: str
    acceleration: float
    down: float
    friction: float | None
    slide_kn: float | None
    tip_knm: float
    lashing: str
    needed: int | None
    stated: int | None
    verdict: Answer
    why: str
    rule_id: str


@dataclass(frozen=True)
class Block:
    """A piece as the statics see it [kg, m]: half widths of the base to each edge, height of the centre of gravity."""

    mass_kg: float
    front_m: float
    back_m: float
    side_m: float
    height_m: float
    length_m: float
    width_m: float


@dataclass(frozen=True)
class Lashing:
    """How a piece is lashed: kind, strength and tension [kN], angles [deg], height of the fixing [m]."""

    kind: Literal["top-over", "direct", "loop"]
    msl_kn: float | None = None
    pretension_kn: float | None = None
    angle_deg: float | None = None
    across_deg: float = 0.0
    attach_m: float | None = None


def slide(block: Block, push: float, down: float, friction: float) -> float:
    """Force left to secure against sliding [kN]."""
    return max(0.0, block.mass_kg * G * (push - friction * down) / 1000)


def tip(block: Block, push: float, down: float, direction: str) -> float:
    """Moment left to secure against tipping [kN·m]."""
    lever = {"forward": block.front_m, "backward": block.back_m, "sideways": block.side_m}[direction]
    return max(0.0, block.mass_kg * G * (push * block.height_m - down * lever) / 1000)


def lashings_needed(
    block: Block,
    lashing: Lashing,
    *,
    push: float,
    down: float,
    friction: float,
    direction: str,
    dynamic: float,
    sides: float,
    safety: float,
    tip_push: float | None = None,
) -> tuple[int | None, str]:
    """(lashings needed in one direction, what is missing to tell)."""
    width = block.width_m if direction == "sideways" else block.length_m
    moment = tip(block, push if tip_push is None else tip_push, down, direction)
    angle = lashing.angle_deg
    if lashing.kind == "top-over":
        force = slide(block, push, down, friction)
        if not force and not moment:
            return 0, ""
        if lashing.pretension_kn is None or angle is None:
            return None, "pretension_kn and angle_deg of the lashings"
        press = lashing.pretension_kn * math.sin(math.radians(angle))
        if press <= 0:
            return None, "an angle_deg above 0: a level top-over lashing presses nothing"
        return max(
            _whole(safety * force / (sides * friction * press)), _whole(safety * moment / (press * width))
        ), ""
    low = friction * dynamic
    force = slide(block, push, down, low)
    if not force and not moment:
        return 0, ""
    if lashing.msl_kn is None or angle is None:
        return None, "msl_kn (or breaking_kn and a gear that a row knows) and angle_deg of the lashings"
    pull = math.cos(math.radians(angle)) * math.cos(math.radians(lashing.across_deg))
    lift = math.sin(math.radians(angle))
    ends = 2 if lashing.kind == "loop" else 1
    high = lashing.attach_m if lashing.attach_m is not None else block.height_m
    against_sliding = ends * lashing.msl_kn * (pull + low * lift)
    against_tipping = ends * lashing.msl_kn * (pull * high + lift * width)
    if (force and against_sliding < _NOTHING) or (moment and against_tipping < _NOTHING):
        return None, "another angle: these lashings do not act in this direction"
    return max(
        _whole(force / against_sliding) if force else 0, _whole(moment / against_tipping) if moment else 0
    ), ""


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def secured(
    loaded: Iterable[Loaded], items: Sequence[Item], transports: Sequence[str], known: Known
) -> tuple[list[Held], dict[str, Answer], list[Note]]:
    """Every kind of piece in every direction of every transport, and one verdict for each transport."""
    held: list[Held] = []
    notes: list[Note] = []
    frictions: dict[str, float | None] = {}
    rows: dict[str, Rule] = {}
    for transport in transports:
        row = known.one("lashing", f"acceleration:{transport}", {"transport": transport})
        if row is None:
            notes.append(
                Note("no-acceleration-row", f"no row in force states the accelerations of {transport}")
            )
        else:
            rows[transport] = row
    standing = sorted(
        {
            (f"{one.room.name} {one.number + 1}", int(k), pose)
            for one in loaded
            for k, pose in zip(one.load.item, one.load.pose, strict=True)
        }
    )
    for _, k, _ in standing:
        if items[k].id not in frictions:
            frictions[items[k].id] = _friction(items[k], known, notes)
    held += [
        _held(container, items[k], pose, transport, direction, row, frictions[items[k].id], known)
        for container, k, pose in standing
        for transport, row in rows.items()
        for direction in DIRECTIONS
    ]
    verdicts: dict[str, Answer] = {}
    for transport in transports:
        answers: list[Answer] = [one.verdict for one in held if one.transport == transport]
        if transport not in rows:
            answers.append("unknown")
        verdicts[transport] = min(answers, key=_ORDER.__getitem__, default="unknown")
    unknown = [item for item, friction in frictions.items() if friction is None]
    if unknown and rows:
        notes.append(
            Note(
                "friction-unknown",
                f"no verdict on sliding of {_few(unknown)}: state friction, or contact as a material pair "
                "that a rule row knows",
            )
        )
    missing = sorted({(one.item, one.why) for one in held if one.why and one.friction is not None})
    if missing:
        notes.append(
            Note("lashing-unknown", "not stated: " + "; ".join(f"{item}: {why}" for item, why in missing[:5]))
        )
    return held, verdicts, notes


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _friction(item: Item, known: Known, notes: list[Note]) -> float | None:
    if item.friction is not None:
        return item.friction
    if item.contact is None:
        return None
    row = known.one("lashing", f"friction:{item.contact}", {"contact": item.contact})
    if row is None:
        notes.append(
            Note("contact-unknown", f"{item.id}: no row in force knows the contact {item.contact!r}")
        )
        return None
    return float(row.params["static"])


def _block(item: Item, pose: str) -> Block:
    from recore.trade.loading.space import poses

    found = next(one for one in poses(item) if one.name == pose)
    return Block(
        item.mass_kg,
        # the front of the cargo is at the end wall, x = 0
        found.cx / 1000,
        (found.dx - found.cx) / 1000,
        min(found.cy, found.dy - found.cy) / 1000,
        found.cz / 1000,
        found.dx / 1000,
        found.dy / 1000,
    )


def _held(
    container: str,
    item: Item,
    pose: str,
    transport: str,
    direction: str,
    row: Rule,
    friction: float | None,
    known: Known,
) -> Held:
    block = _block(item, pose)
    push = float(row.params[direction])
    down = float(row.params["down_transverse" if direction == "sideways" else "down_longitudinal"])
    tip_push = float(row.params.get("sideways_tipping", push)) if direction == "sideways" else push
    moment = tip(block, tip_push, down, direction)
    force = None if friction is None else slide(block, push, down, friction)
    needed: int | None = None
    why = ""
    if force == 0 and moment == 0:
        needed = 0
    elif friction is None:
        why = "friction"
    elif item.lashing is None:
        why = "lashing, one of top-over, direct, loop"
    else:
        needed, why = _with_lashing(item, block, push, down, friction, direction, transport, tip_push, known)
    stated = item.lashings
    verdict: Answer
    if needed == 0:
        verdict = "pass"
    elif needed is None or stated is None:
        verdict = "unknown"
        why = why or f"lashings: {needed} are needed {direction}, how many there are is not stated"
    else:
        verdict = "pass" if stated >= needed else "fail"
    return Held(
        container, item.id, pose, transport, direction, push, down, friction, force, moment,
        item.lashing or "", needed, stated, verdict, why, row.rule_id,
    )  # fmt: skip


def _with_lashing(
    item: Item,
    block: Block,
    push: float,
    down: float,
    friction: float,
    direction: str,
    transport: str,
    tip_push: float,
    known: Known,
) -> tuple[int | None, str]:
    assert item.lashing is not None
    facts = {"lashing": item.lashing, "transport": transport}
    dynamic, sides, safety = 1.0, 1.0, 1.0
    if item.lashing == "top-over":
        row = known.one("lashing", "top-over:factor", facts)
        if row is None:
            return None, "a row in force with the safety factor of top-over lashings"
        sides, safety = float(row.params["sides"]), float(row.params["safety"])
        harder = known.one("lashing", "top-over:forward", facts) if direction == "forward" else None
        if harder is not None:
            safety = max(safety, float(harder.params["safety"]))
    else:
        row = known.one("lashing", "friction:dynamic", facts)
        if row is None:
            return None, "a row in force with the dynamic friction of direct lashings"
        dynamic = float(row.params["share"])
    lashing = Lashing(
        item.lashing,
        None if item.lashing == "top-over" else _strength(item, facts, known),
        item.pretension_kn,
        item.angle_deg,
        item.across_deg or 0.0,
        None if item.attach_mm is None else item.attach_mm / 1000,
    )
    return lashings_needed(
        block,
        lashing,
        push=push,
        down=down,
        friction=friction,
        direction=direction,
        dynamic=dynamic,
        sides=sides,
        safety=safety,
        tip_push=tip_push,
    )


def _strength(item: Item, facts: dict[str, str], known: Known) -> float | None:
    """Maximum securing load: stated, or the share of the breaking strength that a row gives to the gear."""
    if item.msl_kn is not None or item.breaking_kn is None or item.gear is None:
        return item.msl_kn
    row = known.one("lashing", "strength", facts)
    share = None if row is None else row.params.get(item.gear)
    return None if share is None else float(share) * item.breaking_kn
