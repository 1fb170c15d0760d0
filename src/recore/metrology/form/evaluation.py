"""From points and a feature to deviations with uncertainty, budget, contacts and notes.

An error ε_i of point i across the feature changes its distance by ε_i. The least-squares feature is
linear in all of them; a zone answers to its contacts only, by the multipliers of the certificate
(envelope theorem). Monte Carlo draws the errors anew and solves the linearised programme again, so that
it also sees contacts change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from recore.method import Note, Refusal
from recore.metrology.budget import (
    COVERAGE,
    Contribution,
    budget_table,
    disagreement,
    expanded_of_samples,
    stated,
)
from recore.metrology.circles.exchange import NoBasis
from recore.metrology.form.chebyshev import levelled
from recore.metrology.form.feature import CHUNK, Feature, Floats, Indices, NotDetermined, Pose, Scaled
from recore.metrology.form.least_squares import Fit, least_squares_of
from recore.metrology.form.zone import Zone, minimum_zone

if TYPE_CHECKING:
    import pyarrow as pa

_CERTIFIED = 1e-9
_WIDENED = 0.1
_REACH = 8.0
_MOST = 1500
_DRAWN = 4_000_000
_WHOLE = 5000
_FILTERED = 20_000_000
_ROUND_OFF = 1e-16
_TIED = 2e-15
_MANY = 12

Operator = Callable[[Floats], Floats]


@dataclass(frozen=True)
class PointErrors:
    """Errors of the points.

    Parameters
    ----------
    standard : standard uncertainty of one point across the feature [µm], None where nothing is known
    evaluation : 'A' from the record, 'B' stated
    instrument : expanded uncertainty (k = 2) that the instrument's own form gives to a deviation [µm]
    again, adjoint : the filter that the readings went through, and its transpose; None without one
    """

    standard: float | None
    evaluation: str
    instrument: float = 0.0
    again: Operator | None = None
    adjoint: Operator | None = None

    @classmethod
    def stated_or_seen(
        cls, stated_um: float | None, seen_um: float | None, instrument_um: float
    ) -> tuple[PointErrors, list[Note]]:
        """From the parameter, else from the record's own noise; and where it comes from."""
        if stated_um is not None:
            return cls(stated_um / COVERAGE, "B", instrument_um), []
        if seen_um is None:
            text = "no uncertainty is stated: the record does not show the noise of its points; give point_uncertainty_um"
            return cls(None, "B", instrument_um), [Note("uncertainty-unknown", text)]
        text = (
            f"U comes from the record's own noise, {seen_um:.3g} µm standard deviation of one reading; the "
            "instrument's guide or spindle, probe calibration and temperature are not in it"
        )
        return cls(seen_um, "A", instrument_um), [Note("uncertainty-from-record", text)]

    def of(self, weights: Floats, points: Indices | None = None, count: int = 0) -> float:
        """Standard uncertainty of a weighted sum of distances; weights (n,), or (k,) at some of n points."""
        if points is not None:
            weights = np.bincount(points, weights, count).astype(np.float64)
        if self.adjoint is not None:
            weights = self.adjoint(weights)
        return float(self.standard or 0.0) * float(np.linalg.norm(weights))


