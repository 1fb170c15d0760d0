"""What is loaded and what it is loaded into, as their documents state it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from recore.model.case import Word
from recore.model.trade import Careful

MOST_PIECES = 200_000
MOST_CONTAINERS = 64

Millimetres = Annotated[float, Field(gt=0, le=100_000)]
Kilograms = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]
Size = tuple[Millimetres, Millimetres, Millimetres]
Kind = Literal["container", "flat-rack", "roro"]


class _Open(Careful):
    """Fields that are not known are kept, and the method says that it does not read them."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(self.model_extra or ())


class Axle(_Open):
    """One axle: where it stands along the first edge of the machine [mm] and what it carries [kg]."""

    at_mm: Annotated[float, Field(ge=0, le=100_000)]
    load_kg: Kilograms


class Item(_Open):
    """Equal pieces of cargo.

    size_mm : outer edges, with everything that stands out
    vertical_allowed : for each edge, whether it may stand upright; not stated: only the third
    stackable : whether others may stand on it; not stated: no
    cog_mm : centre of gravity from the corner, along the edges; not stated: the middle
    contact_length_mm : length of the tracks or skids along the first edge, in its middle; not stated: all of it
    friction : friction factor between the piece and the floor; or `contact`, a material pair of the rule rows
    lashing, lashings : how it is lashed, and how many lashings act in each direction
    msl_kn : maximum securing load of one; or breaking_kn and gear (web, chain, wire …), of which a rule row takes
        a share
    pretension_kn : tension of a top-over lashing
    angle_deg, across_deg : to the floor, and on it to the direction that is secured
    attach_mm : height of the fixing on the piece; not stated: that of its centre of gravity
    """

    id: Word
    size_mm: Size
    mass_kg: Kilograms
    count: Annotated[int, Field(ge=0, le=MOST_PIECES)] = 1
    vertical_allowed: tuple[bool, bool, bool] = (False, False, True)
    stackable: bool = False
    cog_mm: (
        tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
        | None
    ) = None
    contact_length_mm: Millimetres | None = None
    axles: Annotated[tuple[Axle, ...], Field(max_length=50)] = ()
    friction: Annotated[float, Field(gt=0, le=1)] | None = None
    contact: Word | None = None
    lashing: Literal["top-over", "direct", "loop"] | None = None
    lashings: Annotated[int, Field(ge=0, le=1000)] | None = None
    msl_kn: Annotated[float, Field(gt=0, le=10_000)] | None = None
    breaking_kn: Annotated[float, Field(gt=0, le=10_000)] | None = None
    gear: Word | None = None
    pretension_kn: Annotated[float, Field(gt=0, le=10_000)] | None = None
    angle_deg: Annotated[float, Field(ge=0, le=90)] | None = None
    across_deg: Annotated[float, Field(ge=0, le=90)] | None = None
    attach_mm: Millimetres | None = None

    @model_validator(mode="after")
    def _within(self) -> Item:
        if self.cog_mm is not None and any(c > s for c, s in zip(self.cog_mm, self.size_mm, strict=True)):
            raise ValueError("cog_mm lies outside size_mm")
        if self.contact_length_mm is not None and self.contact_length_mm > self.size_mm[0]:
            raise ValueError("contact_length_mm is longer than the first edge")
        if any(axle.at_mm > self.size_mm[0] for axle in self.axles):
            raise ValueError("an axle stands beyond the first edge")
        if self.attach_mm is not None and self.attach_mm > max(self.size_mm):
            raise ValueError("attach_mm lies above the piece")
        return self

    @property
    def whole_mm(self) -> tuple[int, int, int]:
        """Edges in whole millimetres, never smaller than stated."""
        a, b, c = (math.ceil(edge) for edge in self.size_mm)
        return a, b, c


class Items(_Open):
    """A list of cargo; ids are not repeated."""

    items: Annotated[tuple[Item, ...], Field(max_length=10_000)]


class Container(_Open):
    """A container, flat rack or deck slot; with a known name, what is not stated comes from its rule row.

    inner_mm : length, width, height between walls (flat rack: between end walls, floor width, end wall height)
    door_mm : width, height of the door opening; a flat rack and an open top have none that matters
    floor_kg_per_m : line load that the floor bears along the length
    cog_max_offset : how far the centre of gravity of the cargo may lie off the middle, as a share of inner
        length and width
    dunnage_kg : mass of dunnage and securing material that goes with the cargo
    """

    name: Word
    kind: Kind | None = None
    inner_mm: Size | None = None
    door_mm: tuple[Millimetres, Millimetres] | None = None
    payload_kg: Kilograms | None = None
    tare_kg: Kilograms | None = None
    floor_kg_per_m: Annotated[float, Field(gt=0, le=1e6)] | None = None
    cog_max_offset: tuple[Share, Share] | None = None
    open_top: bool | None = None
    axle_max_kg: Annotated[float, Field(gt=0, le=1e6)] | None = None
    max_gross_kg: Annotated[float, Field(gt=0, le=1e6)] | None = None
    dunnage_kg: Kilograms = 0.0
    teu: Annotated[float, Field(gt=0, le=10)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value
