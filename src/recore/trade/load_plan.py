"""Method `trade.load-plan`: machines and parts into containers, onto flat racks and into deck slots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from recore.errors import BadInput
from recore.method import Artifact, Note, Progress, Tolerance, Unit, method
from recore.model.trade import Day, OneOrMany
from recore.quantity import Quantity
from recore.rules import RuleSet, shipped
from recore.rules.known import Known
from recore.trade.loading import tables
from recore.trade.loading.cargo import MOST_CONTAINERS, MOST_PIECES, Container, Item, Items
from recore.trade.loading.known import completed, lost_slots
from recore.trade.loading.picture import draw
from recore.trade.loading.plan import REASONS, Loaded, Shipment, plan
from recore.trade.loading.securing import Transport, secured
from recore.trade.loading.space import room_of

Whole = Annotated[int, Field(ge=0, le=2**53)]
_EVERY: tuple[Transport, ...] = ("road", "rail", "sea-A", "sea-B", "sea-C")


def _quiet(share: float, doing: str) -> None:
    return None


@dataclass(frozen=True)
class LoadPlan:
    """A plan over one or more containers; with several, masses, overs and work are lists in their order.

    fill : volume of the cargo inside the inner envelopes / inner volume of all containers
    legal : every check of every container holds
    vgm_kg : cargo, dunnage and tare
    over_width_mm, over_height_mm : how far cargo stands out, both sides together, and above
    cog_x_mm, cog_y_mm, cog_z_mm : centre of gravity of the cargo from the inner corner (one container)
    cog_length_offset, cog_width_offset : its distance from the middle as a share of inner length and width
    packed, left_behind : pieces
    lost_slots_teu : slots that out-of-gauge cargo costs its neighbours
    road, rail, sea_a, sea_b, sea_c : whether the stated securing stands it: pass, fail or unknown
    work : search effort; as parameter `work` it replays the search of boxes on any machine
    rules_sha256 : digest of the rule rows consulted
    """

    fill: Annotated[Quantity, Unit("1")]
    legal: Quantity
    vgm_kg: Annotated[Quantity, Unit("kg")]
    cargo_kg: Annotated[Quantity, Unit("kg")]
    over_width_mm: Annotated[Quantity, Unit("mm")]
    over_height_mm: Annotated[Quantity, Unit("mm")]
    over_length_mm: Annotated[Quantity, Unit("mm")]
    cog_x_mm: Annotated[Quantity | None, Unit("mm")]
    cog_y_mm: Annotated[Quantity | None, Unit("mm")]
    cog_z_mm: Annotated[Quantity | None, Unit("mm")]
    cog_length_offset: Annotated[Quantity | None, Unit("1")]
    cog_width_offset: Annotated[Quantity | None, Unit("1")]
    packed: Annotated[Quantity, Unit("pcs")]
    left_behind: Annotated[Quantity, Unit("pcs")]
    lost_slots_teu: Annotated[Quantity | None, Unit("1")]
    road: Quantity | None
    rail: Quantity | None
    sea_a: Quantity | None
    sea_b: Quantity | None
    sea_c: Quantity | None
    work: Annotated[Quantity, Unit("1")]
    rules_sha256: Quantity
    placements: Annotated[Any, Artifact("placements.csv")]
    packing_list: Annotated[Any, Artifact("packing_list.csv")]
    left: Annotated[Any, Artifact("left.csv")]
    containers: Annotated[Any, Artifact("containers.csv")]
    securing: Annotated[Any, Artifact("securing.csv")]
    vgm: Annotated[Any, Artifact("vgm.json")]
    scene: Annotated[Any, Artifact("scene.json")]
    flags: tuple[Note, ...]
    shipment: Shipment
    cargo: tuple[Item, ...]
    _rules: RuleSet  # the rows consulted


@method(
    "trade.load-plan",
    version=1,
    standard="CTU Code (IMO/ILO/UNECE 2014), chapter 5 and annex 7; EN 12195-1:2010; SOLAS VI/2",
    reproducible=Tolerance(relative=1e-9),
)
def load_plan(
    items: OneOrMany[Items],
    container: OneOrMany[Container],
    *,
    seconds: Annotated[float, Unit("s"), Field(gt=0, le=600)] = 30.0,
    work: Whole | tuple[Whole, ...] | None = None,
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    transport: Annotated[tuple[Transport, ...], Field(max_length=5)] = _EVERY,
    shipment_date: Day | None = None,
    rules: RuleSet | None = None,
    progress: Progress = _quiet,
) -> LoadPlan:
    """Legal load plan for machines and boxes, with centre of gravity, lashing, VGM and lost slots.

    Parameters
    ----------
    items : {"items": [{id, size_mm [3], mass_kg, count, vertical_allowed [3], stackable, …}]}; sizes are rounded
        up to whole millimetres
    container : {name, kind, inner_mm, door_mm, payload_kg, tare_kg, floor_kg_per_m, cog_max_offset, …}, or a list
        of them that are filled one after another; a name that a rule row knows fills what is absent
    seconds : time for the search of boxes, over all containers (machines need no clock)
    work : effort of the search of boxes instead of seconds, for each container where there are several
    seed : of the search of boxes
    transport : what the cargo must stand: road, rail, sea-A (Hs to 8 m), sea-B (to 12 m), sea-C (more)
    shipment_date : day for which rule rows are read; not stated: the rows without an end
    rules : rule rows instead of the shipped ones

    Returns
    -------
    LoadPlan : results, and tables of placements [mm from the inner front left corner along length, width,
        height], packing list, what stays behind with its reason, containers, securing, VGM, scene

    Notes
    -----
    A plan is legal when each of these holds; a plan that is not is never given, pieces stay behind instead:

    - inside the inner edges. On a flat rack a piece wider than the floor stands centred and lengthways, and cargo
      may stand out above, on the edge that makes it lowest; nothing passes the end walls. An open top lets cargo
      stand out above in the same way.
    - no two pieces share volume; each stands on an edge that may be upright.
    - the whole base rests on the floor or on tops at exactly its height (of an over-wide piece, the part over the
      floor); nothing stands on what is not stackable.
    - each piece passes the door, width × height, in the orientation in which it stands.
    - cargo and dunnage are within the payload.
    - line load: at every section across the length, the sum of mass / contact length over the pieces there
      (stacked ones too) is within floor_kg_per_m. Contact length is that of the piece, or its contact_length_mm.
    - no axle load above axle_max_kg, where both are stated.
    - the centre of gravity of the cargo lies within cog_max_offset of the middle of inner length and width.

    Up to 12 pieces are searched by branch and bound for the largest volume; the effort is counted, so the plan is
    the same everywhere. More are packed block by block for `seconds`; a search that the clock ended is flagged,
    and only `work` makes it the same on another machine. `work` beside a search of machines changes nothing.

    A box search is left within 20,000 boxes for one container, the largest first.

    References
    ----------
    IMO/ILO/UNECE Code of Practice for Packing of Cargo Transport Units (2014), chapter 5, annex 7; EN 12195-1:2010;
    SOLAS regulation VI/2 and MSC.1/Circ.1475 (method 2).
    """
    cargo = _cargo(items)
    known = Known(rules if rules is not None else shipped("trade"), shipment_date)
    if len(container.root) > MOST_CONTAINERS:
        raise BadInput(
            f"{len(container.root)} containers", where="container", right=f"at most {MOST_CONTAINERS}"
        )
    flags = _told(cargo, container.root)
    rooms = []
    for one in container.root:
        full, notes = completed(one, known)
        rooms.append(room_of(full))
        flags += [note for note in notes if note not in flags]
    effort = (work,) * len(rooms) if isinstance(work, int) else work
    if effort is not None and len(effort) != len(rooms):
        raise BadInput(
            f"work has {len(effort)} numbers for {len(rooms)} containers",
            where="work",
            right="give one for each container",
        )
    shipment = plan(cargo, rooms, seconds=seconds, seed=seed, work=effort, progress=progress)
    held, verdicts, notes = secured(shipment.loaded, cargo, tuple(dict.fromkeys(transport)), known)
    lost = [_lost(one, known) for one in shipment.loaded]
    flags += _flags(shipment, cargo) + notes
    return _result(shipment, cargo, held, verdicts, lost, known, flags)


def _cargo(items: OneOrMany[Items]) -> tuple[Item, ...]:
    cargo = tuple(item for document in items.root for item in document.items)
    seen: set[str] = set()
    for item in cargo:
        if item.id in seen:
            raise BadInput(f"the id {item.id!r} stands twice", where="items", right="give each item its own")
        seen.add(item.id)
    total = sum(item.count for item in cargo)
    if total > MOST_PIECES:
        raise BadInput(f"{total} pieces", where="items", right=f"at most {MOST_PIECES} are planned at once")
    return cargo


def _told(cargo: Sequence[Item], containers: Sequence[Container]) -> list[Note]:
    flags = []
    rounded = [item.id for item in cargo if any(edge != math.ceil(edge) for edge in item.size_mm)]
    if rounded:
        flags.append(Note("size-rounded", f"rounded up to whole millimetres: {_some(rounded)}"))
    unread = sorted({name for document in (*cargo, *containers) for name in document.unread})
    if unread:
        flags.append(Note("field-not-read", f"not a field of an item or container: {_some(unread)}"))
    weightless = [item.id for item in cargo if item.mass_kg == 0 and item.count]
    if weightless:
        flags.append(Note("no-mass", f"of mass 0: {_some(weightless)}"))
    return flags


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _flags(shipment: Shipment, cargo: Sequence[Item]) -> list[Note]:
    flags = [
        Note(why, f"left behind: {count} × {cargo[k].id}: {REASONS[why]}") for k, count, why in shipment.left
    ]
    for one in shipment.loaded:
        name = tables.label(one)
        if one.over_width_mm or one.over_height_mm:
            flags.append(
                Note(
                    "out-of-gauge",
                    f"{name}: over-width {one.over_width_mm} mm, over-height {one.over_height_mm} mm",
                )
            )
        if one.room.max_gross_kg is not None and one.vgm_kg > one.room.max_gross_kg:
            flags.append(
                Note(
                    "over-max-gross",
                    f"{name}: VGM {one.vgm_kg:g} kg is more than the maximum gross mass {one.room.max_gross_kg:g} kg",
                )
            )
        if one.by_clock:
            flags.append(
                Note(
                    "ended-by-clock",
                    f"{name}: the search was ended by the clock; work={one.work} replays it on any machine",
                )
            )
    if shipment.capped:
        flags.append(
            Note("boxes-capped", "more boxes than one search takes: the largest were offered, the rest stay")
        )
    return flags


def _lost(one: Loaded, known: Known) -> float | None:
    box = one.load.box
    if not len(box):
        return 0.0
    across = int((box[:, 1] + box[:, 4]).max() - box[:, 1].min())
    wide = across if one.over_width_mm else 0
    high = int((box[:, 2] + box[:, 5]).max()) if one.over_height_mm else 0
    return lost_slots(known, one.room.kind, one.room.teu, wide, high) if wide or high else 0.0


def _result(
    shipment: Shipment,
    cargo: tuple[Item, ...],
    held: Any,
    verdicts: Any,
    lost: Sequence[float | None],
    known: Known,
    flags: Sequence[Note],
) -> LoadPlan:
    loaded = shipment.loaded
    single = loaded[0] if len(loaded) == 1 else None
    volume = sum(one.room.volume for one in loaded)
    stand = single if single is not None and single.cog is not None else None

    def each(values: Sequence[float], unit: str) -> Quantity:
        return Quantity(values[0] if len(values) == 1 else tuple(values), unit)

    def at(axis: int) -> Quantity | None:
        return Quantity(stand.cog[axis], "mm") if stand is not None and stand.cog is not None else None

    def word(transport: str) -> Quantity | None:
        return Quantity(verdicts[transport]) if transport in verdicts else None

    return LoadPlan(
        fill=Quantity(sum(one.fill * one.room.volume for one in loaded) / volume),
        legal=Quantity(all(one.verdicts.legal for one in loaded)),
        vgm_kg=each([one.vgm_kg for one in loaded], "kg"),
        cargo_kg=each([one.cargo_kg for one in loaded], "kg"),
        over_width_mm=each([one.over_width_mm for one in loaded], "mm"),
        over_height_mm=each([one.over_height_mm for one in loaded], "mm"),
        over_length_mm=Quantity(0, "mm"),
        cog_x_mm=at(0),
        cog_y_mm=at(1),
        cog_z_mm=at(2),
        cog_length_offset=Quantity(stand.offset[0]) if stand is not None else None,
        cog_width_offset=Quantity(stand.offset[1]) if stand is not None else None,
        packed=Quantity(sum(len(one.load) for one in loaded), "pcs"),
        left_behind=Quantity(sum(count for _, count, _ in shipment.left), "pcs"),
        lost_slots_teu=Quantity(sum(slots or 0.0 for slots in lost)) if None not in lost else None,
        road=word("road"),
        rail=word("rail"),
        sea_a=word("sea-A"),
        sea_b=word("sea-B"),
        sea_c=word("sea-C"),
        work=each([one.work for one in loaded], "1"),
        rules_sha256=Quantity(known.digest),
        placements=tables.placements(shipment, cargo),
        packing_list=tables.packing_list(shipment, cargo),
        left=tables.left(shipment, cargo),
        containers=tables.containers(shipment, lost),
        securing=tables.securing(held),
        vgm=tables.vgm(shipment),
        scene=tables.scene(shipment, cargo),
        flags=tuple(flags),
        shipment=shipment,
        cargo=cargo,
        _rules=RuleSet(known.used.values()),
    )


@load_plan.plot
def _picture(result: LoadPlan) -> dict[str, Any]:
    return draw(result.shipment, result.cargo)
