"""How long components live: a Weibull distribution from failures and survivors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.metrology.life.weibull_fit import WeibullFit, calibration, concordance, fit_weibull
from recore.quantity import Quantity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_Z95 = 1.959963984540054
_ENOUGH = 10


@dataclass(frozen=True)
class Lives:
    """Ages and what became of them, one group's rows."""

    time: NDArray[np.float64]
    failed: NDArray[np.bool_]
    covariates: NDArray[np.float64]
    entry: NDArray[np.float64]


@dataclass(frozen=True)
class WeibullLife:
    """What `life.weibull` found.

    `shape`, `scale`, `b10` : of the group, where there is one group and no covariate; with U(k = 2) of the
    logarithm turned into half the interval; `failures`, `rows`, `groups` count; `concordance` : Harrell's C
    of the covariates; `calibration_p` : D-calibration; `table` : one row per group and parameter;
    `components` : one row per row of the input, with its scale and severity.
    """

    failures: Annotated[Quantity, Unit("1")]
    rows: Annotated[Quantity, Unit("1")]
    groups: Annotated[Quantity, Unit("1")]
    shape: Annotated[Quantity | None, Unit("1")]
    scale: Annotated[Quantity | None, Unit("h")]
    b10: Annotated[Quantity | None, Unit("h")]
    concordance: Annotated[Quantity | None, Unit("1")]
    calibration_p: Annotated[Quantity | None, Unit("1")]
    table: Annotated[pa.Table, Artifact("life.csv")]
    components: Annotated[pa.Table, Artifact("components.csv")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _fits: dict[str, tuple[WeibullFit, Lives]]


@method("life.weibull", version=1, reproducible=Tolerance(relative=1e-6))
def life_weibull(
    lives: Table,
    *,
    covariates: list[str] | None = None,
    group: str | None = None,
    entry: bool = False,
) -> WeibullLife:
    """Weibull life of components from failures and survivors, with covariates.

    Parameters
    ----------
    lives : one row per component: age_h (or age_min, age_s) at failure or at the last
        look, > 0; failed, 1 or 0 (0: it lives on, the row is censored); with `entry` also entry_h, the age at
        which it came under observation (a used component that was not watched from new: left truncation);
        columns of covariates, numbers
    covariates : columns that stretch or shorten life (yield events per month, mean TWAP, leak trend …)
    group : column of words or numbers; each of its values (kind of component) is fitted by itself
    entry : whether entry_h is there

    Returns
    -------
    WeibullLife : ρ (shape), λ (scale) [h], B10 [h] with 95 % intervals in life.csv; components.csv gives for every
        row its scale and its `severity`, by which its hazard is larger than that of a component with the group's
        mean covariates: shape, scale in periods and severity are what a repair plan asks for

    Notes
    -----
    S(t) = exp(-(t/λ)^ρ), ln λ = β0 + Σ βj xj; maximum likelihood by Newton's method to a gradient of 1e-11 per
    failure. 95 % intervals from the observed information, of λ and ρ on the logarithm. Severity of row i:
    (λ(mean x)/λ(xi))^ρ. D-calibration asks whether the fitted lives agree with those seen; p < 0.05 is flagged.

    Refuses a group with fewer failures than parameters, covariates that are constant or say the same, and
    a likelihood without a maximum; the other groups are fitted all the same.

    Raises
    ------
    BadInput : a missing column, an age that is not positive, entry not before age, failed not 0 or 1

    References
    ----------
    J. D. Kalbfleisch, R. L. Prentice: The Statistical Analysis of Failure Time Data, 2nd ed. (2002), 2.2, 3.2, 7.2.
    Concordance: F. E. Harrell et al., JAMA 247 (1982) 2543-2546. D-calibration: H. Haider et al., JMLR 21 (2020) 1-63.
    """
    names = covariates or []
    groups, order = _groups(lives, group)
    whole = _lives(lives, names, entry)
    fits: dict[str, tuple[WeibullFit, Lives]] = {}
    rows: list[dict[str, Any]] = []
    flags: list[Note] = []
    refusals: list[Note] = []
    scale, severity = np.full((2, len(order)), np.nan)
    calibrated: list[float] = []
    for word in groups:
        here = np.flatnonzero(order == word)
        mine = Lives(whole.time[here], whole.failed[here], whole.covariates[here], whole.entry[here])
        label = f"{group} {word}: " if group else ""
        try:
            fit = fit_weibull(mine.time, mine.failed, mine.covariates, mine.entry)
        except Refusal as refusal:
            refusals.append(Note(refusal.code, label + refusal.text))
            continue
        fits[word] = fit, mine
        rows += _parameters(word, fit, names, mine)
        scale[here] = fit.scales(mine.covariates)
        typical = fit.scales(mine.covariates.mean(axis=0, keepdims=True))[0]
        severity[here] = (typical / scale[here]) ** fit.shape
        calibrated.append(calibration(fit, mine.time, mine.failed, scale[here], mine.entry))
        if calibrated[-1] < 0.05:
            flags.append(
                Note(
                    "not-calibrated",
                    f"{label}the lives seen do not look Weibull (D-calibration p = {calibrated[-1]:.2g})",
                )
            )
        if np.count_nonzero(mine.failed) < _ENOUGH:
            flags.append(
                Note(
                    "few-failures",
                    f"{label}{np.count_nonzero(mine.failed)} failures: the intervals are approximate",
                )
            )
    only = next(iter(fits.values())) if len(groups) == 1 and fits and not names else None
    ranked = concordance(whole.time, whole.failed, scale) if names and len(groups) == 1 and fits else None
    return WeibullLife(
        failures=Quantity(int(np.count_nonzero(whole.failed))),
        rows=Quantity(len(order)),
        groups=Quantity(len(groups)),
        shape=_with_u(only[0].shape, only[0], _log_shape(only[0]), "1") if only else None,
        scale=_with_u(only[0].scale, only[0], _log_scale(only[0]), "h") if only else None,
        b10=_with_u(_b10(only[0]), only[0], _log_b10(only[0]), "h") if only else None,
        concordance=None if ranked is None else Quantity(ranked),
        calibration_p=Quantity(min(calibrated)) if calibrated else None,
        table=_life_table(rows),
        components=pa.table(
            {
                "row": np.arange(1, len(order) + 1),
                "group": order,
                "scale_h": pa.array(scale, from_pandas=True),
                "severity": pa.array(severity, from_pandas=True),
            }
        ),
        flags=tuple(flags),
        refusals=tuple(refusals),
        _fits=fits,
    )


def _groups(table: Table, column: str | None) -> tuple[list[str], NDArray[np.str_]]:
    if column is None:
        count = len(table.floats("age_h"))
        return [""], np.full(count, "", np.str_)
    words = np.array([str(value) for value in table.arrow([column]).column(0).to_pylist()], np.str_)
    return sorted(set(words.tolist())), words


def _lives(table: Table, names: list[str], entry: bool) -> Lives:
    time = table.floats("age_h")
    told = table.floats("failed")
    began = table.floats("entry_h") if entry else np.zeros(len(time))
    _refuse_rows(table, "age_h", ~(time > 0.0), "an age above 0 is wanted")
    _refuse_rows(table, "failed", (told != 0.0) & (told != 1.0), "1 (failed) or 0 (lives on) is wanted")
    _refuse_rows(table, "entry_h", ~((began >= 0.0) & (began < time)), "0 ≤ entry_h < age_h is wanted")
    columns = [table.floats(name) for name in names]
    return Lives(time, told == 1.0, np.column_stack(columns) if columns else np.empty((len(time), 0)), began)


def _refuse_rows(table: Table, column: str, wrong: ArrayLike, right: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise BadInput(
            f"{len(rows)} row(s) of {column!r} cannot be", where=f"{table.name}, {table.source.place(int(rows[0]))}",
            right=right,
        )  # fmt: skip


# logarithms of what is told, as linear forms of (β, ln ρ): their variance gives the intervals
def _log_shape(fit: WeibullFit) -> NDArray[np.float64]:
    form = np.zeros(len(fit.beta) + 1)
    form[-1] = 1.0
    return form


def _log_scale(fit: WeibullFit) -> NDArray[np.float64]:
    form = np.zeros(len(fit.beta) + 1)
    form[0] = 1.0
    return form


def _b10(fit: WeibullFit) -> float:
    return fit.scale * math.pow(-math.log(0.9), 1.0 / fit.shape)


def _log_b10(fit: WeibullFit) -> NDArray[np.float64]:
    form = _log_scale(fit)
    form[-1] = -math.log(-math.log(0.9)) / fit.shape
    return form


def _error(fit: WeibullFit, form: NDArray[np.float64]) -> float:
    return math.sqrt(max(float(form @ fit.covariance @ form), 0.0))


def _with_u(value: float, fit: WeibullFit, form: NDArray[np.float64], unit: str) -> Quantity:
    """U(k = 2) as half the width of the interval on the logarithm, so that it never reaches below zero by much."""
    return Quantity(value, unit, value * math.sinh(2.0 * _error(fit, form)))


def _parameters(word: str, fit: WeibullFit, names: list[str], lives: Lives) -> list[dict[str, Any]]:
    counts = {"rows": len(lives.time), "failures": int(np.count_nonzero(lives.failed))}
    rows = []
    for name, value, form in (
        ("shape", fit.shape, _log_shape(fit)),
        ("scale_h", fit.scale, _log_scale(fit)),
        ("b10_h", _b10(fit), _log_b10(fit)),
    ):
        error = _error(fit, form)
        low, high = value * math.exp(-_Z95 * error), value * math.exp(_Z95 * error)
        rows.append({"group": word, "parameter": name, "value": value, "lower": low, "upper": high, **counts})
    for number, name in enumerate(names, 1):
        value, error = float(fit.beta[number]), math.sqrt(float(fit.covariance[number, number]))
        low, high = value - _Z95 * error, value + _Z95 * error
        rows.append({"group": word, "parameter": name, "value": value, "lower": low, "upper": high, **counts})
    rows.append(
        {
            "group": word,
            "parameter": "log_likelihood",
            "value": fit.log_likelihood,
            "lower": None,
            "upper": None,
            **counts,
        }
    )
    return rows


def _life_table(rows: list[dict[str, Any]]) -> pa.Table:
    kinds = {"group": pa.string(), "parameter": pa.string(), "value": pa.float64(), "lower": pa.float64()}
    kinds |= {"upper": pa.float64(), "rows": pa.int64(), "failures": pa.int64()}
    return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


@life_weibull.plot
def _draw(result: WeibullLife) -> Any:
    """Weibull paper: the share that failed, by rank, and the fitted lines."""
    from recore.metrology.life.weibull_plot import draw

    return draw(result._fits)
