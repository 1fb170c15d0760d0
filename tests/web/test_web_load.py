"""Load plans by a browser without JavaScript: form, upload, result."""

from __future__ import annotations

import json

import httpx
import pytest
from page_tools import send, token, words

BOX = {"item.0.id": "engine", "item.0.length": "1200", "item.0.width": "1000", "item.0.height": "900",
       "item.0.mass_kg": "850", "item.0.count": "6", "item.0.stackable": "true"}  # fmt: skip
ROOM = {"container.name": "own box", "container.kind": "container", "container.length": "5898",
        "container.width": "2352", "container.height": "2393", "container.door_width": "2340",
        "container.door_height": "2280", "container.payload_kg": "21000", "container.tare_kg": "2230",
        "seconds": "1"}  # fmt: skip


def test_a_plan_from_the_form_to_its_tables(client: httpx.Client) -> None:
    answer = send(client, "/trade/load", "/trade/load", {**BOX, **ROOM})
    assert answer.url.path.startswith("/trade/load/"), words(answer)
    said = words(answer)
    assert "every check holds" in said
    assert "7330" in said  # 6 × 850 + 2230
    assert "engine" in said
    key = answer.url.path.rpartition("/")[2]
    scene = client.get(f"/findings/{key}/files/scene.json").json()
    assert len(scene["containers"][0]["boxes"]) == 6
    assert client.get(f"/findings/{key}/plot.svg").status_code == 200
    assert f'href="/trade/load/{key}"' in client.get(f"/findings/{key}").text
    again = client.get(f"/trade/load?from={key}").text
    assert 'value="engine"' in again
    assert 'value="5898"' in again


def test_what_does_not_pass_the_door_stays_behind_with_its_reason(client: httpx.Client) -> None:
    tall = {"item.1.id": "mast", "item.1.length": "2000", "item.1.width": "1000", "item.1.height": "2350", "item.1.mass_kg": "900"}  # fmt: skip
    answer = send(client, "/trade/load", "/trade/load", {**BOX, **tall, **ROOM})
    assert "What stays behind" in words(answer)
    assert "door" in words(answer)


def test_files_instead_of_rows(client: httpx.Client) -> None:
    items = {"items": [{"id": "excavator", "size_mm": [9400, 2800, 3000], "mass_kg": 20500}]}
    rack = {"name": "40ft flat rack", "kind": "flat-rack", "inner_mm": [11800, 2200, 1950], "payload_kg": 39000,
            "tare_kg": 5500, "floor_kg_per_m": 10000, "cog_max_offset": [0.1, 0.1]}  # fmt: skip
    answer = send(
        client, "/trade/load", "/trade/load", {"seconds": "1"},
        {"items_file": ("items.json", json.dumps(items)), "container_file": ("container.json", json.dumps([rack]))},
    )  # fmt: skip
    said = words(answer)
    assert "600" in said  # 2800 wide on a floor of 2200
    assert "26000" in said


def test_more_rows_keep_what_was_typed(client: httpx.Client) -> None:
    answer = send(client, "/trade/load", "/trade/load", {**BOX, "do": "more"})
    assert 'value="engine"' in answer.text
    assert 'name="item.7.id"' in answer.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (ROOM, "there is no cargo"),
        ({**BOX, **ROOM, "item.0.mass_kg": "heavy"}, "mass_kg"),
        ({**BOX, **ROOM, "item.0.length": "-5"}, "greater than 0"),
        ({**BOX, "container.name": "no such box"}, "no rule row knows"),
        ({**BOX, **ROOM, "container.number": "0"}, "1 to 64"),
        ({**BOX, **ROOM, "seconds": "soon"}, "seconds"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    client: httpx.Client, fields: dict[str, str], told: str
) -> None:
    answer = send(client, "/trade/load", "/trade/load", fields)
    assert answer.status_code == 422
    assert told in words(answer)
    if "item.0.id" in fields:
        assert 'value="engine"' in answer.text


def test_hostile_files(client: httpx.Client) -> None:
    for data in (b"{", b"[1]", b'{"items": 5}', b"null"):
        answer = send(client, "/trade/load", "/trade/load", ROOM, {"items_file": ("items.json", data)})
        assert answer.status_code == 422
    page = client.post("/trade/load", data={**BOX, **ROOM})
    assert page.status_code == 403
    assert token(client.get("/trade/load"))
    assert client.get("/trade/load/" + "0" * 64).status_code == 404


def test_the_viewer_is_light(client: httpx.Client) -> None:
    assert len(client.get("/static/load.js").content) <= 15_000
