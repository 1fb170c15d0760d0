"""Languages of the pages: gettext catalogs read from their .po sources."""

from __future__ import annotations

import gettext
import io
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "zh": "中文"}
LOCALE = Path(__file__).parent / "locale"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Translations of one language; English is the language the messages are written in."""
    if language == "en":
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (LOCALE / language / "LC_MESSAGES" / "recore.po").open("rb") as source:
        catalog = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose(asked: str | None, remembered: str | None, accepted: str) -> str:
    """The language of a page: asked for in the address, remembered in the cookie, or what the browser takes."""
    for word in (asked, remembered):
        if word in LANGUAGES:
            return word
    weighed = []
    for place, item in enumerate(accepted[:500].split(",")):
        tag, _, weight = item.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for weight, _, tag in sorted(weighed) if tag in LANGUAGES and weight < 0), "en")
