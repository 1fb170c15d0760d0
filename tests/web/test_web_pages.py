"""Every page, and the way from evidence to a verified passport without JavaScript."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import httpx
import pytest
from page_tools import BORES, add_evidence, send, token, words

from recore.workspace import Workspace

PAGE_BUDGET = 60_000


@pytest.fixture(scope="module")
def made(address: str) -> dict[str, Any]:
    """The whole way once, page by page, as a person walks it."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=90, trust_env=False) as client:
        measured = add_evidence(client, who="Li Wei", instrument="CG-D100", place="Qingdao", name="liner.csv")
        simulated = add_evidence(
            client, BORES.replace(b"120.11", b"120.31"), name="simulated.csv", synthetic="true"
        )
        run = "/methods/shop.liner-wear"
        findings = [
            send(client, run, run, {"kept.readings": digest, "p.limit_mm": "0,1".replace(",", ".")})
            for digest in (measured, simulated)
        ]
        case = send(
            client,
            "/cases/new",
            "/cases/new",
            {
                "maker": "Weichai",
                "model": "WP10",
                "serial": "1612",
                "family": "diesel engine",
                "built": "2014-06",
                "hours": "11840",
                "aliases": "https://id.gs1.org/01/0614\nasset 7",
                "profile": "open-condition",
            },
        ).url.path
        send(
            client,
            case,
            f"{case}/components",
            {"component_id": "liner-3", "kind": "cylinder liner", "nominal": "bore_mm = 120\nnote = chrome"},
        )
        send(client, case, f"{case}/files", {"kept": [measured, simulated]})
        step = f"{case}/steps/new?method=shop.liner-wear"
        for name, file in (("worn", "liner.csv"), ("worn-too", "simulated.csv")):
            send(
                client,
                step,
                step,
                {"step_id": name, "component": "liner-3", "in.readings": file, "p.limit_mm": "100 µm"},
            )
        graded = send(client, case, f"{case}/appraise", {})
        passport = send(client, case, f"{case}/issue", {})
        bundle = client.get(f"{passport.url.path}/bundle")
        verified = send(
            client, "/verify", "/verify", {"level": "L4"}, {"file": ("passport.zip", bundle.content)}
        )
        return {
            "measured": measured,
            "simulated": simulated,
            "findings": findings,
            "case": case,
            "graded": graded,
            "passport": passport,
            "bundle": bundle.content,
            "verified": verified,
        }


def test_evidence_page_tells_digest_capture_and_findings(client: httpx.Client, made: dict[str, Any]) -> None:
    page = client.get(f"/evidence/{made['measured']}")
    said = words(page)
    assert made["measured"] in said
    assert "Li Wei" in said
    assert "not stated" in said
    assert made["findings"][0].url.path in page.text


def test_the_file_comes_back_as_an_attachment(client: httpx.Client, made: dict[str, Any]) -> None:
    answer = client.get(f"/evidence/{made['measured']}/file")
    assert answer.content == BORES
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_finding_shows_value_uncertainty_unit_flag_and_evidence(
    client: httpx.Client, made: dict[str, Any]
) -> None:
    page = made["findings"][0]
    said = words(page)
    assert page.status_code == 200
    assert "mean_wear 0.0920 ± 0.0042 mm" in said
    assert "largest_wear 0.140 ± 0.012 mm" in said
    assert "OVER_LIMIT" in said
    assert "limit_mm 0.1 mm" in said
    assert f"/evidence/{made['measured']}" in page.text
    assert "Synthetic" not in said
    assert client.get(f"{page.url.path}/files/wear.csv").text.startswith('"place_mm","wear_mm"')


def test_synthetic_data_are_called_synthetic_wherever_their_result_is_shown(
    client: httpx.Client, made: dict[str, Any]
) -> None:
    for page in (
        client.get(f"/evidence/{made['simulated']}"),
        made["findings"][1],
        client.get(made["case"]),
        client.get("/evidence"),
        made["passport"],
    ):
        assert "Synthetic data" in words(page), page.url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plot_is_drawn_for_paper_and_blueprint(
    client: httpx.Client, made: dict[str, Any], theme: str
) -> None:
    answer = client.get(f"{made['findings'][0].url.path}/plot.svg?theme={theme}")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "depth [mm]" in answer.text
    assert ("#86c5df" in answer.text) == (theme == "dark")


