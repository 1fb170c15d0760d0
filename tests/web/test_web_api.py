"""The JSON API: the third door."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from page_tools import BORES, add_evidence

from recore.errors import BadInput
from recore.registry import registry
from recore.web import shapes
from recore.workspace import Workspace

RUN = "/api/methods/shop.liner-wear/run"
CASE = {
    "case": {
        "machine": {"maker": "A", "model": "B", "serial": "C", "family": "D"},
        "component": [{"id": "one", "kind": "liner"}],
        "grade": {"profile": "open-condition"},
        "step": [{"id": "s", "component": "one", "method": "shop.liner-wear", "evidence": ["liner.csv"]}],
    }
}


def files(data: bytes = BORES, name: str = "liner.csv") -> dict[str, Any]:
    return {"file": (name, data)}


def test_methods_are_described(client: httpx.Client) -> None:
    listed = client.get("/api/methods").json()
    assert {"shop.liner-wear", "shop.slow"} <= {tool["id"] for tool in listed}
    for tool in listed:
        shapes.Method.model_validate(tool)
    one = client.get("/api/methods/shop.liner-wear@1").json()
    assert one == registry().get("shop.liner-wear").describe()
    assert one["parameters"]["properties"]["new_mm"]["unit"] == "mm"


def test_a_run_gives_the_finding(client: httpx.Client) -> None:
    answer = client.post(RUN, files=files(), data={"parameters": '{"limit_mm": "100 µm"}'})
    assert answer.status_code == 200
    finding = answer.json()
    shapes.Finding.model_validate(finding)
    assert finding["results"]["largest_wear"] == pytest.approx(
        {"value": 0.14, "unit": "mm", "uncertainty": 0.012}
    )
    assert finding["parameters"]["limit_mm"] == 0.1
    assert [note["code"] for note in finding["flags"]] == ["OVER_LIMIT"]
    key = answer.headers["recore-finding"]
    assert client.get(f"/api/findings/{key}").json() == finding
    assert client.get(f"/api/findings/{key}/files/wear.csv").content.startswith(b'"place_mm"')
    assert client.get(f"/api/findings/{key}/plot").json()["width"] == 560


def test_a_run_on_evidence_that_is_here(client: httpx.Client) -> None:
    sha256 = add_evidence(client)
    again = client.post(RUN, data={"evidence": sha256})
    assert again.json()["evidence"][0]["sha256"] == sha256
    kept = client.get("/api/findings", params={"evidence": sha256, "method": "shop.liner-wear"}).json()
    assert {row["finding"]["evidence"][0]["sha256"] for row in kept} == {sha256}
    for row in kept:
        shapes.KeptFinding.model_validate(row)


def test_a_refusal_is_a_finding_too(client: httpx.Client) -> None:
    answer = client.post(RUN, files=files(b"bore_mm\n1\n"))
    assert answer.status_code == 200
    assert answer.json()["refusals"][0]["code"] == "TOO_FEW"


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ('{"neighbours": 99}', "parameters of shop.liner-wear"),
        ('{"wrong": 1}', "parameters of shop.liner-wear"),
        ('{"new_mm": "3 bar"}', "parameters of shop.liner-wear"),
        ('{"new_mm": NaN}', "parameters"),
        ('{"new_mm": 1, "new_mm": 2}', "parameters"),
        ("[1]", "parameters"),
        ("{", "parameters, line 1 column 2"),
    ],
)
def test_bad_parameters_are_told_as_the_command_line_tells_them(
    client: httpx.Client, parameters: str, where: str
) -> None:
    answer = client.post(RUN, files=files(), data={"parameters": parameters})
    assert answer.status_code == 422
    told = answer.json()
    assert set(told) == {"what", "where", "right", "text"}
    assert told["where"] == where
    assert told["text"] == str(BadInput(told["what"], where=told["where"], right=told["right"]))


def test_the_text_is_the_one_of_the_method(client: httpx.Client) -> None:
    told = client.post(RUN, files=files(), data={"parameters": '{"neighbours": 99}'}).json()["text"]
    with pytest.raises(BadInput) as caught:
        registry().get("shop.liner-wear").validated({"neighbours": 99})
    assert told == str(caught.value)


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        (("GET", "/api/methods/none.such"), 422, "no method"),
        (("GET", "/api/methods/shop.liner-wear@7"), 422, "no version"),
        (("GET", "/api/findings/" + "0" * 64), 404, "finding"),
        (("GET", "/api/evidence/" + "0" * 64), 404, "evidence"),
        (("GET", "/api/cases/99"), 404, "case"),
        (("GET", "/api/cases/x"), 404, "no such page"),
        (("GET", "/api/passports/" + "0" * 64), 404, "passport"),
        (("GET", "/api/jobs/99999"), 404, "job"),
        (("GET", "/api/nothing"), 404, "no such page"),
        (("DELETE", "/api/methods"), 405, "DELETE"),
        (("GET", "/api/evidence?limit=1000"), 422, "200"),
        (("GET", "/api/evidence?limit=x"), 422, "x"),
        (("POST", "/api/cases/99/appraise?issue=perhaps"), 422, "boolean"),
    ],
)
def test_errors_have_one_shape(client: httpx.Client, call: tuple[str, str], status: int, said: str) -> None:
    answer = client.request(*call)
    assert answer.status_code == status
    told = answer.json()
    assert set(told) == {"what", "where", "right", "text"}
    assert said in told["text"]


def test_bad_files(client: httpx.Client) -> None:
    told = client.post(RUN, files=files(b"other\n1\n", "bad.csv"))
    assert told.status_code == 422
    assert "bad.csv" in told.json()["text"]
    assert client.post(RUN, data={"parameters": "{}"}).status_code == 422
    assert client.post(RUN, data={"evidence": "0" * 64}).status_code == 404
    assert "one bundle" in client.post("/api/verify", data={"level": "L0"}).json()["text"]
    assert "at least one" in client.post("/api/evidence", data={"capture": "{}"}).json()["text"]


def test_evidence_with_its_capture(client: httpx.Client) -> None:
    capture = {"who": "Li Wei", "when": "2025-02-03T04:05:06+08:00", "synthetic": True}
    answer = client.post(
        "/api/evidence", data={"capture": json.dumps(capture)}, files=files(b"one\n1\n", "one.csv")
    )
    assert answer.status_code == 201
    row = answer.json()[0]
    shapes.Evidence.model_validate(row)
    assert row["capture"]["who"] == "Li Wei"
    assert row["capture"]["when"].startswith("2025-02-02T20:05:06")
    assert row["missing"] == ["instrument", "calibration", "place"]
    assert client.get(f"/api/evidence/{row['sha256']}").json() == row
    assert client.get(f"/api/evidence/{row['sha256']}/file").content == b"one\n1\n"
    assert row in client.get("/api/evidence").json()


@pytest.mark.parametrize(
    "capture", ['{"who": 5}', '{"wrong": "x"}', '{"when": "2999-01-01T00:00:00Z"}', "[]"]
)
def test_a_wrong_capture_keeps_nothing(client: httpx.Client, workspace: Workspace, capture: str) -> None:
    before = workspace.evidence.count()
    answer = client.post("/api/evidence", data={"capture": capture}, files=files(b"never kept", "x.txt"))
    assert answer.status_code == 422
    assert workspace.evidence.count() == before


def test_a_case_from_its_document_to_its_passport(client: httpx.Client) -> None:
    sha256 = add_evidence(client)
    made = client.post("/api/cases", json={**CASE, "files": {"liner.csv": sha256}})
    assert made.status_code == 201, made.text
    case = made.json()
    shapes.Case.model_validate(case)
    assert case["appraisal"] is None
    answer = client.post(f"/api/cases/{case['id']}/appraise?issue=true")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    shapes.Appraisal.model_validate(found)
    assert set(found["findings"]) == {"s"}
    assert client.get(f"/api/cases/{case['id']}").json()["appraisal"] == found
    assert case["id"] in [row["id"] for row in client.get("/api/cases").json()]
    passport = client.get(f"/api/passports/{found['passport']}").json()
    shapes.Passport.model_validate(passport)
    assert passport in client.get("/api/passports", params={"machine": passport["machine"]}).json()
    bundle = client.get(f"/api/passports/{found['passport']}/bundle").content
    verified = client.post("/api/verify", files={"file": ("p.zip", bundle)}).json()
    shapes.Verification.model_validate(verified)
    assert verified["ok"] is True
    assert {check["level"] for check in verified["checks"]} >= {"L0", "L1", "L3", "L4"}
    changed = bundle.replace(b"120.14", b"120.15")
    assert (
        client.post("/api/verify", files={"file": ("p.zip", changed)}, data={"level": "L3"}).json()["ok"]
        is False
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"case": 1}', b'{"case": 1, "case": 2}', json.dumps({**CASE, "more": 1}).encode(),
     json.dumps({**CASE, "files": {"liner.csv": "0" * 64}}).encode(), b'"' + b"x" * (9 * 2**20) + b'"'],
)  # fmt: skip
def test_a_wrong_case_document(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/cases", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (404, 422)
    assert answer.json()["text"]


def test_long_work_becomes_a_job(client: httpx.Client) -> None:
    run = "/api/methods/shop.slow/run"
    assert client.post(run, params={"wait": "soon"}).status_code == 422
    answer = client.post(
        run, params={"wait": 0}, files=files(b"long work"), data={"parameters": '{"seconds": 0.5}'}
    )
    assert answer.status_code == 202
    shapes.Job.model_validate(answer.json())
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    finding = client.post(run, files=files(b"long work"), data={"parameters": '{"seconds": 0.5}'})
    assert finding.json()["results"]["bytes"]["value"] == 9
    done = client.get(answer.headers["location"]).json()
    assert done["state"] == "done"
    assert done["see"].startswith("/findings/")


def test_a_cancelled_job_is_told(client: httpx.Client, workspace: Workspace) -> None:
    run = "/api/methods/shop.slow/run"
    job = client.post(
        run, params={"wait": 0}, files=files(b"stopped"), data={"parameters": '{"seconds": 50}'}
    ).json()
    workspace.jobs.cancel(job["id"])
    told = client.get(f"/api/jobs/{job['id']}").json()
    assert told["state"] == "cancelled"
    assert told["see"] is None


def test_openapi_describes_every_call(client: httpx.Client) -> None:
    schema = client.get("/api/openapi.json").json()
    run = schema["paths"]["/api/methods/{id}/run"]["post"]
    assert "multipart/form-data" in run["requestBody"]["content"]
    assert run["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    assert not [path for path in schema["paths"] if not path.startswith("/api/")]
    for calls in schema["paths"].values():
        for call in calls.values():
            assert call["summary"]
