"""What a hostile page, name or upload cannot do."""

from __future__ import annotations

import re
import socket
import time
import tracemalloc
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from page_tools import BORES, add_evidence, send, token, words

from recore.errors import BadInput
from recore.web.app import create_app
from recore.web.security import Guard, check_token, token_for
from recore.web.server import serve
from recore.workspace import Workspace


@pytest.mark.parametrize("path", ["/", "/api/methods", "/static/recore.css", "/nothing", "/api/nothing"])
def test_every_answer_carries_the_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers or "uvicorn" in headers["server"]


def test_only_static_files_are_cached(client: httpx.Client) -> None:
    assert client.get("/").headers["cache-control"] == "no-store"
    assert "immutable" in client.get("/static/recore.css").headers["cache-control"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "[::2]"])
def test_a_foreign_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "Recore" not in answer.text


def test_localhost_is_served(client: httpx.Client) -> None:
    assert client.get("/", headers={"Host": "LOCALHOST:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/evidence", "/api/evidence", "/api/verify", "/jobs/1/cancel"])
def test_a_foreign_page_cannot_post_here(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = client.post(path, headers=headers, files={"file": ("a.csv", BORES)})
    assert answer.status_code == 403
    assert "another site" in answer.json()["text"]


def test_an_own_page_can_post_here(client: httpx.Client) -> None:
    same = {"Origin": f"http://{client.base_url.netloc.decode()}", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/evidence", headers=same, files={"file": ("a.csv", BORES)}).status_code == 201


def test_a_form_without_our_token_changes_nothing(client: httpx.Client, workspace: Workspace) -> None:
    before = workspace.evidence.count()
    client.get("/")
    for wrong in ({}, {"token": "0" * 64}, {"token": ""}, {"token": "ä"}):
        answer = client.post("/evidence", data=wrong, files={"file": ("f.csv", b"unwanted")})
        assert answer.status_code == 403, wrong
        assert "token" in words(answer)
    assert workspace.evidence.count() == before


def test_the_token_of_one_visitor_is_worthless_to_another(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url, trust_env=False) as other:
        stolen = token(other.get("/evidence"))
    client.get("/")
    assert client.post("/evidence", data={"token": stolen}).status_code == 403


def test_tokens() -> None:
    check_token(b"secret", "visitor", token_for(b"secret", "visitor"))
    with pytest.raises(BadInput, match="no valid token"):
        check_token(b"other", "visitor", token_for(b"secret", "visitor"))


def test_the_cookie_is_kept_from_scripts_and_other_sites(address: str) -> None:
    answer = httpx.get(address, trust_env=False)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    again = httpx.get(address, headers={"Cookie": "recore_visitor=<script>"}, trust_env=False)
    assert "recore_visitor=" in again.headers["set-cookie"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        'quo"te.csv',
        "<script>alert(1)</script>.csv",
        "测量.csv",
    ],
)
def test_a_file_name_is_a_label_and_never_a_path(
    client: httpx.Client, workspace: Workspace, name: str
) -> None:
    sha256 = add_evidence(client, f"bore_mm\n{hash(name)}\n".encode(), name)
    page = client.get(f"/evidence/{sha256}")
    assert "<script>alert" not in page.text
    assert "/" not in workspace.evidence.get(sha256).name
    shown = client.get(f"/evidence/{sha256}/file").headers["content-disposition"]
    plain = re.search(r'filename="([^"]*)"', shown)
    assert plain
    assert re.fullmatch(r"[A-Za-z0-9._-]+", plain[1])
    assert workspace.evidence.open(sha256).path.is_relative_to(workspace.store.folder)


def test_what_people_type_is_text(client: httpx.Client) -> None:
    evil = '"><script>alert(1)</script>'
    plate = {"maker": evil, "model": "{{ 7 * 7 }}", "serial": "C", "family": "D", "profile": "open-condition"}
    page = send(client, "/cases/new", "/cases/new", plate)
    assert evil not in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "<script>alert" not in client.get(f"/?x={evil}").text


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py"])
def test_static_files_are_only_those(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_report_and_a_plot_run_no_script(client: httpx.Client) -> None:
    answer = client.get("/findings/" + "0" * 64 + "/plot.svg")
    assert "default-src" in answer.headers["content-security-policy"]


def raw(address: str, request: bytes, *, hang_up: bool = False) -> bytes:
    """Send bytes as they are and read what comes back."""
    place = urlsplit(address)
    assert place.hostname
    assert place.port
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def post(address: str, kind: str, body: bytes, path: str = "/api/evidence") -> tuple[int, str]:
    host = urlsplit(address).netloc
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = raw(address, head.encode() + body).decode()
    return int(answer.split(" ", 2)[1]), answer


BOUNDARY = "multipart/form-data; boundary=b"
NO_NAME = b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
LATIN = b'--b\r\nContent-Disposition: form-data; name="capture"\r\n\r\n\xff\r\n--b--\r\n'
CUT = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf of it'
LONG = (
    b'--b\r\nContent-Disposition: form-data; name="capture"\r\n\r\n' + b"x" * (2**20 + 1) + b"\r\n--b--\r\n"
)
MANY = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2001 + b"--b--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (BOUNDARY, NO_NAME, "no name"),
        (BOUNDARY, LATIN, "UTF-8"),
        (BOUNDARY, CUT, "ends in the middle"),
        (BOUNDARY, b"", "ends in the middle"),
        (BOUNDARY, b"no form at all", "not a form"),
        (BOUNDARY, LONG, "send it as a file"),
        (BOUNDARY, MANY, "more than 2000 parts"),
        ("multipart/form-data", b"x", "content type"),
        ("text/plain", b"x", "content type"),
        ("application/x-www-form-urlencoded", b"a=\xff", "not a form"),
        ("application/x-www-form-urlencoded", b"a=1&" * 3000, "not a form"),
        ("application/x-www-form-urlencoded", b"a" * (2**20 + 1), "send less"),
    ],
)
def test_a_broken_form_is_told_and_keeps_nothing(
    address: str, workspace: Workspace, kind: str, body: bytes, said: str
) -> None:
    before = workspace.evidence.count()
    status, answer = post(address, kind, body)
    assert status == 422
    assert said in answer
    assert workspace.evidence.count() == before


