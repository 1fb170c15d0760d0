"""What a browser without JavaScript does with a page, for the tests."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx

PHONE = {"width": 390, "height": 844}
Opener = Callable[..., Any]
CHROMIUM = next(
    (path for path in (shutil.which("chromium"), "/usr/bin/chromium") if path and Path(path).exists()), None
)
CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; }
    return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
    if (e.closest('svg, .unseen, .skip')) continue;
    const a = lum(parse(getComputedStyle(e).color)), b = lum(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push([e.tagName, e.className, e.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return bad;
}"""
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
