"""IE efficiency classes of line-operated motors (IEC 60034-30-1:2014), 50 Hz.

Where the numbers come from
---------------------------
Read in the source: IE2, IE3, IE4 for 0.12 to 0.55 kW and 0.75 to 200 kW, the interpolation coefficients of
UK SI 2021/745, schedule 16, tables 27 and 28 (the same numbers as EU 2019/1781, Annex I).

Checked, but not read in the standard itself: IE1 of 2, 4 and 6 poles, 0.75 to 200 kW, the coefficients of
IEC 60034-30:2008, which rounded give a maker's printed table (seen from 0.75 to 11 kW; 4 poles also 18.5 and 200 kW). Above 200 kW
the constant rows of the same tables; each continues the formula at 200 kW to the digit.

Neither read nor printed where we could see it: IE1 of 8 poles and of 0.12 to 0.55 kW, taken as table values of
IEC 60034-30-1:2014; every column lies within 0.05 points on a cubic in log10 P, as a column of that standard
must. Their coefficients are unknown, so powers between those of the table have no IE1 limit here.

The tables of the standard are the formula rounded to 0.1 point, so the formula serves every power of its range.
60 Hz limits are stated in tables, without a formula, and are not held here: a 60 Hz motor gets no class.
"""

from __future__ import annotations

import math

from recore.method import Refusal

CLASSES = ("IE1", "IE2", "IE3", "IE4")
BELOW = "below IE1"
POLES = (2, 4, 6, 8)

_Cubic = tuple[float, float, float, float]

# UK SI 2021/745, schedule 16, table 27: A, B, C, D for 2, 4, 6, 8 poles
_SMALL: dict[str, tuple[_Cubic, _Cubic, _Cubic, _Cubic]] = {
    "IE2": (
        (22.4864, 27.7603, 37.8091, 82.458),
        (17.2751, 23.978, 35.5822, 84.9935),
        (-15.9218, -30.258, 16.6861, 79.1838),
        (6.4855, 9.4748, 36.852, 70.762),
    ),
    "IE3": (
        (6.8532, 6.2006, 25.1317, 84.0392),
        (7.6356, 4.8236, 21.0903, 86.0998),
        (-17.361, -44.538, -3.0554, 79.1318),
        (-0.5896, -25.526, 4.2884, 75.831),
    ),
    "IE4": (
        (-8.8538, -20.3352, 8.9002, 85.0641),
        (8.432, 2.6888, 14.6236, 87.6153),
        (-13.0355, -36.9497, -4.3621, 82.0009),
        (-4.9735, -21.453, 2.6653, 79.055),
    ),
}
# table 28 for IE2 to IE4; IEC 60034-30:2008 for IE1
_LARGE: dict[str, tuple[_Cubic, ...]] = {
    "IE1": (
        (0.5234, -5.0499, 17.4180, 74.3171),
        (0.5234, -5.0499, 17.4180, 74.3171),
        (0.0786, -3.5838, 17.2918, 72.2383),
    ),
    "IE2": (
        (0.2972, -3.3454, 13.0651, 79.077),
        (0.0278, -1.9247, 10.4395, 80.9761),
        (0.0148, -2.4978, 13.247, 77.5603),
        (2.1311, -12.029, 26.719, 69.735),
    ),
    "IE3": (
        (0.3569, -3.3076, 11.6108, 82.2503),
        (0.0773, -1.8951, 9.2984, 83.7025),
        (0.1252, -2.613, 11.9963, 80.4769),
        (0.7189, -5.1678, 15.705, 77.074),
    ),
    "IE4": (
        (0.34, -3.0479, 10.293, 84.8208),
        (0.2412, -2.3608, 8.446, 86.8321),
        (0.3598, -3.2107, 10.7933, 84.107),
        (0.6556, -4.7229, 13.977, 80.247),
    ),
}
# above 200 kW up to 1000 kW
_TOP: dict[str, tuple[float, float, float, float]] = {
    "IE1": (94.0, 94.0, 94.0, 92.5),
    "IE2": (95.0, 95.1, 95.0, 93.5),
    "IE3": (95.8, 96.0, 95.8, 94.6),
    "IE4": (96.5, 96.7, 96.6, 95.4),
}
# IE4, 6 poles, keeps rising above 200 kW: rows '200 up to 249', '250 up to 314', '315 up to 1000'
_IE4_SIX_POLES = ((250.0, 96.3), (315.0, 96.5))

