"""Minimum circumscribed and maximum inscribed cylinder, and the narrowest cylinder about a line in space.

Circumscribed: the largest distance is convex in the shift and tilt of the axis, and curved where few
points touch, so that the programme min max |q_i - t - a z_i|² is solved as it is, by a primal-dual
interior point method (Boyd and Vandenberghe, Convex Optimization, 2004, 11.7), and again in the frame of
the axis found, until it stands. Inscribed: the smallest distance has its maxima at vertices, where
contacts all round lock the cylinder; it is found by the exchange within a region of trust, whose walls are
constraints like any other. A wall that still carries weight where no gain is left means: not locked.
"""

from __future__ import annotations

import numpy as np

from recore.metrology.circles.exchange import exchange
from recore.metrology.form.feature import EPS, Cylinder, Floats, Indices, Pose, all_distances
from recore.metrology.form.zone import WHOLE, Zone, extremes, first_few

_ROUNDS = 60
_NEWTON = 80
_LOCKED = 1e-6  # curvature of a tilted cylinder may hold what contacts hold only to first order
_TOUCHES = 1e-7
_MANY = 12
_EXACT = 1e-13
_NEAR = 1e-4
_POLISH = 12
_SLACK = 4 * EPS


class NotLocked(ValueError):
    """No inscribed cylinder is held by contacts on all sides."""


def circumscribed(points: Floats, start: Pose) -> Zone:
    """Smallest cylinder that holds all points, near a pose.

    References
    ----------
    ISO 12180-1:2011 (minimum circumscribed reference cylinder); for points about a line in space its
    diameter is the straightness of ISO 12180-1 for a median line.
    """
    feature = Cylinder()
    pose, stands, step = start, False, np.inf
    few = np.empty(0, dtype=np.intp)
    weights = np.empty(0)
    for _ in range(_ROUNDS):
        e = all_distances(feature, points, pose)
        now = float(e.max())
        if now <= 4 * EPS:  # the points lie on a line
            return _one_sided(points, pose, np.array([int(e.argmax())]), np.ones(1), 1.0)
        within = float(e[few].max(initial=0.0))
        missed = now > within + _SLACK * now
        if stands and not missed:
            break
        if missed or not len(few):
            few = np.union1d(few, _farthest(points, pose, e, within))
        local = pose.local(points[few])
        p, weights = smallest(local[:, :2] / now, local[:, 2])
        trial = feature.moved(pose, np.append(p * now, 0.0))
        reached = float(all_distances(feature, points[few], trial).max())
        before = float(e[few].max())
        # of the few, no smaller one is left once the steps are round-off and no longer get shorter
        step, last = float(np.abs(p).max()), step
        smaller = reached < before * (1 - 2 * EPS)
        stands = not smaller and (step < 1e-14 or step > 0.5 * last)
        if smaller or (reached <= before * (1 + 4 * EPS) and not stands):
            pose = trial
    touching = np.flatnonzero(weights > 0)
    return _one_sided(points, pose, few[touching], weights[touching], 1.0)


def _farthest(points: Floats, pose: Pose, e: Floats, beyond: float) -> Indices:
    """Of the points beyond a distance, the two farthest in each of 48 sectors of angle and height."""
    some = extremes(e) if len(e) > WHOLE else np.arange(len(e))
    some = np.unique(some[e[some] > beyond])
    local = pose.local(points[some])
    angle, z = np.arctan2(local[:, 1], local[:, 0]), local[:, 2]
    height = (z - z.min()) / max(float(np.ptp(z)), 1e-300)
    sector = (((angle / np.pi + 1) * 8).astype(np.intp) % 16) * 3 + np.clip(
        (height * 3).astype(np.intp), 0, 2
    )
    order = np.lexsort((-e[some], sector))
    first = np.flatnonzero(np.diff(sector[order], prepend=-1))
    taken: Indices = some[order[np.unique(np.concatenate((first, np.minimum(first + 1, len(order) - 1))))]]
    return taken


