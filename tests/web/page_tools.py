"""What a browser without JavaScript does with a page, for the tests."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx

BORES = b"bore_mm\n120.11\n120.14\n120.09\n120.07\n120.05\n"


def token(page: httpx.Response) -> str:
    """The token of the forms of a page."""
    found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


def send(
    client: httpx.Client, page: str, to: str, fields: dict[str, Any], files: Any = None
) -> httpx.Response:
    """Open a page and send one of its forms."""
    return client.post(to, data={"token": token(client.get(page)), **fields}, files=files)


def add_evidence(client: httpx.Client, data: bytes = BORES, name: str = "liner.csv", **facts: str) -> str:
    """Put in a file; returns its SHA-256."""
    answer = send(client, "/evidence", "/evidence", facts, {"file": (name, data)})
    assert answer.status_code == 200, words(answer)
    return answer.url.path.rpartition("/")[2]


def words(answer: httpx.Response) -> str:
    """What a page says, without its tags."""
    main = answer.text.partition("<main")[2].partition("</main>")[0] or answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())
