"""How a page is made: templates in the reader's language and theme, with what every page needs."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from recore import __version__
from recore.errors import BadInput
from recore.quantity import Quantity
from recore.rules.predicate import in_words
from recore.rules.table import toml_value
from recore.web.language import LANGUAGES, choose, translations
from recore.web.security import token_for
from recore.web.territories import territory

ROOT = Path(__file__).parent
THEMES = ("auto", "light", "dark")
PER_PAGE = 50
_YEAR_S = 31_536_000


@cache
def asset(name: str) -> str:
    """Address of a static file; it changes with the content, so that browsers may keep the file."""
    return f"/static/{name}?{hashlib.sha256((ROOT / 'static' / name).read_bytes()).hexdigest()[:12]}"


@cache
def environment(language: str) -> Environment:
    """Templates of one language."""
    env = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {"bytes": size_text, "utc": time_text, "reading": reading, "ticks": ticks}
    env.filters |= {"facts": facts_text, "condition": in_words, "percent": percent}
    env.filters["money"] = partial(money, language=language)
    env.filters["territory"] = partial(territory, language=language)
    env.globals |= {"version": __version__, "asset": asset, "languages": LANGUAGES, "themes": THEMES}
    return env


def page(
    request: Request, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HTMLResponse:
    """Render a template as a whole page; `?lang=` and `?theme=` are remembered in cookies."""
    language = language_of(request)
    theme = theme_of(request)
    rest = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "theme")]

    def here(**change: str) -> str:
        # a page that answers a form stands at an address that cannot be opened by a link
        path = request.url.path if request.method == "GET" else "/"
        kept = [(name, text) for name, text in rest if name not in change]
        return f"{path}?{urlencode([*kept, *change.items()])}"

    html = (
        environment(language)
        .get_template(template)
        .render(
            **(context or {}),
            path=request.url.path,
            language=language,
            theme=theme,
            here=here,
            token=token_for(request.app.state.secret, request.state.visitor),
        )
    )
    response = HTMLResponse(html, status)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language, Cookie"
    for cookie, asked, known in (("lang", language, LANGUAGES), ("theme", theme, THEMES)):
        if request.query_params.get(cookie) in known:
            response.set_cookie(f"recore_{cookie}", asked, max_age=_YEAR_S, samesite="lax", httponly=True)
    return response


def language_of(request: Request) -> str:
    """The reader's language: asked for in the address, remembered, or what the browser takes."""
    return choose(
        request.query_params.get("lang"),
        request.cookies.get("recore_lang"),
        request.headers.get("accept-language", ""),
    )


def theme_of(request: Request) -> str:
    """'auto', 'light' or 'dark': asked for in the address or remembered."""
    for word in (request.query_params.get("theme"), request.cookies.get("recore_theme")):
        if word in THEMES:
            return str(word)
    return "auto"


def see(address: str) -> RedirectResponse:
    """Answer to a form that worked: look there (303, so that a reload sends nothing twice)."""
    return RedirectResponse(address, 303)


def number_in(request: Request, name: str, *, default: int = 0) -> int:
    """A page number or offset of the address."""
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or len(text) > 9:
        raise BadInput(f"{text!r} is not a count", where=f"?{name}=", right="a whole number is wanted")
    return int(text)


def day_in(request: Request, name: str) -> date | None:
    """A day of the address; None where it names none."""
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r:.40} is no day", where=f"?{name}=", right="write it as 2026-12-31") from None
    return day


def size_text(count: int) -> str:
    """A number of bytes for a reader."""
    if count < 1000:
        return f"{count} B"
    power = min(int(math.log10(count) // 3), 4)
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def time_text(when: datetime | None) -> str:
    """A moment in UTC, to the minute."""
    return "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def ticks(text: str) -> Markup:
    """Text of a docstring with what stands in backticks as code."""
    return Markup(re.sub(r"`+([^`]+)`+", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def facts_text(facts: Mapping[str, Any]) -> str:
    """Facts as they stand in a rule row, without the outer braces."""
    return toml_value(dict(facts))[1:-1].strip() or "–"


def percent(share: Any) -> str:
    """A share in percent, every digit of it and none that a double adds; text stays as it is."""
    if isinstance(share, bool) or not isinstance(share, int | float | Decimal):
        return str(share)
    return f"{(Decimal(str(share)) * 100).normalize():f} %"


def money(amount: Any, language: str = "en") -> str:
    """An amount to the cent, grouped as the reader writes numbers; a dash where none is stated."""
    from babel.numbers import format_decimal

    if amount in (None, ""):
        return "–"
    number = Decimal(repr(amount) if isinstance(amount, float) else str(amount))
    return format_decimal(number, "#,##0.00", locale=language)


def reading(quantity: Quantity) -> tuple[str, str, str]:
    """Value, expanded uncertainty and unit as a certificate prints them.

    The uncertainty has two significant digits and the value ends at the same place (GUM 7.2.6).
    """
    unit = "" if quantity.unit in ("1", "") else quantity.unit
    spread, value = quantity.uncertainty, quantity.value
    if spread and isinstance(value, int | float) and not isinstance(value, bool):
        digits = 1 - math.floor(math.log10(spread))
        if 0 <= digits <= 12:
            return f"{value:.{digits}f}", f"{spread:.{digits}f}", unit
        return f"{value:.6g}", f"{spread:.2g}", unit
    bare = str(Quantity(value, "1" if not isinstance(value, str | bool) else ""))
    return bare, "" if spread is None else "0", unit


def error_page(request: Request, status: int, text: str) -> HTMLResponse:
    """A page that says what was wrong."""
    return page(request, "error.html", {"status": status, "text": text}, status=status)
