"""A server of ISO/TS 15143-3 on loopback, for tests of clients: pages, OAuth 2.0, and days on which all goes wrong."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from recore.simulate import aemp
from recore.simulate.telematics import START, Telegrams, pin


class Server:
    """Serves a fleet on 127.0.0.1 until it is closed.

    Parameters
    ----------
    page_size : records in a page
    client : id and secret that get a token; None for an open server
    busy_every : each so manieth answer is 503
    tokens_last : requests after which a token has run out, 0 for never
    elsewhere : address that page 2 is redirected to
    cut : each document ends in its middle
    """

    def __init__(
        self,
        telegrams: Telegrams,
        *,
        page_size: int = 100,
        client: tuple[str, str] | None = None,
        busy_every: int = 0,
        tokens_last: int = 0,
        elsewhere: str = "",
        cut: bool = False,
    ) -> None:
        self.telegrams, self.page_size, self.client = telegrams, page_size, client
        self.busy_every, self.tokens_last, self.elsewhere, self.cut = busy_every, tokens_last, elsewhere, cut
        self.requests: list[str] = []
        self.tokens: dict[str, int] = {}
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Address that the standard's paths follow."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/aemp"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def newest(self) -> Any:
        """The last telegram of each machine."""
        machine = self.telegrams.machine
        return np.flatnonzero(np.r_[machine[1:] != machine[:-1], True])


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[Server]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """A test's server is silent."""

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        basic = self.headers.get("Authorization", "").removeprefix("Basic ")
        given = (
            tuple(base64.b64decode(basic).decode().split(":", 1))
            if basic
            else (form.get("client_id", [""])[0], form.get("client_secret", [""])[0])
        )
        good = form.get("grant_type") == ["client_credentials"] and given == self.owner.client
        if self.path != "/aemp/token" or not good:
            self._answer(401, b'{"error":"invalid_client"}', "application/json")
            return
        token = secrets.token_urlsafe(24)
        self.owner.tokens[token] = 0
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        self._answer(200, json.dumps(answer).encode(), "application/json")

    def do_GET(self) -> None:
        owner = self.owner
        owner.requests.append(self.path)
        if owner.busy_every and len(owner.requests) % owner.busy_every == 0:
            self._answer(503, b"", "text/plain", {"Retry-After": "0"})
            return
        if owner.client is not None and not self._allowed():
            self._answer(401, b"", "text/plain", {"WWW-Authenticate": "Bearer"})
            return
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        if parts[:2] != ["aemp", "Fleet"]:
            self._answer(404, b"", "text/plain")
            return
        if owner.elsewhere and parts[2:] == ["2"]:
            self._answer(302, b"", "text/plain", {"Location": owner.elsewhere})
            return
        self._fleet(parts[2:])

    def _allowed(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.owner.tokens:
            return False
        self.owner.tokens[token] += 1
        return not self.owner.tokens_last or self.owner.tokens[token] <= self.owner.tokens_last

    def _fleet(self, parts: list[str]) -> None:
        owner, data = self.owner, self.owner.telegrams
        if len(parts) <= 1 and all(part.isdecimal() for part in parts):
            rows, page, links = self._page(owner.newest(), int(parts[0]) if parts else 1, "/aemp/Fleet")
            self._document(aemp.snapshot(data, rows, self._kind(), links=links))
            return
        machine, rest = self._machine(parts)
        if machine is None:
            self._answer(404, b"", "text/plain")
            return
        own = np.flatnonzero(data.machine == machine)
        if not rest:
            self._document(aemp.snapshot(data, own[-1:], self._kind()))
            return
        name, page = {"Locations": "Location", "Faults": "FaultCode"}.get(rest[0], rest[0]), 1
        if len(rest) >= 3:
            since, until = (
                (datetime.fromisoformat(text) - START).total_seconds() / 3600 for text in rest[1:3]
            )
            own = own[(data.t_h[own] >= since) & (data.t_h[own] < until)]
            page = int(rest[3]) if len(rest) > 3 else 1
        start = urlsplit(self.path).path.rsplit("/", 1)[0] if len(rest) > 3 else urlsplit(self.path).path
        rows, page, links = self._page(own, page, start)
        self._document(aemp.series(data, rows, name, self._kind(), links=links))

    def _machine(self, parts: list[str]) -> tuple[int | None, list[str]]:
        machines = range(int(self.owner.telegrams.machine.max()) + 1)
        if len(parts) >= 3 and parts[:2] == ["Equipment", "ID"]:
            return next((m for m in machines if pin(m) == parts[2].upper()), None), parts[3:]
        if len(parts) >= 5 and parts[:2] == ["Equipment", "MakeModelSerial"]:
            heads = ((m, aemp.header(m)) for m in machines)
            found = (m for m, h in heads if [h["OEMName"], h["Model"], h["SerialNumber"]] == parts[2:5])
            return next(found, None), parts[5:]
        return None, []

    def _page(self, rows: Any, page: int, path: str) -> tuple[Any, int, dict[str, str]]:
        size = self.owner.page_size
        last = max(1, -(-len(rows) // size))
        host = f"http://{self.headers['Host']}"
        links = {"self": f"{host}{path}/{page}", "last": f"{path}/{last}"}
        if page < last:
            links["next"] = f"{path}/{page + 1}"  # a link may be relative
        return rows[(page - 1) * size : page * size], page, links

    def _kind(self) -> aemp.DocumentFormat:
        wanted = self.headers.get("Accept", "")
        return "json" if "json" in wanted and "xml" not in wanted else "xml"

    def _document(self, data: bytes) -> None:
        kind = f"application/{self._kind()}"
        self._answer(200, data[: len(data) // 2] if self.owner.cut else data, kind)

    def _answer(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
