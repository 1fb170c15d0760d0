"""How hard the roof loads each support in each shear, against what it usually does there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.support.shears import Shears

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BLOCK = 40  # shears over which the baseline of a leg is held, between two that are joined by a straight line
_LOWEST, _HIGHEST = -4.0, 40.0  # of a leg's load in its own spreads: a faulty leg cannot make a zone
_USUAL_BLOW_DOWN = 0.04  # of the yield pressure, where a cycle's own is not told
# the quiet level and spread of a leg: these percentiles lie in the quiet part even where breaks fill half the record
_LEVEL, _LOW = 30.0, 10.0
_LENGTH_SHEARS = 5
_TOLD = 0.3  # least share of cycles that a sign tells of
_HIGH = 3.0  # load of a place, in spreads, that surely is not quiet
_MOST_DRIFT = 2.0  # of a leg's usual load over the record, in its lower spreads
_RATE = 2  # the sign that the length of the cycle does not touch
_BEYOND = 0.3  # of ln(length) beyond the longest usual cycle
_LENGTH_BIN = 0.2  # of ln(length): cycles of like length are compared


@dataclass(frozen=True)
class LegLoads:
    """Signs of load of every leg cycle that is the longest of its leg in its shear.

    `leg`, `support`, `shear` : places in the map, from 0; `length_s` : of the cycle; `signs` : sign × cycle, rising
    with the load and free of the setting pressure, NaN where not told; `rise_mpa` : of TWAP over setting
    """

    leg: Ints
    support: Ints
    shear: Ints
    length_s: Floats
    signs: Floats
    rise_mpa: Floats
    legs: int
    shape: tuple[int, int]


def leg_loads(cycles: pa.Table, shears: Shears, yield_mpa: float) -> LegLoads:
    """Signs of load from the table of leg cycles.

    Notes
    -----
    *Free rise*: final minus setting pressure plus what the yield valve let off, so that a leg at its yield pressure
    still tells how far the roof would have taken it. *Rise of TWAP* over setting. *First loading rate*, which the
    length of the cycle does not touch. Setting pressure itself is no sign: it is the pump's, not the roof's.
    """
    support, leg = cycles["support"].to_numpy(), cycles["leg"].to_numpy()
    start, end = (
        cycles[name].to_numpy().astype("datetime64[us]").astype(np.int64) for name in ("start", "end")
    )
    first = int(support.min())
    width = int(support.max()) - first + 1
    key = support * 64 + leg
    order = np.lexsort((start - end, shears.row_shear, key))
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(key[order]) != 0) | (np.diff(shears.row_shear[order]) != 0)
    kept = np.sort(order[fresh])
    names, places = np.unique(key[kept], return_inverse=True)

    def column(name: str) -> Floats:
        if name not in cycles.column_names:
            return np.full(len(kept), np.nan)
        values = cycles[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, float)[kept]

    setting, yields = column("setting_mpa"), np.nan_to_num(column("yield_events"))
    blow_down = column("opening_mpa") - column("reseat_mpa")
    blow_down = np.where(np.isfinite(blow_down), blow_down, _USUAL_BLOW_DOWN * yield_mpa)
    rise = column("twap_mpa") - setting
    signs = np.array(
        [column("final_mpa") - setting + yields * blow_down, rise, column("loading_1_mpa_per_min")]
    )
    return LegLoads(
        leg=places,
        support=support[kept] - first,
        shear=shears.row_shear[kept] - 1,
        length_s=(end - start)[kept] / 1e6,
        signs=signs,
        rise_mpa=rise,
        legs=len(names),
        shape=(shears.table.num_rows, width),
    )


def load_map(loads: LegLoads, loaded: Flags) -> Floats:
    """Load of each shear (rows) and support (columns) in spreads of its quiet shears; NaN where not told.

    Parameters
    ----------
    loads : signs of load of the leg cycles
    loaded : shear × support, what is taken for a break already: the baseline rests on the others

    Notes
    -----
    For each leg and sign: minus its quiet level (30th percentile), minus that of cycles of like length on the face, minus
    the leg's own over blocks of 40 shears, over the leg's lower spread. The mean of a support's legs; the mean of the
    signs, each weighted by how far neighbours agree on it.
    """
    quiet = ~loaded[loads.shear, loads.support]
    maps, weights = [], []
    for at, sign in enumerate(loads.signs):
        if np.isfinite(sign).mean() < _TOLD or not _moves(loads, sign):
            continue
        z = _standard(loads, sign, quiet, grows=at != _RATE)
        grid = _grid(loads, z)
        weights.append(_agreement(grid, loaded))
        maps.append(grid)
    if not maps:
        return np.full(loads.shape, np.nan)
    whole = np.array([np.isfinite(grid) for grid in maps])
    share = np.tensordot(weights, whole, 1)
    values = np.tensordot(weights, np.nan_to_num(maps), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(share > 0, values / share, np.nan)
    # a place of which one sign alone tells is put on the scale of all signs together
    complete = whole.all(axis=0) & (total > _HIGH)
    for grid, told, weight in zip(maps, whole, weights, strict=True):
        alone = told & (share == weight)
        if alone.any() and complete.sum() >= 20 and len(maps) > 1:
            scale = float(np.median(total[complete])) / max(float(np.median(grid[complete])), 1e-9)
            total[alone] = grid[alone] * np.clip(scale, 0.5, 4.0)
    return total


def _moves(loads: LegLoads, sign: Floats) -> bool:
    """Whether a sign tells quiet cycles of most legs apart; a log of large steps may not hold a small rate."""
    told = np.isfinite(sign)
    low, middle = (_by_leg(loads, sign, told, percent) for percent in (_LOW, _LEVEL))
    return float(np.mean(middle > low)) > 0.5


def excess_mpa(loads: LegLoads, loaded: Flags) -> Floats:
    """Free rise of each shear (rows) and support (columns) beyond that of the quiet cycles, MPa; NaN where not told."""
    quiet = ~loaded[loads.shear, loads.support]
    rest, middle, _ = _against_quiet(loads, loads.signs[0], quiet, grows=True)
    return _grid(loads, rest - middle[loads.leg])


def _standard(loads: LegLoads, sign: Floats, quiet: Flags, grows: bool) -> Floats:
    """A sign of every cycle against the quiet cycles of its leg, in their spread."""
    rest, middle, low = _against_quiet(loads, sign, quiet, grows)
    spread = middle - low
    usual = float(np.nanmedian(spread)) if np.isfinite(spread).any() else 1.0
    spread = np.clip(np.nan_to_num(spread, nan=usual), 0.5 * usual, None) + 1e-9
    result: Floats = np.clip((rest - middle[loads.leg]) / spread[loads.leg], _LOWEST, _HIGHEST)
    return result


def _against_quiet(loads: LegLoads, sign: Floats, quiet: Flags, grows: bool) -> tuple[Floats, Floats, Floats]:
    """A sign without what leg, length and time of the quiet cycles make of it; level and lower level of each leg."""
    base = quiet & np.isfinite(sign)
    rest = sign - _by_leg(loads, sign, base, _LEVEL)[loads.leg]
    rest = _of_length(loads, rest, base, grows)
    base &= np.isfinite(rest)
    rest -= _drift(loads, rest, base)
    return rest, _by_leg(loads, rest, base, _LEVEL), _by_leg(loads, rest, base, _LOW)


def _by_leg(loads: LegLoads, values: Floats, chosen: Flags, percent: float) -> Floats:
    """Percentile of the chosen cycles of each leg."""
    return _percentile(loads.leg[chosen], values[chosen], loads.legs, percent)


def _percentile(group: Ints, values: Floats, groups: int, percent: float, least: int = 1) -> Floats:
    """Percentile of each group, by linear interpolation; NaN where a group has fewer than `least` values."""
    order = np.lexsort((values, group))
    counts = np.bincount(group, minlength=groups)
    begin = np.cumsum(counts) - counts
    at = begin + (np.maximum(counts, 1) - 1) * percent / 100.0
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, begin + np.maximum(counts, 1) - 1)
    result = np.full(groups, np.nan)
    some = counts >= least
    ranked = values[order]
    share = (at - low)[some]
    result[some] = ranked[low[some]] * (1 - share) + ranked[high[some]] * share
    return result


def _of_length(loads: LegLoads, rest: Floats, base: Flags, grows: bool) -> Floats:
    """Values against what cycles of their length usually show, in the usual spread of all.

    Medians and lower spreads over bins of the logarithm of the length, joined by straight lines: a cycle over an
    idle day loads more and scatters more.
    """
    scale = np.log(np.maximum(loads.length_s, 1.0))
    if not base.any():
        return rest
    bins = ((scale[base] - float(scale[base].min())) / _LENGTH_BIN).astype(np.int64)
    count = int(bins.max()) + 1
    place, middle, low = (
        _percentile(bins, values[base], count, percent, least=8)
        for values, percent in ((scale, 50.0), (rest, _LEVEL), (rest, _LOW))
    )
    # a length that only one or two shears have says nothing of the length: those shears may be a break
    pairs = np.unique(bins * loads.shape[0] + loads.shear[base]) // loads.shape[0]
    known = np.isfinite(middle) & (np.bincount(pairs, minlength=count) >= _LENGTH_SHEARS)
    if not known.any():
        return rest
    spread = (middle - low)[known]
    usual = float(np.percentile(rest[base], _LEVEL) - np.percentile(rest[base], _LOW))
    wider = np.maximum(np.interp(scale, place[known], spread) / max(usual, 1e-9), 1.0)
    result: Floats = (rest - np.interp(scale, place[known], middle[known])) / wider
    # what a cycle longer than those known may show can only be guessed: it says nothing by what grows with time
    return np.where(scale > place[known].max() + _BEYOND, np.nan, result) if grows else result


def _drift(loads: LegLoads, rest: Floats, base: Flags) -> Floats:
    """Slow change of a leg's usual load over the shears."""
    shears = loads.shape[0]
    blocks = max(1, shears // BLOCK)
    edges = np.linspace(0, shears, blocks + 1)
    block = np.clip(np.searchsorted(edges, loads.shear, side="right") - 1, 0, blocks - 1)
    level = _percentile((loads.leg * blocks + block)[base], rest[base], loads.legs * blocks, _LEVEL, least=8)
    level = level.reshape(loads.legs, blocks)
    face = np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.0 for c in level.T])
    level = np.where(np.isfinite(level), level, face)
    # the quiet load wanders within its own scatter: more is a break that fills most of a block
    reach = _MOST_DRIFT * (_by_leg(loads, rest, base, _LEVEL) - _by_leg(loads, rest, base, _LOW))[:, None]
    level = np.where(reach >= 0, np.clip(level, -reach, reach), level)
    if blocks == 1:
        return np.asarray(level[loads.leg, 0])
    centres = (edges[1:] + edges[:-1]) / 2
    at = np.clip((loads.shear - centres[0]) / (centres[1] - centres[0]), 0, blocks - 1)
    low = np.minimum(at.astype(np.int64), blocks - 2)
    share = at - low
    result: Floats = level[loads.leg, low] * (1 - share) + level[loads.leg, low + 1] * share
    return result


def _grid(loads: LegLoads, values: Floats) -> Floats:
    """Mean of a support's legs."""
    told = np.isfinite(values)
    at = (loads.shear * loads.shape[1] + loads.support)[told]
    size = loads.shape[0] * loads.shape[1]
    with np.errstate(invalid="ignore"):
        mean = np.bincount(at, values[told], size) / np.bincount(at, minlength=size)
    return mean.reshape(loads.shape)


def _agreement(grid: Floats, loaded: Flags) -> float:
    """How far neighbours tell the same: r/(1-r) of the correlation of a support with the next but one."""
    one, other = grid[:, :-2], grid[:, 2:]
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 30:
        return 1.0
    r = float(np.corrcoef(one[both], other[both])[0, 1])
    return max(r, 0.02) / (1 - min(r, 0.98))
