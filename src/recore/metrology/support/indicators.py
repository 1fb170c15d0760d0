"""Signs of risk in every support cycle: shear × support, each a share from 0 (none) to 1 (fully there)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.metrology.support.shears import Shears

Floats = NDArray[np.float64]

REASONS = {
    "low-setting": "set low",
    "low-load": "carries little",
    "yielding": "yields",
    "fast-loading": "loads fast",
    "slow-loading": "hardly loads",
    "unset": "not set",
    "imbalance": "legs apart",
    "leaking": "loses pressure",
    "repeated": "set again",
}


@dataclass(frozen=True)
class Signs:
    """`there` : name → shear × support, 1 where the sign is there, 0 where not, NaN where not told; `supports`."""

    there: dict[str, Floats]
    supports: NDArray[np.int64]


def signs(
    cycles: pa.Table,
    numbered: Shears,
    limits: dict[str, dict[str, Any]],
    yield_mpa: float,
    rated_mpa: float | None,
) -> Signs:
    """Which signs each support shows in each shear; a support shows what its worse leg shows."""
    supports, place = np.unique(cycles["support"].to_numpy(), return_inverse=True)
    shape = (numbered.table.num_rows, len(supports))
    cell = (numbered.row_shear - 1) * shape[1] + place

    def column(name: str) -> Floats:
        return np.asarray(cycles[name].to_numpy(zero_copy_only=False), float)

    def grid(values: Floats, worst: Any) -> Floats:
        """Worst leg of every cell; NaN where no leg tells."""
        told = np.isfinite(values)
        result = np.full(shape[0] * shape[1], -np.inf if worst is np.maximum else np.inf)
        worst.at(result, cell[told], values[told])
        return np.where(np.isfinite(result), result, np.nan).reshape(shape)

    def beyond(values: Floats, limit: float, below: bool = False) -> Floats:
        with np.errstate(invalid="ignore"):
            met = values < limit if below else values > limit
        return np.where(np.isfinite(values), met.astype(float), np.nan)

    setting, twap = grid(column("setting_mpa"), np.minimum), grid(column("twap_mpa"), np.minimum)
    most = grid(column("twap_mpa"), np.maximum)
    rise = grid(column("twap_mpa") - column("setting_mpa"), np.maximum)
    free = grid(column("final_mpa") - column("setting_mpa"), np.minimum)
    loading = np.nanmedian(np.where(np.isfinite(free), free, np.nan)) if np.isfinite(free).any() else np.nan
    there: dict[str, Floats] = {}
    if rated_mpa is not None and "low-setting" in limits:
        there["low-setting"] = beyond(setting, limits["low-setting"]["limit_share"] * rated_mpa, below=True)
    if "low-load" in limits:
        there["low-load"] = beyond(twap, limits["low-load"]["limit_share"] * yield_mpa, below=True)
    if "yielding" in limits:
        there["yielding"] = beyond(
            grid(column("yield_events"), np.maximum), limits["yielding"]["limit_events"] - 0.5
        )
    if "fast-loading" in limits:
        there["fast-loading"] = beyond(rise, limits["fast-loading"]["limit_share"] * yield_mpa)
    if "slow-loading" in limits and loading > limits["slow-loading"]["limit_share"] * yield_mpa:
        there["slow-loading"] = beyond(free, limits["slow-loading"]["limit_share"] * yield_mpa, below=True)
    if "imbalance" in limits:
        with np.errstate(invalid="ignore", divide="ignore"):
            there["imbalance"] = beyond((most - twap) / most, limits["imbalance"]["limit_share"])
    if "leaking" in limits:
        there["leaking"] = beyond(
            grid(column("leak_mpa_per_min"), np.maximum), limits["leaking"]["limit_share"] * yield_mpa
        )
    if "unset" in limits:
        there["unset"] = _unset(np.isfinite(twap))
    if "repeated" in limits:
        table = numbered.support_cycles
        at = (table["shear"].to_numpy() - 1) * shape[1] + np.searchsorted(
            supports, table["support"].to_numpy()
        )
        count = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
        there["repeated"] = np.where(count > 0, (count > 1).astype(float), np.nan)
    return Signs(there, supports)


def _unset(known: NDArray[np.bool_]) -> Floats:
    """No cycle in a shear that most of the eight supports beside it have."""
    padded = np.pad(known.astype(float), ((0, 0), (4, 4)))
    inside = np.pad(np.ones(known.shape), ((0, 0), (4, 4)))
    sums = [sum(a[:, 4 + d : 4 + d + known.shape[1]] for d in range(-4, 5) if d) for a in (padded, inside)]
    told = known | (sums[0] > 0.5 * sums[1])
    result: Floats = np.where(told, (~known).astype(float), np.nan)
    return result


def share_over(there: Floats, window: int) -> Floats:
    """Share of the last `window` shears in which a sign is there; NaN where none of them tells."""
    told = np.isfinite(there)
    value = np.cumsum(np.where(told, there, 0.0), axis=0)
    count = np.cumsum(told, axis=0).astype(float)
    for total in (value, count):
        total[window:] = total[window:] - total[:-window].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, value / count, np.nan)
