"""Guided inspection by a browser without JavaScript, and by programs."""

from __future__ import annotations

import hashlib
import re
import struct
import uuid
import zlib
from typing import Any

import httpx
import pytest
from page_tools import send, words

MOST_BYTES = 60_000
PLATE = {
    "family": "excavator", "machine.maker": "Komatsu", "machine.model": "PC200-8", "machine.serial": "C60123",
    "machine.build_year": "2019", "inspector.name": "Li Wei", "place": "Haikou", "when": "2026-11-20",
}  # fmt: skip


def png(shade: int = 0) -> bytes:
    """A small picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([shade, 120, 90] * 8) for _ in range(6))
    head = struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def begin(client: httpx.Client, **more: str) -> str:
    """Begin an inspection by the form; its address."""
    answer = send(client, "/inspect", "/inspect/new", {**PLATE, **more})
    assert answer.status_code == 200, words(answer)
    return answer.url.path


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found
    return found[1].replace("&#34;", '"').replace("&#39;", "'")


def save(
    client: httpx.Client, address: str, section: str, fields: dict[str, str], files: Any = None
) -> httpx.Response:
    page = client.get(f"{address}?section={section}")
    kept = {name: hidden(page, name) for name in ("revision", "was")}
    return client.post(
        address, data={"token": hidden(page, "token"), "section": section, **kept, **fields}, files=files
    )


def test_an_inspection_from_the_plate_to_the_report(client: httpx.Client) -> None:
    address = begin(client)
    assert "Komatsu PC200-8 C60123" in words(client.get("/inspect"))
    answer = save(
        client, address, "safety",
        {"answer.rops_label.a": "no", "answer.rops_label.r": "label gone", "go": "safety"},
        {"photo.rops_label": ("label.png", png())},
    )  # fmt: skip
    said = words(answer)
    assert "Stops the machine" in said
    assert "a fault" in said
    digest = hashlib.sha256(png()).hexdigest()
    assert f"{address}/photos/{digest}" in answer.text
    shown = client.get(f"{address}/photos/{digest}")
    assert (shown.content, shown.headers["content-type"]) == (png(), "image/png")
    document = client.get(f"{address}/inspection.json").json()
    assert document["answers"] == {"rops_label": {"value": False, "note": "label gone"}}
    assert document["machine"]["build_year"] == 2019
    assert document["photos"] == [{"item": "rops_label", "file": "label.png", "sha256": digest}]
    report = send(client, address, f"{address}/submit", {})
    assert report.url.path.startswith("/inspect/findings/")
    said = words(report)
    assert "must not be put to work" in said
    assert 'href="/rules/inspection.rops_label"' in report.text
    assert client.get("/rules/inspection.rops_label").status_code == 200
    assert digest in report.text
    listed = client.get("/inspect")
    assert "submitted" in words(listed)
    assert report.url.path in listed.text
    finding = client.get(report.url.path.replace("/inspect", ""))
    assert f'href="{report.url.path}"' in finding.text
    # a change opens it again
    save(client, address, "safety", {"answer.rops_label.a": "yes"})
    assert "changed since" in words(client.get(address))


def test_measured_values_are_judged_at_once(client: httpx.Client) -> None:
    address = begin(client)
    sheet = client.get("/inspect/sheet/excavator").text
    name = re.search(r'data-item="(\w+)" data-kind="measured"[^>]* data-op="≥" data-number="0"', sheet)
    assert name, "no measured item with a limit of its own"
    section = re.findall(r'data-part="(\w+)"', sheet[: name.start()])[-1]
    assert "beyond the limit" in words(save(client, address, section, {f"answer.{name[1]}.v": "-0,5"}))
    assert "within the limit" in words(save(client, address, section, {f"answer.{name[1]}.v": "0,5"}))
    assert "is no number" in words(save(client, address, section, {f"answer.{name[1]}.v": "ten"}))
    assert 'value="ten"' in client.get(f"{address}?section={section}").text


def test_a_page_older_than_the_server_keeps_what_was_typed(client: httpx.Client) -> None:
    address = begin(client)
    page = client.get(f"{address}?section=safety")
    kept = {name: hidden(page, name) for name in ("revision", "was")}
    answer = client.post(
        address,
        data={"token": "0" * 64, "section": "safety", "answer.rops_label.r": "typed long ago", **kept},
    )
    assert answer.status_code == 403
    assert 'value="typed long ago"' in answer.text
    assert hidden(answer, "token") != "0" * 64
    assert client.get(f"{address}/inspection.json").json()["answers"] == {}


def test_two_pages_of_two_people_conflict_and_one_decides(client: httpx.Client, address: str) -> None:
    path = begin(client)
    with httpx.Client(base_url=address, follow_redirects=True, timeout=60, trust_env=False) as other:
        theirs = other.get(f"{path}?section=safety")
        save(client, path, "safety", {"answer.rops_label.a": "yes"})
        fields = {name: hidden(theirs, name) for name in ("token", "revision", "was")}
        answer = other.post(path, data={**fields, "section": "safety", "answer.rops_label.a": "no"})
        assert "Two devices disagree" in words(answer)
        assert send(other, path, f"{path}/submit", {}).status_code == 422
        assert "devices disagree: 1" in words(other.get("/inspect"))
        heads = re.findall(r'name="head" value="([^"]+)"', answer.text)
        chosen = next(head for head in heads if re.search(f'name="chosen" value="{head}">No', answer.text))
        done = other.post(
            f"{path}/decide",
            data={
                "token": hidden(answer, "token"),
                "key": "answer.rops_label",
                "head": heads,
                "chosen": chosen,
            },
        )
        assert "Two devices disagree" not in words(done)
    assert client.get(f"{path}/inspection.json").json()["answers"] == {"rops_label": False}


def wire(client: httpx.Client, path: str) -> int:
    """Bytes that go over the network."""
    with client.stream("GET", path) as answer:
        return sum(map(len, answer.iter_raw()))


def test_every_family_keeps_to_its_weight_and_can_be_printed(client: httpx.Client) -> None:
    families = re.findall(r'<option value="([a-z ]+)"', client.get("/inspect").text)
    assert len(families) >= 12
    parts = [
        "/static/recore.css",
        "/static/recore.js",
        "/static/inspect.css",
        "/static/inspect.js",
        "/inspect/offline",
    ]
    shell = sum(wire(client, part) for part in parts)
    for family in families:
        assert client.get(f"/inspect/sheet/{family}").headers["content-encoding"] == "gzip"
        assert shell + wire(client, f"/inspect/sheet/{family}") <= MOST_BYTES
        paper = client.get(f"/inspect/paper/{family}")
        assert paper.status_code == 200
        assert len(paper.content) <= MOST_BYTES


def test_each_section_page_keeps_to_its_weight(client: httpx.Client) -> None:
    address = begin(client, family="truck crane")
    sections = re.findall(r'href="\?section=(\w+)"', client.get(address).text)
    assert len(sections) >= 12
    for lang in ("en", "zh"):
        for section in sections:
            answer = client.get(f"{address}?section={section}&lang={lang}")
            assert len(answer.content) <= 40_000


def test_chinese(client: httpx.Client) -> None:
    address = begin(client)
    page = client.get(f"{address}?section=safety&lang=zh")
    assert "停机项" in page.text
    assert "Stop item" not in page.text


@pytest.mark.parametrize(
    "path", ["/inspect/1", f"/inspect/{uuid.UUID(int=7)}", "/inspect/findings/" + "0" * 64]
)
def test_what_is_not_there(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_family_without_a_list(client: httpx.Client) -> None:
    assert send(client, "/inspect", "/inspect/new", {"family": "submarine"}).status_code == 422
    assert client.get("/inspect/sheet/submarine").status_code == 422
    assert client.post("/inspect/new", data={"family": "dozer"}).status_code == 403


def test_what_is_no_photo_is_refused(client: httpx.Client) -> None:
    address = begin(client)
    answer = save(client, address, "safety", {}, {"photo.rops_label": ("x.png", b"MZ" + bytes(40))})
    assert answer.status_code == 422
    assert "no photo" in words(answer)


def test_a_photo_can_be_taken_off_again(client: httpx.Client) -> None:
    address = begin(client)
    save(client, address, "safety", {}, {"photo.rops_label": ("x.png", png(3))})
    digest = hashlib.sha256(png(3)).hexdigest()
    answer = save(client, address, "safety", {"remove": f"photo.rops_label.{digest}"})
    assert digest not in answer.text
    assert client.get(f"{address}/photos/{digest}").status_code == 404
