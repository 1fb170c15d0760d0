"""The user's own database and files.

    with Workspace.open() as workspace:                      # ~/.local/share/recore, or --database and --store
        row = workspace.evidence.add(stream, "profile.csv", Capture(file="profile.csv", who="Li Wei"))
        job = workspace.submit_run("roundness.form", [row.sha256], {"cutoff_upr": 50})
        with Runner(workspace):
            for job in workspace.jobs.watch(job.id):         # each change until it is done, for progress
                print(job.share, job.doing)
        finding = workspace.findings.get(job.result["finding"]).finding

Workspace
    open(database_url=None, store=None, *, clock=utc_now) · close() · also a context manager
    store: recore.evidence.Store · url: str (without password) · sweep(older_than=1 day) -> list[str] · check() -> list[str]
    submit_run(method, evidence, parameters) -> JobRow       "id" or "id@version"; SHA-256 digests; parameters are
                                                             checked here, a known finding makes the job done at once
    submit_verification(sha256, *, name="passport.zip", level="L4", issuer=None) -> JobRow   of a bundle in the store
    submit_appraisal(case_id, *, as_of=None, key=None) -> JobRow    with the name of a signing key it also issues

workspace.evidence
    add(path_or_stream, name, capture=None) -> EvidenceRow · get(sha256) -> EvidenceRow
    list(limit=50, offset=0) -> list[EvidenceRow], newest first · count() -> int
    set_capture(sha256, capture) -> EvidenceRow · open(sha256) -> EvidenceFile (ready to be read by a method)

workspace.cases
    create(machine, profile, as_of=None) -> CaseRow · update(case_id, machine, profile, as_of=None) -> CaseRow
    get(case_id) · list(limit, offset) · count() · remove(case_id)
    attach(case_id, sha256, file=None) -> str (its name within the case) · detach(case_id, file)
    files(case_id) -> dict[file, sha256]
    add_component(case_id, component) · remove_component(case_id, component_id)
    add_step(case_id, step) · remove_step(case_id, step_id)
    document(case_id) -> recore.model.case.Case · snapshot(case_id) -> (Case, files)
    save(case, files, case_id=None) -> CaseRow               a whole case at once; files: its file names → SHA-256
    open_evidence(case_id) -> Callable[[file], EvidenceFile]

workspace.findings
    save(key, finding, artifacts, plot=None) -> FindingRow   key: Method.cache_key; artifacts: file → bytes
    find(key) -> FindingRow | None · get(key) -> FindingRow · list(method=None, evidence=None, limit, offset) · count()
    plot(key) -> Vega-Lite dict | None · artifact(key, file) -> EvidenceFile

workspace.passports
    save(bundle, *, issuer, machine, grade, case_id=None, sha256=None) -> PassportRow   bundle: path or bytes
    get(sha256) · list(machine=None, case_id=None, limit, offset) · count() · open(sha256) -> EvidenceFile

workspace.inspections
    merge(id, family, profile, changes) -> InspectionRow     changes of one device; idempotent; made where it is new
    get(id) -> InspectionRow · list(limit, offset) · count() · remove(id)
    submitted(id, revision, finding) -> InspectionRow        the finding that revision came to

workspace.rules
    own() -> RuleSet · book() -> RuleBook (shipped and own rows together, and which are own)
    add(rows) -> list[Rule]                                  new versions, recorded today; nothing is ever changed

workspace.jobs
    submit(kind, payload, key=None, result=None, case_id=None) -> JobRow · get(id)
    list(state=None, kind=None, case_id=None, limit, offset) · count(state=None, kind=None, case_id=None)
    file(id, name) -> EvidenceFile ("report.html" of an appraisal)
    cancel(id) · watch(id, every_s=1.0) -> Iterator[JobRow] · subscribe(listener) -> unsubscribe
    for workers: claim(worker) · progress(job, share, doing) · finish(job, result) · fail(job, error) · recover() -> int

Runner(workspace, workers=1, memory_bytes=…, time_limit_s=…)
    start() · stop() · also a context manager. Runs jobs in child processes.

Rows are detached copies: changing one changes nothing that is stored.
    EvidenceRow(sha256, name, size, media_type, added_at, capture)
    CaseRow(id, machine, profile, as_of, created_at, changed_at)
    FindingRow(key, method, version, finding, plot_sha256, created_at)
    PassportRow(sha256, issuer, machine, grade, case_id, issued_at)
    InspectionRow(id, family, profile, machine, document, revision, state, created_at, changed_at, finding)
    JobRow(id, kind, payload, key, case_id, state, share, doing, result, error, attempts, created_at, started_at, finished_at)
Job states: waiting → running → done | failed | cancelled; `error` is {"what", "where", "right"} as in BadInput.json().
Job results: run {"finding": key}; appraisal {"grade": {…}, "findings": {step id: key}, "as_of": "…", "passport": sha256 or null};
    verify: Verification.json().
Errors: BadInput (what a person can mend), NotFound (a BadInput for an id that is not here; HTTP 404).
Times are UTC and aware.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recore.workspace.errors import NotFound
    from recore.workspace.runner import Runner
    from recore.workspace.tables import CaseRow, EvidenceRow, FindingRow, InspectionRow, JobRow, PassportRow
    from recore.workspace.workspace import Workspace

__all__ = [
    "CaseRow",
    "EvidenceRow",
    "FindingRow",
    "InspectionRow",
    "JobRow",
    "NotFound",
    "PassportRow",
    "Runner",
    "Workspace",
]

_HOMES = {"NotFound": "errors", "Runner": "runner", "Workspace": "workspace"}


def __getattr__(name: str) -> object:
    # the child process of a job lives in this package, and needs no database layer
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'tables')}"), name)
