"""What dated rule rows state: containers by name, lost slots, accelerations, friction, safety factors."""

from __future__ import annotations

from recore.errors import BadInput
from recore.method import Note
from recore.rules.known import Known
from recore.trade.loading.cargo import Container

_FILLED = ("kind", "inner_mm", "door_mm", "payload_kg", "tare_kg", "floor_kg_per_m", "cog_max_offset")
_MORE = ("open_top", "axle_max_kg", "max_gross_kg", "teu")


def completed(container: Container, known: Known) -> tuple[Container, list[Note]]:
    """The container with what its row states filled in, and what was filled in."""
    where, notes = f"container {container.name!r}", []
    row = known.newest(known.rows("container", {"container": {"name": container.name}}))
    stated = container.model_dump(exclude_none=True)
    if row is not None:
        wanted = [name for name in (*_FILLED, *_MORE) if name not in stated and name in row.params]
        # limits of a named type say nothing about a container of another size
        if "inner_mm" in stated and [round(e) for e in stated["inner_mm"]] != row.params["inner_mm"]:
            wanted = [name for name in wanted if name == "teu"]
        basic = [name for name in wanted if name in _FILLED]
        if wanted:
            container = Container.model_validate({**stated, **{name: row.params[name] for name in wanted}})
        if basic:
            level = f", evidence level {row.evidence_level}" if row.evidence_level > 3 else ""
            notes.append(
                Note(
                    "container-from-row",
                    f"{container.name}: {', '.join(basic)} from rule row {row.rule_id}{level} ({row.source}); "
                    "the plate of the very container decides",
                )
            )
    elif container.kind is None and container.inner_mm is None:
        names = sorted(
            rule.params["question"].removeprefix("container:")
            for rule in known.rules.known().rows
            if rule.domain == "container"
        )
        raise BadInput(
            "nothing is stated but a name that no rule row knows",
            where=where,
            right=f"state kind, inner_mm, door_mm, payload_kg, tare_kg; or name one of {', '.join(names)}",
        )
    if container.kind is None:
        container = container.model_copy(update={"kind": "container"})
    for name in ("inner_mm", "payload_kg", "tare_kg"):
        if getattr(container, name) is None:
            raise BadInput(f"{name} is not stated", where=where, right="the container's plate shows it")
    if container.kind == "container" and container.door_mm is None and not container.open_top:
        raise BadInput(
            "door_mm is not stated", where=where, right="state width and height of the door opening"
        )
    for name, what in (
        ("floor_kg_per_m", "the line load of the floor is not checked"),
        ("cog_max_offset", "the place of the centre of gravity is not checked"),
    ):
        if getattr(container, name) is None:
            notes.append(
                Note(f"no-{name.split('_')[0]}-limit", f"{container.name}: {name} is not stated, {what}")
            )
    if container.dunnage_kg > (container.payload_kg or 0):
        raise BadInput(
            "dunnage_kg is more than payload_kg", where=where, right="give the mass of dunnage alone"
        )
    return container, notes


def lost_slots(known: Known, kind: str, teu: float, width_mm: int, height_mm: int) -> float | None:
    """Slots [TEU] that a loaded container costs beyond its own; None where no row or no size in TEU tells."""
    row = known.newest(known.rows("out-of-gauge", {"container": {"kind": kind}}))
    if row is None or not teu:
        return None
    high = row.params["height_mm"].get(f"{teu:g}")
    if high is None:
        return None
    rows = 1 + (row.params["beside"] if width_mm > row.params["width_mm"] else 0)
    tiers = 1 + (row.params["above"] if height_mm > high else 0)
    return float(teu * (rows * tiers - 1))
