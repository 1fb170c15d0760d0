"""Names of ISO/TS 15143-3 and what becomes of them: every end point's element, its children, units and limits.

Names are told apart without regard to case or namespace prefix: servers in the field spell them in several ways
(`datetime` is an attribute here and a child there). Where the standard's 2016 and 2020 editions differ, or makers use
another word for the same thing, both are read.

References
----------
ISO/TS 15143-3:2020, clause 7 (paging links), clause 11 (data elements); public interface descriptions of Proemion,
Bobcat, Procore, Trackunit and Caterpillar for spellings (evidence level 3).
"""

# ruff: noqa: SIM905 - lists of words read best as words

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

HEADER, LINK, DOCUMENT = 0, 1, 2
SLOTS = 5
# columns of a shredded row: equipment, what it is, implied unit, then (from, to) in the text of time and slots
ROW = 3 + 2 * (1 + SLOTS)
EQUIPMENT_COLUMN, CODE_COLUMN, UNIT_COLUMN, TIME_COLUMN, SLOT_COLUMN = 0, 1, 2, 3, 5


class Value(NamedTuple):
    """A slot that becomes a column of the readings."""

    slot: int
    column: str
    lowest: float
    highest: float
    kind: str  # of unit, '' where there is none


@dataclass(frozen=True)
class Element:
    """An element with values about one moment."""

    code: int
    names: tuple[str, ...]
    values: tuple[Value, ...] = ()
    event: str = ""


HOURS_MAX = 876_600.0  # 100 years of hours: no meter shows more
KM_MAX, LITRE_MAX, KG_MAX = 1e7, 1e9, 1e13


def _hours(code: int, column: str, *names: str) -> Element:
    return Element(code, names, (Value(0, column, 0, HOURS_MAX, "time"),))


def _tank(code: int, word: str, *names: str) -> Element:
    columns = (Value(0, f"{word}_percent", 0, 100, ""), Value(1, f"{word}_tank_l", 0, 1e6, "volume"))
    return Element(code, names, columns)


ELEMENTS = (
    Element(
        3,
        ("Location",),
        (
            Value(0, "latitude_deg", -90, 90, ""),
            Value(1, "longitude_deg", -180, 180, ""),
            Value(2, "altitude_m", -1e4, 2e4, "length"),
        ),
    ),
    _hours(4, "hours_h", "CumulativeOperatingHours"),
    Element(5, ("FuelUsed", "CumulativeFuelUsed"), (Value(0, "fuel_l", 0, LITRE_MAX, "volume"),)),
    Element(
        6,
        ("FuelUsedLast24", "FuelUsedInLast24", "FuelUsedInTheLast24Hours", "FuelUsedInThePreceding24Hours"),
        (Value(0, "fuel_24h_l", 0, 1e5, "volume"),),
    ),
    Element(7, ("Distance", "CumulativeDistance"), (Value(0, "distance_km", 0, KM_MAX, "distance"),)),
    _hours(8, "idle_h", "CumulativeIdleHours"),
    _hours(9, "pto_h", "CumulativePowerTakeOffHours"),
    Element(10, ("CumulativeLoadCount",), (Value(0, "loads", 0, 1e10, ""),)),
    Element(11, ("CumulativePayloadTotals",), (Value(0, "payload_kg", 0, KG_MAX, "mass"),)),
    _tank(12, "fuel", "FuelRemaining", "FuelRemainingRatio"),
    _tank(13, "def", "DEFRemaining", "DEFRemainingRatio"),
    Element(14, ("EngineStatus", "EngineCondition"), (Value(0, "engine_running", 0, 1, "flag"),)),
    Element(
        15,
        ("AverageLoadFactorLast24", "AverageDailyLoadFactorLast24", "AverageDailyEngineLoadFactor"),
        (Value(0, "load_factor_percent", 0, 100, ""),),
    ),
    Element(
        16,
        ("MaximumSpeedLast24", "MaximumSpeed", "PeakDailySpeed"),
        (Value(0, "speed_max_kmh", 0, 500, "speed"),),
    ),
    _hours(17, "regeneration_h", "CumulativeActiveRegenerationHours", "ActiveRegenerationHours"),
    _hours(18, "idle_non_operating_h", "CumulativeIdleNonOperatingHours", "CumulativeNonProductiveIdleHours"),
    Element(19, ("DigitalInputStatus", "DigitalInput", "SwitchStatus"), event="input"),
    Element(20, ("CautionCode", "Caution", "CautionMessage"), event="caution"),
    Element(21, ("FaultCode", "Fault", "DiagnosticTroubleCode"), event="fault"),
)
BY_CODE = {element.code: element for element in ELEMENTS}
COLUMNS = {value.column: value for element in ELEMENTS for value in element.values}

