"""Straightness of a line in space: the narrowest cylinder about the points."""

from __future__ import annotations

from dataclasses import dataclass
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
from recore.metrology.form.evaluation import PointErrors
from recore.metrology.form.feature import EPS, Cylinder, Floats, NotDetermined, Pose, Scaled, frame_about
from recore.metrology.form.form_plot import Drawn
from recore.metrology.form.least_squares import outward
from recore.metrology.form.one_sided import circumscribed, smallest
from recore.metrology.form.zone import Zone, inradius_of

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST = 3
_CERTIFIED = 1e-9
_STEPS = 30
_NEAREST = 24
_ROUGH = 1e-5
_MOST = 5000  # points that Monte Carlo is run for


@dataclass(frozen=True)
class SpaceLine:
    """What is said about a line in space; lengths in µm."""

    ls_deviation: float
    mz_deviation: float
    direction: Floats
    length: float
    residual: float
    proven: bool
    lines: list[Contribution]
    simulated: dict[str, float]
    contacts: pa.Table
    budget: pa.Table
    flags: list[Note]
    drawn: Drawn

    def u(self, name: str) -> float | None:
        """U(k = 2) of a result, None where no uncertainty of the points is known."""
        if not any(line.result == name for line in self.lines):
            return None
        return stated(self.lines, self.simulated, name)


def evaluated(xyz_um: Floats, errors: PointErrors, reference: str, trials: int, seed: int) -> SpaceLine:
    """Least-squares line and narrowest cylinder, with uncertainty.

    The error of a point has the given standard uncertainty in every direction across the line.
    """
    if len(np.unique(xyz_um, axis=0)) < _LEAST:
        raise Refusal("too-few-points", f"fewer than {_LEAST} distinct points say nothing about straightness")
    try:
        scaled = Scaled.of(xyz_um)
        pose = least_squares_line(scaled.points)
    except NotDetermined as error:
        raise Refusal("not-determined", f"no line: {error}") from None
    points, unit = scaled.points, scaled.unit
    zone = circumscribed(points, pose)
    local = pose.local(points)
    d = np.hypot(local[:, 0], local[:, 1])
    if d.max() > 0.25 * float(np.ptp(local[:, 2])):
        raise Refusal("not-a-line", "the points spread across by more than a quarter of their length")
    proven = _is_global(points, zone)
    flags = _notes(zone, proven)
    lines, simulated = _uncertainty(points, unit, pose, zone, errors, reference, trials, seed)
    flags += disagreement(lines, simulated)
    shown = zone.pose.local(points)
    order = np.argsort(shown[:, 2], kind="stable")
    return SpaceLine(
        2 * float(d.max()) * unit, 2 * zone.size * unit,
        outward((pose if reference == "ls" else zone.pose).frame[2]),
        float(np.ptp(local[:, 2])) * unit, zone.residual, proven, lines, simulated,
        _contacts(zone, unit), budget_table(lines, simulated), flags,
        {
            "position_mm": shown[order, 2] * unit / 1000,
            "deviation_um": shown[order, 0] * unit,
            "across_um": shown[order, 1] * unit,
            "contact_mm": shown[zone.contacts, 2] * unit / 1000,
            "contact_um": shown[zone.contacts, 0] * unit,
        },
    )  # fmt: skip


def least_squares_line(points: Floats) -> Pose:
    """Line with the least sum of squared distances: the largest principal axis, settled to the last digit.

    Raises
    ------
    NotDetermined : no direction is longer than the others
    """
    middle = points.mean(axis=0)
    axes = np.linalg.eigh((points - middle).T @ (points - middle))[1]
    pose = Pose(middle, frame_about(outward(axes[:, 2])))
    for _ in range(_STEPS):
        local = pose.local(points)
        z = local[:, 2] - local[:, 2].mean()
        spread = float(z @ z)
        tilt = z @ local[:, :2] / spread
        pose = Pose(pose.origin + local[:, :2].mean(axis=0) @ pose.frame[:2], pose.turned(tilt))
        if float(np.abs(tilt).max()) < 4 * EPS:
            break
    ends = pose.local(points)[:, 2]
    return Pose(pose.origin + (float(ends.min()) + float(ends.max())) / 2 * pose.frame[2], pose.frame)