def test_a_finding_can_be_run_again_with_other_parameters(client: httpx.Client, made: dict[str, Any]) -> None:
    link = re.search(r'href="(/methods/shop\.liner-wear\?[^"]+)"', made["findings"][0].text)
    assert link
    form = client.get(link[1].replace("&amp;", "&")).text
    assert f'value="{made["measured"]}" selected' in form
    assert re.search(r'id="p-limit_mm"[^>]*value="0\.1"', form)


def test_case_page_tells_grade_rule_and_what_is_missing(client: httpx.Client, made: dict[str, Any]) -> None:
    page = client.get(made["case"])
    said = words(page)
    assert made["graded"].url.path == made["case"]
    assert "condition.machine-age" in said
    assert "open-condition" in said
    assert "Calibration" in said.partition("What is missing")[2]
    assert re.search(r'href="/findings/[0-9a-f]{64}"', page.text)
    assert "The case has changed since" not in said


def test_report_is_one_html_file_in_a_sandbox(client: httpx.Client, made: dict[str, Any]) -> None:
    answer = client.get(f"{made['case']}/report")
    assert answer.text.lstrip().lower().startswith("<!doctype html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "Weichai" in answer.text


def test_passport_page_is_made_for_a_buyer(client: httpx.Client, made: dict[str, Any]) -> None:
    said = words(made["passport"])
    for word in (
        "Weichai WP10",
        "1612",
        "did:key:",
        "recore verify passport.zip",
        "worn",
        "0.140 ± 0.012 mm",
    ):
        assert word in said, word
    with zipfile.ZipFile(io.BytesIO(made["bundle"])) as bundle:
        assert "passport.json" in bundle.namelist()
    assert "Weichai WP10" in words(client.get("/passports"))
    assert "Weichai WP10" in words(client.get("/"))


def test_a_bundle_that_somebody_sent_is_verified_by_computing_it_again(made: dict[str, Any]) -> None:
    said = words(made["verified"])
    assert "This passport holds." in said
    assert "gives the same finding" in said
    assert "not checked" in said  # L2 has no log yet


def test_a_changed_bundle_does_not_hold_and_the_page_says_where(
    client: httpx.Client, made: dict[str, Any]
) -> None:
    changed = made["bundle"].replace(b"120.14", b"120.10")
    assert changed != made["bundle"]
    answer = send(client, "/verify", "/verify", {"level": "L3"}, {"file": ("sent.zip", changed)})
    said = words(answer)
    assert "This passport does not hold." in said
    assert "✕ fails" in said


def test_the_own_passport_can_be_computed_again(client: httpx.Client, made: dict[str, Any]) -> None:
    page = made["passport"].url.path
    assert "This passport holds." in words(send(client, page, f"{page}/verify", {}))


def test_a_verification_for_another_issuer_fails(client: httpx.Client, made: dict[str, Any]) -> None:
    other = {"level": "L1", "issuer": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}
    answer = send(client, "/verify", "/verify", other, {"file": ("passport.zip", made["bundle"])})
    assert "This passport does not hold." in words(answer)


def test_jobs_are_listed_and_lead_to_their_results(client: httpx.Client, made: dict[str, Any]) -> None:
    page = client.get("/jobs")
    assert "shop.liner-wear" in words(page)
    for number in re.findall(r'href="/jobs/(\d+)"', page.text):
        assert client.get(f"/jobs/{number}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/evidence", "/methods", "/methods/shop.liner-wear", "/methods/shop.two@1", "/cases", "/cases/new",
     "/passports", "/verify", "/jobs", "/api/docs"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_light_and_well_formed(
    client: httpx.Client, made: dict[str, Any], path: str, language: str
) -> None:
    weigh(client, client.get(path, params={"lang": language}), language)


def test_pages_of_one_thing_are_light_too(client: httpx.Client, made: dict[str, Any]) -> None:
    pages = [
        made["findings"][0],
        made["verified"],
        made["passport"],
        *map(client.get, (made["case"], f"{made['case']}/edit", f"/evidence/{made['measured']}")),
        client.get(f"{made['case']}/steps/new?method=shop.liner-wear"),
    ]
    for page in pages:
        weigh(client, page, "en")


def weigh(client: httpx.Client, page: httpx.Response, language: str) -> None:
    assert page.status_code == 200
    assert f'<html lang="{language}"' in page.text
    assert page.headers["content-language"] == language
    assert page.text.count("<h1") == 1
    assert 'class="skip" href="#content"' in page.text
    assert "style=" not in page.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(parts) == 3
    total = len(page.content) + sum(len(client.get(part).content) for part in parts)
    assert total <= PAGE_BUDGET, total
    for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page.text):
        if 'type="hidden"' not in control:
            name = re.search(r'\bid="([^"]+)"', control)
            assert name, control
            assert f'for="{name[1]}"' in page.text, control
    names = re.findall(r'\bid="([^"]+)"', page.text)
    assert len(names) == len(set(names)), names


@pytest.mark.parametrize(("language", "heading"), [("en", "Spindles"), ("zh", "主轴")])
def test_methods_stand_under_a_heading_that_an_index_leads_to(
    client: httpx.Client, language: str, heading: str
) -> None:
    page = client.get("/methods", params={"lang": language}).text
    index = re.findall(r'<a href="#family-([a-z-]+)">([^<]+)</a>', page)
    assert dict(index)["spindle"] == heading
    assert dict(index)["shop"] == "shop"  # a family of a stranger has no other name
    assert [name for name, _ in index] == re.findall(r'<section id="family-([a-z-]+)">', page)


def test_theme_and_language_are_remembered(client: httpx.Client) -> None:
    assert 'data-theme="auto"' in client.get("/").text
    client.get("/?theme=dark&lang=zh")
    page = client.get("/methods").text
    assert 'data-theme="dark"' in page
    assert "方法" in page
    assert 'data-theme="light"' in client.get("/?theme=light").text
    assert 'data-theme="light"' in client.get("/?theme=pink").text


def test_an_error_in_a_parameter_stands_at_its_field(client: httpx.Client, made: dict[str, Any]) -> None:
    run = "/methods/shop.liner-wear"
    answer = send(
        client, run, run, {"kept.readings": made["measured"], "p.neighbours": "999", "p.new_mm": "3 MPa"}
    )
    assert answer.status_code == 422
    assert re.search(r'id="p-neighbours"[^>]*aria-invalid="true"', answer.text)
    assert 'value="999"' in answer.text
    assert "less than or equal to 50" in words(answer)
    assert "pressure" in words(answer)
    assert 'id="p-limit_mm" name="p.limit_mm" aria-describedby="p-limit_mm-help" value' in answer.text


def test_what_is_wrong_in_the_file_is_said_as_the_command_line_says_it(client: httpx.Client) -> None:
    run = "/methods/shop.liner-wear"
    answer = send(client, run, run, {}, {"file.readings": ("bad.csv", b"other\n1\n2\n")})
    assert answer.status_code == 422
    assert "bad.csv" in words(answer)
    assert "bore_mm" in words(answer)


def test_a_refusal_is_a_finding(client: httpx.Client) -> None:
    run = "/methods/shop.liner-wear"
    answer = send(client, run, run, {}, {"file.readings": ("short.csv", b"bore_mm\n120.1\n")})
    assert answer.status_code == 200
    assert "TOO_FEW" in words(answer)
    assert "An answer would be a guess" in words(answer)


@pytest.mark.parametrize(
    ("fields", "files", "said"),
    [
        ({}, None, "no file for 'first'"),
        (
            {"p.factor": "2"},
            [("file.first", ("a", b"1")), ("file.first", ("b", b"2"))],
            "2 files for 'first'",
        ),
        ({}, {"file.first": ("a", b"1")}, "factor"),
    ],
)
def test_too_few_or_too_many_files(client: httpx.Client, fields: Any, files: Any, said: str) -> None:
    answer = send(client, "/methods/shop.two", "/methods/shop.two", {"p.factor": "1", **fields} if fields or not files else fields, files)  # fmt: skip
    assert answer.status_code == 422
    assert said in words(answer)


def test_several_files_go_to_their_inputs(client: httpx.Client) -> None:
    files = [("file.first", ("a", b"1")), ("file.more", ("b", b"22")), ("file.more", ("c", b"333"))]
    answer = send(client, "/methods/shop.two", "/methods/shop.two", {"p.factor": "10"}, files)
    assert "bytes 60" in words(answer)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"when": "2999-01-01T00:00"}, "future"),
        ({"when": "yesterday"}, "yesterday"),
        ({"who": "x" * 300}, "200"),
    ],
)
def test_a_wrong_capture_record_keeps_no_file(
    client: httpx.Client, workspace: Workspace, facts: dict[str, str], said: str
) -> None:
    before = workspace.evidence.count()
    answer = send(client, "/evidence", "/evidence", facts, {"file": ("new.csv", b"never seen before\n")})
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'aria-invalid="true"' in answer.text
    assert workspace.evidence.count() == before