@dataclass
class Evaluation:
    """Least-squares and minimum zone feature of a set of points, and what is said about them [µm]."""

    feature: Feature
    scaled: Scaled
    fit: Fit
    zone: Zone
    errors: PointErrors
    flags: list[Note]
    lines: list[Contribution] = field(default_factory=list)
    simulated: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        feature: Feature,
        xyz_um: Floats,
        errors: PointErrors,
        notes: list[Note],
        what: str,
        start: Pose | None = None,
    ) -> Evaluation:
        """Associate both features; refuse what the points do not determine."""
        least = feature.unknowns + 1
        few = xyz_um[:1000]
        if len(np.unique(few, axis=0)) < least and len(np.unique(xyz_um, axis=0)) < least:
            raise Refusal(
                "too-few-points", f"fewer than {least} distinct points determine no minimum zone of a {what}"
            )
        try:
            scaled = Scaled.of(xyz_um)
            if start is not None:
                start = Pose((start.origin - scaled.middle) / scaled.unit, start.frame)
            fit = least_squares_of(feature, scaled.points, start)
            zone = minimum_zone(feature, scaled.points, fit.pose)
        except NotDetermined as error:
            raise Refusal("not-determined", f"no {what}: {error}") from None
        found = cls(feature, scaled, fit, zone, errors, list(notes))
        found._certified()
        return found

    @property
    def unit(self) -> float:
        return self.scaled.unit

    def rows(self, pose: Pose, some: Indices) -> Floats:
        return self.feature.rows(pose.local(self.scaled.points[some]))

    def response(self) -> Floats:
        """(unknowns, n) answer of the least-squares displacement and size to each distance."""
        points = self.scaled.points
        pieces = [
            self.fit.covariance @ self.feature.rows(self.fit.pose.local(points[i : i + CHUNK])).T
            for i in range(0, len(points), CHUNK)
        ]
        return np.concatenate(pieces, axis=1)

    def add(self, result: str, standard: float, *, unit: str = "µm", deviation: bool = False) -> None:
        """A line of the budget for the noise of the points, and one for the instrument where it acts."""
        if self.errors.standard is None:
            return
        kind = "A" if self.errors.evaluation == "A" else "B"
        self.lines.append(
            Contribution(result, "noise of one point", kind, self.errors.standard, "µm", standard, unit)  # type: ignore[arg-type]
        )
        if deviation and self.errors.instrument:
            half = self.errors.instrument / COVERAGE
            self.lines.append(Contribution(result, "form of the instrument", "B", half, "µm", half, unit))

    def add_deviations(self, names: tuple[str, str, str], trials: int, seed: int) -> None:
        """Budget of ls_deviation, mz_deviation and the peak, valley and root-mean-square about least squares."""
        if self.errors.standard is None:
            return
        n, residuals = len(self.scaled.points), self.fit.residuals
        ends = np.array([int(residuals.argmax()), int(residuals.argmin())])
        response = self.response()
        at = self.rows(self.fit.pose, ends) @ response
        peak, valley = -at[0], at[1]
        peak[ends[0]] += 1
        valley[ends[1]] -= 1
        total = float(np.linalg.norm(residuals)) * np.sqrt(n)
        gradient = residuals / total if total else np.full(n, 1 / np.sqrt(n))
        least = self._tied()
        self.add("ls_deviation", max(least, self.errors.of(peak + valley)), deviation=True)
        weights = 2 * self.zone.multipliers * self.zone.sides
        self.add("mz_deviation", max(least, self.errors.of(weights, self.zone.contacts, n)), deviation=True)
        self.add(names[0], self.errors.of(peak), deviation=True)
        self.add(names[1], self.errors.of(valley), deviation=True)
        self.add(names[2], self.errors.of(gradient), deviation=True)
        if self.errors.again is not None and trials * n > _FILTERED:
            trials = max(1, _FILTERED // n)
            text = f"{trials} Monte Carlo trials were run: every one filters all {n} readings again"
            self.flags.append(Note("fewer-trials", text))
        if trials:
            self.simulated |= self._monte_carlo(names, response, trials, seed)
        most = self.errors.of(np.ones(1), np.zeros(1, dtype=np.intp), n) * float(np.sqrt(2 * np.log(n)))
        if COVERAGE * most > _WIDENED * self.zone.width * self.unit:
            self.flags.append(
                Note(
                    "widened-by-noise",
                    f"noise of the points widens the zone by up to {2 * most:.3g} µm on average; this is not in U",
                )
            )

    def _tied(self) -> float:
        """Standard uncertainty of the difference of two points, where too many touch alike for a linear response; else 0."""
        middle = np.abs(self.zone.distances - self.zone.size)
        many = int((middle >= self.zone.width / 2 - _TIED).sum()) > _MANY
        # neighbours on a filtered peak are no ties: they move together
        if not many or self.errors.standard is None or self.errors.again is not None:
            return 0.0
        text = "more than a dozen points touch the zone alike: U is at least that of the difference of two points"
        self.flags.append(Note("contacts-tie", text))
        return float(np.sqrt(2)) * self.errors.standard

    def add_displacements(self, zone: Zone | None, functions: dict[str, tuple[Floats, str]]) -> None:
        """Budget lines of linear functions of displacement and size, about a zone or least squares (None).

        Parameters
        ----------
        functions : by result, (unknowns,) coefficients and the unit, 'mm' for lengths, '1' or 'rad' for tilts
        """
        if self.errors.standard is None:
            return
        response = self.response() if zone is None else zone.response
        for name, (row, unit) in functions.items():
            sums = row @ response
            if zone is None:
                spread = self.errors.of(sums)
            else:
                spread = self.errors.of(sums, zone.contacts, len(self.scaled.points))
            # a tilt answers to distances in units of the scaled points
            self.add(name, spread / 1000 if unit == "mm" else spread / self.unit, unit=unit)

    def add_tilts(self, zone: Zone | None, pose: Pose, pick: Floats, names: dict[str, int]) -> None:
        """Budget lines of the components of a normal or axis; `pick` (2, unknowns) takes the tilts out of p."""
        functions = {name: (pose.frame[:2, axis] @ pick, "1") for name, axis in names.items()}
        self.add_displacements(zone, functions)

    def add_one_sided(self, name: str, zone: Zone) -> None:
        """Budget of the deviation about a circumscribed or inscribed cylinder: its limit against the point farthest off."""
        if self.errors.standard is None:
            return
        outer = zone.sides[0] > 0
        other = np.array([int(zone.distances.argmin() if outer else zone.distances.argmax())])
        answer = (self.rows(zone.pose, other) @ zone.response)[0]
        # limit minus distance of the other point, all about the displaced axis: ±(J p - ε)
        weights = np.append(answer, -1.0)
        points = np.append(zone.contacts, other)
        self.add(name, self.errors.of(weights, points, len(self.scaled.points)), deviation=True)

    def world(self, pose: Pose) -> Floats:
        """A scaled pose's origin [mm]."""
        place: Floats = (pose.origin * self.unit + self.scaled.middle) / 1000
        return place

    def _monte_carlo(
        self, names: tuple[str, str, str], response: Floats, trials: int, seed: int
    ) -> dict[str, float]:
        assert self.errors.standard is not None
        sigma = self.errors.standard / self.unit
        n, zone, fit = len(self.scaled.points), self.zone, self.fit
        whole = n <= _WHOLE or self.errors.again is not None
        middle = zone.distances - zone.size
        some = np.unique(
            np.concatenate([_near_ends(v, _REACH * sigma) for v in (middle, fit.residuals)] + [zone.contacts])
        )
        rows_fit, rows_zone = self.rows(fit.pose, some), self.rows(zone.pose, some)
        place = {int(k): i for i, k in enumerate(some)}
        first = [
            place[int(k)] + (0 if side > 0 else len(some))
            for k, side in zip(zone.contacts, zone.sides, strict=True)
        ]
        generator = np.random.default_rng(seed)
        spread = np.linalg.cholesky(fit.covariance) if not whole else None
        samples: dict[str, list[float]] = {name: [] for name in ("ls_deviation", "mz_deviation", *names)}
        step = max(1, _DRAWN // (n if whole else len(some)))
        for begin in range(0, trials, step):
            count = min(step, trials - begin)
            if whole:
                drawn = generator.normal(0.0, sigma, (count, n))
                if self.errors.again is not None:
                    drawn = self.errors.again(drawn)
                moved = drawn @ response.T
                left = fit.residuals + drawn - self._all_rows(fit.pose, moved)
                samples[names[2]] += np.sqrt((left**2).mean(axis=1)).tolist()
                at = drawn[:, some]
            else:
                at = generator.normal(0.0, sigma, (count, len(some)))
                moved = generator.normal(0.0, sigma, (count, fit.covariance.shape[0])) @ spread.T  # type: ignore[union-attr]
            about = fit.residuals[some] + at - moved @ rows_fit.T
            top, low = about.max(axis=1), about.min(axis=1)
            samples["ls_deviation"] += (top - low).tolist()
            samples[names[0]] += top.tolist()
            samples[names[1]] += (-low).tolist()
            samples["mz_deviation"] += [_width(middle[some] + errors, rows_zone, first) for errors in at]
        half = self.errors.instrument / self.unit
        return {
            name: float(np.hypot(expanded_of_samples(np.array(values)), half)) * self.unit
            for name, values in samples.items()
            if values
        }

    def _all_rows(self, pose: Pose, moved: Floats) -> Floats:
        rows = self.feature.rows(pose.local(self.scaled.points))
        changed: Floats = moved @ rows.T
        return changed

    def _certified(self) -> None:
        if self.zone.residual > _CERTIFIED:
            self.flags.append(
                Note(
                    "zone-not-certified",
                    f"the optimality condition is violated by {self.zone.residual:.2g} of the size: "
                    "a narrower zone may lie near",
                )
            )
        if not self.zone.proven:
            self.flags.append(
                Note(
                    "zone-locally-optimal",
                    "the certificate holds for small displacements of the feature; that no other one gives a narrower "
                    "zone is not proven",
                )
            )

    def budget(self) -> pa.Table:
        return budget_table(self.lines, self.simulated)

    def disagreements(self) -> list[Note]:
        return disagreement(self.lines, self.simulated)

    def u(self, result: str) -> float | None:
        """U(k = 2) of a result, None where no uncertainty of the points is known."""
        if not any(line.result == result for line in self.lines):
            return None
        return stated(self.lines, self.simulated, result)

    def contacts(self, others: dict[str, Zone] | None = None) -> pa.Table:
        """The certificate: contacts of the zone with their multipliers."""
        import pyarrow as pa

        columns: dict[str, list[object]] = {
            name: [] for name in ("feature", "row", "side", "multiplier", "deviation_um")
        }
        for name, zone in {"mz": self.zone, **(others or {})}.items():
            for k, side, weight in zip(zone.contacts, zone.sides, zone.multipliers, strict=True):
                values = (
                    name, int(k) + 1, "upper" if side > 0 else "lower", float(weight),
                    float(zone.distances[k] - zone.size) * self.unit,
                )  # fmt: skip
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)
        return pa.table(columns)


def _near_ends(values: Floats, reach: float) -> Indices:
    """Indices of the values that noise may make the largest or the smallest."""
    found = []
    for sign in (1.0, -1.0):
        v = sign * values
        k = np.flatnonzero(v >= v.max() - reach)
        if len(k) > _MOST:
            k = k[np.argpartition(v[k], -_MOST)[-_MOST:]]
        found.append(k)
    return np.concatenate(found)


def _width(e: Floats, rows: Floats, first: list[int]) -> float:
    """Width of the zone linearised about the optimum, from its basis."""
    try:
        return 2 * float(levelled(e, rows, first, _ROUND_OFF)[1][-1])
    except NoBasis:
        return float(np.ptp(e))
