"""The plot of `life.weibull`: share failed over age, Kaplan-Meier steps against the fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from recore.metrology.life.weibull import Lives
    from recore.metrology.life.weibull_fit import WeibullFit

_POINTS = 200
_GROUPS = 8


def draw(fits: dict[str, tuple[WeibullFit, Lives]]) -> Any:
    """At most eight groups; the fit at the group's mean covariates with its 95 % band."""
    import altair as alt

    steps: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for word, (fit, lives) in list(fits.items())[:_GROUPS]:
        label = word or "all"
        for age, share in _kaplan_meier(lives):
            steps.append({"group": label, "age_h": age, "failed": share})
        top = float(lives.time.max())
        form = np.append(1.0, lives.covariates.mean(axis=0)) if lives.covariates.size else np.ones(1)
        log_scale = float(fit.beta @ form)
        for age in np.linspace(top / _POINTS, top, _POINTS):
            # ln(-ln S) = ρ (ln t - ln λ), by its variance
            z = fit.shape * (np.log(age) - log_scale)
            slope = np.append(-fit.shape * form, z)
            error = 1.96 * float(np.sqrt(slope @ fit.covariance @ slope))
            low, mid, high = (float(1.0 - np.exp(-np.exp(v))) for v in (z - error, z, z + error))
            lines.append({"group": label, "age_h": float(age), "failed": mid, "low": low, "high": high})
    x = alt.X("age_h:Q", title="age [h]")
    y = alt.Y("failed:Q", title="share failed", scale=alt.Scale(domain=[0, 1]))
    colour = alt.Color("group:N", title="group")
    data: Any = alt.Data
    fit_data = data(values=lines)
    band = (
        alt.Chart(fit_data)
        .mark_area(opacity=0.15)
        .encode(x, alt.Y("low:Q", title="share failed"), alt.Y2("high:Q"), colour)
    )
    line = alt.Chart(fit_data).mark_line(strokeWidth=2).encode(x, y, colour)
    seen = (
        alt.Chart(data(values=steps))
        .mark_line(interpolate="step-after", strokeDash=[4, 3])
        .encode(x, y, colour)
    )
    return (band + line + seen).properties(
        width=600, height=320, title="Failed by age: seen (dashed, Kaplan-Meier), Weibull fit with 95 % band"
    )


def _kaplan_meier(lives: Lives) -> list[tuple[float, float]]:
    """Age and share failed at each failure; late entries join the number at risk at their entry."""
    ages = np.unique(lives.time[lives.failed])
    if len(ages) > _POINTS:
        ages = ages[np.linspace(0, len(ages) - 1, _POINTS).astype(int)]
        ages = np.unique(ages)
    every = np.unique(lives.time[lives.failed])
    entered, left = np.sort(lives.entry), np.sort(lives.time)
    at_risk = np.searchsorted(entered, every, side="left") - np.searchsorted(left, every, side="left")
    deaths = np.searchsorted(np.sort(lives.time[lives.failed]), every, side="right")
    deaths = np.diff(deaths, prepend=0)
    share = 1.0 - np.cumprod(1.0 - deaths / np.maximum(at_risk, 1))
    kept = np.searchsorted(every, ages)
    return [(0.0, 0.0), *zip(ages.tolist(), share[kept].tolist(), strict=True)]
