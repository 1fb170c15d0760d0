"""Who a machine is: our own URN, and the names others know it by.

The URN is the key, because it can be computed from the plate by anyone and survives a sale. A PIN
or a GS1 key is an alias: it is checked for structure, and what is wrong with it is told, never fatal.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from recore import jsonio
from recore.errors import BadInput
from recore.model.case import Machine

URN = "urn:recore:machine:"
_PIN_LENGTH = 17
_GS1_PATH = re.compile(r"(?:^|/)(8004|8003|01)/([^/]+)(?:/21/([^/]+))?$")
_GS1_TEXT = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+""")  # GS1 General Specifications 7.11, table 1
_COMPANY_PREFIX = re.compile(r"\d{4}")


def machine_urn(maker: str, model: str, serial: str) -> str:
    """Our URN of a machine: SHA-256 over the canonical JSON of its normalised plate.

    Normalised means Unicode NFKC, case folded, and runs of white space made one space, so that
    the same plate typed by two people gives the same URN. Nothing else is dropped: '12-3' and '123'
    are two serial numbers.

    Returns
    -------
    'urn:recore:machine:' and 64 hexadecimal digits

    Raises
    ------
    BadInput : one of the three is empty
    """
    plate = {"maker": _plain(maker), "model": _plain(model), "serial": _plain(serial)}
    for name, value in plate.items():
        if not value:
            raise BadInput("is empty", where=f"machine {name}", right="write it as the plate shows it")
    return URN + jsonio.digest(plate)


def _plain(text: str) -> str:
    # folding can undo the normal form, so it is normalised once more
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


@dataclass(frozen=True, slots=True)
class Pin:
    """What can be said of a product identification number without the standard's check rule.

    Parameters
    ----------
    text : the number, trimmed and in capitals
    structure_ok : it has 17 characters
    charset_ok : it has capital Latin letters and digits only
    check_letter : 'rule_unavailable'; the rule for position 9 is not public, so nothing is concluded
    manufacturer, descriptor, check, indicator : characters 1-3, 4-8, 9 and 10-17; '' where it is too short
    notes : what a person should look at
    """

    text: str
    structure_ok: bool
    charset_ok: bool
    check_letter: str
    manufacturer: str
    descriptor: str
    check: str
    indicator: str
    notes: tuple[str, ...]