def test_no_file_and_empty_file(client: httpx.Client) -> None:
    assert "no file was given" in words(send(client, "/evidence", "/evidence", {}, {"file": ("", b"")}))
    answer = send(client, "/evidence", "/evidence", {}, {"file": ("empty.csv", b"")})
    assert answer.status_code == 422
    assert "empty" in words(answer)


def test_capture_record_can_be_completed_and_taken_back(client: httpx.Client) -> None:
    page = f"/evidence/{add_evidence(client, b'capture,me', 'capture.csv')}"
    answer = send(client, page, f"{page}/capture", {"who": "Zhang", "when": "2025-03-01T08:30"})
    assert "Zhang" in words(answer)
    assert "2025-03-01 08:30 UTC" in words(answer)
    assert "Zhang" not in words(send(client, page, f"{page}/capture", {}))
    wrong = send(client, page, f"{page}/capture", {"when": "soon"})
    assert wrong.status_code == 422
    assert 'value="soon"' in wrong.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"maker": ""}, "maker"),
        ({"built": "last year"}, "built"),
        ({"hours": "many"}, "hours"),
        ({"profile": "Not A Slug"}, "profile"),
        ({"as_of": "2026-13-01"}, "as_of"),
    ],
)
def test_a_wrong_plate_is_told_at_its_field(client: httpx.Client, change: dict[str, str], said: str) -> None:
    plate = {"maker": "A", "model": "B", "serial": "C", "family": "D", "profile": "open-condition", **change}
    answer = send(client, "/cases/new", "/cases/new", plate)
    assert answer.status_code == 422
    assert re.search(rf'id="{said}"[^>]*aria-invalid="true"', answer.text)


