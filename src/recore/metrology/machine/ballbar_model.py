"""What the faults of two axes do to the radius of a circle, and which of them a record can tell apart.

Machine errors ex, ey at the commanded point R (cos t, sin t) change the radius by ex cos t + ey sin t. With d = +1
counter-clockwise (from +X to +Y) and −1 clockwise the axes move with the signs sgn vx = −d sgn(sin t) and
sgn vy = d sgn(cos t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.metrology.machine.circularity_record import Trace

Floats = NDArray[np.float64]

INFLATION = 100.0  # a standard error ten times that of the term alone: then the other terms decide its value
_NULL = 1e-9
_EMPTY = 1e-6
_ROUNDS = 6
_SOUGHT_ON = 3000  # readings
_SETTLED = 1e-3
_PARTNER = 0.3
_WIDTHS = np.radians((0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0))
ENDS = ("spike_x_plus", "spike_y_plus", "spike_x_minus", "spike_y_minus")


@dataclass(frozen=True)
class Fit:
    """Least squares of all terms at once.

    Parameters
    ----------
    names : (p,) terms
    design : (n, p) change of the radius by one unit of each term [µm]
    values : (p,) estimates
    covariance : (p, p), from the residuals, widened by their correlation along the path
    apart : term → None where it can be told from the others, else why not
    residual : (n,) what no term explains [µm]
    widened : factor on standard uncertainties for correlated residuals
    spike_width : angle within which a spike falls to 1/e [rad]
    explained : share of the variance about a circle of free centre and radius
    """

    names: tuple[str, ...]
    design: Floats
    values: Floats
    covariance: Floats
    apart: dict[str, str | None]
    residual: Floats
    widened: float
    spike_width: float
    explained: float

    def curve(self, terms: Sequence[str]) -> Floats:
        """What some of the terms make of the radius [µm]."""
        at = [self.names.index(term) for term in terms]
        drawn: Floats = self.design[:, at] @ self.values[at]
        return drawn


def design(
    angle: Floats,
    sense: Floats,
    radius_mm: float,
    feed_um_per_ms: float,
    spike_width: float,
    pitches_mm: tuple[float | None, float | None] = (None, None),
    play_um: Sequence[float] = (0.0, 0.0),
    held_um: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
) -> dict[str, Floats]:
    """Change of the radius [µm] by one unit of each term.

    Parameters
    ----------
    angle, sense : (n,) commanded angle [rad] and d of each reading
    radius_mm, feed_um_per_ms : of the path
    spike_width : angle within which a spike falls to 1/e [rad]
    pitches_mm : of cyclic errors of X and Y, where they are looked for
    play_um : about how large the backlash of X and Y is: the axis stands still until that much is taken up
    held_um : about how high the spike at each of the four ends is: friction holds the axis until the command is that
        far ahead

    radius, centre_x, centre_y, straightness, backlash, lateral play, spikes and cyclic errors in µm; squareness and
    scale mismatch in µm/m; servo mismatch in ms.

    Notes
    -----
    squareness: angle between +X and +Y above 90°. scale mismatch: X travels longer than Y. backlash > 0: the axis stays
    behind by half of it in its direction of travel (lost motion). lateral play X > 0: moving to +X the machine stands
    half of it towards −Y; lateral play Y > 0: moving to +Y, half of it towards −X. servo mismatch > 0: X stays behind Y.
    A spike > 0 stands outwards after the reversal at the end of an axis. Straightness X: Y at both ends of X against
    Y in the middle; straightness Y likewise.
    """
    c, s = np.cos(angle), np.sin(angle)
    per_m = radius_mm * 1e-3
    # a reading on the very reversal must not fall a whole turn behind it by round-off
    since = [np.mod(sense * (angle - quarter * np.pi / 2) + 1e-9, 2 * np.pi) for quarter in range(4)]
    terms = {
        "radius": np.ones_like(angle),
        "centre_x": c,
        "centre_y": s,
        "squareness": -per_m / 2 * np.sin(2 * angle),
        "scale_mismatch": per_m / 2 * np.cos(2 * angle),
        "backlash_x": _behind(since[0], since[2], radius_mm, play_um[0]) * c,
        "backlash_y": _behind(since[1], since[3], radius_mm, play_um[1]) * s,
        "lateral_play_x": sense * np.abs(s) / 2,
        "lateral_play_y": -sense * np.abs(c) / 2,
        "servo_mismatch": feed_um_per_ms / 2 * sense * np.sin(2 * angle),
        "straightness_x": c * c * s,
        "straightness_y": s * s * c,
    }
    for quarter, name in enumerate(ENDS):
        shape = _spike(since[quarter], spike_width, radius_mm, held_um[quarter])
        terms[name] = shape * np.cos(angle - quarter * np.pi / 2)
    for axis, along, pitch in (("x", c, pitches_mm[0]), ("y", s, pitches_mm[1])):
        if pitch is not None:
            turn = 2 * np.pi * radius_mm * along / pitch
            terms[f"cyclic_{axis}_cos"], terms[f"cyclic_{axis}_sin"] = (
                np.cos(turn) * along,
                np.sin(turn) * along,
            )
    return terms


def fit(
    traces: Sequence[Trace],
    radius_mm: float,
    feed_um_per_ms: float,
    pitches_mm: tuple[float | None, float | None],
    spike_width: float | None,
) -> Fit:
    """All terms from all traces; the spikes' width is the one that leaves least, unless it is given."""
    angle = np.concatenate([trace.angle for trace in traces])
    sense = np.concatenate([np.full(len(trace.angle), trace.sense) for trace in traces])
    deviation = np.concatenate([trace.deviation for trace in traces])
    step = max(float(np.median(np.abs(np.diff(trace.angle)))) for trace in traces)
    widths = [float(w) for w in _WIDTHS if w >= 2 * step] if spike_width is None else [spike_width]
    # the shapes that are not linear are sought on some of the readings, all terms then found from all
    some = slice(None, None, max(1, len(angle) // _SOUGHT_ON))
    shapes = _Shapes((widths or [2 * step])[0], (0.0, 0.0), (0.0,) * 4)
    for _ in range(_ROUNDS):
        tried = []
        for width in widths or [2 * step]:
            terms = design(
                angle[some],
                sense[some],
                radius_mm,
                feed_um_per_ms,
                width,
                pitches_mm,
                shapes.play,
                shapes.held,
            )
            tried.append((*_quick(terms, deviation[some]), width))
        values, _, width = min(tried, key=lambda one: one[1])
        now = dict(zip(terms, values.tolist(), strict=True))
        next_one = _Shapes(
            width,
            tuple(max(now[name], 0.0) for name in ("backlash_x", "backlash_y")),
            tuple(max(now[end], 0.0) for end in ENDS),
        )
        if next_one.near(shapes):
            break
        shapes = next_one
        widths = [w for w in widths if 0.4 < w / width < 2.5]
    terms = design(
        angle, sense, radius_mm, feed_um_per_ms, shapes.width, pitches_mm, shapes.play, shapes.held
    )
    return _solve(terms, deviation, [len(trace.angle) for trace in traces], shapes.width)


@dataclass(frozen=True)
class _Shapes:
    """What enters the terms not linearly: width of the spikes [rad], play and height of the spikes [µm]."""

    width: float
    play: tuple[float, ...]
    held: tuple[float, ...]

    def near(self, other: _Shapes) -> bool:
        mine, theirs = (*self.play, *self.held), (*other.play, *other.held)
        moved = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
        return self.width == other.width and moved < _SETTLED * max(1.0, *mine)


def _quick(terms: dict[str, Floats], deviation: Floats) -> tuple[Floats, float]:
    """Estimates and sum of squares alone, by normal equations of the scaled terms."""
    matrix = np.stack(list(terms.values()))
    size = np.linalg.norm(matrix, axis=1)
    size[size < _EMPTY * size.max()] = np.inf
    gram = matrix @ matrix.T / np.outer(size, size)
    right = matrix @ deviation / size
    values = np.linalg.pinv(gram, rcond=_NULL, hermitian=True) @ right
    return values / size, float(deviation @ deviation - values @ right)


def _spike(since: Floats, width: float, radius_mm: float, held_um: float) -> Floats:
    """Shape of a reversal spike of height 1: friction holds the axis while the command recedes by R (1 − cos φ); when
    that has reached the height, the axis breaks away and creeps back."""
    start = 0.0
    if held_um > 0:
        start = float(np.arccos(max(1 - held_um / (1000 * radius_mm), 0.0)))
    back = np.exp(-np.maximum(since - start, 0.0) / width)
    rising = 1000 * radius_mm * (1 - np.cos(np.minimum(since, start))) / held_um if held_um > 0 else back
    shape: Floats = np.where(since < start, rising, back)
    return shape


def _behind(since_plus: Floats, since_minus: Floats, radius_mm: float, play_um: float) -> Floats:
    """Where an axis stands against its command, as a share of its backlash: +1/2 after it turned at its positive end,
    −1/2 after the negative one.

    In between it stands still: the command recedes by R (1 − cos φ) within φ after the reversal, and until that has
    taken up the play nothing moves.
    """
    after_plus = since_plus < since_minus
    since = np.where(after_plus, since_plus, since_minus)
    missing = np.zeros_like(since)
    if play_um > 0:
        taken_up = 1000 * radius_mm * (1 - np.cos(np.minimum(since, np.pi / 2))) / play_um
        missing = np.maximum(1 - taken_up, 0.0)
    behind: Floats = np.where(after_plus, 1.0, -1.0) * (0.5 - missing)
    return behind


def _solve(terms: dict[str, Floats], deviation: Floats, lengths: list[int], width: float) -> Fit:
    names = tuple(terms)
    matrix = np.column_stack([terms[name] for name in names])
    size = np.linalg.norm(matrix, axis=0)
    empty = size < _EMPTY * size.max()
    scaled = matrix / np.where(empty, 1.0, size)
    scaled[:, empty] = 0.0
    roots, vectors = np.linalg.eigh(scaled.T @ scaled)
    kept = roots > _NULL
    inverse = (vectors[:, kept] / roots[kept]) @ vectors[:, kept].T
    values = inverse @ (scaled.T @ deviation)
    residual = deviation - scaled @ values
    free = max(1, len(deviation) - int(kept.sum()))
    widened = _widened(residual, lengths)
    variance = float(residual @ residual) / free * widened**2
    back = np.where(empty, 0.0, 1 / np.where(empty, 1.0, size))
    about = scaled[:, :3]
    plain = deviation - about @ np.linalg.lstsq(about, deviation, rcond=None)[0]
    total = float(plain @ plain)
    return Fit(
        names,
        matrix,
        values * back,
        inverse * variance * np.outer(back, back),
        _told_apart(names, roots, vectors, inverse, empty),
        residual,
        widened,
        width,
        1 - float(residual @ residual) / total if total > 0 else 0.0,
    )


def _widened(residual: Floats, lengths: list[int]) -> float:
    """Factor on standard uncertainties where neighbouring residuals are alike (first-order autoregression)."""
    parts = np.split(residual, np.cumsum(lengths)[:-1])
    over = sum(float(part[1:] @ part[:-1]) for part in parts)
    under = sum(float(part @ part) for part in parts)
    alike = min(max(over / under if under > 0 else 0.0, 0.0), 0.99)
    return float(np.sqrt((1 + alike) / (1 - alike)))


def _told_apart(
    names: tuple[str, ...], roots: Floats, vectors: Floats, inverse: Floats, empty: NDArray[np.bool_]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    lost = vectors[:, roots <= _NULL]
    for at, name in enumerate(names):
        hidden = bool((np.abs(lost[at]) > 1e-3).any())
        if empty[at]:
            found[name] = "no reading where it would show"
        elif hidden or inverse[at, at] > INFLATION:
            # the direction in which this term is worst known names those it is mixed with
            weight = vectors[at] ** 2 / np.maximum(roots, 1e-12)
            worst = vectors[:, int(weight.argmax())]
            others = [
                n for k, n in enumerate(names) if k != at and abs(worst[k]) > _PARTNER * abs(worst).max()
            ]
            found[name] = f"on this record it cannot be told from {', '.join(others) or 'the others'}"
        else:
            found[name] = None
    return found
