"""Breaks of the roof from the table of leg cycles: where they are, how strong, and how often they come."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.support.diagnose_record import findings
from recore.metrology.support.load_map import LegLoads, excess_mpa, leg_loads, load_map
from recore.metrology.support.shears import Shears
from recore.metrology.support.zones import Zone, find_zones

Floats = NDArray[np.float64]

ROUNDS = 3  # the quiet load is told again without the breaks that were found


@dataclass(frozen=True)
class Breaks:
    """Zones of breaks, the map they were found in (shear × support), and the number of its first support."""

    zones: tuple[Zone, ...]
    load: Floats
    first_support: int
    loads: LegLoads


def find_breaks(
    cycles: pa.Table, shears: Shears, yield_mpa: float, least_mpa: float, least_alone_mpa: float
) -> Breaks:
    """Breaks in a table of leg cycles whose shears are known.

    least_mpa, least_alone_mpa : least free rise beyond that of quiet cycles, of a break and of one of a single shear
    """
    loads = leg_loads(cycles, shears, yield_mpa)
    zones: tuple[Zone, ...] = ()
    load = np.full(loads.shape, np.nan)
    for _ in range(ROUNDS):
        loaded = np.zeros(loads.shape, bool)
        for zone in zones:
            loaded[max(0, zone.first - 1) : zone.last + 2, max(0, zone.left - 2) : zone.right + 3] = True
        load = load_map(loads, loaded)
        excess = excess_mpa(loads, loaded)
        again = tuple(
            zone
            for zone in find_zones(load)
            if _excess(excess, zone) >= (least_alone_mpa if zone.first == zone.last else least_mpa)
        )
        if again == zones:
            break
        zones = again
    return Breaks(zones, load, int(cycles["support"].to_numpy().min()), loads)


def _excess(excess: Floats, zone: Zone) -> float:
    """Median of the load of a zone beyond the quiet, MPa; none where only cycles of unusual length tell."""
    part = excess[zone.first : zone.last + 1, zone.left : zone.right + 1]
    part = part[np.isfinite(part)]
    return float(np.median(part)) if len(part) else 0.0


def in_time(zones: tuple[Zone, ...], shears: Shears, first_support: int) -> tuple[list[int], list[int]]:
    """Setting of the first loaded shear and release of the last of each zone, µs."""
    table = shears.support_cycles
    main = ~table["again"].to_numpy(zero_copy_only=False)
    support = table["support"].to_numpy()[main] - first_support
    shear = table["shear"].to_numpy()[main] - 1
    start, end = (
        table[name].to_numpy().astype("datetime64[us]").astype(np.int64)[main] for name in ("start", "end")
    )
    # a cycle whose neighbour in time is missing may run over two shears: it tells no edge
    cell = np.zeros((int(shear.max()) + 3, int(support.max()) + 1), bool)
    cell[shear + 1, support] = True
    sure = cell[shear, support] & cell[shear + 2, support]
    begins, ends = [], []
    for zone in zones:
        inside = (support >= zone.left) & (support <= zone.right)
        edges = []
        for at, values in ((zone.first, start), (zone.last, end)):
            here = inside & (shear == at)
            here = here & sure if (here & sure).any() else here
            here = here if here.any() else inside & (shear >= zone.first) & (shear <= zone.last)
            edges.append(values[here])
        begins.append(int(edges[0].min()))
        ends.append(int(edges[1].max()))
    return begins, ends


def intervals(zones: tuple[Zone, ...]) -> list[int]:
    """Shears from the first loaded shear of each break to that of the next one over the same supports."""
    found = []
    for i, one in enumerate(zones):
        for other in zones[i + 1 :]:
            shared = min(one.right, other.right) - max(one.left, other.left) + 1
            least = min(one.right - one.left, other.right - other.left) + 1
            if other.first > one.last and shared >= 0.5 * least:
                found.append(other.first - one.first)
                break
    return found


def mean_and_u(values: list[int], web_m: float) -> tuple[float, float | None]:
    """Mean of a number of shears in metres, and its expanded uncertainty (k = 2).

    Scatter of the breaks, and the beginning or end of each within one shear, evenly: s² = 1/6 of two edges.
    """
    mean = float(np.mean(values)) * web_m
    if len(values) < 2:
        return mean, None
    variance = float(np.var(values, ddof=1)) / len(values) + (1 / 6) / len(values)
    return mean, 2 * math.sqrt(variance) * web_m


def shear_means(
    cycles: pa.Table, shears: Shears, quality: pa.Table | None = None, set_threshold_mpa: float = 0.0
) -> dict[str, Floats]:
    """Means over the legs of each shear: TWAP, final pressure, first loading rate; and the share not working.

    Not working: supports of the face that are not set in a shear (no cycle, or none that comes to the set threshold), or of
    which a leg has no cycle there (its state is unknown) or a sensor that is stuck by the data-quality report. Supports that
    a wave does not come to (the shearer turns before them) are not set in that shear.
    """
    count = shears.table.num_rows
    at = shears.row_shear - 1
    found: dict[str, Floats] = {}
    for name in ("twap_mpa", "final_mpa", "loading_1_mpa_per_min"):
        if name in cycles.column_names:
            values = np.asarray(cycles[name].to_numpy(zero_copy_only=False), float)
            told = np.isfinite(values)
            with np.errstate(invalid="ignore"):
                found[name] = np.bincount(at[told], values[told], count) / np.bincount(
                    at[told], minlength=count
                )
        else:
            found[name] = np.full(count, np.nan)
    found["not_working_share"] = _not_working(cycles, shears, quality, set_threshold_mpa)
    return found


def _not_working(
    cycles: pa.Table, shears: Shears, quality: pa.Table | None, set_threshold_mpa: float
) -> Floats:
    """Share of the supports of each shear that are not set, unknown in a leg, or have a stuck sensor."""
    count = shears.table.num_rows
    number, leg = cycles["support"].to_numpy(), cycles["leg"].to_numpy()
    supports = np.unique(number)
    legs, column = np.unique(number * 64 + leg, return_inverse=True)
    sound = np.ones(len(number), bool)
    if "twap_mpa" in cycles.column_names:
        sound = ~(np.asarray(cycles["twap_mpa"].to_numpy(zero_copy_only=False), float) < set_threshold_mpa)
    set_ = np.zeros((count, len(legs)), bool)
    set_[shears.row_shear[sound] - 1, column[sound]] = True
    if quality is not None and quality.num_rows:
        begin = shears.table["from"].to_numpy().astype("datetime64[us]")
        end = shears.table["to"].to_numpy().astype("datetime64[us]")
        for row in findings(quality, "stuck"):
            here = np.flatnonzero(legs == row["support"] * 64 + row["leg"])
            since, until = (np.datetime64(round(row[name] * 1e6), "us") for name in ("from", "to"))
            set_[np.ix_((begin < until) & (end > since), here)] = False
    owner = np.searchsorted(supports, legs // 64)
    idle = np.zeros((count, len(supports)), bool)
    for k, at in enumerate(owner):
        idle[:, at] |= ~set_[:, k]
    # at the ends of the record cycles are not whole: who has none there is not idle
    for end in (0, count - 1):
        told = np.isin(supports, number[shears.row_shear - 1 == end])
        idle[end, ~told] = False
    share: Floats = idle.mean(axis=1)
    return share