def test_a_line_that_breaks_off_keeps_nothing(address: str, workspace: Workspace) -> None:
    def files() -> set[Any]:
        return {path for path in workspace.store.folder.rglob("*") if path.is_file()}

    before = files()
    head = f"POST /api/evidence HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nContent-Type: {BOUNDARY}\r\nContent-Length: 100000\r\n\r\n"
    raw(address, head.encode() + CUT, hang_up=True)
    # the server notices the broken line in its own time
    ended = time.monotonic() + 40
    while files() != before and time.monotonic() < ended:
        time.sleep(0.05)
    assert files() == before


def test_a_large_file_streams(client: httpx.Client, workspace: Workspace) -> None:
    size, block = 96 * 2**20, b"0123456789abcdef" * 4096

    def body() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
        for _ in range(size // len(block)):
            yield block
        yield b"\r\n--b--\r\n"

    tracemalloc.start()
    try:
        answer = client.post("/api/evidence", content=body(), headers={"Content-Type": BOUNDARY})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 201
    assert answer.json()[0]["bytes"] == size
    assert peak < 24 * 2**20


def test_an_upload_past_the_limit_is_refused(workspace: Workspace) -> None:
    app = create_app(workspace, max_upload=1000)
    before = workspace.evidence.count()

    async def send(chunked: bool) -> httpx.Response:
        async def body() -> Any:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            yield b"x" * 2000
            yield b"\r\n--b--\r\n"

        content: Any = body() if chunked else b"x" * 2000
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/api/evidence", content=content, headers={"Content-Type": BOUNDARY})

    import anyio

    for chunked in (False, True):
        answer = anyio.run(send, chunked)
        assert answer.status_code == 413
        assert "at most 1000 bytes" in answer.json()["text"]
    assert workspace.evidence.count() == before


def test_a_mistake_of_ours_tells_nothing_about_the_inside(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    import anyio

    app = create_app(workspace)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("password=hunter2")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/broken")

    answer = anyio.run(ask)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "something went wrong" in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "/broken failed" in caplog.text


def test_a_failure_after_the_first_byte_is_not_hidden() -> None:
    import anyio

    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half")

    sent: list[Any] = []

    async def run() -> None:
        guard = Guard(half, on_failure=lambda request, error: pytest.fail("an answer had begun"))
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
        await guard(scope, None, lambda message: keep(message))  # type: ignore[arg-type]

    async def keep(message: Any) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="half"):
        anyio.run(run)
    assert sent[0]["status"] == 200


def test_an_address_that_is_taken_is_told(address: str) -> None:
    port = urlsplit(address).port
    assert port
    with pytest.raises(BadInput, match="cannot listen"):
        serve(port=port)
