"""Layouts of probes that others use, to hold a planned one against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedLayout:
    """Angles of probes [deg] and who gives them."""

    name: str
    angles_deg: tuple[float, ...]
    source: str


PUBLISHED = (
    PublishedLayout(
        "Marsh, 3 probes",
        (0.0, 99.84, 202.5),
        "ascribed to E. R. Marsh, Precision Spindle Metrology; the angles were not checked against the book",
    ),
    PublishedLayout(
        "Aalto, 3 probes",
        (0.0, 38.0, 67.0),
        "mpr-tools, T. Tiainen, Aalto University, 2019: default angles of its three-probe function",
    ),
    PublishedLayout(
        "Aalto, 4 probes",
        (0.0, 38.0, 67.0, 180.0),
        "mpr-tools, T. Tiainen, Aalto University, 2019: default angles of its four-probe least squares",
    ),
)


def equally_spaced(probes: int) -> PublishedLayout:
    """What symmetry suggests, and what loses harmonics for good."""
    return PublishedLayout(
        f"equally spaced, {probes} probes",
        tuple(round(360 * p / probes, 6) for p in range(probes)),
        "for comparison: harmonics repeat, so that some are lost or hardly seen",
    )
