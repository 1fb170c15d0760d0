"""Artifacts of a load plan: placements, packing list, what stays behind, containers, securing, VGM, scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from recore.trade.loading.cargo import Item
from recore.trade.loading.plan import REASONS, Loaded, Shipment
from recore.trade.loading.securing import Held

PALETTE = (
    "#2f6f9f", "#d08a2e", "#4c8c5b", "#a8503f", "#7a62a3", "#3f8f92", "#b3688c", "#8a8a3d", "#5b6f86", "#c2a14a",
    "#6f4e37", "#4a7fb5",
)  # fmt: skip


def label(one: Loaded) -> str:
    """Name of a container in the tables; its number keeps equal names apart."""
    return f"{one.room.name} {one.number + 1}"


def colour(k: int) -> str:
    return PALETTE[k % len(PALETTE)]


def placements(shipment: Shipment, items: Sequence[Item]) -> Any:
    """One row per piece, in the order of loading: from the front wall to the door, lower pieces first."""
    import pyarrow as pa

    names: dict[str, list[Any]] = {
        "item": [], "x_mm": [], "y_mm": [], "z_mm": [], "dx_mm": [], "dy_mm": [], "dz_mm": [], "orientation": [],
        "mass_kg": [], "container": [],
    }  # fmt: skip
    for one in shipment.loaded:
        order = _loading_order(one)
        box = one.load.box[order]
        for name, column in zip(("x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm"), box.T, strict=True):
            names[name] += column.tolist()
        kinds = one.load.item[order].tolist()
        names["item"] += [items[k].id for k in kinds]
        names["mass_kg"] += [items[k].mass_kg for k in kinds]
        names["orientation"] += [one.load.pose[int(i)] for i in order]
        names["container"] += [label(one)] * len(kinds)
    types = {
        "item": pa.string(),
        "orientation": pa.string(),
        "container": pa.string(),
        "mass_kg": pa.float64(),
    }
    return pa.table({name: pa.array(values, types.get(name, pa.int64())) for name, values in names.items()})


def _loading_order(one: Loaded) -> Any:
    box = one.load.box
    return np.lexsort((box[:, 1], box[:, 0], box[:, 2])) if len(box) else np.zeros(0, np.int64)


def packing_list(shipment: Shipment, items: Sequence[Item]) -> Any:
    """Per container and item: count, masses, size, and where the pieces stand."""
    import pyarrow as pa

    rows = []
    for one in shipment.loaded:
        for k in sorted(set(one.load.item.tolist())):
            at = one.load.box[one.load.item == k][:, :3]
            shown = "; ".join(f"{x},{y},{z}" for x, y, z in at[:20].tolist())
            a, b, c = items[k].whole_mm
            rows.append(
                {
                    "container": label(one),
                    "item": items[k].id,
                    "count": len(at),
                    "mass_kg": items[k].mass_kg,
                    "total_mass_kg": items[k].mass_kg * len(at),
                    "size_mm": f"{a} x {b} x {c}",
                    "volume_m3": round(a * b * c * len(at) / 1e9, 3),
                    "positions_mm": shown + (f"; and {len(at) - 20} more" if len(at) > 20 else ""),
                }
            )
    schema = pa.schema(
        [
            ("container", pa.string()), ("item", pa.string()), ("count", pa.int64()), ("mass_kg", pa.float64()),
            ("total_mass_kg", pa.float64()), ("size_mm", pa.string()), ("volume_m3", pa.float64()),
            ("positions_mm", pa.string()),
        ]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def left(shipment: Shipment, items: Sequence[Item]) -> Any:
    """What stays behind, and why."""
    import pyarrow as pa

    rows = [
        {"item": items[k].id, "count": count, "reason": why, "text": REASONS[why]}
        for k, count, why in shipment.left
    ]
    schema = pa.schema(
        [("item", pa.string()), ("count", pa.int64()), ("reason", pa.string()), ("text", pa.string())]
    )
    return pa.Table.from_pylist(rows, schema)


def containers(shipment: Shipment, lost: Sequence[float | None]) -> Any:
    """One row per container."""
    import pyarrow as pa

    rows = []
    for one, slots in zip(shipment.loaded, lost, strict=True):
        x, y, z = one.cog or (None, None, None)
        rows.append(
            {
                "container": label(one),
                "kind": one.room.kind,
                "packed": len(one.load),
                "fill": one.fill,
                "legal": one.verdicts.legal,
                "wrong": ", ".join(one.verdicts.wrong),
                "cargo_kg": one.cargo_kg,
                "vgm_kg": one.vgm_kg,
                "cog_x_mm": x,
                "cog_y_mm": y,
                "cog_z_mm": z,
                "cog_length_offset": one.offset[0],
                "cog_width_offset": one.offset[1],
                "over_width_mm": one.over_width_mm,
                "over_height_mm": one.over_height_mm,
                "lost_slots_teu": slots,
                "work": one.work,
            }
        )
    numbers = ("fill", "cargo_kg", "vgm_kg", "cog_x_mm", "cog_y_mm", "cog_z_mm", "cog_length_offset",
               "cog_width_offset", "lost_slots_teu")  # fmt: skip
    whole = ("packed", "over_width_mm", "over_height_mm", "work")
    types = {**dict.fromkeys(numbers, pa.float64()), **dict.fromkeys(whole, pa.int64()), "legal": pa.bool_()}
    return pa.table({n: pa.array([row[n] for row in rows], types.get(n, pa.string())) for n in rows[0]})


def securing(held: Sequence[Held]) -> Any:
    """One row per kind of piece, transport and direction."""
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    columns = {
        "container": ("container", text), "item": ("item", text), "orientation": ("pose", text),
        "transport": ("transport", text), "direction": ("direction", text), "acceleration_g": ("acceleration", number),
        "down_g": ("down", number), "friction": ("friction", number), "slide_kn": ("slide_kn", number),
        "tip_knm": ("tip_knm", number), "lashing": ("lashing", text), "lashings_needed": ("needed", whole),
        "lashings_stated": ("stated", whole), "verdict": ("verdict", text), "missing": ("why", text),
        "rule_id": ("rule_id", text),
    }  # fmt: skip
    return pa.table(
        {
            name: pa.array([getattr(one, field) for one in held], kind)
            for name, (field, kind) in columns.items()
        }
    )


def vgm(shipment: Shipment) -> list[dict[str, Any]]:
    """Verified gross mass of each container with its parts (SOLAS VI/2, method 2)."""
    return [
        {
            "container": label(one),
            "method": "SOLAS VI/2.4.2: masses of all packages, dunnage and securing material, plus tare",
            "cargo_kg": one.cargo_kg,
            "dunnage_and_securing_kg": one.room.dunnage_kg,
            "tare_kg": one.room.tare_kg,
            "vgm_kg": one.vgm_kg,
            "max_gross_kg": one.room.max_gross_kg,
        }
        for one in shipment.loaded
    ]


def scene(shipment: Shipment, items: Sequence[Item]) -> dict[str, Any]:
    """Everything a viewer needs: rooms, boxes with colours, centres of gravity; millimetres from the inner corner."""
    used = sorted({int(k) for one in shipment.loaded for k in one.load.item})
    return {
        "unit": "mm",
        "items": [{"item": items[k].id, "colour": colour(k), "mass_kg": items[k].mass_kg} for k in used],
        "containers": [
            {
                "name": label(one),
                "kind": one.room.kind,
                "inner": [one.room.length, one.room.width, one.room.height],
                "door": None if one.room.door is None else list(one.room.door),
                "cog": None if one.cog is None else list(one.cog),
                "cog_max_offset": None if one.room.cog_max_offset is None else list(one.room.cog_max_offset),
                "boxes": [
                    {"item": used.index(int(one.load.item[i])), "at": one.load.box[i, :3].tolist(),
                     "size": one.load.box[i, 3:].tolist()}
                    for i in _loading_order(one)
                ],
            }
            for one in shipment.loaded
        ],
    }  # fmt: skip
