"""Inspections that several devices fill in, each of them also without a connection.

Every entry of the form (an answer, a maker's limit, a photo, a fact of the machine) is a register of its own that
keeps the values nobody has replaced knowingly. A change says which earlier values its author had seen; those it
replaces. What it had not seen stays beside it: two such values that differ are a conflict, which a person decides by
writing a value having seen both. Until then the later one is shown. Sending a change twice changes nothing, so a
device may repeat whatever it is not sure has arrived.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from recore.errors import BadInput
from recore.workspace.errors import NotFound
from recore.workspace.repository import Repository, storable
from recore.workspace.tables import InspectionRow

MOST_ENTRIES = 6000
MOST_VALUE = 24_000
KEY = re.compile(
    r"(?:answer|nominal)\.[a-z0-9_]{1,100}"
    r"|photo\.[a-z0-9_]{1,100}\.[0-9a-f]{64}"
    r"|(?:machine|inspector)\.[a-z_]{1,40}"
    r"|when|place|remarks"
)
Device = Annotated[str, StringConstraints(pattern=r"^[0-9a-z-]{1,40}$")]
# one spelling only, so that moments compare as text
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


class Change(BaseModel):
    """What a device wrote into one entry.

    `at` is the device's own clock and grows with each change it makes; `seen` tells for each device the last change
    to this entry that its author had before him.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: JsonValue
    at: Moment
    device: Device
    seen: Annotated[dict[Device, Moment], Field(max_length=200)] = {}


_CHANGES = TypeAdapter(dict[str, Change])


def changes_of(document: Any) -> dict[str, Change]:
    """Changes by entry, checked.

    Raises
    ------
    BadInput : an entry that no inspection has, or a change of another shape
    """
    try:
        found = _CHANGES.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(first["msg"], where=".".join(["changes", *map(str, first["loc"])])[:200]) from None
    for key, change in found.items():
        if not KEY.fullmatch(key):
            raise BadInput(f"{key!r:.80} is no entry of an inspection", where="changes")
        storable(change.value, where=key)
        try:
            datetime.fromisoformat(change.at)
        except ValueError:
            raise BadInput(f"{change.at!r} is no moment", where=key) from None
        if len(str(change.value)) > MOST_VALUE:
            raise BadInput("the value is too long", where=key, right=f"at most {MOST_VALUE} characters")
    return found


def merged(fields: Mapping[str, Any], changes: Mapping[str, Change], revision: int) -> dict[str, Any]:
    """The entries after some changes; the same mapping where they bring nothing new.

    Each entry is {"heads": values that nobody has replaced knowingly, latest first, "known": last change by device}.
    """
    new = dict(fields)
    for key, change in changes.items():
        entry = new.get(key, {"heads": [], "known": {}})
        if entry["known"].get(change.device, "") >= change.at:
            continue
        kept = [
            head
            for head in entry["heads"]
            if head["device"] != change.device and change.seen.get(head["device"], "") < head["at"]
        ]
        head = {"value": change.value, "at": change.at, "device": change.device, "revision": revision}
        new[key] = {
            "heads": sorted([head, *kept], key=lambda one: (one["at"], one["device"]), reverse=True),
            "known": {**entry["known"], change.device: change.at},
        }
    return dict(fields) if new == dict(fields) else new


def values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of each entry: the latest of its values; emptied entries are left out."""
    shown = {key: entry["heads"][0]["value"] for key, entry in fields.items()}
    return {key: value for key, value in shown.items() if value not in (None, "", {})}


def conflicts(fields: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Entries into which two devices wrote differently, neither knowing of the other."""
    return {
        key: entry["heads"]
        for key, entry in fields.items()
        if any(head["value"] != entry["heads"][0]["value"] for head in entry["heads"])
    }


def identity(text: str) -> str:
    """An id of an inspection, as devices make them up: a UUID.

    Raises
    ------
    NotFound : it is none
    """
    try:
        found = str(uuid.UUID(text))
    except ValueError:
        found = ""
    if not found or found != text.lower():
        raise NotFound(f"{text!r:.80} is no id of an inspection", right="a UUID is wanted")
    return found


class Inspections(Repository):
    """Inspections of the workspace."""

    def merge(self, id: str, family: str, profile: str, changes: Mapping[str, Change]) -> InspectionRow:
        """Take the changes of a device; the inspection is made where it is not there yet.

        A change after the submission opens the inspection again: its finding stays, and is out of date.

        Raises
        ------
        BadInput : the inspection is of another family or profile, or grows past all measure
        """
        key, now = identity(id), self._clock()
        with self._database.writing() as session:
            insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
            blank = {
                "id": key, "family": family, "profile": profile, "machine": {}, "document": {"fields": {}},
                "revision": 0, "state": "draft", "created_at": now, "changed_at": now,
            }  # fmt: skip
            session.execute(insert(InspectionRow).values(blank).on_conflict_do_nothing())
            row = self._get(session, InspectionRow, key, lock=True)
            if (row.family, row.profile) != (family, profile):
                raise BadInput(
                    f"it is an inspection of family {row.family!r} by profile {row.profile!r}",
                    where=f"inspection {key}",
                    right="begin another inspection for another machine",
                )
            fields = merged(row.document["fields"], changes, row.revision + 1)
            if len(fields) > MOST_ENTRIES:
                raise BadInput(f"more than {MOST_ENTRIES} entries", where=f"inspection {key}")
            if fields != row.document["fields"] or row.revision == 0:
                row.document = {**row.document, "fields": fields}
                row.machine = {
                    name.removeprefix("machine."): value
                    for name, value in values(fields).items()
                    if name.startswith("machine.")
                }
                row.revision += 1
                row.state, row.changed_at = "draft", now
            return row

    def get(self, id: str) -> InspectionRow:
        with self._database.reading() as session:
            return self._get(session, InspectionRow, identity(id))

    def list(self, limit: int = 50, offset: int = 0) -> Sequence[InspectionRow]:
        """Last changed first."""
        order = select(InspectionRow).order_by(InspectionRow.changed_at.desc(), InspectionRow.id)
        return self._page(order, limit, offset)

    def count(self) -> int:
        return self._count(select(InspectionRow))

    def submitted(self, id: str, revision: int, finding: str) -> InspectionRow:
        """Note the finding that a revision came to; a change that came in meanwhile keeps the inspection open."""
        with self._database.writing() as session:
            row = self._get(session, InspectionRow, identity(id), lock=True)
            row.finding = finding
            if row.revision == revision:
                row.state = "submitted"
            return row

    def remove(self, id: str) -> None:
        """Forget an inspection; its photos and its finding stay."""
        with self._database.writing() as session:
            session.delete(self._get(session, InspectionRow, identity(id), lock=True))
