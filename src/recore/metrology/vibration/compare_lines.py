"""What of two or more records can be held against each other: positions, bands, orders."""

from __future__ import annotations

import itertools

from recore.errors import BadInput
from recore.method import Note, Refusal
from recore.metrology.vibration.segment_levels import USABLE, Kind, Line, Run

_EDGES = (10.0, 100.0, 1000.0, 10_000.0)


def common_positions(runs: list[Run], quantity: Kind | None, flags: list[Note]) -> tuple[list[str], Kind]:
    """Channels that all records have, and the quantity of their levels.

    Raises
    ------
    Refusal : `no-common-channel`
    """
    names = [name for name in runs[0].channels if all(name in run.channels for run in runs)]
    everywhere = [name for run in runs for name in run.channels]
    if not names:
        raise Refusal(
            "no-common-channel",
            f"no channel has the same name in all records (there are {', '.join(dict.fromkeys(everywhere))}): other "
            "positions cannot be compared",
        )
    if left := sorted(set(everywhere) - set(names)):
        flags.append(Note("other-positions", f"not in all records, so not compared: {', '.join(left)}"))
    kinds = [{run.channels[name].kind for run in runs} for name in names]
    if any(len(kind) > 1 for kind in kinds):
        flags.append(Note("other-sensor", "acceleration on one side is held against velocity on the other"))
    all_acceleration = all(kind == {"acceleration"} for kind in kinds)
    return names, quantity or ("acceleration" if all_acceleration else "velocity")


def lines_of(
    runs: list[Run],
    names: list[str],
    bands_hz: list[float] | None,
    orders: list[float] | None,
    segment_s: float,
    speed_rpm: list[float] | None,
    refusals: list[Note],
) -> list[Line]:
    """Every band and order of every channel, the whole band of a channel first.

    Raises
    ------
    BadInput : edges that do not rise, segments too short for the lowest, an order that is not positive
    Refusal : `rate-too-low`
    """
    top = min(run.rate for run in runs) / USABLE
    if bands_hz is None:
        edges = [edge for edge in _EDGES if edge < top] + ([top] if top < _EDGES[-1] else [])
    else:
        edges = bands_hz
        if sorted(set(edges)) != edges or edges[0] <= 0:
            raise BadInput(f"bands_hz {edges}", where="bands_hz", right="positive edges in rising order")
        if edges[-1] > top * (1 + 1e-9):
            raise Refusal(
                "rate-too-low",
                f"the slowest record ({min(run.rate for run in runs):g} Hz) holds bands up to {top:.4g} Hz, and "
                f"{edges[-1]:g} Hz is wanted",
            )
    if len(edges) < 2:
        raise Refusal("rate-too-low", f"the slowest record holds nothing above {top:.4g} Hz")
    if segment_s < 5 / edges[0]:
        raise BadInput(
            f"segments of {segment_s:g} s",
            where="segment_s",
            right=f"at least {5 / edges[0]:g} s for {edges[0]:g} Hz",
        )
    bands = [(edges[0], edges[-1])] + ([*itertools.pairwise(edges)] if len(edges) > 2 else [])
    lines = [Line(name, low, high) for name in names for low, high in bands]
    speeds = list(speed_rpm or [])
    for run in runs:
        if run.table.has("speed_rpm"):
            values = run.table.floats("speed_rpm")
            speeds += [float(values.min()), float(values.max())]
    for order in orders or []:
        if order <= 0:
            raise BadInput(f"order {order:g}", where="orders", right="positive orders")
        if speeds and (order * max(speeds) / 60 > 0.95 * top or order * min(speeds) / 60 < 4 / segment_s):
            refusals.append(
                Note(
                    "order-outside",
                    f"order {order:g} does not lie between {4 / segment_s:.3g} and {0.95 * top:.4g} Hz at all speeds",
                )
            )
            continue
        lines += [Line(name, 0.0, 0.0, order) for name in names]
    return lines


def whole_band(channel: str, lines: list[Line]) -> Line:
    """The first band of a channel."""
    return next(line for line in lines if line.channel == channel)


def condition_notes(runs: list[Run]) -> list[Note]:
    """What is to be said about rates and loads.

    Raises
    ------
    BadInput : the load is told by different columns
    """
    notes = []
    if len({run.rate for run in runs}) > 1:
        rates = ", ".join(f"{run.rate:g}" for run in runs)
        notes.append(Note("other-rates", f"sampled at {rates} Hz: bands reach as far as the slowest"))
    if not any(run.load for run in runs):
        notes.append(
            Note("load-not-stated", "nothing tells the load: that it was the same is taken on trust")
        )
    elif len({run.load for run in runs}) > 1:
        raise BadInput(
            f"the load is told by {', '.join(run.load or 'nothing' for run in runs)}",
            where="load",
            right="the same column in every record, or load_kw=before,after",
        )
    return notes
