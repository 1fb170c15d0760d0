"""What stands between a browser and the workspace: host names, origins, tokens and response headers.

A page of another site must not be able to read or change the workspace through the visitor's browser:
a foreign name that resolves to this machine (DNS rebinding) is refused by the Host list, a foreign page that posts
here by Origin and Sec-Fetch-Site, and a form that this application did not write by its token.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recore.errors import BadInput

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "recore_visitor"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # 'no-referrer' would turn the Origin of our own forms into 'null'
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
STATIC_CACHE = "public, max-age=31536000, immutable"  # addresses of static files carry their digest


class Guard:
    """ASGI middleware that refuses foreign hosts and origins and writes the security headers.

    It also answers what fails in the application, because whatever stands further out writes no headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_failure: Callable[[Request, Exception], Response],
        allowed_hosts: Iterable[str] = LOCAL_HOSTS,
    ) -> None:
        self.app, self.on_failure = app, on_failure
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        known = _visitor(headers)
        visitor = known or secrets.token_hex(16)
        scope.setdefault("state", {})["visitor"] = visitor

        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                if scope["path"].startswith("/static/"):
                    out.setdefault("Cache-Control", STATIC_CACHE)
                for name, value in HEADERS.items():
                    out.setdefault(name, value)
                if not known and out.get("content-type", "").startswith("text/html"):
                    secure = "; Secure" if scope.get("scheme") == "https" else ""
                    out.append("set-cookie", f"{COOKIE}={visitor}; Path=/; HttpOnly; SameSite=Strict{secure}")
            await send(message)

        problem = self._problem(scope, headers)
        if problem is not None:
            status, error = problem
            await JSONResponse(complaint(error), status)(scope, receive, send_guarded)
            return
        try:
            await self.app(scope, receive, send_guarded)
        except Exception as failure:
            if begun:
                raise
            await self.on_failure(Request(scope), failure)(scope, receive, send_guarded)

    def _problem(self, scope: Scope, headers: Headers) -> tuple[int, BadInput] | None:
        host = headers.get("host", "").lower()
        if re.sub(r":\d+$", "", host) not in self.allowed_hosts:
            return 421, BadInput(
                f"host {host!r} is not served here",
                where="header Host",
                right="start the server with this name among the allowed hosts",
            )
        if scope["method"] in SAFE_METHODS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if (origin is not None and urlsplit(origin).netloc.lower() != host) or site not in (
            None,
            "same-origin",
            "none",
        ):
            return 403, BadInput(
                "the request comes from another site",
                where="header Origin",
                right="send the form from a page of this server",
            )
        return None


def _visitor(headers: Headers) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel and re.fullmatch(r"[0-9a-f]{32}", morsel.value) else None


def token_for(secret: bytes, visitor: str) -> str:
    """The token that forms written for this visitor carry."""
    return hmac.new(secret, visitor.encode(), hashlib.sha256).hexdigest()


def check_token(secret: bytes, visitor: str, given: str) -> None:
    """Refuse a form whose token was not written for this visitor.

    Raises
    ------
    BadInput : the token is missing, old or another visitor's
    """
    if not hmac.compare_digest(token_for(secret, visitor).encode(), given.encode()):
        raise BadInput(
            "the form has no valid token",
            where="form",
            right="open the page again and send the form once more",
        )


def complaint(error: BadInput) -> dict[str, str]:
    """JSON of an error: what, where, right, and the whole as one text, as the command line prints it."""
    return {**error.json(), "text": str(error)}
