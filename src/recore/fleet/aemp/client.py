"""Client of an ISO/TS 15143-3 server: OAuth 2.0 client credentials, pages by links, patience with busy servers.

The token goes to the server of the address and to nobody else: a redirect or a link to another scheme, host or port
is refused. Neither secret nor token is in any message.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import numpy as np

from recore.errors import BadInput, visible
from recore.fleet.aemp import vocabulary as v
from recore.fleet.aemp.identity import Machine
from recore.fleet.aemp.shred import Shred, shreds

if TYPE_CHECKING:
    import httpx

CONNECT_S, READ_S = 10.0, 60.0
TRIES, PAUSE_S, LONGEST_PAUSE_S = 5, 0.5, 60.0
PAGE_BYTES, PAGES = 256 << 20, 100_000
BUSY = (429, 500, 502, 503, 504)
MOVED = (301, 302, 303, 307, 308)
SERIES = (
    "CumulativeOperatingHours",
    "FuelUsed",
    "CumulativeIdleHours",
    "Distance",
    "Locations",
    "FaultCode",
)


@dataclass(frozen=True)
class Credentials:
    """Of an OAuth 2.0 client, or a token that was got elsewhere; shown nowhere."""

    client_id: str = ""
    client_secret: str = ""
    token_url: str = ""
    token: str = ""
    scope: str = ""

    def __repr__(self) -> str:
        return f"Credentials(client_id={self.client_id!r})"

    @classmethod
    def from_environment(cls) -> Credentials:
        """RECORE_AEMP_CLIENT_ID, _CLIENT_SECRET, _TOKEN_URL, _SCOPE, or _TOKEN."""
        names = ("client_id", "client_secret", "token_url", "token", "scope")
        return cls(**{name: os.environ.get(f"RECORE_AEMP_{name.upper()}", "") for name in names})


@dataclass(frozen=True)
class Page:
    """A document that a server sent."""

    name: str
    machine: Machine | None
    parts: tuple[Shred, ...]

    def shreds(self) -> Iterator[Shred]:
        return iter(self.parts)

    def link(self, wanted: str) -> str:
        """Address of a link by its relation, '' where there is none."""
        for part in self.parts:
            for row in np.flatnonzero(part.rows[:, v.CODE_COLUMN] == v.LINK):
                if part.at(int(row), 0).lower() == wanted:
                    return part.at(int(row), 1)
        return ""


class Client:
    """A client of one server.

    Parameters
    ----------
    origin : an address of the server; nothing else is asked with its token
    credentials : none for an open server
    transport : of httpx, for tests
    """

    def __init__(
        self,
        origin: str,
        credentials: Credentials = Credentials(),
        *,
        accept: str = "application/xml, application/json;q=0.9",
        pause_s: float = PAUSE_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        import httpx

        self._origin = _origin(origin)
        self._base = _base(origin)
        self._credentials, self._pause_s = credentials, pause_s
        self._token = credentials.token
        self._http = httpx.Client(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            follow_redirects=False,
            headers={"Accept": accept, "User-Agent": "recore"},
            transport=transport,
        )

    @classmethod
    def from_environment(cls, origin: str) -> Client:
        return cls(origin, Credentials.from_environment())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def documents(
        self,
        address: str,
        *,
        machine: Machine | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Iterator[Page]:
        """A document and all that its `next` links lead to, each once.

        Raises
        ------
        BadInput : the server refuses, is not there, sends no document, or leads to another server
        """
        seen: set[str] = set()
        while address and address not in seen:
            if len(seen) >= PAGES:
                raise BadInput(f"more than {PAGES} pages", where=_shown(address), right="an end to the links")
            seen.add(address)
            if progress:
                progress(1 - 1 / (1 + len(seen)), f"page {len(seen)}")
            page = Page(
                _shown(address), machine, tuple(shreds(io.BytesIO(self._get(address)), _shown(address)))
            )
            yield page
            following = page.link("next")
            address = urljoin(address, following) if following else ""

    def series(self, machine: Machine, resource: str, start: datetime, end: datetime) -> Iterator[Page]:
        """Time series of one machine between two moments.

        Parameters
        ----------
        resource : name of the end point, one of SERIES or another of the standard
        """
        who = (
            f"ID/{quote(machine.pin, safe='')}"
            if machine.pin
            else "MakeModelSerial/" + "/".join(quote(part, safe="") for part in machine[1:])
        )
        span = "/".join(quote(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), safe=":") for moment in (start, end))
        yield from self.documents(f"{self._base}/Fleet/Equipment/{who}/{resource}/{span}/1", machine=machine)

    def _get(self, address: str) -> bytes:
        fresh = False
        for moves in range(4):
            self._hold(address)
            status, location, data = self._send("GET", address, self._headers())
            if status == 401 and self._credentials.client_id and not fresh:
                self._token, fresh = "", True  # the token has run out: one new one
                continue
            if status in MOVED and location and moves < 3:
                address = urljoin(address, location)
                continue
            if status != 200:
                raise BadInput(
                    f"the server answers {status}", where=_shown(address), right=_ADVICE.get(status, "")
                )
            return data
        raise BadInput("redirected without end", where=_shown(address))

    def _hold(self, address: str) -> None:
        if _origin(address) != self._origin:
            raise BadInput(
                f"leads to another server, {_shown(address)}",
                where="{}://{}:{}".format(*self._origin),
                right="the token is shown to its own server only; ask the other one by its own address",
            )

    def _headers(self) -> dict[str, str]:
        if not self._token and self._credentials.client_id:
            self._token = self._new_token()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _new_token(self) -> str:
        c = self._credentials
        address = c.token_url or f"{self._base}/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": c.client_id,
            "client_secret": c.client_secret,
        }
        if c.scope:
            form["scope"] = c.scope
        status, _, data = self._send("POST", address, {"Accept": "application/json"}, form)
        if status != 200:
            raise BadInput(
                f"no token: the server answers {status}",
                where=_shown(address),
                right="check RECORE_AEMP_CLIENT_ID, RECORE_AEMP_CLIENT_SECRET and RECORE_AEMP_TOKEN_URL",
            )
        import json

        try:
            token = json.loads(data)["access_token"]
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            raise BadInput("an answer without a token", where=_shown(address), right="RFC 6749, 5.1")
        return token

    def _send(
        self, verb: str, address: str, headers: dict[str, str], form: dict[str, str] | None = None
    ) -> tuple[int, str, bytes]:
        import httpx

        trouble = ""
        for attempt in range(TRIES):
            pause = self._pause_s * 2**attempt
            try:
                with self._http.stream(verb, address, headers=headers, data=form) as response:
                    if response.status_code in BUSY and attempt < TRIES - 1:
                        asked = response.headers.get("Retry-After", "")
                        pause = min(float(asked), LONGEST_PAUSE_S) if asked.isdecimal() else pause
                    else:
                        return (
                            response.status_code,
                            response.headers.get("Location", ""),
                            _body(response, address),
                        )
            except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
                trouble = type(error).__name__
                if not isinstance(error, httpx.TransportError) or isinstance(
                    error, httpx.UnsupportedProtocol
                ):
                    break
            if attempt < TRIES - 1:
                time.sleep(pause)
        raise BadInput(
            f"does not answer ({trouble})", where=_shown(address), right="check address and network"
        )


_ADVICE = {
    401: "give RECORE_AEMP_CLIENT_ID and RECORE_AEMP_CLIENT_SECRET, or RECORE_AEMP_TOKEN",
    403: "ask for the right to read this fleet",
    404: "give the address of a fleet, such as https://host/…/Fleet/1",
}


def _body(response: httpx.Response, address: str) -> bytes:
    data = bytearray()
    for block in response.iter_bytes():
        data += block
        if len(data) > PAGE_BYTES:
            raise BadInput(
                f"more than {PAGE_BYTES >> 20} MiB in one page", where=_shown(address), right="pages"
            )
    return bytes(data)


def _origin(address: str) -> tuple[str, str, int]:
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port:
        raise BadInput("no address", where=_shown(address), right="https://host/…/Fleet/1")
    return parts.scheme, parts.hostname, port


def _base(address: str) -> str:
    """What stands before /Fleet in an address."""
    parts = urlsplit(address)
    path = parts.path
    at = path.lower().find("/fleet")
    return urlunsplit((parts.scheme, parts.netloc, path[:at] if at >= 0 else path.rstrip("/"), "", ""))


def _shown(address: str) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address)
    return visible(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))[:300]
