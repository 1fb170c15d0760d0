"""From the matches of three combs to one answer, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from recore.method import Note
from recore.metrology.budget import COVERAGE
from recore.metrology.vibration.bearing_lines import Match, Part, Search
from recore.metrology.vibration.envelope_spectrum import OrderSpectra

# a tail drawn from some eighty windows is extrapolated far beyond this; scores above it are alike in certainty
CERTAIN = 6.0

Answer = Literal["none", "outer", "inner", "ball", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What the three scores say together.

    Parameters
    ----------
    answer : the part at fault, 'none', or 'undecided'
    confidence : probability that the leading score leads, or that none reaches the threshold
    matches : best match of each part
    spread : standard uncertainty of each score, from leaving out one block of the record after the other
    shown : match of the leading part where it reaches the threshold
    notes : what a person should know of the answer
    """

    answer: Answer
    confidence: float
    matches: dict[Part, Match]
    spread: dict[Part, float]
    shown: Match | None
    notes: tuple[Note, ...]


def judge(search: Search, spectra: OrderSpectra, threshold: float, *, complete: bool) -> Verdict:
    """The verdict over the parts that can be told from the shaft's own harmonics.

    Parameters
    ----------
    search : what is looked for
    spectra : where
    threshold : score that shows a fault
    complete : False where a part could not be looked for; 'none' is then more than the record says

    Notes
    -----
    A rival is scored as it stands and without the lines that the leading fault may raise; the lower score counts,
    since shared lines help the first and the skirts of strong lines the second. Where it reaches the threshold and
    lies within U(k = 2) of the leader nothing is decided: two faults at once look like this. Scores are compared up
    to 6, beyond which they rank and do not count.
    """
    evidence = search.evidence(spectra.level)
    matches = {part: search.match(evidence, part) for part in search.combs}
    leader = max(matches.values(), key=lambda match: match.score)
    covered = search.without(evidence, leader)
    behind = {part: search.match(covered, part) for part in search.combs if part != leader.part}
    left = [search.evidence(level) for level in spectra.deleted]
    without_leader = [search.without(shown, leader) for shown in left]
    replicates = {part: [search.score(e, match) for e in left] for part, match in matches.items()}
    rivals = {
        part: (
            min(matches[part].score, match.score),
            match.score,
            np.minimum(replicates[part], [search.score(e, match) for e in without_leader]),
        )
        for part, match in behind.items()
    }
    spread = {part: jackknife(scores) for part, scores in replicates.items()}
    notes: list[Note] = []
    if leader.score < threshold:
        sure = _normal((threshold - leader.score) / max(spread[leader.part], 1e-9))
        return Verdict("none" if complete else "undecided", sure, matches, spread, None, ())
    sure = _normal((leader.score - threshold) / max(spread[leader.part], 1e-9))
    answer: Answer = leader.part
    leading = np.minimum(replicates[leader.part], CERTAIN)
    for part, (score, alone, scores) in rivals.items():
        apart = min(leader.score, CERTAIN) - min(score, CERTAIN)
        error = max(jackknife(leading - np.minimum(scores, CERTAIN)), 1e-9)
        sure = min(sure, _normal(apart / error))
        if score >= threshold and apart <= COVERAGE * error:
            answer = "undecided"
            notes.append(
                Note(
                    "two-faults-close",
                    f"{leader.part} scores {leader.score:.3g} and {part} {score:.3g}, which do not differ "
                    f"by more than U = {COVERAGE * error:.2g} (scores above {CERTAIN:g} count as {CERTAIN:g})",
                )
            )
        elif alone >= threshold:
            notes.append(
                Note(
                    "second-fault",
                    f"without the lines of the {leader.part}, those of the {part} stand out with a score of {alone:.3g}",
                )
            )
    return Verdict(answer, sure, matches, spread, leader, tuple(notes))


def jackknife(replicates: ArrayLike) -> float:
    """Standard uncertainty by the jackknife (B. Efron, The Jackknife, SIAM 1982, ch. 3)."""
    values = np.asarray(replicates, dtype=float)
    n = len(values)
    return sqrt((n - 1) / n * float(((values - values.mean()) ** 2).sum()))


def _normal(deviations: float) -> float:
    return 0.5 * (1 + erf(deviations / sqrt(2)))
