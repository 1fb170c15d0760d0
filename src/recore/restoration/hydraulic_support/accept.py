"""Method `support.accept`: whether a restored leg, ram or valve of a hydraulic support may be released."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from recore.errors import BadInput
from recore.evidence import Table
from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.model.trade import Day
from recore.quantity import Quantity
from recore.restoration.decision import DECIDES, tally
from recore.restoration.hydraulic_support.acceptance import DOMAIN, test_of, test_rows
from recore.restoration.hydraulic_support.bench import Bench, benches_of, sheet_of
from recore.restoration.hydraulic_support.found import Found, found_of
from recore.restoration.hydraulic_support.judge import change_of, value_of, verdict_of
from recore.rules import Rule, RuleSet, shipped
from recore.rules.known import Known


@dataclass(frozen=True)
class SupportAcceptance:
    """Whether restored components of a hydraulic support are accepted, test by test.

    Parameters
    ----------
    verdict : 'pass' where every test passes, 'fail' where one fails, else 'unknown'
    components, passed, failed, open : how many components, and tests of each verdict
    improved, worse : values that changed by more than their uncertainties together
    tests : every test with value, U, limit, verdict, what an unverified limit would say (`indication`), value before and
        change; report : a page to print
    """

    verdict: str
    components: Annotated[Quantity, Unit("pcs")]
    passed: Annotated[Quantity, Unit("pcs")]
    failed: Annotated[Quantity, Unit("pcs")]
    open: Annotated[Quantity, Unit("pcs")]
    improved: Annotated[Quantity, Unit("pcs")]
    worse: Annotated[Quantity, Unit("pcs")]
    rules_sha256: str
    tests: Annotated[Any, Artifact("acceptance.csv")]
    report: Annotated[str, Artifact("report.html")]
    flags: tuple[Note, ...]
    refusals: tuple[Note, ...]
    _rows: tuple[dict[str, Any], ...] = ()
    _rules: tuple[Any, ...] = ()


@method(
    "support.accept",
    version=1,
    standard="ISO 14253-1:2017 (decision); limits from dated rule rows",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def accept(
    *documents: Table | dict[str, Any],
    as_of: Day | None = None,
    rules: RuleSet | None = None,
) -> SupportAcceptance:
    """Acceptance of restored legs, rams and valves: each limit held against the value with its uncertainty.

    Parameters
    ----------
    documents : readings of the bench (columns component, kind, reading, value, unit, u and state), pressure logs of hold
        tests (component, kind, time_s, pressure_mpa, u_mpa), or a sheet {"results": […], "log": […]} of both; and,
        for comparison, the finding of support.diagnose before restoration with its table of faults
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones

    Returns
    -------
    SupportAcceptance : passes where the value with U keeps the limit, fails where it is beyond by more than U, else open

    Notes
    -----
    Readings are start, end, duration and rated, opening, closing (pressures), pressure_drop, load_factor (what was borne
    without leak or lasting deformation) and cycles. A hold test is judged over the time that the rule row asks: from a
    log exactly then; a test that was shorter is open, a longer one may pass and cannot fail. A test that was not made,
    or whose limit has evidence level 5, is open: it never passes by silence, and an unverified limit never decides alone.
    Pressure also falls as fluid that was warmed by filling cools down: wait before the test begins.

    Refuses where no rule row in force says any limit.

    Raises
    ------
    BadInput : no readings, a reading or unit that is not known, one given twice, or a log out of order

    References
    ----------
    ISO 14253-1:2017, 5.2 and 5.3 (conformity and nonconformity with uncertainty on the prover's side).
    """
    sheets = [sheet_of(document) for document in documents if not _of_before(document)]
    benches = benches_of(sheets)
    after = {name: bench for (name, state), bench in benches.items() if state == "after"}
    if not after:
        raise BadInput(
            "no reading after restoration",
            where="documents of support.accept",
            right="at least one is wanted",
        )
    before = [document for document in documents if _of_before(document)]
    found = found_of(before) if before else None
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    rows: list[dict[str, Any]] = []
    flags: list[Note] = list(found.notes if found is not None else ())
    without: list[Note] = []
    for name, bench in after.items():
        asked = test_rows(known, bench.kind)
        if not asked:
            without.append(Note("no-limit", f"{name}: no rule row in force says a test for a {bench.kind}"))
        rows += [_held(name, bench, benches.get((name, "before")), row) for row in asked]
    if not rows:
        raise Refusal("no-limits", "no rule row in force says a limit for these components")
    flags += [*without, *_notes(rows), *_faults_before(found)]
    counted = tally(rows, len(without))
    return SupportAcceptance(
        components=Quantity(len(after), "pcs"),
        **counted._asdict(),
        rules_sha256=known.digest,
        tests=_table(rows),
        report=_report(rows, counted.verdict, flags),
        flags=tuple(flags),
        refusals=() if found is None else found.refusals,
        _rows=tuple(rows),
        _rules=tuple(known.used.values()),
    )


@accept.plot
def _plot(result: SupportAcceptance) -> dict[str, Any]:
    shown = [
        {
            "test": f"{row['component']}: {row['test']}",
            "share": row["after"] / row["limit"],
            "low": (row["after"] - (row["u_after"] or 0.0)) / row["limit"],
            "high": (row["after"] + (row["u_after"] or 0.0)) / row["limit"],
            "verdict": row["verdict"],
        }
        for row in result._rows
        if row["after"] is not None
    ]
    y = {"field": "test", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 320}}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 460,
        "height": {"step": 24},
        "title": {
            "text": f"Acceptance: {result.verdict}",
            "subtitle": "value over its limit, with U (k = 2)",
        },
        "data": {"values": shown},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {"field": "low", "type": "quantitative", "title": "value / limit [1]"},
                    "x2": {"field": "high"},
                    "color": {"field": "verdict", "type": "nominal"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "y": y,
                    "x": {"field": "share", "type": "quantitative"},
                    "color": {"field": "verdict", "type": "nominal"},
                },
            },
        ],
    }


def _of_before(document: Table | dict[str, Any]) -> bool:
    """Whether a document belongs to the finding before restoration."""
    if isinstance(document, Table):
        columns = {name.casefold() for name in document.columns}
        return {"support", "fault"} <= columns or {"support", "health"} <= columns
    return "method" in document


def _held(name: str, bench: Bench, earlier: Bench | None, row: Rule) -> dict[str, Any]:
    """One limit held against what the bench read."""
    test = test_of(row)
    minutes = row.params.get("minutes")
    now, why = value_of(test.result, bench, minutes)
    was = None if earlier is None else value_of(test.result, earlier, minutes)[0]
    limit: Any = test.limit.value
    indication = ""
    verdict = "unknown"
    if now is not None:
        indication, why = verdict_of(now, limit, test.least, why)
        verdict = indication
        if test.evidence_level > DECIDES:
            verdict = "unknown"
            why = "; ".join(
                [*([why] if why else []), f"the limit is unverified (evidence level {test.evidence_level})"]
            )
    return {
        "component": name,
        "kind": bench.kind,
        "test": test.name,
        "before": None if was is None else was.value,
        "u_before": None if was is None else was.uncertainty,
        "after": None if now is None else now.value,
        "u_after": None if now is None else now.uncertainty,
        "limit": limit,
        "side": "least" if test.least else "most",
        "unit": test.limit.unit,
        "verdict": verdict,
        "indication": indication,
        "why": why,
        "change": change_of(was, now, test.least),
        "rule": test.rule,
        "evidence_level": test.evidence_level,
    }


def _notes(rows: list[dict[str, Any]]) -> list[Note]:
    notes = []
    for row in rows:
        said = f"{row['component']}, {row['test']}"
        if row["verdict"] == "unknown":
            notes.append(Note("test-open", f"{said}: {row['why']}"))
        if row["indication"] == "fail" and row["verdict"] != "fail":
            notes.append(Note("fails-unverified-limit", f"{said}: would fail by {row['rule']}"))
        if row["change"] == "worse":
            notes.append(Note("got-worse", f"{said}: worse than before restoration"))
        if row["after"] is not None and row["u_after"] is None and row["unit"] == "%":
            notes.append(Note("no-uncertainty", f"{said} carries no uncertainty; it is taken as exact"))
    return notes


def _faults_before(found: Found | None) -> list[Note]:
    """What the record said before restoration, to be shown beside the bench."""
    return [
        Note(
            "fault-before",
            f"support {row.support}"
            + ("" if row.leg is None else f", leg {row.leg}")
            + f": {row.fault}"
            + ("" if row.value is None else f" {row.value:.4g} {row.unit}")
            + "; a pressure log after fitting shows whether it is gone",
        )
        for row in (found.rows or () if found is not None else ())
    ]


def _table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    kinds = {"before": pa.float64(), "u_before": pa.float64(), "after": pa.float64(), "u_after": pa.float64(),
             "limit": pa.float64(), "evidence_level": pa.int64()}  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema([(n, kinds.get(n, pa.string())) for n in rows[0]]))


def _report(rows: list[dict[str, Any]], verdict: str, flags: list[Note]) -> str:
    """A page to print; every text from a document is escaped."""

    def cell(value: Any, spread: float | None = None) -> str:
        if value is None:
            return "not measured"
        text = f"{value:.4g}" if isinstance(value, int | float) else str(value)
        return html.escape(text + (f" ± {spread:.2g}" if spread else ""))

    lines = [
        "<tr>"
        + "".join(
            f"<td>{text}</td>"
            for text in (
                cell(row["component"]),
                cell(row["test"]),
                cell(row["before"], row["u_before"]),
                cell(row["after"], row["u_after"]),
                cell(f"{row['limit']:g}" + (" at least" if row["side"] == "least" else " at most")),
                cell("" if row["unit"] == "1" else row["unit"]),
                cell(row["verdict"]),
                cell(row["indication"]),
                cell(row["change"]),
                f"{cell(row['rule'])} ({row['evidence_level']})",
            )
        )
        + "</tr>"
        for row in rows
    ]
    heads = ("component", "test", "before", "after", "limit", "unit", "verdict", "by this limit alone", "change",
             "rule row (evidence level)")  # fmt: skip
    notes = "".join(f"<li>{html.escape(note.text)}</li>" for note in flags)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Acceptance</title><style>'
        "body{font:16px/1.4 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
        "color:#222;background:#fff}table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #bbb;padding:.3rem .5rem;text-align:left}</style></head><body>"
        f"<h1>Acceptance of restored support components: {verdict}</h1>"
        "<p>Values with expanded uncertainty (k = 2). A limit of evidence level 5 is unverified and never decides alone.</p>"
        f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(lines)}</table>"
        f"<ul>{notes}</ul></body></html>\n"
    )
