"""Pages of a face by a browser without JavaScript: maps, cards, cycles, bars, alarms, weightings, live, plans."""

from __future__ import annotations

import asyncio
import base64
import html
import re
import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import face_tables
import httpx
import numpy as np
import pyarrow as pa
import pytest
from face_workspace import evidence_of, parquet, put_face, save
from page_tools import send, words

from recore.errors import BadInput
from recore.fleet.state import FILE, LegState, write_state
from recore.quantity import Quantity
from recore.web.app import create_app
from recore.web.face_plan import read_plan, with_budget
from recore.web.heat import Scale, png
from recore.workspace import Workspace

MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def keys(workspace: Workspace) -> dict[str, str]:
    return put_face(workspace)


@pytest.fixture
def face(client: httpx.Client, keys: dict[str, str]) -> str:
    """Address of a face that is prepared."""
    address = f"/faces/{keys['face']}"
    for _ in range(100):
        if client.get(address).status_code == 200:
            return address
    raise AssertionError("the face is never ready")


def ask(app: Any, path: str) -> httpx.Response:
    """One page of an application, without a network."""

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(get())


def tile(client: httpx.Client, address: str) -> tuple[dict[str, object], np.ndarray]:
    told = client.get(address).json()
    cells = np.frombuffer(base64.b64decode(told["cells"]), "<u2").reshape(told["rows"], told["columns"])
    return told, np.where(cells > 0, told["low"] + (cells - 1.0) * told["width"], np.nan)


