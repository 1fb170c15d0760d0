"""Names of countries and unions in the language of the reader (CLDR, as Babel carries it)."""

from __future__ import annotations

from functools import cache


@cache
def _names(language: str) -> dict[str, str]:
    from babel import Locale

    return dict(Locale.parse(language).territories)


def territory(code: str, language: str) -> str:
    """Name of a country by its code (ISO 3166-1); the code itself where it names none."""
    return _names(language).get(code, code)
