"""Method `spindle.accept`: what restoration did, and whether the spindle may be released."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from recore.method import Artifact, Note, Refusal, Tolerance, Unit, method
from recore.model.route import AcceptanceTest
from recore.model.trade import Day, OneOrMany
from recore.quantity import Quantity
from recore.restoration.decision import DECIDES, changed, held, tally
from recore.restoration.spindle.book import DOMAIN, Book
from recore.restoration.spindle.core import SpindleCore
from recore.restoration.spindle.plots import draw_acceptance
from recore.restoration.spindle.state import Known as Measured
from recore.restoration.spindle.state import State, state_of
from recore.rules import RuleSet, shipped
from recore.rules.known import Known


@dataclass(frozen=True)
class Acceptance:
    """Whether a restored spindle is accepted, test by test.

    Parameters
    ----------
    verdict : 'pass' where every test passes, 'fail' where one fails, else 'unknown'
    passed, failed, open : how many tests of each
    improved : how many quantities fell by more than their uncertainties together; worse : how many rose
    tests, report : everything in full, as a table and as a page to print
    """

    verdict: str
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
    _name: str
    rows: list[dict[str, Any]]
    _rules: tuple[Any, ...] = ()


@method(
    "spindle.accept",
    version=1,
    standard="ISO 14253-1:2017 (decision), ISO 230-7:2015 (quantities); limits from dated rule rows",
    reproducible=Tolerance(absolute=1e-9, relative=1e-9),
)
def accept(
    spindle: SpindleCore,
    before: OneOrMany[dict[str, Any]],
    after: OneOrMany[dict[str, Any]],
    *,
    as_of: Day | None = None,
    rules: RuleSet | None = None,
) -> Acceptance:
    """Acceptance of a restored spindle: each limit held against the value with its uncertainty, before and after.

    Parameters
    ----------
    spindle : the spindle as `spindle.restore` takes it
    before, after : findings of both states, one or a list; values read off by hand as {"results": {name: quantity}}
        with the names unbalance, taper_run_out_nose, taper_run_out_bar …
    as_of : day on which the rule rows are read; None takes rows without an end
    rules : rule rows; None takes the shipped ones

    Returns
    -------
    Acceptance : passes where value + U does not exceed the limit, fails where value - U exceeds it, else open.
        A change counts where it exceeds the uncertainties of both values together.

    Notes
    -----
    A test without finding, or whose limit stands in a row of evidence level 5, is open: it never passes by silence.
    A bearing diagnosis 'undecided' is open.

    Refuses where no rule row in force says any limit.

    References
    ----------
    ISO 14253-1:2017, 5.2 and 5.3 (conformity and nonconformity with uncertainty on the prover's side).
    """
    known = Known(shipped(DOMAIN) if rules is None else rules, as_of if isinstance(as_of, date) else None)
    book = Book(known, spindle)
    tests, without = book.tests()
    if not tests:
        raise Refusal("no-limits", "no rule row in force says a limit for this spindle")
    was, now = state_of(before.root, where="before"), state_of(after.root, where="after")
    rows = [_held(test, was, now) for test in tests]
    counted = tally(rows, len(without))
    flags = [*now.notes, *without]
    flags += [
        Note("test-open", f"{row['test']}: {row['why']}") for row in rows if row["verdict"] == "unknown"
    ]
    flags += [Note("got-worse", f"{row['test']} rose") for row in rows if row["change"] == "worse"]
    return Acceptance(
        **counted._asdict(),
        rules_sha256=known.digest,
        tests=_table(rows),
        report=_report(spindle, rows, counted.verdict, flags),
        flags=tuple(flags),
        refusals=(),
        _name=spindle.name,
        rows=rows,
        _rules=tuple(known.used.values()),
    )


@accept.plot
def _plot(result: Acceptance) -> dict[str, Any]:
    return draw_acceptance(result.rows, result._name)


def _held(test: AcceptanceTest, before: State, after: State) -> dict[str, Any]:
    """One limit held against what was found."""
    was, now = before.get(test.result), after.get(test.result)
    verdict, why = _verdict(test, now)
    return {
        "test": test.name,
        "before": _plain(was),
        "u_before": None if was is None else was.quantity.uncertainty,
        "after": _plain(now),
        "u_after": None if now is None else now.quantity.uncertainty,
        "limit": test.limit.value,
        "unit": test.limit.unit,
        "verdict": verdict,
        "why": why,
        "change": _change(was, now),
        "rule": test.rule,
        "evidence_level": test.evidence_level,
        "origin": "" if now is None else now.origin,
    }


def _verdict(test: AcceptanceTest, now: Measured | None) -> tuple[str, str]:
    if now is None:
        return "unknown", f"not tested{f': run {test.method}' if test.method else ''}"
    if test.evidence_level > DECIDES:
        return "unknown", f"the limit of {test.rule} is unverified (evidence level {test.evidence_level})"
    limit = test.limit.value
    if isinstance(limit, str):
        if now.quantity.value == "undecided":
            return "unknown", "the diagnosis is undecided"
        return (
            ("pass", "")
            if now.quantity.value == limit
            else ("fail", f"{now.quantity.value} instead of {limit}")
        )
    assert isinstance(limit, int | float)
    verdict = held(now.value, now.spread, limit)
    if verdict == "pass":
        return verdict, ""
    if verdict == "fail":
        return verdict, f"{now.quantity} above {test.limit}"
    return verdict, f"{now.quantity} straddles the limit {test.limit}: measure with less uncertainty"


def _change(was: Measured | None, now: Measured | None) -> str:
    if was is None or now is None:
        return ""
    if isinstance(was.quantity.value, str) or isinstance(now.quantity.value, str):
        return "same" if was.quantity.value == now.quantity.value else "changed"
    return changed(was.value, was.spread, now.value, now.spread)


def _plain(found: Measured | None) -> float | str | None:
    if found is None:
        return None
    return found.quantity.value if isinstance(found.quantity.value, str) else found.value


def _table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    words = ("before", "after", "limit")
    plain = [
        {
            name: (
                None
                if value is None
                else f"{value:.6g}"
                if name in words and not isinstance(value, str)
                else value
            )
            for name, value in row.items()
        }
        for row in rows
    ]
    numbers = {"u_before": pa.float64(), "u_after": pa.float64(), "evidence_level": pa.int64()}
    return pa.Table.from_pylist(plain, pa.schema([(n, numbers.get(n, pa.string())) for n in rows[0]]))


def _report(spindle: SpindleCore, rows: list[dict[str, Any]], verdict: str, flags: list[Note]) -> str:
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
                cell(row["test"]),
                cell(row["before"], row["u_before"]),
                cell(row["after"], row["u_after"]),
                cell(row["limit"]),
                cell("" if row["unit"] == "1" else row["unit"]),
                cell(row["verdict"]),
                cell(row["change"]),
                f"{cell(row['rule'])} ({row['evidence_level']})",
            )
        )
        + "</tr>"
        for row in rows
    ]
    heads = ("test", "before", "after", "limit", "unit", "verdict", "change", "rule row (evidence level)")
    notes = "".join(f"<li>{html.escape(note.text)}</li>" for note in flags)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Acceptance</title><style>'
        "body{font:16px/1.4 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
        "color:#222;background:#fff}table{border-collapse:collapse;width:100%}"
        "td,th{border:1px solid #bbb;padding:.3rem .5rem;text-align:left}</style></head><body>"
        f"<h1>Acceptance of {html.escape(spindle.name)}: {verdict}</h1>"
        "<p>Values with expanded uncertainty (k = 2). A test passes where value + U does not exceed the limit.</p>"
        f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(lines)}</table>"
        f"<ul>{notes}</ul></body></html>\n"
    )