def pin(text: str) -> Pin:
    """Read a PIN of ISO 10261:2021 for structure and character set only; it is never refused.

    Sources disagree on what position 9 is (a check letter, or free for the maker) and on whether
    I, O and Q may be used, so neither makes a number bad.
    """
    number = text.strip().upper()
    notes = []
    structure_ok = len(number) == _PIN_LENGTH
    if not structure_ok:
        notes.append(f"the PIN {number!r} has {len(number)} characters; ISO 10261 has {_PIN_LENGTH}")
    foreign = sorted({c for c in number if not ("A" <= c <= "Z" or "0" <= c <= "9")})
    if foreign:
        notes.append(f"the PIN {number!r} has {' '.join(foreign)!r}; Latin letters and digits are expected")
    if doubtful := sorted(set("IOQ") & set(number)):
        notes.append(
            f"the PIN {number!r} has {' '.join(doubtful)}, easily misread for 1 or 0: compare with the plate"
        )
    whole = number if structure_ok else ""
    return Pin(
        number,
        structure_ok,
        not foreign,
        "rule_unavailable",
        whole[:3],
        whole[3:8],
        whole[8:9],
        whole[9:],
        tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class Gs1Key:
    """A GS1 identification key: application identifier, its value, and the serial number of AI 21."""

    ai: str
    value: str
    serial: str = ""

    @property
    def element_string(self) -> str:
        """As people read it: (01)09521234543213(21)A1."""
        return f"({self.ai}){self.value}" + (f"(21){self.serial}" if self.serial else "")

    @property
    def uri(self) -> str:
        """Canonical GS1 Digital Link URI."""
        path = f"{self.ai}/{quote(self.value, safe='')}"
        return f"https://id.gs1.org/{path}" + (f"/21/{quote(self.serial, safe='')}" if self.serial else "")


def digital_link(uri: str) -> Gs1Key:
    """Read a GS1 Digital Link URI (GS1 Digital Link: URI Syntax 1.4).

    Taken are 8004 (GIAI, up to 30 characters from a company prefix on), 8003 (GRAI, 0 + 13 digits with
    check digit + up to 16) and 01 with 21 (GTIN with check digit + serial). Any resolver domain and
    path prefix may stand before them; query and fragment are not part of the key.

    Raises
    ------
    BadInput : no such key in it, or a key with a wrong length, character or check digit
    """
    parts = urlsplit(uri.strip())
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise BadInput("is no web address", where=uri, right="https://id.gs1.org/8004/… is wanted")
    match = _GS1_PATH.search(parts.path.rstrip("/"))
    if not match:
        raise BadInput(
            "holds no machine key", where=uri, right="AI 8004 (GIAI), 8003 (GRAI) or 01 with 21 is wanted"
        )
    ai, value, serial = match[1], unquote(match[2]), unquote(match[3] or "")
    if ai == "01":
        return Gs1Key(ai, _gtin(value, uri), _text(serial, 20, f"{uri}, serial (21)"))
    if serial:
        raise BadInput(f"serial (21) does not go with {ai}", where=uri, right="(21) qualifies a GTIN (01)")
    if ai == "8003":
        if not re.fullmatch(r"0\d{13}.*", value, re.DOTALL):
            raise BadInput("the GRAI does not begin with 0 and 13 digits", where=uri)
        _check_digit(value[1:14], f"{uri}, GRAI")
        if len(value) > 14:
            _text(value[14:], 16, f"{uri}, serial of the GRAI")
    else:
        _text(value, 30, f"{uri}, GIAI")
        if not _COMPANY_PREFIX.match(value):
            raise BadInput(
                "the GIAI does not begin with a GS1 company prefix", where=uri, right="at least 4 digits"
            )
    return Gs1Key(ai, value)


def _gtin(value: str, uri: str) -> str:
    if not re.fullmatch(r"\d{8}|\d{12,14}", value, re.ASCII):
        raise BadInput(f"the GTIN {value!r} has not 8, 12, 13 or 14 digits", where=uri)
    _check_digit(value, f"{uri}, GTIN")
    return value.zfill(14)


def _check_digit(digits: str, where: str) -> None:
    """GS1 General Specifications 7.9: weights 3 and 1 from the right, sum with the check digit 0 mod 10."""
    body = digits[-2::-1]
    right = -sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(body)) % 10
    if int(digits[-1]) != right:
        raise BadInput(f"check digit {digits[-1]}", where=where, right=f"{right} is right: read it again")


def _text(value: str, longest: int, where: str) -> str:
    if not 1 <= len(value) <= longest:
        raise BadInput(f"{len(value)} characters", where=where, right=f"1 to {longest} are allowed")
    if not _GS1_TEXT.fullmatch(value):
        raise BadInput(f"{value!r} has characters GS1 does not allow", where=where, right="see GS1 set 82")
    return value


def aliases(machine: Machine) -> list[dict[str, Any]]:
    """Every other name of a machine as plain data: {scheme, value, …, notes}.

    Schemes are 'plate' (maker, model and serial as written), 'pin', 'gs1' (a Digital Link URI) and
    'other'. An alias that is wrong keeps its place and says so in `notes`.
    """
    found: list[dict[str, Any]] = [
        {"scheme": "plate", "value": f"{machine.maker} {machine.model} {machine.serial}", "notes": []}
    ]
    if machine.pin is not None:
        checked = pin(machine.pin)
        found.append(
            {
                "scheme": "pin",
                "value": checked.text,
                "structure_ok": checked.structure_ok,
                "charset_ok": checked.charset_ok,
                "check_letter": checked.check_letter,
                "notes": list(checked.notes),
            }
        )
    for alias in machine.aliases:
        if not _GS1_PATH.search(urlsplit(alias).path.rstrip("/")) or "://" not in alias:
            found.append({"scheme": "other", "value": alias, "notes": []})
            continue
        try:
            key = digital_link(alias)
            found.append({"scheme": "gs1", "value": key.uri, "key": key.element_string, "notes": []})
        except BadInput as error:
            found.append({"scheme": "gs1", "value": alias, "key": "", "notes": [str(error)]})
    return found