_IE1_POWERS_SMALL = (0.12, 0.18, 0.20, 0.25, 0.37, 0.40, 0.55)
_IE1_SMALL = {
    2: (45.0, 52.8, 54.6, 58.2, 63.9, 64.9, 69.0),
    4: (50.0, 57.0, 58.5, 61.5, 66.0, 66.8, 70.0),
    6: (38.3, 45.5, 47.6, 52.1, 59.7, 61.1, 65.8),
    8: (31.0, 38.0, 39.7, 43.4, 49.7, 50.9, 56.1),
}
# fmt: off
_IE1_EIGHT_POLES = {
    0.75: 61.2, 1.1: 66.5, 1.5: 70.2, 2.2: 74.2, 3.0: 77.0, 4.0: 79.2, 5.5: 81.4, 7.5: 83.1, 11.0: 85.0,
    15.0: 86.2, 18.5: 86.9, 22.0: 87.4, 30.0: 88.3, 37.0: 88.8, 45.0: 89.2, 55.0: 89.7, 75.0: 90.3, 90.0: 90.7,
    110.0: 91.1, 132.0: 91.5, 160.0: 91.9, 200.0: 92.5,
}
# fmt: on


def ie_limit(ie: str, poles: int, power_kw: float, frequency_hz: float = 50.0) -> float:
    """Lowest full-load efficiency of an IE class.

    Parameters
    ----------
    ie : 'IE1' … 'IE4'
    poles : 2, 4, 6 or 8
    power_kw : rated shaft power [kW], 0.12 to 1000
    frequency_hz : rated frequency [Hz]; 50

    Returns
    -------
    float : limit [%], rounded to 0.1 as in the tables

    Notes
    -----
    eta = A x³ + B x² + C x + D with x = log10(P / 1 kW). Between 0.55 and 0.75 kW, where the two formulas meet,
    the limits of these two powers are interpolated linearly (EU 2019/1781, Annex I, as amended by EU 2021/341).

    Raises
    ------
    Refusal : `ie-class-not-tabulated`, no limit is stated for this cell

    References
    ----------
    IEC 60034-30-1:2014, 5.4; UK SI 2021/745, schedule 16, paragraphs 4 and 5, tables 21 to 23, 27, 28.
    """
    _in_scope(poles, power_kw, frequency_hz)
    column = POLES.index(poles)
    if power_kw > 200:
        if ie == "IE4" and poles == 6:
            return next((limit for below, limit in _IE4_SIX_POLES if power_kw < below), _TOP[ie][column])
        return _TOP[ie][column]
    if 0.55 < power_kw < 0.75:
        low, high = ie_limit(ie, poles, 0.55), ie_limit(ie, poles, 0.75)
        return round(low + (high - low) * (power_kw - 0.55) / 0.20, 1)
    if ie == "IE1" and (power_kw <= 0.55 or poles == 8):
        return _ie1_from_table(poles, power_kw)
    a, b, c, d = (_SMALL if power_kw <= 0.55 else _LARGE)[ie][column]
    x = math.log10(power_kw)
    return round(((a * x + b) * x + c) * x + d, 1)


def ie_class(efficiency_pct: float, poles: int, power_kw: float, frequency_hz: float = 50.0) -> str:
    """Highest class whose limit the efficiency reaches.

    Parameters
    ----------
    efficiency_pct : efficiency at rated load [%], not rounded
    poles, power_kw, frequency_hz : the cell of the table, see `ie_limit`

    Returns
    -------
    str : 'IE1' … 'IE4' or 'below IE1'

    Raises
    ------
    Refusal : `ie-class-not-tabulated`, no limit is stated for this cell
    """
    for ie in reversed(CLASSES):
        # 86.0 % computed from readings may come out as 85.99999999999999
        if efficiency_pct + 1e-9 >= ie_limit(ie, poles, power_kw, frequency_hz):
            return ie
    return BELOW


def ie_limits(poles: int, power_kw: float, frequency_hz: float = 50.0) -> dict[str, float]:
    """Every limit [%] that is stated for a cell, by class; empty outside the tables."""
    limits = {}
    for ie in CLASSES:
        try:
            limits[ie] = ie_limit(ie, poles, power_kw, frequency_hz)
        except Refusal:
            continue
    return limits


def _in_scope(poles: int, power_kw: float, frequency_hz: float) -> None:
    if frequency_hz != 50:
        why = f"the limits held here are for 50 Hz, the motor is rated for {frequency_hz:g} Hz"
    elif poles not in POLES:
        why = f"the classes are defined for 2, 4, 6 and 8 poles, the motor has {poles}"
    elif not 0.12 <= power_kw <= 1000:
        why = f"the classes are defined from 0.12 to 1000 kW, the motor is rated {power_kw:g} kW"
    else:
        return
    raise Refusal("ie-class-not-tabulated", f"no IE class: {why}")


def _ie1_from_table(poles: int, power_kw: float) -> float:
    table = _IE1_EIGHT_POLES
    if power_kw <= 0.55:
        table = dict(zip(_IE1_POWERS_SMALL, _IE1_SMALL[poles], strict=True))
    for power, limit in table.items():
        if math.isclose(power, power_kw, rel_tol=1e-9):
            return limit
    raise Refusal(
        "ie-class-not-tabulated",
        f"below IE2, and the IE1 limit of {power_kw:g} kW with {poles} poles is not in the tables "
        f"(it is stated for {', '.join(f'{power:g}' for power in table)} kW)",
    )
