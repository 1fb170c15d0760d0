"""Who a machine is: its PIN, else make, model and serial number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from recore.errors import visible
from recore.fleet.aemp import vocabulary as v


class Machine(NamedTuple):
    """Who a machine is."""

    pin: str
    make: str
    model: str
    serial: str

    @property
    def key(self) -> str:
        """Text that tells machines apart; PINs are compared without case."""
        if self.pin:
            return f"pin:{self.pin.upper()}"
        return f"serial:{self.make}|{self.model}|{self.serial}" if self.known else ""

    @property
    def known(self) -> bool:
        return bool(self.pin or (self.make and self.model and self.serial))

    def json(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text}


def machine(key: Sequence[str]) -> Machine:
    """A machine by PIN, make, model and serial number; words that say nothing are left out."""
    texts = [visible(text).strip()[:200] for text in key]
    return Machine(*("" if text.lower() in v.NOTHING or not text.strip("0") else text for text in texts))


def from_path(address: str) -> Machine:
    """The machine that an address of the standard names, as in …/Equipment/ID/PIN/… or …/MakeModelSerial/M/M/S/…."""
    from urllib.parse import unquote, urlsplit

    parts = [unquote(part) for part in urlsplit(address).path.split("/")]
    lower = [part.lower() for part in parts]
    if "makemodelserial" in lower and len(parts) > (at := lower.index("makemodelserial")) + 3:
        return machine(["", *parts[at + 1 : at + 4]])
    for word in ("id", "pin", "vin"):
        if word in lower and len(parts) > lower.index(word) + 1 and v.EQUIPMENT in lower:
            return machine([parts[lower.index(word) + 1], "", "", ""])
    return Machine("", "", "", "")