@pytest.fixture
def case(client: httpx.Client) -> str:
    plate = {"maker": "A", "model": "B", "serial": "C", "family": "D", "profile": "open-condition"}
    return send(client, "/cases/new", "/cases/new", plate).url.path


def test_a_case_is_edited(client: httpx.Client, case: str) -> None:
    assert 'value="C"' in client.get(f"{case}/edit").text
    plate = {
        "maker": "A",
        "model": "B",
        "serial": "C9",
        "family": "D",
        "profile": "open-condition",
        "hours": "7",
    }
    assert "C9" in words(send(client, case, f"{case}/edit", plate))
    add = {"component_id": "one", "kind": "shaft"}
    assert "shaft" in words(send(client, case, f"{case}/components", add))
    assert "twice" in words(send(client, case, f"{case}/components", add))
    file = {"file": ("liner.csv", BORES)}
    assert "liner.csv" in words(send(client, case, f"{case}/files", {}, file))
    step = f"{case}/steps/new?method=shop.liner-wear"
    given = {"step_id": "s", "component": "one", "in.readings": "liner.csv"}
    assert "shop.liner-wear" in words(send(client, step, step, given)).partition("Steps")[2]
    assert "twice" in words(send(client, step, step, given))
    assert 'value="liner-wear"' in client.get(step).text
    assert send(client, case, f"{case}/components/one/remove", {}).status_code == 422
    assert send(client, case, f"{case}/files/remove", {"file": "liner.csv"}).status_code == 422
    for path, fields in (
        ("steps/s/remove", {}),
        ("files/remove", {"file": "liner.csv"}),
        ("components/one/remove", {}),
    ):
        assert send(client, case, f"{case}/{path}", fields).status_code == 200
    assert "Add a component and a file first" in words(client.get(case))


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("components", {"component_id": "Bad Id", "kind": "x"}, "Bad Id"),
        ("components", {"component_id": "a", "kind": "x", "nominal": "no sign"}, "no sign"),
        ("files", {}, "no file was given"),
        ("files", {"kept": "0" * 64}, "no evidence"),
        ("appraise", {}, "no step"),
        ("issue", {}, "no step"),
        (
            "steps/new?method=shop.two",
            {"step_id": "s", "component": "x", "in.first": "f", "p.factor": "1"},
            "component",
        ),
        ("steps/new?method=shop.two", {"step_id": "s", "component": "x", "p.factor": "1"}, "evidence"),
        ("components/none/remove", {}, "none"),
        ("steps/none/remove", {}, "none"),
    ],
)
def test_what_cannot_be_done_to_a_case_is_said_on_its_page(
    client: httpx.Client, case: str, path: str, fields: dict[str, str], said: str
) -> None:
    answer = client.post(f"{case}/{path}", data={"token": token(client.get(case)), **fields})
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/evidence/" + "0" * 64, "/evidence/short", "/findings/" + "0" * 64, "/cases/999", "/cases/abc",
     "/passports/" + "0" * 64, "/jobs/9999", "/verify/9999", "/verify/1", "/static/none.css",
     "/evidence/" + "0" * 64 + "/file", "/passports/" + "0" * 64 + "/bundle", "/findings/" + "0" * 64 + "/plot.svg"],
)  # fmt: skip
def test_what_is_not_here_is_a_page_that_says_so(client: httpx.Client, made: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in answer.text


def test_an_unknown_method_and_a_wrong_way(client: httpx.Client) -> None:
    answer = client.get("/methods/shop.liner-weer")
    assert answer.status_code == 422
    assert "did you mean shop.liner-wear" in words(answer)
    assert client.put("/evidence").status_code == 405
    assert client.get("/evidence?offset=-1").status_code == 422


def test_a_report_before_the_grade(client: httpx.Client, case: str) -> None:
    assert "has not been graded" in words(client.get(f"{case}/report"))


def test_a_job_is_watched_without_javascript_and_can_be_stopped(
    client: httpx.Client, workspace: Workspace
) -> None:
    sha256 = add_evidence(client, b"slow work", "slow.bin")
    job = workspace.submit_run("shop.slow", [sha256], {"seconds": 60.0})
    page = client.get(f"/jobs/{job.id}")
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert "<progress" in page.text
    stopped = send(client, f"/jobs/{job.id}", f"/jobs/{job.id}/cancel", {})
    assert "cancelled" in words(stopped)
    assert "refresh" not in stopped.text


def test_progress_comes_as_server_sent_events(client: httpx.Client, workspace: Workspace) -> None:
    sha256 = add_evidence(client, b"watched work", "watched.bin")
    job = workspace.submit_run("shop.slow", [sha256], {"seconds": 1.5})
    with client.stream("GET", f"/jobs/{job.id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert text.count("event: progress") >= 3
    assert '"share": 0.' in text
    assert text.count("event: end") == 1
    assert "/findings/" in text.rpartition("event: end")[2]


def test_a_wrong_bundle(client: httpx.Client) -> None:
    assert "no bundle was given" in words(send(client, "/verify", "/verify", {}, {"file": ("", b"")}))
    bad = {"file": ("x.zip", b"no zip")}
    assert "level" in words(send(client, "/verify", "/verify", {"level": "L9"}, bad))
    assert "DID" in words(send(client, "/verify", "/verify", {"issuer": "me"}, bad))
    assert "This passport does not hold." in words(send(client, "/verify", "/verify", {"level": "L0"}, bad))


def test_a_bundle_that_cannot_be_read_hides_no_other(
    client: httpx.Client, workspace: Workspace, made: dict[str, Any]
) -> None:
    row = workspace.passports.save(
        b"damaged", issuer="did:key:z6Mk", machine="urn:recore:machine:damaged", grade="A"
    )
    for path in ("/", "/passports"):
        said = words(client.get(path))
        assert "urn:recore:machine:damaged" in said
        assert "Weichai WP10" in said
    assert "does not end like a zip" in words(client.get(f"/passports/{row.sha256}"))
