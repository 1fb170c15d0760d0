"""From a file to the type that a method's input is annotated with."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from recore.errors import BadInput
from recore.evidence import formats
from recore.evidence.array_fields import array_fields, array_of, filled, kind_of_array, unaliased
from recore.evidence.column import units_of
from recore.evidence.file import EvidenceFile
from recore.evidence.table import Table, Unread
from recore.method import Evidence, Unit

_MAX_LOADED = 2**30
_LISTED = 8
_TABULAR = formats.SIGNALS | {formats.CSV, formats.TSV, formats.PARQUET}


def read(file: EvidenceFile, kind: Any) -> Any:
    """The content of a file as `kind`; see `EvidenceFile.read`.

    Where `kind` is a union with `Unread`, a file that cannot be read is no error but an `Unread`.
    """
    members = [member for member in _members(kind) if member is not Unread]
    if len(members) < len(_members(kind)):
        try:
            return read(file, typing.Union[tuple(members)])  # noqa: UP007
        except BadInput as error:
            return Unread(file.name, str(error))
    kind, unit = _plain(kind, file)
    if kind is Any:
        return _by_media_type(file)
    origin = typing.get_origin(kind) or kind
    if origin in _SIMPLE:
        return _SIMPLE[origin](file)
    if isinstance(origin, type):
        if issubclass(origin, PurePath):
            return file.path
        if callable(getattr(origin, "from_table", None)):
            return kind.from_table(formats.table(file))
        full_name = f"{origin.__module__.partition('.')[0]}.{origin.__name__}"
        if full_name == "numpy.ndarray":
            return _array(file, kind, unit)
        if full_name == "pyarrow.Table":
            return formats.table(file).arrow()
        if dataclasses.is_dataclass(origin) and (fields := array_fields(origin)):
            return filled(origin, fields, formats.table(file))
    return validated(formats.document(file), kind, file.name)


def validated(data: Any, kind: Any, name: str) -> Any:
    """Plain data as `kind`: a pydantic model, a dataclass, `dict`, `list[float]` …

    Raises
    ------
    BadInput : naming every field that is missing, unknown or wrong
    """
    from pydantic import PydanticUserError, TypeAdapter, ValidationError

    try:
        adapter = TypeAdapter(kind)
    except PydanticUserError:
        raise TypeError(f"no reader for an input annotated {kind!r}") from None
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        problems = error.errors()
        text = "; ".join(_said(problem) for problem in problems[:_LISTED])
        if len(problems) > _LISTED:
            text += f"; and {len(problems) - _LISTED} more"
        raise BadInput(text, where=name) from None


def _said(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"field {field!r} is missing"
    if problem["type"] == "extra_forbidden":
        return f"field {field!r} is not known"
    text = problem["msg"].removeprefix("Value error, ")
    text = f"{text[:1].lower()}{text[1:]}"
    return f"field {field!r} = {problem['input']!r:.80}: {text}" if field else text


def _members(kind: Any) -> tuple[Any, ...]:
    """The types of a union."""
    kind = unaliased(kind)
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else ()


def _plain(kind: Any, file: EvidenceFile) -> tuple[Any, str | None]:
    """The annotation without `Annotated` and `| None`, and its unit; of several types, one that suits."""
    kind = unaliased(kind)
    if typing.get_origin(kind) is typing.Annotated:
        plain, inner = _plain(typing.get_args(kind)[0], file)
        return plain, next((m.name for m in kind.__metadata__ if isinstance(m, Unit)), inner)
    if kind is None or kind is object or isinstance(kind, typing.TypeVar):
        return Any, None
    if _members(kind):
        members = [member for member in _members(kind) if member is not types.NoneType]
        tabular = file.media_type in _TABULAR
        suited = [m for m in members if (m is Table or hasattr(m, "from_table")) == tabular]
        return _plain((suited or members)[0], file)
    return kind, None


def _by_media_type(file: EvidenceFile) -> Any:
    if file.media_type in _TABULAR:
        return formats.table(file)
    if file.media_type == formats.JSON:
        return formats.document(file)
    if file.media_type == formats.XLSX:
        from recore.evidence.check_sheet import check_sheet, is_check_sheet
        from recore.evidence.xlsx import sheets

        rows = next(iter(sheets(file.path, file.name).values()), [])
        return check_sheet(file.path, file.name) if is_check_sheet(rows) else formats.table(file)
    if file.media_type == formats.NPY:
        return formats.stored_array(file)
    return _text(file) if file.media_type.startswith("text/") else _bytes(file)


def _array(file: EvidenceFile, kind: Any, unit: str | None) -> Any:
    if file.media_type == formats.NPY:
        return formats.stored_array(file)
    table = formats.table(file)
    if len(table.columns) != 1:
        raise BadInput(
            f"has {len(table.columns)} columns where one array is wanted",
            where=file.name,
            right="give a table of one column or an .npy file",
        )
    column = table.columns[0]
    asked = f"{units_of(column)[0]} [{unit}]" if unit else column
    return array_of(table, asked, kind_of_array(kind) or "float", typing.get_origin(kind) or kind)


def _bytes(file: EvidenceFile) -> bytes:
    if file.size > _MAX_LOADED:
        raise BadInput(
            f"has {file.size} bytes, and the method takes it whole",
            where=file.name,
            right=f"at most {_MAX_LOADED}; an input annotated Path or Table is not loaded",
        )
    return file.path.read_bytes()


def _text(file: EvidenceFile) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte {error.start} is not UTF-8", where=file.name, right="save it as UTF-8"
        ) from None


def _itself(file: EvidenceFile) -> EvidenceFile:
    return file


_SIMPLE: dict[Any, Callable[[EvidenceFile], Any]] = {
    Table: formats.table,
    bytes: _bytes,
    str: _text,
    EvidenceFile: _itself,
    Evidence: _itself,
}