def _is_global(points: Floats, zone: Zone) -> bool:
    """As for a plane: distances across grow by κ for each unit of slope, and tilting shortens them by its cosine."""
    if zone.residual > _CERTIFIED or len(zone.contacts) < 5:
        return False
    rows = Cylinder().rows(zone.pose.local(points[zone.contacts]))[:, :4]
    return inradius_of(rows) >= zone.size


def _notes(zone: Zone, proven: bool) -> list[Note]:
    notes = []
    if zone.residual > _CERTIFIED:
        text = f"the optimality condition is violated by {zone.residual:.2g} of the size: a narrower zone may lie near"
        notes.append(Note("zone-not-certified", text))
    if not proven:
        text = (
            "the certificate holds for small displacements of the line; that no other one gives a narrower zone is "
            "not proven"
        )
        notes.append(Note("zone-locally-optimal", text))
    return notes


def _uncertainty(
    points: Floats,
    unit: float,
    pose: Pose,
    zone: Zone,
    errors: PointErrors,
    reference: str,
    trials: int,
    seed: int,
) -> tuple[list[Contribution], dict[str, float]]:
    if errors.standard is None:
        return [], {}
    sigma = errors.standard
    local = pose.local(points)
    z = local[:, 2] - local[:, 2].mean()
    leverage = 1 / len(z) + z * z / float(z @ z)
    farthest = int(np.hypot(local[:, 0], local[:, 1]).argmax())
    found = {
        "ls_deviation": 2 * sigma * float(np.sqrt(max(0.0, 1 - leverage[farthest]))),
        "mz_deviation": 2 * sigma * float(np.linalg.norm(zone.multipliers)),
    }
    if reference == "ls":
        tilts = np.full(2, sigma / unit / float(np.sqrt(z @ z)))
        frame = pose.frame
    else:
        tilts = np.linalg.norm(zone.response[2:4], axis=1) * sigma / unit
        frame = zone.pose.frame
    kind = "A" if errors.evaluation == "A" else "B"
    lines = []
    for name, contribution in found.items():
        lines.append(Contribution(name, "noise of one point", kind, sigma, "µm", contribution, "µm"))  # type: ignore[arg-type]
        if errors.instrument:
            half = errors.instrument / COVERAGE
            lines.append(Contribution(name, "form of the instrument", "B", half, "µm", half, "µm"))
    for axis, name in enumerate(("direction_x", "direction_y", "direction_z")):
        spread = float(np.hypot(*(tilts * frame[:2, axis])))
        lines.append(Contribution(name, "noise of one point", kind, sigma, "µm", spread, "1"))  # type: ignore[arg-type]
    if not trials or len(z) > _MOST:
        return lines, {}
    return lines, _monte_carlo(points, unit, pose, zone, errors, trials, seed)


def _monte_carlo(
    points: Floats, unit: float, pose: Pose, zone: Zone, errors: PointErrors, trials: int, seed: int
) -> dict[str, float]:
    assert errors.standard is not None
    sigma = errors.standard / unit
    generator = np.random.default_rng(seed)
    local = pose.local(points)
    z = local[:, 2] - local[:, 2].mean()
    about = zone.pose.local(points)
    near = np.argsort(-np.hypot(about[:, 0], about[:, 1]), kind="stable")[:_NEAREST]
    near = np.union1d(near, zone.contacts)
    q, height = about[near, :2], about[near, 2]
    least, narrowest = np.empty(trials), np.empty(trials)
    for trial in range(trials):
        drawn = generator.normal(0.0, sigma, (len(z), 2))
        tilt, shift = z @ drawn / float(z @ z), drawn.mean(axis=0)
        least[trial] = 2 * np.hypot(*(local[:, :2] + drawn - shift - np.outer(z, tilt)).T).max()
        moved = q + drawn[near]
        size = float(np.hypot(*moved.T).max())
        p, _ = smallest(moved / size, height, _ROUGH)
        narrowest[trial] = 2 * size * np.hypot(*(moved / size - p[:2] - np.outer(height, p[2:])).T).max()
    half = errors.instrument / unit
    return {
        name: float(np.hypot(expanded_of_samples(values), half)) * unit
        for name, values in (("ls_deviation", least), ("mz_deviation", narrowest))
    }


def _contacts(zone: Zone, unit: float) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "feature": ["mz"] * len(zone.contacts),
            "row": [int(k) + 1 for k in zone.contacts],
            "side": ["upper"] * len(zone.contacts),
            "multiplier": zone.multipliers,
            "deviation_um": zone.distances[zone.contacts] * unit,
        }
    )