# unit words, without case and final s: factor to the column's unit
UNITS: dict[str, dict[str, float]] = {
    "time": {
        "hour": 1,
        "h": 1,
        "hr": 1,
        "minute": 1 / 60,
        "min": 1 / 60,
        "second": 1 / 3600,
        "sec": 1 / 3600,
    },
    "volume": {
        "litre": 1,
        "liter": 1,
        "l": 1,
        "ltr": 1,
        "gallon": 3.785411784,  # the standard's gallon is the US gallon (231 cubic inches)
        "gal": 3.785411784,
        "us gallon": 3.785411784,
        "usgallon": 3.785411784,
        "imperial gallon": 4.54609,
        "imperialgallon": 4.54609,
        "millilitre": 1e-3,
        "milliliter": 1e-3,
        "cubic metre": 1e3,
        "m3": 1e3,
    },
    "distance": {
        "kilometre": 1,
        "kilometer": 1,
        "km": 1,
        "mile": 1.609344,
        "mi": 1.609344,
        "metre": 1e-3,
        "meter": 1e-3,
        "m": 1e-3,
    },
    "length": {"metre": 1, "meter": 1, "m": 1, "foot": 0.3048, "feet": 0.3048, "ft": 0.3048},
    "mass": {
        "kilogram": 1,
        "kg": 1,
        "tonne": 1e3,
        "metric ton": 1e3,
        "t": 1e3,
        "pound": 0.45359237,
        "lb": 0.45359237,
        "ton": 907.18474,  # as a word of its own the short ton; metric ones are tonnes
        "short ton": 907.18474,
        "long ton": 1016.0469088,
    },
    "speed": {
        "kilometre per hour": 1,
        "kilometer per hour": 1,
        "km/h": 1,
        "kmh": 1,
        "kph": 1,
        "mile per hour": 1.609344,
        "mph": 1.609344,
        "mi/h": 1.609344,
        "metre per second": 3.6,
        "m/": 3.6,  # 'm/s' without its final s
    },
}
FLAGS = {
    "true": 1.0,
    "false": 0.0,
    "1": 1.0,
    "0": 0.0,
    "on": 1.0,
    "off": 0.0,
    "running": 1.0,
    "stopped": 0.0,
}
# units that a child's own name tells
IMPLIED = {"": 0, "minute": 1, "second": 2, "kilometre": 3, "mile": 4, "litre": 5, "gallon": 6, "hour": 7}
IMPLIED_WORD = {number: word for word, number in IMPLIED.items()}

_SLOT_NAMES: dict[int, list[str]] = {
    0: (
        "Hour Hours Minute Minutes Second Seconds FuelConsumed FuelConsumedLitres FuelConsumedGallons Odometer "
        "OdometerKilometre OdometerKilometres OdometerMile OdometerMiles Count Payload Percent LoadFactor Speed "
        "Latitude Running CodeIdentifier Identifier OEMName Make rel"
    ).split(),
    1: "Longitude CodeDescription Description FuelTankCapacity DEFTankCapacity Model href uri".split(),
    2: "Altitude CodeSeverity Severity SerialNumber State Status Value".split(),
    3: (
        "FuelUnits FuelUnit OdometerUnits PayloadUnits WeightUnit WeightUnits SpeedUnits AltitudeUnits HourUnits "
        "Units Unit CodeSource Source PIN VIN"
    ).split(),
    4: "EngineNumber InputNumber SwitchNumber Number EquipmentID FuelTankCapacityUnits DEFTankCapacityUnits".split(),
}
_IMPLIED_NAMES = {
    "minute": "minute",
    "minutes": "minute",
    "second": "second",
    "seconds": "second",
    "fuelconsumedlitres": "litre",
    "fuelconsumedgallons": "gallon",
    "odometerkilometre": "kilometre",
    "odometerkilometres": "kilometre",
    "odometermile": "mile",
    "odometermiles": "mile",
}
SLOT = {name.lower(): slot for slot, names in _SLOT_NAMES.items() for name in names}
TIME_NAMES = ("datetime", "timestamp", "snapshottime")
CODE = {
    "equipmentheader": HEADER,
    "links": LINK,
    "link": LINK,
    **{name.lower(): element.code for element in ELEMENTS for name in element.names},
}
EQUIPMENT = "equipment"
NOTHING = frozenset(("", "missing", "unknown", "n/a", "na", "none", "null", "nil", "-", "not available"))


def implied(name: str) -> int:
    """Number of the unit that the name of a child tells, 0 for none."""
    return IMPLIED[_IMPLIED_NAMES.get(name, "")]


def local(name: str) -> str:
    """A name without prefix, namespace and case."""
    return name.rpartition("}")[2].rpartition(":")[2].lstrip("@").lower()


def factor(word: str, kind: str) -> float:
    """From a unit to the column's, NaN where it is unknown."""
    table = UNITS[kind]
    plain = word.strip().lower().replace("_", " ").replace("-", " ")
    for text in (
        plain,
        plain.removesuffix("s"),
        plain.replace("s per ", " per "),
        plain.replace(" ", "").removesuffix("s"),
    ):
        if text in table:
            return table[text]
    return float("nan")
