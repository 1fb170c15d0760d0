"""What stands at each line that a bearing may raise: a table, the sidebands, and the values of the plot."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np

from recore.metrology.bearing import DefectOrders
from recore.metrology.vibration.bearing_lines import Match, Search
from recore.metrology.vibration.envelope_spectrum import OrderSpectra
from recore.quantity import Quantity

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 0.01  # probability of sidebands by chance, above which none are stated
_HARMONICS = 3
_DRAWN_ORDERS = 3.6  # of the highest defect order
_BINS = 1200
_NAMES = {"outer": "BPFO", "inner": "BPFI", "ball": "2 BSF"}


def modulation_of(spectra: OrderSpectra, match: Match, orders: DefectOrders) -> str:
    """'none', 'shaft', 'cage' or 'shaft and cage': sidebands that noise would show in less than 1 % of records.

    Notes
    -----
    Six bins beside three harmonics, each the highest of three; under noise a bin exceeds L times the background with
    probability exp(-L). Fisher's method joins the six.
    """
    level = spectra.level[match.band]
    found = []
    for name, beside in (("shaft", 1.0), ("cage", orders.cage)):
        statistic, lines = 0.0, 0
        for k in range(1, _HARMONICS + 1):
            for side in (-beside, beside):
                at = round((k * match.order + side) * spectra.bins_per_order)
                if 1 < at < len(level) - 1:
                    chance = -np.expm1(3 * np.log1p(-np.exp(-float(level[at - 1 : at + 2].max()))))
                    statistic -= log(max(float(chance), 1e-300))
                    lines += 1
        # chi-square of 2·lines degrees of freedom beyond 2·statistic, in closed form
        term, total = 1.0, 0.0
        for i in range(lines):
            total += term
            term *= statistic / (i + 1)
        if lines and exp(-min(statistic, 700.0)) * total < _SHOWN:
            found.append(name)
    return " and ".join(found) or "none"


def line_table(
    search: Search,
    spectra: OrderSpectra,
    matches: dict[Any, Match],
    shaft_hz: float,
    frequency: Quantity | None,
    shown: Match | None,
) -> pa.Table:
    """Every line of the three combs: where it belongs, what is there, and how far it stands out.

    Returns
    -------
    Columns part, line, order, expected_hz, found_hz, found_u_hz (k = 2; only for the part at fault), level_db (over
    the background)
    """
    import pyarrow as pa

    rows = []
    for part, match in matches.items():
        level = spectra.level[match.band]
        for k, beside, _ in search.combs[part].lines:
            at = round((k * match.order + beside) * spectra.bins_per_order)
            if not 1 <= at < len(level) - 1:
                continue
            at += int(level[at - 1 : at + 2].argmax()) - 1
            spread = None
            if frequency is not None and frequency.uncertainty is not None and match is shown:
                spread = k * frequency.uncertainty
            side = (
                ""
                if not beside
                else f" {'+' if beside > 0 else '−'} {'shaft' if part == 'inner' else 'cage'}"
            )
            order = k * search.combs[part].order + beside
            rows.append(
                (
                    part,
                    f"{k} × {_NAMES[part]}{side}",
                    order,
                    order * shaft_hz,
                    at / spectra.bins_per_order * shaft_hz,
                    spread,
                    10 * float(np.log10(max(float(level[at]), 1e-6))),
                )
            )
    names = ("part", "line", "order", "expected_hz", "found_hz", "found_u_hz", "level_db")
    kinds = (pa.string(), pa.string(), *([pa.float64()] * 5))
    return pa.table({name: pa.array([row[i] for row in rows], kinds[i]) for i, name in enumerate(names)})


def drawn_spectrum(search: Search, spectra: OrderSpectra, match: Match, shaft_hz: float) -> dict[str, Any]:
    """What the plot shows: the spectrum of the best band, thinned to its peaks."""
    level = spectra.level[match.band]
    last = min(
        len(level) - 1,
        int(_DRAWN_ORDERS * max(c.order for c in search.combs.values()) * spectra.bins_per_order),
    )
    groups = np.array_split(np.arange(1, last), min(_BINS, last - 1))
    peaks = np.array([group[int(level[group].argmax())] for group in groups])
    return {
        "hz": (peaks / spectra.bins_per_order * shaft_hz).tolist(),
        "db": (10 * np.log10(np.maximum(level[peaks].astype(float), 1e-2))).tolist(),
        "band": spectra.bands[match.band],
    }
