"""Rule tables: read from TOML, written as TOML and JSON, selected by question, day and facts."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recore import tomlio
from recore.errors import BadInput
from recore.rules.judge import Judgement, judge
from recore.rules.predicate import Verdict
from recore.rules.row import Effect, Rule

SHIPPED = Path(__file__).parent / "data"
MAX_FILE_BYTES = 4 * 2**20
MAX_FILES = 2000
MAX_ROWS = 200_000
ROWS_FORMAT = "rule-rows"
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]", re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
TAGS = {"{compare}", "{all}", "{any}", "{not}"}


@dataclass(frozen=True)
class RuleSet:
    """Rule rows in one order, with a digest over all of them. A row may be there in several versions."""

    rows: tuple[Rule, ...]

    def __init__(self, rows: Iterable[Rule]) -> None:
        ordered = tuple(sorted(rows, key=_order))
        for one, other in itertools.pairwise(ordered):
            if (one.rule_id, one.version) == (other.rule_id, other.version):
                raise BadInput(
                    f"rule {one.rule_id!r}, version {one.version} stands twice",
                    right="raise the version of the newer row",
                )
        object.__setattr__(self, "rows", ordered)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON (RFC 8785) of all rows in order."""
        return hashlib.sha256(b"[" + b",".join(rule.canonical for rule in self.rows) + b"]").hexdigest()

    def json(self) -> list[dict[str, Any]]:
        return [rule.json() for rule in self.rows]

    @classmethod
    def from_json(cls, document: Any, *, where: str = "rules") -> RuleSet:
        """Read what `json` wrote.

        Raises
        ------
        BadInput : not a list of rows, a row without the shape of one, or one row twice
        """
        if not isinstance(document, list) or len(document) > MAX_ROWS:
            raise BadInput(
                "not a list of rule rows", where=where, right=f"a list of at most {MAX_ROWS} rows is wanted"
            )
        return cls(parse(entry, where=f"{where}[{number}]") for number, entry in enumerate(document))

    def toml(self) -> str:
        """The rows as one rule table; `load` reads it back to an equal set."""
        return "\n".join(_row_toml(rule.json()) for rule in self.rows)

    def known(self, known_on: date | None = None) -> RuleSet:
        """The newest version of each row among those recorded up to and including a day (None: all)."""
        recorded = self._recorded
        place = len(recorded) if known_on is None else bisect.bisect_right(recorded, known_on)
        if place not in self._as_known:
            newest: dict[str, Rule] = {}
            for rule in self.rows:
                if place and rule.recorded_at <= recorded[place - 1]:
                    newest[rule.rule_id] = rule
            whole = len(newest) == len(self.rows)
            self._as_known[place] = self if whole else RuleSet(newest.values())
        return self._as_known[place]

    @cached_property
    def _recorded(self) -> list[date]:
        """Days on which something was recorded: between two of them nothing new was known."""
        return sorted({rule.recorded_at for rule in self.rows})

    @cached_property
    def _as_known(self) -> dict[int, RuleSet]:
        return {}

    @cached_property
    def places(self) -> dict[str, tuple[Rule, ...]]:
        """Rows by jurisdiction, in order."""
        return _grouped(self.rows, lambda rule: rule.jurisdiction)

    @cached_property
    def domains(self) -> dict[str, tuple[Rule, ...]]:
        """Rows by domain, in order."""
        return _grouped(self.rows, lambda rule: rule.domain)

    def within(self, jurisdictions: Iterable[str]) -> tuple[Rule, ...]:
        """Rows of some jurisdictions, in order."""
        known = frozenset(name for name in jurisdictions if name in self.places)
        if known not in self._within:
            rows = itertools.chain.from_iterable(self.places[name] for name in known)
            self._within[known] = tuple(sorted(rows, key=_order))
        return self._within[known]

    @cached_property
    def _within(self) -> dict[frozenset[str], tuple[Rule, ...]]:
        return {}

    def only(self, rule_ids: Iterable[str]) -> RuleSet:
        """The newest version of each named row.

        Raises
        ------
        BadInput : there is no such row
        """
        newest = {rule.rule_id: rule for rule in self.rows}
        return RuleSet(newest[_existing(rule_id, newest)] for rule_id in set(rule_ids))

    def versions(self, rule_id: str) -> list[Rule]:
        """All versions of a row, the newest last."""
        found = [rule for rule in self.rows if rule.rule_id == rule_id]
        return found or [self.only([rule_id]).rows[0]]

    def select(
        self,
        *,
        domain: str | None = None,
        as_of: date,
        known_on: date | None = None,
        jurisdiction: str | None = None,
        effect: Effect | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> tuple[Rule, ...]:
        """Rows in force on a day, in order.

        Parameters
        ----------
        domain : the question asked
        as_of : day for which the rule is wanted
        known_on : leaves out what was recorded after this day
        jurisdiction : rows of this jurisdiction and of '*'
        facts : leaves out rows that concern something else; a row of which that is open stays
        """
        known = self.known(known_on)
        return tuple(
            rule
            for rule in (known.rows if domain is None else known.domains.get(domain, ()))
            if rule.valid_on(as_of)
            and (jurisdiction is None or rule.jurisdiction in (jurisdiction, "*"))
            and effect in (None, rule.effect)
            and (facts is None or rule.selector.match(facts).verdict is not Verdict.FAIL)
        )

    def judge(
        self,
        domain: str,
        facts: Mapping[str, Any],
        as_of: date,
        *,
        jurisdiction: str | None = None,
        known_on: date | None = None,
    ) -> Judgement:
        """What the rows that require or block say to one question; expired rows stand among the reasons."""
        return judge(
            [
                rule
                for rule in self.known(known_on).domains.get(domain, ())
                if rule.effect in ("require", "block")
                and (jurisdiction is None or rule.jurisdiction in (jurisdiction, "*"))
            ],
            facts,
            as_of,
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """A parameter of a method: rows as JSON, so that a finding carries the rules it was made with."""
        from pydantic_core import core_schema

        def read(value: Any) -> RuleSet:
            if isinstance(value, cls):
                return value
            try:
                return cls.from_json(value)
            except BadInput as error:
                raise ValueError(str(error)) from None

        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda rules: rules.json()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "object"}, "format": ROWS_FORMAT}

    def profiles(self) -> list[str]:
        """Names of the grading profiles that rows belong to."""
        return sorted(
            {name for rule in self.rows if rule.effect == "grade" for name in rule.selector.profile or ()}
        )


