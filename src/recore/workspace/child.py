"""The process that jobs are computed in: `python -m recore.workspace.child STORE MEMORY_BYTES`.

One task per line on standard input, answers on standard output, all JSON: nothing that a hostile
file may bring this process to say is ever executed by the server. It reads the store and writes
files into it; it has no access to the database.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import queue
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from recore import jsonio
from recore.errors import BadInput
from recore.evidence import EvidenceFile, Store
from recore.method import MethodFault, Outcome, Progress, said
from recore.model.case import Case
from recore.registry import registry

if TYPE_CHECKING:
    from recore.appraisal.case import Appraisal

REPORT_EVERY_S = 0.1
GRACE_S = 2.0
REPORT, BUNDLE, PLOT = "report.html", "passport.zip", "plot.json"


def main() -> None:
    store, memory_bytes = Store(Path(sys.argv[1])), int(sys.argv[2])
    # data, not address space: Arrow and Numba map far more than they use
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what the work has started ends with it
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a method prints must not look like an answer
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    while True:
        _say(answers, _answer(json.loads(tasks.get()), store, memory_bytes, _reporter(answers)))


def _listen(tasks: queue.Queue[str]) -> None:
    for line in sys.stdin:
        tasks.put(line)
    # the server is gone, and so is the need for this work
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, allow_nan=False) + "\n")
    answers.flush()


def _reporter(answers: TextIO) -> Progress:
    last = -REPORT_EVERY_S

    def report(share: float, doing: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REPORT_EVERY_S:
            last = now
            _say(answers, {"share": min(max(float(share), 0.0), 1.0), "doing": str(doing)})

    return report


def _answer(task: dict[str, Any], store: Store, memory_bytes: int, progress: Progress) -> dict[str, Any]:
    try:
        return {"result": KINDS[task["kind"]](task["payload"], store, progress)}
    except BadInput as error:
        return {"error": error.json()}
    except MemoryError:
        return {
            "error": BadInput(
                f"more than {memory_bytes // 2**20} MiB of memory is needed",
                where=f"job of kind {task['kind']!r}",
                right="give less data at once, or allow more memory",
            ).json()
        }
    except Exception as error:
        traceback.print_exc()
        what = f"the work failed: {error if isinstance(error, MethodFault) else said(error)}"
        return {"error": {"what": what[:2000], "where": f"job of kind {task['kind']!r}", "right": ""}}


def _run(payload: dict[str, Any], store: Store, progress: Progress) -> dict[str, Any]:
    method = registry().get(payload["method"])
    files = [store.get(item["sha256"], name=item["name"]) for item in payload["evidence"]]
    return _kept(method.run(files, payload["parameters"], progress=progress), store)


def _appraisal(payload: dict[str, Any], store: Store, progress: Progress) -> dict[str, Any]:
    from recore.appraisal.case import appraise
    from recore.appraisal.report import render
    from recore.rules import load

    case = Case.model_validate(payload["case"])
    captures = {capture.file: capture for capture in case.evidence}

    def open_evidence(name: str) -> EvidenceFile:
        file = store.get(payload["files"][name], name=name)
        return dataclasses.replace(file, capture=captures.get(name))

    appraisal = appraise(
        case, open_evidence, load(None), date.fromisoformat(payload["as_of"]), progress=progress
    )
    passport = _issued(appraisal, payload["key"], store) if payload["key"] else None
    issuer, bundle = (passport["issuer"], passport["sha256"]) if passport else ("", "")
    report = render(appraisal, issuer=issuer, bundle_sha256=bundle).encode()
    return {
        "grade": appraisal.grade.json(),
        "as_of": payload["as_of"],
        "findings": {step: _kept(outcome, store) for step, outcome in appraisal.outcomes.items()},
        "passport": passport,
        "files": {REPORT: store.put(io.BytesIO(report), REPORT).sha256},
    }


def _issued(appraisal: Appraisal, key: str, store: Store) -> dict[str, Any]:
    from recore.model.identity import machine_urn
    from recore.passport import issue, load_key

    signing_key, machine = load_key(key, passphrase=_passphrase()), appraisal.case.machine
    with tempfile.TemporaryDirectory(prefix="recore-") as folder:
        bundle = issue(appraisal, signing_key, Path(folder) / BUNDLE, now=datetime.now(UTC))
        return {
            "sha256": store.put(bundle.path, BUNDLE).sha256,
            "issuer": signing_key.did,
            "machine": machine_urn(machine.maker, machine.model, machine.serial),
            "grade": appraisal.grade.letter,
        }


def _verify(payload: dict[str, Any], store: Store, progress: Progress) -> dict[str, Any]:
    from recore.passport import verify

    bundle = store.get(payload["sha256"], name=payload["name"]).path
    return verify(bundle, payload["level"], expected_issuer=payload["issuer"], progress=progress).json()


def _passphrase() -> bytes | None:
    word = os.environ.get("RECORE_PASSPHRASE")
    return None if word is None else word.encode()


def _kept(outcome: Outcome, store: Store) -> dict[str, Any]:
    """Put the files of an outcome into the store and say where they are."""
    for file, data in outcome.artifacts.items():
        store.put(io.BytesIO(data), file)
    plot = outcome.plot()
    return {
        "key": _key(outcome),
        "finding": outcome.finding.json(),
        "plot": None if plot is None else store.put(io.BytesIO(jsonio.canonical(plot)), PLOT).sha256,
    }


def _key(outcome: Outcome) -> str:
    finding = outcome.finding
    evidence = [
        EvidenceFile(item["name"], item["sha256"], item["bytes"], item["media_type"], Path(item["name"]))
        for item in finding.evidence
    ]
    return outcome.method.cache_key(evidence, finding.parameters)


KINDS: dict[str, Callable[[dict[str, Any], Store, Progress], dict[str, Any]]] = {
    "run": _run,
    "appraisal": _appraisal,
    "verify": _verify,
}

if __name__ == "__main__":
    main()
