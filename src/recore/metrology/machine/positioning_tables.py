"""Tables of a positioning test: what to enter into the controller, and what that would bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recore.metrology.machine.positioning_kernel import moments
from recore.metrology.machine.positioning_record import UP, Approaches

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]


def compensation(approaches: Approaches) -> pa.Table:
    """Per target: mean and standard uncertainty by direction, reversal, and the correction to enter.

    The correction is minus the mean deviation of the directions that were measured; many controllers count it as
    an increment or with the other sign, so the sign stands in the name of the column.
    """
    import pyarrow as pa

    length = "deg" if approaches.rotary else "mm"
    unit = "arcsec" if approaches.rotary else "um"
    mean, s = moments(approaches.deviation)
    centre = mean.mean(axis=0)
    columns: dict[str, Floats] = {f"target_{length}": approaches.target}
    for at, direction in enumerate(approaches.directions):
        word = "up" if direction == UP else "down"
        columns[f"mean_{word}_{unit}"] = mean[at]
        if s is not None:
            columns[f"s_{word}_{unit}"] = s[at]
    if len(approaches.directions) == 2:
        columns[f"reversal_{unit}"] = mean[0] - mean[1]
    columns[f"mean_deviation_{unit}"] = centre
    columns[f"correction_to_add_{unit}"] = 0.0 - centre
    return pa.table(columns)


def preview(approaches: Approaches, kernel: Callable[[Floats], dict[str, Floats]]) -> pa.Table:
    """Every result as found, and computed from the same readings less what a compensation would take out."""
    import pyarrow as pa

    x = approaches.deviation
    mean = x.mean(axis=-1, keepdims=True)
    centre = mean.mean(axis=0, keepdims=True)
    line = np.polynomial.polynomial.Polynomial.fit(approaches.target, centre[0, :, 0], 1)(approaches.target)
    half = (mean - centre).mean(axis=1, keepdims=True)
    versions = {
        "as_found": x,
        "after_linear": x - line[None, :, None],
        "after_table": x - centre,
        "after_table_and_reversal": x - centre - half,
    }
    results = {word: kernel(version) for word, version in versions.items()}
    names = list(results["as_found"])
    columns: dict[str, list[str] | list[float]] = {"result": names, "unit": [approaches.unit] * len(names)}
    for word, found in results.items():
        columns[word] = [float(found[name]) for name in names]
    return pa.table(columns)