def _order(rule: Rule) -> tuple[str, int]:
    return rule.rule_id, rule.version


def _grouped(rows: Iterable[Rule], name: Callable[[Rule], str]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, list[Rule]] = {}
    for rule in rows:
        found.setdefault(name(rule), []).append(rule)
    return {key: tuple(group) for key, group in found.items()}


def load(path: Path | str | None = None) -> RuleSet:
    """Read a rule table, or every table (*.toml) of a folder and the folders below it.

    Parameters
    ----------
    path : file or folder; None gives the rows that come with Recore

    Raises
    ------
    BadInput : names the file and, where it can be told, the line
    """
    if path is None:
        return shipped()
    rows: list[Rule] = []
    seen: dict[tuple[str, int], str] = {}
    for file in files(path):
        for where, entry in entries(file):
            rule = parse(entry, where=where)
            key = (rule.rule_id, rule.version)
            if key in seen:
                raise BadInput(
                    f"rule {rule.rule_id!r}, version {rule.version} stands twice",
                    where=where,
                    right=f"it stands in {seen[key]} already; raise the version of the newer row",
                )
            seen[key] = where
            rows.append(rule)
            if len(rows) > MAX_ROWS:
                raise BadInput("has too many rows", where=str(path), right=f"at most {MAX_ROWS} are read")
    return RuleSet(rows)