def inscribed(points: Floats, start: Pose) -> Zone:
    """Largest cylinder without a point inside that contacts on all sides hold, near a pose.

    Raises
    ------
    NotLocked : the cylinder would slip out and grow

    References
    ----------
    ISO 12180-1:2011 (maximum inscribed reference cylinder).
    """
    feature = Cylinder()
    few, pose = first_few(feature, points, start), start
    for _ in range(_ROUNDS):
        part = points if few is None else points[few]
        pose, chosen, weights = _largest_empty(part, pose)
        if few is None:
            break
        e = all_distances(feature, points, pose)
        inside = float(e[few].min())
        beyond = extremes(e)
        beyond = beyond[e[beyond] < inside - _SLACK]
        if not len(beyond):
            break
        few = np.concatenate((few, beyond))
    contacts = chosen if few is None else few[chosen]
    return _one_sided(points, pose, contacts, weights, -1.0)


def _one_sided(points: Floats, pose: Pose, contacts: Indices, weights: Floats, side: float) -> Zone:
    feature = Cylinder()
    e = all_distances(feature, points, pose)
    size = float(e.max()) if side > 0 else float(e.min())
    rows = feature.rows(pose.local(points[contacts]))
    unbalanced = float(np.abs(weights @ rows[:, :-1]).max()) if len(weights) else 1.0
    gap = float((np.abs(weights) * np.abs(e[contacts] - size)).max(initial=0.0))
    residual = max(unbalanced, gap, float(-weights.min(initial=0.0)), abs(float(weights.sum()) - 1))
    return Zone(
        pose, size, float(np.ptp(e)), e, contacts, np.full(len(contacts), side), weights,
        np.asarray(np.linalg.pinv(rows), dtype=np.float64), residual, False,
    )  # fmt: skip


def smallest(q: Floats, z: Floats, gap_left: float = 1e-13) -> tuple[Floats, Floats]:
    """min over (t, a) of max |q - t - a z|², |q| ≤ 1: displacement (t_x, t_y, a_x, a_y) and multipliers.

    With the default gap both are settled to the last digit; with a wider one they are left as they come.
    """
    n = len(q)
    p, top = np.zeros(4), 1.2
    weights = np.full(n, 1.0 / n)
    for _ in range(_NEWTON):
        s = q - p[:2] - np.outer(z, p[2:])
        room = top - (s * s).sum(axis=1)
        gap = float(weights @ room)
        g = -2 * np.column_stack((s, s * z[:, None]))
        dual = np.append(weights @ g, 1 - weights.sum())
        if gap < gap_left and np.abs(dual).max() < 10 * gap_left:
            break
        barrier = 0.05 * gap / n
        full = np.column_stack((g, -np.ones(n)))
        ratio = weights / room
        system = full.T @ (ratio[:, None] * full)
        system[:4, :4] += _curvature(z, weights)
        right = -(dual + full.T @ (barrier / room - weights))
        try:
            step = np.linalg.solve(system, right)
        except np.linalg.LinAlgError:
            break
        answer = barrier / room - weights + ratio * (full @ step)
        share = 1.0
        falling = answer < 0
        if falling.any():
            share = min(1.0, 0.99 * float((-weights[falling] / answer[falling]).min()))
        while share > 1e-12:
            tp, tt = p + share * step[:4], top + share * step[4]
            ts = q - tp[:2] - np.outer(z, tp[2:])
            if float((tt - (ts * ts).sum(axis=1)).min()) > 0:
                break
            share /= 2
        else:
            break
        p, top, weights = tp, tt, weights + share * answer
    return _polished(q, z, p, weights) if gap_left < 1e-12 else (p, weights)


