"""Numbers with a unit and an expanded uncertainty (k = 2).

The units are a closed table with exact rational factors: a general unit library costs half a
second to import and converts 1 bar to 0.09999999999999999 MPa; a passport needs neither.
The tests hold every factor against such a library.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from recore.errors import BadInput

Value = float | int | str | bool | tuple["Value", ...]

# kind → {unit: factor to the first unit of the kind}
_KINDS: dict[str, dict[str, str]] = {
    "number": {"1": "1", "%": "1/100", "‰": "1/1000", "ppm": "1/1000000", "µm/m": "1/1000000"},
    "length": {
        "m": "1",
        "km": "1000",
        "cm": "1/100",
        "mm": "1/1000",
        "µm": "1/1000000",
        "nm": "1/1000000000",
        "in": "254/10000",
        "ft": "3048/10000",
        "nmi": "1852",
    },
    "area": {"m²": "1", "cm²": "1/10000", "mm²": "1/1000000"},
    "volume": {"m³": "1", "L": "1/1000", "cm³": "1/1000000", "mm³": "1/1000000000"},
    "angle": {"deg": "1", "rad": "deg", "arcmin": "1/60", "arcsec": "1/3600"},
    "time": {
        "s": "1",
        "ms": "1/1000",
        "µs": "1/1000000",
        "min": "60",
        "h": "3600",
        "d": "86400",
        "a": "31557600",
    },
    "frequency": {"Hz": "1", "kHz": "1000", "MHz": "1000000"},
    "rotational speed": {"rpm": "1", "1/s": "60"},
    "mass": {"kg": "1", "g": "1/1000", "t": "1000", "lb": "45359237/100000000"},
    "force": {"N": "1", "kN": "1000", "MN": "1000000"},
    "pressure": {
        "Pa": "1",
        "kPa": "1000",
        "MPa": "1000000",
        "GPa": "1000000000",
        "bar": "100000",
        "mbar": "100",
        "psi": "444822161526050/64516000000",
    },
    "pressure rate": {"MPa/min": "1", "bar/min": "1/10", "MPa/s": "60"},
    "torque": {"N·m": "1", "kN·m": "1000", "mN·m": "1/1000"},
    "energy": {"J": "1", "kJ": "1000", "MJ": "1000000", "kWh": "3600000", "MWh": "3600000000"},
    "power": {
        "W": "1",
        "mW": "1/1000",
        "kW": "1000",
        "MW": "1000000",
        "hp": "37284993579113511/50000000000000",
    },
    "temperature": {"K": "1", "°C": "1", "°F": "5/9"},
    "temperature difference": {"ΔK": "1"},
    "voltage": {"V": "1", "mV": "1/1000", "kV": "1000"},
    "current": {"A": "1", "mA": "1/1000", "kA": "1000"},
    "resistance": {"Ω": "1", "mΩ": "1/1000", "kΩ": "1000", "MΩ": "1000000"},
    "speed": {
        "m/s": "1",
        "mm/s": "1/1000",
        "mm/min": "1/60000",
        "m/min": "1/60",
        "km/h": "10/36",
        "µm/h": "1/3600000000",
    },
    "thermal displacement": {"µm/K": "1"},
    "acceleration": {"m/s²": "1", "g_n": "980665/100000"},
    "reactive power": {"var": "1", "kvar": "1000"},
    "apparent power": {"VA": "1", "kVA": "1000"},
    "flow": {"L/min": "1", "m³/h": "1000/60"},
    "Rockwell C hardness": {"HRC": "1"},
    "Vickers hardness": {"HV": "1"},
    "Brinell hardness": {"HB": "1"},
    "count": {"pcs": "1"},
    "unbalance": {"g·mm": "1", "kg·mm": "1000"},
    "emission": {"kgCO2e": "1", "tCO2e": "1000"},
}
# ISO 4217, active codes of money; each is a kind of its own, because a rate between two of them has a date
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR
PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC
SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER
ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
_KINDS |= {f"amount in {code}": {code: "1"} for code in sorted(CURRENCIES)}
_OFFSET_TO_KELVIN = {"°C": Fraction(27315, 100), "°F": Fraction(45967, 180)}
_RADIAN = Fraction(180) / Fraction(math.pi)

_KIND_OF = {unit: kind for kind, units in _KINDS.items() for unit in units}
_FACTOR = {
    unit: _RADIAN if factor == "deg" else Fraction(factor)
    for units in _KINDS.values()
    for unit, factor in units.items()
}
_SPELLINGS = {
    "": "1", "um": "µm", "μm": "µm", "us": "µs", "μs": "µs", "°": "deg", "degC": "°C", "degF": "°F", "ohm": "Ω",
    "Ohm": "Ω", "mohm": "mΩ", "kohm": "kΩ", "Mohm": "MΩ", "Nm": "N·m", "N m": "N·m", "N*m": "N·m", "kNm": "kN·m",
    "r/min": "rpm", "min-1": "rpm", "1/min": "rpm", "l": "L", "l/min": "L/min", "percent": "%", "yr": "a",
    "um/m": "µm/m", "um/h": "µm/h", "um/K": "µm/K", "mm2": "mm²", "mm3": "mm³", "m2": "m²", "m3": "m³", "m/s2": "m/s²", "Celsius": "°C", "sec": "s", "hr": "h",
}  # fmt: skip
# unit words as they end a column or field name: pressure_mpa, torque_nm, radius_um
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "pa": ("Pa",), "kpa": ("kPa",), "mpa": ("MPa",), "bar": ("bar",), "psi": ("psi",), "mbar": ("mbar",),
    "m": ("m",), "cm": ("cm",), "mm": ("mm",), "um": ("µm",), "nm": ("nm", "N·m"), "in": ("in",), "ft": ("ft",),
    "km": ("km",), "µm": ("µm",), "deg": ("deg",), "rad": ("rad",), "arcsec": ("arcsec",), "arcmin": ("arcmin",), "s": ("s",), "ms": ("ms",), "min": ("min",),
    "h": ("h",), "hz": ("Hz",), "khz": ("kHz",), "rpm": ("rpm",), "kg": ("kg",), "g": ("g", "g_n"), "t": ("t",),
    "n": ("N",), "kn": ("kN",), "knm": ("kN·m",), "j": ("J",), "kj": ("kJ",), "kwh": ("kWh",), "w": ("W",),
    "kw": ("kW",), "mw": ("MW", "mW"), "hp": ("hp",), "k": ("K", "ΔK"), "c": ("°C",), "f": ("°F",), "v": ("V",),
    "mv": ("mV",), "kv": ("kV",), "a": ("A", "a"), "ma": ("mA",), "ka": ("kA",), "ohm": ("Ω",), "mohm": ("mΩ",),
    "kohm": ("kΩ",), "var": ("var",), "kvar": ("kvar",), "va": ("VA",), "kva": ("kVA",), "hrc": ("HRC",),
    "hv": ("HV",), "hb": ("HB",), "pct": ("%",), "percent": ("%",), "m2": ("m²",), "mm2": ("mm²",), "mm3": ("mm³",),
    "mm_s": ("mm/s",), "m_s": ("m/s",), "m_s2": ("m/s²",),
}  # fmt: skip
_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*$")


@lru_cache(maxsize=1024)
def unit_of(text: str) -> str:
    """Canonical spelling of a unit; an unknown unit is bad input."""
    stripped = text.strip()
    unit = _SPELLINGS.get(stripped, stripped)
    if unit not in _KIND_OF:
        named = ", ".join(known for known in _KIND_OF if known not in CURRENCIES)
        raise BadInput(f"unit {text!r} is not known", right=f"known units: {named}; and currency codes")
    return unit


def kind_of(unit: str) -> str:
    """What a unit measures, as a word: 'pressure', 'length' …"""
    return _KIND_OF[unit_of(unit)]


def units_of_suffix(name: str) -> tuple[str, tuple[str, ...]]:
    """Split 'pressure_mpa' or 'pressure [bar]' into the bare name and the units its ending may mean."""
    bracket = re.fullmatch(r"(.*?)\s*[\[(]\s*([^\])]*)\s*[\])]", name.strip())
    if bracket:
        unit = bracket[2]
        known = _SPELLINGS.get(unit, unit)
        return bracket[1].strip(), (known,) if known in _KIND_OF else _SUFFIXES.get(unit.lower(), ())
    stem, _, end = name.strip().rpartition("_")
    # 'v_mm_s' is a speed, not a time
    longer, _, before = stem.rpartition("_")
    if longer and (units := _SUFFIXES.get(f"{before}_{end}".lower(), ())):
        return longer, units
    units = _SUFFIXES.get(end.lower(), ())
    return (stem, units) if stem and units else (name.strip(), ())


def convert(value: float, unit: str, to: str, *, difference: bool = False) -> float:
    """A number in another unit of the same kind, correctly rounded.

    A float is taken as the shortest decimal that reads as it: 25.4 mm are exactly 1 in.

    With `difference` the offset between temperature scales is left out, as an uncertainty needs.
    """
    source, target = unit_of(unit), unit_of(to)
    if source == target:
        return value
    if _KIND_OF[source] != _KIND_OF[target]:
        raise BadInput(
            f"{value:g} {source} is a {_KIND_OF[source]}", right=f"a {_KIND_OF[target]} in {target} is wanted"
        )
    exact = Fraction(str(value)) * _FACTOR[source]
    if not difference:
        exact += _OFFSET_TO_KELVIN.get(source, Fraction(0)) - _OFFSET_TO_KELVIN.get(target, Fraction(0))
    return float(exact / _FACTOR[target])


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit and, for a measured number, its expanded uncertainty.

    Parameters
    ----------
    value : a finite number, a word, or a short list of these
    unit : one of the closed table ('1' for a plain number, '' for a word)
    uncertainty : half width of the interval at coverage factor k = 2, in `unit`; None if not stated
    """

    value: Any
    unit: str = "1"
    uncertainty: float | None = None

    def __post_init__(self) -> None:
        value = _checked(self.value)
        object.__setattr__(self, "value", value)
        if isinstance(value, str | bool):
            if self.unit not in ("1", ""):
                raise BadInput(f"the word {value!r} has unit {self.unit!r}", right="a word has none")
            object.__setattr__(self, "unit", "")
        else:
            object.__setattr__(self, "unit", unit_of(self.unit))
        if self.uncertainty is not None:
            spread = float(self.uncertainty)
            if not (math.isfinite(spread) and spread >= 0):
                raise BadInput(f"uncertainty {spread!r}", right="a finite number of at least 0")
            object.__setattr__(self, "uncertainty", spread)

    def to(self, unit: str) -> Quantity:
        """The same quantity in another unit of its kind."""
        if isinstance(self.value, str | bool):
            raise BadInput(f"the word {self.value!r} has no unit", right=f"a number in {unit} is wanted")
        if isinstance(self.value, tuple):
            return Quantity(tuple(convert(item, self.unit, unit) for item in self.value), unit)
        spread = self.uncertainty
        return Quantity(
            convert(self.value, self.unit, unit),
            unit,
            None if spread is None else convert(spread, self.unit, unit, difference=True),
        )

    def json(self) -> dict[str, Any]:
        """JSON object with `value`, `unit` and, where stated, `uncertainty`."""
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        document: dict[str, Any] = {"value": value, "unit": self.unit}
        if self.uncertainty is not None:
            document["uncertainty"] = self.uncertainty
        return document

    @classmethod
    def from_json(cls, document: Any, *, where: str = "quantity") -> Quantity:
        """Read what `json` wrote; the round trip is exact."""
        if not isinstance(document, dict) or not {"value", "unit"} <= set(document) <= {
            "value",
            "unit",
            "uncertainty",
        }:
            raise BadInput("not a quantity", where=where, right="{value, unit, uncertainty?} is wanted")
        try:
            return cls(document["value"], document["unit"], document.get("uncertainty"))
        except (BadInput, TypeError, ValueError, AttributeError) as error:
            raise BadInput(str(error), where=where) from None

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read '40 MPa' or '0.5'."""
        match = _NUMBER.match(text)
        if not match:
            raise BadInput(f"{text!r} is not a number with a unit", right="write it as 40 MPa")
        return cls(float(match[1]), match[2] or "1")

    def texts(self) -> tuple[str, str]:
        """Value and uncertainty as a person writes them: U to two digits, the value to the same place, money to 0.01.

        The second is '' where no uncertainty is stated (GUM 7.2.6 on superfluous digits).
        """
        if isinstance(self.value, tuple):
            return ", ".join(_short(item) for item in self.value), ""
        spread = self.uncertainty
        if self.unit in CURRENCIES and spread is None:
            return f"{self.value:.2f}", ""
        if spread is None or isinstance(self.value, bool | str):
            return _short(self.value), ""
        digits = 1 - math.floor(math.log10(spread)) if spread > 0 else 0
        if spread == 0 or digits > 12 or abs(self.value) >= 1e15 or spread >= 1e15:
            return _short(self.value), f"{spread:.2g}"
        digits = max(0, digits)
        return f"{self.value:.{digits}f}", f"{spread:.{digits}f}"

    def __str__(self) -> str:
        unit = "" if self.unit in ("1", "") else f" {self.unit}"
        value, spread = self.texts()
        return f"({value} ± {spread}){unit}" if spread else f"{value}{unit}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _checked(value: Any) -> Any:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, list | tuple):
        return tuple(_checked(item) for item in value)
    if hasattr(value, "item") and not isinstance(value, int | float):
        return _checked(value.item() if getattr(value, "ndim", 0) == 0 else value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadInput(f"{value!r} is not a measured value", right="a finite number is wanted")
        return float(value)
    raise BadInput(
        f"{type(value).__name__} is not a value", right="a number, a word or a short list is wanted"
    )