def rows_parameter(schema: Mapping[str, Any]) -> str | None:
    """Name of the parameter of a method that takes rule rows, from the JSON Schema of its parameters."""
    for name, entry in schema.get("properties", {}).items():
        if any(item.get("format") == ROWS_FORMAT for item in [entry, *entry.get("anyOf", [])]):
            return str(name)
    return None


@cache
def shipped(part: str = "") -> RuleSet:
    """The rows that come with Recore, read once.

    Parameters
    ----------
    part : folder of rows on one subject, such as 'inspection', for who needs no other; '' reads all
    """
    return load(SHIPPED / part)


def files(path: Path | str | None) -> list[Path]:
    """The rule tables at a path, in order."""
    place = SHIPPED if path is None else Path(path)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise BadInput("there is no such file or folder", where=str(place), right="give rule tables (*.toml)")
    found = sorted(file for file in place.rglob("*.toml") if file.is_file())
    if not found:
        raise BadInput("holds no rule table", where=str(place), right="rule tables end in .toml")
    if len(found) > MAX_FILES:
        raise BadInput(f"holds {len(found)} files", where=str(place), right=f"at most {MAX_FILES} are read")
    return found


def entries(file: Path) -> Iterator[tuple[str, Any]]:
    """Every entry of a rule table as it was parsed, with the file and line where it begins."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", where=str(file)) from None
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(
            f"is larger than {MAX_FILE_BYTES} bytes", where=str(file), right="split the table into files"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte {error.start} is not UTF-8", where=str(file), right="save it as UTF-8"
        ) from None
    document = tomlio.loads(text, where=str(file))
    rules = document.get("rule")
    if set(document) != {"rule"} or not isinstance(rules, list):
        names = ", ".join(sorted(set(document) - {"rule"})) or "nothing"
        raise BadInput(
            f"holds {names} beside or instead of rules", where=str(file), right="a rule begins with [[rule]]"
        )
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    for number, entry in enumerate(rules):
        line = f", line {lines[number]}" if len(lines) == len(rules) else ""
        yield f"{file}{line}", entry


def parse(entry: Any, *, where: str) -> Rule:
    """One rule row from a parsed document; every fault is named by its field."""
    try:
        return Rule.model_validate(entry)
    except ValidationError as error:
        rule_id = entry.get("rule_id") if isinstance(entry, dict) else None
        named = f"rule {rule_id!r}: " if isinstance(rule_id, str) else ""
        faults = [
            ".".join(str(part) for part in item["loc"] if part not in TAGS)
            + ": "
            + item["msg"].removeprefix("Value error, ")
            for item in error.errors(include_url=False)[:8]
        ]
        raise BadInput(named + "; ".join(fault.removeprefix(": ") for fault in faults), where=where) from None


def _existing(rule_id: str, known: Mapping[str, Rule]) -> str:
    if rule_id not in known:
        import difflib

        near = difflib.get_close_matches(rule_id, known, n=3, cutoff=0.5)
        raise BadInput(
            f"there is no rule {rule_id!r}",
            right=f"near it: {', '.join(near)}" if near else "recore rules export DIR writes all of them",
        )
    return rule_id


_DAYS = ("valid_from", "valid_to", "recorded_at")


def _row_toml(row: dict[str, Any]) -> str:
    lines = ["[[rule]]"]
    for name, value in row.items():
        if name in _DAYS:
            lines.append(f"{name} = {value}")
        elif name == "test_vectors":
            lines += [f"{name} = [", *(f"  {toml_value(vector)}," for vector in value), "]"]
        else:
            lines.append(f"{name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """A plain value as TOML writes it in one line."""
    if isinstance(value, dict):
        inner = ", ".join(
            f"{key if _BARE.fullmatch(key) else toml_value(key)} = {toml_value(item)}"
            for key, item in value.items()
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
