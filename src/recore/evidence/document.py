"""Documents: strict JSON, and XLSX check sheets, as plain data or as a validated model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recore import jsonio
from recore.errors import BadInput

if TYPE_CHECKING:
    from recore.evidence.file import EvidenceFile

_JSON = "application/json"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def document(file: EvidenceFile) -> Any:
    """Plain data from a JSON document or an XLSX check sheet.

    Raises
    ------
    BadInput : another format, or a document that is not well formed
    """
    if file.media_type == _JSON:
        if file.size > jsonio.MAX_BYTES:
            raise BadInput(
                f"the JSON document has {file.size} bytes",
                where=file.name,
                right=f"at most {jsonio.MAX_BYTES} are read; give a long table as CSV or Parquet",
            )
        return jsonio.loads(file.path.read_bytes(), where=file.name)
    raise BadInput(
        f"is no document ({file.media_type})",
        where=file.name,
        right="a file ending in .json or .xlsx is wanted",
    )


def validated(data: Any, kind: Any, name: str) -> Any:
    """Plain data as `kind` (a pydantic model, a dataclass, `dict`, `list[float]` …).

    Raises
    ------
    BadInput : naming every field that is missing, unknown or wrong
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        problems = error.errors()
        text = "; ".join(_said(problem) for problem in problems[:_LISTED])
        if len(problems) > _LISTED:
            text += f"; and {len(problems) - _LISTED} more"
        raise BadInput(text, where=name) from None


_LISTED = 8


def _said(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "the document"
    if problem["type"] == "missing":
        return f"field {field!r} is missing"
    if problem["type"] == "extra_forbidden":
        return f"field {field!r} is not known"
    text = problem["msg"].removeprefix("Value error, ")
    return f"field {field!r} = {problem['input']!r:.80}: {text[:1].lower()}{text[1:]}"