def _polished(q: Floats, z: Floats, p: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Newton's method on the conditions of the touching points, to the last digit.

    Points that only nearly touch are dropped, the one with the least multiplier first.
    """
    active = np.flatnonzero(weights > _TOUCHES * weights.max())
    found = np.zeros(len(q))
    found[active] = weights[active] / weights[active].sum()
    while 0 < len(active) <= _MANY:
        x, wrong = _stationary(q[active], z[active], p, weights[active])
        if wrong < _EXACT and x[5:].min() > -_EXACT and np.abs(x[:4] - p).max() < _NEAR:
            found = np.zeros(len(q))
            found[active] = np.maximum(x[5:], 0.0)
            return x[:4], found / found.sum()
        active = np.delete(active, int(weights[active].argmin()))
    return p, found


def _stationary(q: Floats, z: Floats, p: Floats, weights: Floats) -> tuple[Floats, float]:
    """Displacement, square of the radius and multipliers where all given points touch; and what is left over."""
    k = len(q)
    s = q - p[:2] - np.outer(z, p[2:])
    x = np.concatenate((p, [float((s * s).sum(axis=1).max())], weights / weights.sum()))
    left = np.inf
    for _ in range(_POLISH):
        s = q - x[:2] - np.outer(z, x[2:4])
        g = -2 * np.column_stack((s, s * z[:, None]))
        lam = x[5:]
        wrong = np.concatenate((lam @ g, [1 - lam.sum()], (s * s).sum(axis=1) - x[4]))
        left = float(np.abs(wrong).max())
        if left < 4 * EPS:
            break
        matrix = np.zeros((5 + k, 5 + k))
        matrix[:4, :4] = _curvature(z, lam)
        full = np.column_stack((g, -np.ones(k)))
        matrix[:5, 5:], matrix[5:, :5] = full.T, full
        x = x - np.linalg.lstsq(matrix, wrong, rcond=1e-13)[0]
    return x, left


def _curvature(z: Floats, weights: Floats) -> Floats:
    """Second derivatives of Σ λ_i |q_i - t - a z_i|² with respect to (t, a)."""
    curvature = np.zeros((4, 4))
    moment = weights * z
    curvature[[0, 1], [0, 1]] = 2 * weights.sum()
    curvature[[0, 1, 2, 3], [2, 3, 0, 1]] = 2 * moment.sum()
    curvature[[2, 3], [2, 3]] = 2 * (moment @ z)
    return curvature


def _largest_empty(points: Floats, pose: Pose) -> tuple[Pose, Indices, Floats]:
    """Pose, indices of the contacts and their multipliers."""
    feature = Cylinder()
    n = len(points)
    local = pose.local(points)
    d, rows = feature.distances(local), feature.rows(local)[:, :4]
    farthest = float(d.max())
    radius, trust = float(d.min()), 0.25 * farthest
    while True:

        def gradient(k: int, rows: Floats = rows) -> list[float]:
            if k < n:
                return [*(-rows[k]), 1.0]
            wall = [0.0] * 5
            wall[(k - n) // 2] = 1.0 if (k - n) % 2 == 0 else -1.0
            return wall

        def limit(k: int, d: Floats = d, trust: float = trust) -> float:
            return -float(d[k]) if k < n else -trust

        def most_violated(
            z: Floats, d: Floats = d, rows: Floats = rows, trust: float = trust
        ) -> tuple[int, float]:
            wall = int(np.abs(z[:4]).argmax())
            if abs(z[wall]) > trust * (1 + 1e-12):
                return n + 2 * wall + (0 if z[wall] < 0 else 1), float(abs(z[wall]) - trust)
            left = d - rows @ z[:4]
            bottom = int(left.argmin())
            return bottom, float(-left[bottom] - z[4])

        slack = _SLACK * (1 + farthest) / 2
        first = int(d.argmin())
        walls = [n + 2 * j + (0 if rows[first, j] >= 0 else 1) for j in range(4)]
        members, weights, z = exchange([first, *walls], gradient, limit, most_violated, slack)
        gain = -float(z[4]) - radius
        if gain <= slack or trust < 1e-13:
            break
        trial = feature.moved(pose, np.append(z[:4], 0.0))
        local = trial.local(points)
        moved = feature.distances(local)
        larger = float(moved.min())
        if larger - radius < 0.1 * gain:
            trust = min(trust, float(np.abs(z[:4]).max())) / 4
        elif np.abs(z[:4]).max() > 0.9 * trust:
            trust *= 2
        if larger > radius:
            pose, d, rows, radius = trial, moved, feature.rows(local)[:, :4], larger
        if radius > 2 * farthest:
            break
    keys = np.array(members)
    real = keys < n
    if float(weights[~real].max(initial=0.0)) > _LOCKED or radius > farthest:
        raise NotLocked("no empty cylinder is held by contacts on all sides")
    return pose, keys[real], weights[real]
