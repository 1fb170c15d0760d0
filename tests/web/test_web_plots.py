"""Plots on paper and on blueprint."""

from __future__ import annotations

import re

import pytest

from recore.web import plots


def drawn(colour: str, theme: str) -> str:
    return plots.svg(
        {
            "title": {"text": "wear", "subtitle": "below"},
            "data": {"values": [{"x": 1.0, "y": 2.5}, {"x": 2.0, "y": 3.5}]},
            "mark": {"type": "line", "color": colour},
            "encoding": {
                "x": {"field": "x", "type": "quantitative", "title": "depth [mm]"},
                "y": {"field": "y", "type": "quantitative"},
            },
        },
        theme,
    )


def contrast(colour: str) -> float:
    light, dark = (plots._luminance(plots._channels(c)) for c in (colour, plots.DARK_PAPER))
    return (max(light, dark) + 0.05) / (min(light, dark) + 0.05)


def test_paper_keeps_the_colours_of_the_method() -> None:
    assert 'stroke="#123456"' in drawn("#123456", "light")
    assert "depth [mm]" in drawn("#123456", "light")


@pytest.mark.parametrize("colour", ["#123456", "#000", "black", "#0b4f6c", "#a8421a"])
def test_the_blueprint_lightens_what_could_not_be_seen(colour: str) -> None:
    picture = drawn(colour, "dark")
    assert f'stroke="{colour}"' not in picture
    assert 'fill="#000"' not in picture
    strokes = set(re.findall(r'<path aria-label="[^"]*"[^>]*stroke="(#[0-9a-f]{6})"', picture))
    strokes |= set(re.findall(r'<path[^>]*role="[^"]*"[^>]*stroke="(#[0-9a-f]{6})"', picture))
    own = plots._OWN
    assert all(contrast(one) >= plots.READABLE for one in strokes - own)
    assert set(re.findall(r'stroke="(#[0-9a-f]{6})"', picture)) - own


def test_a_colour_that_can_be_seen_stays() -> None:
    assert 'stroke="#ffcc00"' in drawn("#ffcc00", "dark")


def test_contrast_is_that_of_the_standard() -> None:
    """WCAG 2.2: black on white is 21 to 1; #767676 is the darkest grey named with 4.54 on white."""
    white = plots._luminance([1.0, 1.0, 1.0])
    assert (white + 0.05) / (plots._luminance(plots._channels("black")) + 0.05) == pytest.approx(21)
    assert (white + 0.05) / (plots._luminance(plots._channels("#767676")) + 0.05) == pytest.approx(
        4.54, abs=0.01
    )
