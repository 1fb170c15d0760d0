"""Rolling bearings: the orders at which each part of a bearing makes itself felt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from recore import tomlio
from recore.errors import BadInput
from recore.quantity import Quantity

_MAKERS = re.compile(r"(SKF|FAG|INA|NSK|NTN|SNR|NACHI|KOYO|TIMKEN|REXNORD|LDK|FAFNIR)[\s-]+")
# seals, shields, clearance, grease and snap ring grooves: none of them changes what rolls inside
_OUTSIDE = re.compile(r"2?RS[0-9HLR]?|2?RZ|DDU|LLU|VV|LLB|2?Z[ZR]?|C[2-5]|CN|CM|JEM|N|NR|GJN|MT33|VT143")
_LENGTH = re.compile(r"(\d+\.?\d*|\.\d+)\s*(mm|in)?")
_ALTERNATIVES = (
    "give the geometry as 'n=9,d=7.94,D=39.04,contact=0' (elements, their diameter and the pitch diameter in mm or as "
    "0.3126in, contact angle in degrees), or the orders as 'bpfo=3.585,bpfi=5.415,bsf=2.357'"
)
_WHOLE = 0.05


@dataclass(frozen=True)
class DefectOrders:
    """Defect frequencies as multiples of the shaft speed.

    Parameters
    ----------
    outer, inner : ball pass order of the outer and of the inner ring (BPFO, BPFI)
    ball : ball spin order (BSF); a defect on a ball strikes both rings, at 2 · BSF
    cage : fundamental train order (FTF)
    """

    outer: float
    inner: float
    ball: float
    cage: float


@dataclass(frozen=True)
class Bearing:
    """Geometry of a rolling bearing whose outer ring stands still.

    Parameters
    ----------
    designation : as on the ring, '6205'
    elements : number of balls or rollers in one row
    element_mm : their diameter [mm]
    pitch_mm : diameter of the circle of their centres [mm]
    contact_deg : contact angle [deg]
    """

    designation: str
    elements: int
    element_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def orders(self) -> DefectOrders:
        """Defect orders for pure rolling; slip moves them by about one per cent.

        References
        ----------
        R. B. Randall and J. Antoni, Rolling element bearing diagnostics: a tutorial, Mechanical Systems and
        Signal Processing 25 (2011) 485-520, sec. 2.
        """
        ratio = self.element_mm / self.pitch_mm * float(np.cos(np.radians(self.contact_deg)))
        return DefectOrders(
            outer=self.elements / 2 * (1 - ratio),
            inner=self.elements / 2 * (1 + ratio),
            ball=self.pitch_mm / (2 * self.element_mm) * (1 - ratio**2),
            cage=(1 - ratio) / 2,
        )

    def __str__(self) -> str:
        return (
            f"{self.designation}: {self.elements} elements of {self.element_mm:.6g} mm on {self.pitch_mm:.6g} mm, "
            f"{self.contact_deg:g}°"
        )


@dataclass(frozen=True)
class StatedOrders:
    """A bearing of which only the defect orders are known.

    Parameters
    ----------
    stated : the orders, as multiples of the shaft speed
    """

    stated: DefectOrders

    def orders(self) -> DefectOrders:
        """The orders as stated."""
        return self.stated

    def __str__(self) -> str:
        o = self.stated
        return f"BPFO {o.outer:.6g}, BPFI {o.inner:.6g}, BSF {o.ball:.6g}, FTF {o.cage:.6g}"


@dataclass(frozen=True)
class Listed:
    """A bearing of the table, with where its geometry stands.

    Parameters
    ----------
    bearing : its geometry
    of : maker and kind
    source, level : where the numbers stand, and the evidence level of that place
    """

    bearing: Bearing
    of: str
    source: str
    level: int


@cache
def bearing_table() -> dict[str, Listed]:
    """Every bearing whose inner geometry is published somewhere that can be named."""
    rows = tomlio.loads(
        (files("recore.metrology") / "bearings.toml").read_text("utf-8"), where="bearings.toml"
    )
    return {
        name: Listed(
            Bearing(
                name,
                row["elements"],
                Quantity.parse(row["element"]).to("mm").value,
                Quantity.parse(row["pitch"]).to("mm").value,
                row["contact_deg"],
            ),
            row["of"],
            row["source"],
            row["level"],
        )
        for name, row in rows.items()
    }


def bearing_of(text: str) -> Bearing | StatedOrders:
    """A bearing by designation, by geometry or by its defect orders.

    Parameters
    ----------
    text : '6205-2RS' (the maker's name before it, and seals, shields and clearance behind it do not matter);
        'n=9,d=7.94,D=39.04,contact=0' with lengths in mm, or as '0.3126in'; or 'bpfo=3.585,bpfi=5.415,bsf=2.357'

    Raises
    ------
    BadInput : the designation is not in the table, or the geometry is none of a bearing
    """
    return _stated(text) if "=" in text else _designated(text)


def _designated(text: str) -> Bearing:
    table = bearing_table()
    word = _MAKERS.sub("", text.strip().upper() + " ", count=1).strip() if text.strip() else ""
    for name in sorted(table, key=len, reverse=True):
        if not word.startswith(name):
            continue
        rest = word[len(name) :]
        if rest[:1].isdigit():
            continue
        suffixes = [suffix for suffix in re.split(r"[\s/.-]+", rest) if suffix]
        unknown = [suffix for suffix in suffixes if not _OUTSIDE.fullmatch(suffix)]
        if unknown:
            raise BadInput(
                f"suffix {unknown[0]!r} of {text!r} may stand for another inside",
                where="bearing",
                right=f"write {name!r} if it does not; else {_ALTERNATIVES}",
            )
        return table[name].bearing
    raise BadInput(
        f"bearing {text!r} is not in the table",
        where="bearing",
        right=f"{_ALTERNATIVES}; the table holds {', '.join(table)}",
    )


def _stated(text: str) -> Bearing | StatedOrders:
    given: dict[str, str] = {}
    for pair in re.split(r"[,;]", text):
        key, _, value = (word.strip() for word in pair.partition("="))
        key = key if key in ("d", "D") else key.lower()
        if not key or not value or key in given:
            raise BadInput(f"{pair.strip()!r} in {text!r}", where="bearing", right=_ALTERNATIVES)
        given[key] = value
    if {"bpfo", "bpfi", "bsf"} <= set(given) <= {"bpfo", "bpfi", "bsf", "ftf"}:
        return _of_orders({key: _number(value, text) for key, value in given.items()}, text)
    if not {"n", "d", "D"} <= set(given) <= {"n", "d", "D", "contact"}:
        raise BadInput(f"{', '.join(given)} do not make a bearing", where="bearing", right=_ALTERNATIVES)
    n = _number(given["n"], text)
    element, pitch = _millimetres(given["d"], text), _millimetres(given["D"], text)
    contact = _number(given.get("contact", "0").removesuffix("°").removesuffix("deg"), text)
    if not (n == int(n) and 3 <= n <= 500 and 0 < element < pitch and 0 <= contact < 90):
        raise BadInput(
            f"{text!r} is no bearing: {n:g} elements of {element:g} mm on {pitch:g} mm, {contact:g}°",
            where="bearing",
            right="three or more elements, smaller than the pitch diameter, and a contact angle below 90°",
        )
    if n * element > np.pi * pitch:
        raise BadInput(
            f"{n:g} elements of {element:g} mm do not fit on a pitch diameter of {pitch:g} mm",
            where="bearing",
            right="d is the diameter of one element, D that of the circle of their centres",
        )
    return Bearing(text, int(n), element, pitch, contact)


def _of_orders(given: dict[str, float], text: str) -> StatedOrders:
    outer, inner, ball = given["bpfo"], given["bpfi"], given["bsf"]
    if not (0 < outer < inner and ball > 0):
        raise BadInput(
            f"{text!r}: BPFI is the higher one where the outer ring stands still",
            where="bearing",
            right=_ALTERNATIVES,
        )
    elements = outer + inner
    if abs(elements - round(elements)) > _WHOLE:
        raise BadInput(
            f"BPFO and BPFI add up to {elements:.6g}",
            where="bearing",
            right="their sum is the number of elements; are they multiples of the shaft speed?",
        )
    cage = outer / elements
    if abs(given.get("ftf", cage) / cage - 1) > _WHOLE:
        raise BadInput(
            f"FTF {given['ftf']:g} does not belong to BPFO {outer:g} and BPFI {inner:g}",
            where="bearing",
            right=f"FTF = BPFO / (BPFO + BPFI) = {cage:.5g}",
        )
    return StatedOrders(DefectOrders(outer, inner, ball, given.get("ftf", cage)))


def _number(word: str, text: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise BadInput(f"{word!r} in {text!r} is no number", where="bearing", right=_ALTERNATIVES)
    return value


def _millimetres(word: str, text: str) -> float:
    match = _LENGTH.fullmatch(word.strip())
    if match is None:
        raise BadInput(f"{word!r} in {text!r} is no length", where="bearing", right=_ALTERNATIVES)
    return float(Quantity(float(match[1]), match[2] or "mm").to("mm").value)