@pytest.mark.parametrize(
    "path",
    ["", "?axis=shear&measure=final_mpa&palette=bands&as=share", "?measure=idle&range=physical&palette=grey", "/supports/5",
     "/supports/12?at=2026-03-02T00:00", "/bars", "/bars?value=final_mpa&at=2026-03-01T12:00", "/alarms", "/weighting"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_light_and_well_formed(
    client: httpx.Client, face: str, path: str, language: str
) -> None:
    answer = client.get(f"{face}{path}", headers={"accept-language": language})
    assert answer.status_code == 200, words(answer)
    assert len(answer.content) <= MOST_BYTES
    assert f'<html lang="{language}"' in answer.text
    assert answer.text.count("<h1") == 1
    assert "style=" not in answer.text
    assert "<b>3 gaps" not in answer.text
    if language == "zh":
        assert "工作面" in words(answer)


def test_the_list_names_the_face_and_the_finding_leads_to_it(client: httpx.Client, face: str) -> None:
    assert f'href="{face}"' in client.get("/faces").text
    assert f'href="{face}"' in client.get(face.replace("/faces/", "/findings/")).text
    assert len(client.get("/static/face.js").content) <= 15_000


def test_the_cells_show_the_low_support_and_the_loaded_zone(client: httpx.Client, face: str) -> None:
    told, cells = tile(client, f"{face}/tile.json?measure=setting_mpa")
    assert told["supports"] == list(range(1, 25))
    rows = np.nanmean(cells, axis=1)
    assert int(np.argmin(rows)) + 1 == face_tables.LOW
    assert rows[0] == pytest.approx(25.2, abs=0.3)
    _, final = tile(client, f"{face}/tile.json?measure=final_mpa&axis=shear")
    loaded = final[
        face_tables.ZONE[0] - 1 : face_tables.ZONE[1], face_tables.LOADED[0] : face_tables.LOADED[1] + 1
    ]
    assert np.nanmean(loaded) > np.nanmean(final) + 6
    share, half = tile(client, f"{face}/tile.json?measure=setting_mpa&as=share")
    assert share["unit"] == "p / yield"
    np.testing.assert_allclose(half, cells / 40, atol=1e-3)


def test_a_window_is_cut_and_zoomed(client: httpx.Client, face: str) -> None:
    whole, _ = tile(client, f"{face}/tile.json?axis=time")
    near, cells = tile(client, f"{face}/tile.json?from=2026-03-01T06:00&to=2026-03-01T12:00&first=3&last=9")
    assert near["step"] < whole["step"]
    assert near["supports"] == list(range(3, 10))
    assert cells.shape == (7, 72)
    page = client.get(f"{face}?from=2026-03-01T06:00&to=2026-03-01T12:00").text
    for step in ("before", "after", "nearer", "farther", "all"):
        assert f'data-step="{step}"' in page
    after = html.unescape(re.search(r'data-step="after" href="([^"]+)"', page)[1])  # type: ignore[index]
    assert "from=2026-03-01T12%3A00&to=2026-03-01T18%3A00" in after
    assert client.get(after).status_code == 200


@pytest.mark.parametrize(
    ("query", "ends"),
    [
        ("measure=imbalance&range=physical", ("0", "1")),
        ("measure=twap_mpa&range=physical", ("0", "40")),
        ("measure=twap_mpa&range=physical&as=share", ("0", "1")),
        ("measure=attempts&palette=bands&range=full", ("1", "2")),
        ("measure=adequate&range=full&first=9&last=3&from=2026-03-02&to=2026-03-01", ("0", "1")),
        ("measure=low_s&palette=signed", None),
    ],
    ids=["share", "pressure", "of-yield", "no-bands", "turned", "middle"],
)
def test_the_legend_tells_the_scale(
    client: httpx.Client, face: str, query: str, ends: tuple[str, str] | None
) -> None:
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", client.get(f"{face}/legend.svg?{query}").text)
    if ends is not None:
        assert (texts[0], texts[2]) == ends
    else:
        _, cells = tile(client, f"{face}/tile.json?{query}")
        assert np.nanmin(cells) < float(texts[0]) < float(texts[1]) < float(texts[2]) < np.nanmax(cells)


def test_the_picture_is_an_indexed_png_of_the_cells(client: httpx.Client, face: str) -> None:
    answer = client.get(f"{face}/map.svg?zones=weighting&theme=dark&measure=final_mpa")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    data = base64.b64decode(re.search(r"base64,([^\"]+)", answer.text)[1])  # type: ignore[index]
    assert data.startswith(b"\x89PNG")
    wide, high = struct.unpack(">II", data[16:24])
    told, cells = tile(client, f"{face}/tile.json?measure=final_mpa")
    assert (high, wide) == cells.shape == (told["rows"], told["columns"])
    at = data.index(b"IDAT")
    raw = np.frombuffer(
        zlib.decompress(data[at + 4 : at + 4 + struct.unpack(">I", data[at - 4 : at])[0]]), np.uint8
    )
    drawn = raw.reshape(high, wide + 1)[:, 1:]
    assert ((drawn == 0) == np.isnan(cells)).all()
    assert answer.text.count("<rect") >= 5  # a frame, and two of each weighting
    assert "MPa" in client.get(f"{face}/legend.svg").text
    assert "无循环" in client.get(f"{face}/legend.svg", headers={"accept-language": "zh"}).text


def test_scales_put_values_into_colours() -> None:
    values = np.array([[np.nan, 0.0, 5.0, 10.0, 99.0]], np.float32)
    assert Scale(0, 10).places(values).tolist() == [[0, 1, 128, 255, 255]]
    assert Scale(0, 10, "bands", (2.0, 8.0)).places(values).tolist() == [[0, 1, 2, 3, 3]]
    assert len({tuple(c) for c in Scale(0, 1, "grey").colours("dark")}) > 200
    assert png(np.zeros((2, 3), np.uint8), Scale(0, 1).colours("light")).endswith(b"IEND\xaeB`\x82")


def test_a_click_on_the_picture_opens_the_support(client: httpx.Client, face: str) -> None:
    told = client.get(f"{face}/tile.json").json()
    frame = told["frame"]
    y = frame["top"] + (face_tables.LOW - 0.5) * frame["cell"][1]
    answer = client.get(f"{face}/pick?at.x={int(frame['left'] + 20)}&at.y={int(y)}")
    assert answer.url.path == f"{face}/supports/{face_tables.LOW}"
    assert client.get(f"{face}/pick?at.x=1&at.y=1").url.path == face
    assert client.get(f"{face}/open?support=7").url.path == f"{face}/supports/7"


def test_a_card_leads_from_the_fault_down_to_the_raw_samples(client: httpx.Client, face: str) -> None:
    card = client.get(f"{face}/supports/{face_tables.LEAKING}")
    said = words(card)
    assert "leg_leak" in said
    assert "97 %" in said
    assert "<b>3 gaps</b> longer than 300 s" in said
    trend = client.get(f"{face}/supports/5/trend.svg?at=2026-03-02T12:00").text
    assert "yield pressure" in trend
    assert "leg_leak" in trend
    address = html.unescape(re.search(r'href="([^"]+/cycle\?[^"]+)"', card.text)[1])  # type: ignore[index]
    page = client.get(address)
    said = words(page)
    assert "leg 1: 287" in said or "leg 1: 288" in said or "leg 1: 286" in said
    assert "± 0.5" in said
    assert "log.parquet" in said
    picture = client.get(address.replace("/cycle", "/record.svg"))
    assert ">S<" in picture.text
    assert ">F<" in picture.text
    assert picture.text.count("<path") > 8


def test_a_cycle_with_yields_has_its_marks_and_one_without_evidence_says_so(
    client: httpx.Client, face: str, workspace: Workspace
) -> None:
    legs = face_tables.leg_cycles(24, 60)
    some = legs.filter(
        pa.array((legs["yield_events"].to_numpy() > 0) & (legs["support"].to_numpy() == 12))
    ).to_pylist()[0]
    start = int(some["start"].timestamp() * 1e6 + 0.5)
    page = words(client.get(f"{face}/supports/12/cycle?leg={some['leg']}&start={start}"))
    assert "Yield valve opens" in page
    assert "39.60" in page
    other = legs.filter(pa.array(legs["support"].to_numpy() == 20)).to_pylist()[0]
    start = int(other["start"].timestamp() * 1e6 + 0.5)
    assert "could not be read back" in words(client.get(f"{face}/supports/20/cycle?leg=1&start={start}"))


def test_bars_and_alarms_name_rows_versions_and_the_rule_set(client: httpx.Client, face: str) -> None:
    bars = words(client.get(f"{face}/bars"))
    assert "alarm.low-set" in bars
    assert "PUSH, PULL" in bars
    assert client.get(f"{face}/bars.svg?value=setting_mpa").text.count("<rect") >= 48
    page = client.get(f"{face}/alarms")
    said = words(page)
    assert "alarm.load-severe v1 · level 3" in said
    assert "Prasad" in said
    assert "none given to this server" in said
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", said))) == 2  # of the rule set and of its alarm rows
    assert "LOW · unverified" in said


def test_an_own_alarm_row_is_judged_and_a_signed_set_is_checked(
    workspace: Workspace, client: httpx.Client, face: str, tmp_path: Path, recore: object
) -> None:
    from recore.rules import RuleSet

    row = {
        "rule_id": "alarm.own-face", "version": 1, "jurisdiction": "*", "domain": "alarm", "title": "Any cycle at all",
        "predicate": {"field": "cycle.legs", "op": ">=", "value": 1}, "effect": "warn", "params": {"flag": "OWN"},
        "valid_from": "2021-07-01", "recorded_at": "2026-11-22", "source": {"title": "a mine's own order 7"}, "evidence_level": 4,
        "test_vectors": [{"given": {"cycle": {"legs": 1}}, "date": "2026-11-22", "expect": "fail"},
                         {"given": {"cycle": {"legs": 0}}, "date": "2026-11-22", "expect": "pass"}],
    }  # fmt: skip
    workspace.rules.add(RuleSet.from_json([row]).rows)
    said = words(client.get(f"{face}/alarms"))
    assert "OWN Any cycle at all alarm.own-face v1" in said
    both = workspace.rules.book().rules
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.toml").write_text(
        RuleSet(r for r in both.rows if r.domain == "alarm").toml(), "utf-8"
    )
    assert recore("key", "new").status == 0  # type: ignore[operator]
    signed = tmp_path / "signed.json"
    assert recore("rules", "sign", tmp_path / "rules", "--out", signed).status == 0  # type: ignore[operator]
    app = create_app(workspace, signed_rules=signed, allowed_hosts=["test"])
    page = words(ask(app, f"{face}/alarms"))
    assert "did:key:" in page
    assert "✓ holds" in page
    assert "✕ fails" not in page
    signed.write_text(signed.read_text().replace("alarm.own-face", "alarm.own-fact"))
    assert "✕ fails" in words(ask(app, f"{face}/alarms"))
    signed.write_text("{")
    assert "✕ fails" in words(ask(app, f"{face}/alarms"))


def test_weightings_are_a_table_and_frames(client: httpx.Client, face: str, workspace: Workspace) -> None:
    said = words(client.get(f"{face}/weighting"))
    assert "24 m" in said
    assert "2026-03-01 15:00" in said
    other = save(
        workspace,
        "support.cycles",
        [evidence_of(workspace, b"x", "x.csv")],
        {"cycles.parquet": parquet(face_tables.leg_cycles(3, 4))},
    )
    assert "Nobody has looked" in words(client.get(f"/faces/{other}/weighting"))
    assert "Nobody has run the diagnosis" in words(client.get(f"/faces/{other}/supports/1"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/faces/" + "0" * 64, 404), ("/faces/..%2f..%2fetc", 404), ("FAULTS", 404), ("{face}?measure=../x", 422),
        ("{face}?from=never", 422), ("{face}?first=x", 422), ("{face}?palette=%3Cscript%3E", 422),
        ("{face}/supports/999", 404), ("{face}/supports/x", 404), ("{face}/supports/5/cycle?leg=1&start=1", 404),
        ("{face}/supports/5/cycle?leg=1;--&start=1", 404), ("{face}/supports/5/cycle?leg=1&start=" + "9" * 30, 404),
        ("{face}/bars?value=leak", 422), ("{face}/bars?at=soon", 422), ("{face}/tile.json?axis=depth", 422),
        ("/faces/live", 404), ("/faces/plans/" + "1" * 64, 404), ("{face}?w=99999999999999999999", 422),
    ],
)  # fmt: skip
def test_hostile_addresses(
    client: httpx.Client, face: str, keys: dict[str, str], path: str, status: int
) -> None:
    path = f"/faces/{keys['faults']}" if path == "FAULTS" else path.format(face=face)
    answer = client.get(path)
    assert answer.status_code == status, words(answer)
    assert "<script>" not in answer.text


def test_a_finding_that_is_no_face_says_why(client: httpx.Client, workspace: Workspace) -> None:
    item = evidence_of(workspace, b"none", "none.csv")
    empty = save(
        workspace,
        "support.cycles",
        [item],
        {"cycles.parquet": parquet(face_tables.leg_cycles(2, 1).slice(0, 0))},
    )
    answer = client.get(f"/faces/{empty}")
    assert answer.status_code == 422
    assert "no complete cycle" in words(answer)
    broken = save(workspace, "support.cycles", [item], {"cycles.csv": b"a\n1\n"})
    assert client.get(f"/faces/{broken}").status_code == 422


def test_the_live_view_says_how_old_it_is(workspace: Workspace, tmp_path: Path) -> None:
    app = create_app(workspace, live=tmp_path, allowed_hosts=["test"])
    assert "nothing has arrived yet" in words(ask(app, "/faces/live"))
    now = datetime.now(UTC)
    write_state(
        tmp_path,
        [LegState(s, 1, now - timedelta(seconds=500 * (s == 3)), 20.0 + s, "set") for s in range(1, 9)],
    )
    said = words(ask(app, "/faces/live"))
    assert "1 of 8 legs said nothing for a minute" in said
    assert 'href="/faces/live"' in ask(app, "/faces").text
    assert ask(app, "/faces/live/bars.svg").text.count("<rect") == 9  # one of them with a cap
    (tmp_path / FILE).write_text("[")
    assert ask(app, "/faces/live").status_code == 200
    assert ask(app, "/faces/live/bars.svg").status_code == 422


def test_the_stream_tells_of_each_new_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from recore.web import face_now

    monkeypatch.setattr(face_now, "LOOK_EVERY_S", 0.01)

    async def follow() -> list[str]:
        events, told = face_now._events(tmp_path), []
        told.append(await anext(events))
        for pressure in (20.0, 21.0):
            write_state(tmp_path, [LegState(1, 1, datetime(2026, 3, 1, tzinfo=UTC), pressure, "set")])
            told.append(await anext(events))
        await events.aclose()
        return told

    first, *more = asyncio.run(follow())
    assert "nothing has arrived" in first
    assert all('"states": {"set": 1}' in event for event in more)
    assert len(set(more)) == 2


CASE = """# a case
[plan]
currency = "CNY"
periods = 2
budget = [1000.0,  # first
          500]
[[component]]
support = 1
"""


def test_a_plan_shows_why_and_runs_again_under_another_budget(
    client: httpx.Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = evidence_of(workspace, CASE.encode(), "case.toml")
    table = pa.table(
        {"support": [1, 1, 2], "component": ["left leg", "hose <i>", "ram"], "action": ["reseal", "keep", "keep"],
         "period": pa.array([2, None, None], pa.int64()), "reason": ["saves 40.00", "would cost 5.00 more", "no hours"]}
    )  # fmt: skip
    results = {"total_cost": Quantity(1234.5, "CNY"), "gap": Quantity(0.0)}
    key = save(workspace, "support.plan", [case], {"plan.parquet": parquet(table)}, results=results)
    page = client.get(f"/faces/plans/{key}")
    said = words(page)
    assert "1,234.50 CNY" in said
    assert "hose <i>" in said
    assert "would cost 5.00 more" in said
    assert "reseal 1" in said
    assert "ram" not in words(client.get(f"/faces/plans/{key}?support=1"))
    assert f"/faces/plans/{key}" in client.get("/faces").text
    for percent in ("0", "5000", "half", ""):
        answer = send(client, f"/faces/plans/{key}", f"/faces/plans/{key}", {"percent": percent})
        assert answer.status_code == 422
    assert client.post(f"/faces/plans/{key}", data={"percent": "50"}).status_code == 403
    asked: list[tuple[Any, ...]] = []

    def submit(*given: Any) -> Any:
        asked.append(given)
        if len(asked) > 1:
            raise BadInput("no hours", right="state them")
        return SimpleNamespace(ended=True, error=None, result={"finding": key}, id=1)

    monkeypatch.setattr(workspace, "submit_run", submit)
    answer = send(client, f"/faces/plans/{key}", f"/faces/plans/{key}", {"percent": "150"})
    assert answer.url.path == f"/faces/plans/{key}"
    method, (sha256,), _ = asked[0]
    assert method == "support.plan"
    assert workspace.evidence.get(sha256).name == "case-150-percent.toml"
    assert b"[1500.00, 750.00]" in workspace.evidence.open(sha256).path.read_bytes()
    answer = send(client, f"/faces/plans/{key}", f"/faces/plans/{key}", {"percent": "75"})
    assert answer.status_code == 422
    assert "no hours" in words(answer)


def test_only_the_budget_of_a_case_is_changed() -> None:
    changed = with_budget(CASE, 150)
    assert [str(b) for b in read_plan(changed)["budget"]] == ["1500.00", "750.00"]
    assert changed.startswith("# a case")
    assert changed.endswith(CASE.partition("500]")[2])
    for wrong in (
        "[plan]\n",
        "[plan",
        "[plan]\nbudget = ['x']",
        "plan = 5",
        'note = """\nbudget = [1]\n"""\n[plan]\nbudget = [\n2 ]',
    ):
        with pytest.raises(BadInput):
            with_budget(wrong, 50)
