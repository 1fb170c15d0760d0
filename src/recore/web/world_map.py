"""Outlines of the countries for a map of answers, from the drawing that `tools/world_map.py` makes."""

from __future__ import annotations

import re
from functools import cache

from recore.web.pages import ROOT

_PATH = re.compile(r'<path id="([A-Z]{2})" d="([^"]+)"/>')
_BOX = re.compile(r'viewBox="([^"]+)"')


@cache
def _drawing() -> str:
    return (ROOT / "static" / "world.svg").read_text("utf-8")


@cache
def outlines() -> dict[str, str]:
    """Path of each country by its code (ISO 3166-1); small islands have none at this scale."""
    return dict(_PATH.findall(_drawing()))


@cache
def view_box() -> str:
    found = _BOX.search(_drawing())
    assert found is not None
    return found[1]
