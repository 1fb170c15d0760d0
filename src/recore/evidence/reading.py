"""From a file to the type that a method's input is annotated with."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recore.errors import BadInput
from recore.evidence.column import Kind
from recore.evidence.table import Source, Table
from recore.method import Evidence, Unit

if TYPE_CHECKING:
    from recore.evidence.file import EvidenceFile

_MAX_LOADED = 2**30
_TABLES = ("text/csv", "text/tab-separated-values", "application/vnd.apache.parquet")
_JSON = "application/json"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_NPY = "application/x-npy"
_ENDINGS = "a file ending in .csv, .tsv, .parquet, .json or .xlsx is wanted"


def read(file: EvidenceFile, kind: Any) -> Any:
    """The content of a file as `kind`; see `EvidenceFile.read`."""
    kind = _plain(kind, file)
    origin = typing.get_origin(kind) or kind
    if kind is Any:
        return _by_media_type(file)
    if origin in _SIMPLE:
        return _SIMPLE[origin](file)
    if not isinstance(origin, type):
        raise TypeError(f"no reader for an input annotated {kind!r}")
    if isinstance(file, origin) or kind is Evidence:
        return file
    if issubclass(origin, Path.__mro__[1]):
        return file.path
    if callable(getattr(origin, "from_table", None)):
        return kind.from_table(table(file))
    module = origin.__module__.partition(".")[0]
    if module == "numpy":
        return _array(file, kind)
    if module == "pyarrow":
        return table(file).arrow()
    if dataclasses.is_dataclass(origin):
        fields = _array_fields(origin)
        if fields:
            return _columns_into(origin, fields, table(file))
    from recore.evidence.document import document, validated

    return validated(document(file), kind, file.name)


def table(file: EvidenceFile) -> Table:
    """A lazily read table.

    Raises
    ------
    BadInput : the file is none of the table formats, or not what its ending says
    """
    return Table(_source(file))


def _source(file: EvidenceFile) -> Source:
    head = _head(file)
    what = _looks_like(head)
    if file.media_type in ("text/csv", "text/tab-separated-values"):
        if what:
            raise _disguised(file, what)
        from recore.evidence.delimited import DelimitedSource

        return DelimitedSource(file.path, file.name, "," if file.media_type == "text/csv" else "\t")
    if file.media_type == "application/vnd.apache.parquet":
        if what != "Parquet":
            raise _disguised(file, what or ("an empty file" if not head else "something else than Parquet"))
        from recore.evidence.parquet_table import ParquetSource

        return ParquetSource(file.path, file.name)
    raise BadInput(f"is no table ({file.media_type})", where=file.name, right=_ENDINGS)


def _disguised(file: EvidenceFile, what: str) -> BadInput:
    ending = file.name.rpartition(".")[2]
    return BadInput(
        f"is {what}, though its name ends in .{ending}",
        where=file.name,
        right="give the file its right ending",
    )


_MAGIC = (
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"PK\x03\x04", "a zip or XLSX file"),
    (b"\xd0\xcf\x11\xe0", "an old or password-protected Office file"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x93NUMPY", "a NumPy array"),
)


def _looks_like(head: bytes) -> str:
    return next((what for magic, what in _MAGIC if head.startswith(magic)), "")


def _head(file: EvidenceFile) -> bytes:
    with file.path.open("rb") as stream:
        return stream.read(16)


def _plain(kind: Any, file: EvidenceFile) -> Any:
    """The annotation without `Annotated`, aliases and `| None`; of several types, the one the file is."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0], file)
    if kind is None or kind is object or isinstance(kind, typing.TypeVar):
        return Any
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(kind) if member is not types.NoneType]
        tables = file.media_type in _TABLES
        best = [m for m in members if (m is Table or hasattr(m, "from_table")) == tables]
        return _plain((best or members)[0], file)
    return kind


def _by_media_type(file: EvidenceFile) -> Any:
    if file.media_type in _TABLES:
        return table(file)
    if file.media_type == _JSON:
        from recore.evidence.document import document

        return document(file)
    if file.media_type == _NPY:
        return _array(file, Any)
    return _text(file) if file.media_type.startswith("text/") else _bytes(file)


def _bytes(file: EvidenceFile) -> bytes:
    if file.size > _MAX_LOADED:
        raise BadInput(
            f"has {file.size} bytes, and the method takes it whole",
            where=file.name,
            right=f"at most {_MAX_LOADED}; annotate the input with Path or Table to stream it",
        )
    return file.path.read_bytes()


def _text(file: EvidenceFile) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"byte {error.start} is not UTF-8", where=file.name, right="save it as UTF-8"
        ) from None


_SIMPLE: dict[Any, Callable[[EvidenceFile], Any]] = {Table: table, bytes: _bytes, str: _text}


def _array(file: EvidenceFile, kind: Any) -> Any:
    import numpy as np

    if file.media_type != _NPY:
        found = table(file)
        if len(found.columns) != 1:
            raise BadInput(
                f"has {len(found.columns)} columns where one array is wanted", where=file.name,
                right="give a table of one column or an .npy file",
            )  # fmt: skip
        return _column(found, found.columns[0], _kind_of_array(kind) or "float", None)
    try:
        array = np.load(file.path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadInput(
            f"is not a whole .npy array ({error})", where=file.name, right="write it with numpy.save"
        ) from None
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise BadInput(
            f"the value at {list(index)} is not finite", where=file.name, right="finite numbers are wanted"
        )
    return array


def _array_fields(kind: type) -> dict[str, tuple[Kind, Any, str | None]]:
    """Array fields of a dataclass: kind of value, container type, declared unit."""
    found: dict[str, tuple[Kind, Any, str | None]] = {}
    hints = typing.get_type_hints(kind, include_extras=True)
    for item in dataclasses.fields(kind):
        if not item.init:
            continue
        hint = hints[item.name]
        unit = next((m.name for m in getattr(hint, "__metadata__", ()) if isinstance(m, Unit)), None)
        hint = _bare(hint)
        element = _kind_of_array(hint)
        if element:
            found[item.name] = (element, typing.get_origin(hint) or hint, unit)
    return found


def _bare(hint: Any) -> Any:
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [m for m in typing.get_args(hint) if m is not types.NoneType]
        return _bare(members[0]) if len(members) == 1 else hint
    return hint


def _kind_of_array(hint: Any) -> Kind | None:
    """What an array annotation holds; None where it is no array. A bare `ndarray` or `list` holds numbers."""
    import datetime

    origin = typing.get_origin(hint) or hint
    inner = [a for a in typing.get_args(hint) if a is not Ellipsis]
    if getattr(origin, "__module__", "") == "numpy" and getattr(origin, "__name__", "") == "ndarray":
        dtypes = typing.get_args(inner[-1]) if inner else ()
        return _kind_of_scalar(dtypes[0]) if dtypes else "float"
    if (
        isinstance(origin, type)
        and issubclass(origin, list | tuple | Sequence)
        and not issubclass(origin, str | bytes)
    ):
        element = inner[0] if inner else float
        words: dict[Any, Kind] = {float: "float", int: "integer", str: "text", datetime.datetime: "time"}
        return words.get(element)
    return None


def _kind_of_scalar(scalar: Any) -> Kind:
    import numpy as np

    if isinstance(scalar, type):
        if issubclass(scalar, np.integer):
            return "integer"
        if issubclass(scalar, np.datetime64):
            return "time"
        if issubclass(scalar, np.str_):
            return "text"
        if issubclass(scalar, np.float32):
            return "float32"
    return "float"


def _columns_into(kind: type, fields: Mapping[str, tuple[Kind, Any, str | None]], found: Table) -> Any:
    values = {}
    for item in dataclasses.fields(kind):
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if item.name not in fields:
            if required and item.init:
                raise TypeError(
                    f"{kind.__name__}.{item.name} is no array and has no default; give {kind.__name__} a classmethod from_table"
                )
            continue
        element, container, unit = fields[item.name]
        asked = f"{item.name} [{unit}]" if unit else item.name
        if required or found.has(asked, element):
            values[item.name] = _column(found, asked, element, container)
    return kind(**values)


def _column(found: Table, name: str, element: Kind, container: Any) -> Any:
    import numpy as np

    if element == "text":
        words = found.texts(name)
        return words if container is not np.ndarray else np.array(words)
    if element == "float32":
        chunks = [
            b.column(0).to_numpy(zero_copy_only=False) for b in found.batches([name], {name: "float32"})
        ]
        return np.concatenate(chunks)
    read = {"float": found.floats, "integer": found.integers, "time": found.times}[element]
    array: Any = read(name)
    if container is tuple:
        return tuple(array.tolist())
    return array if container in (None, np.ndarray) else array.tolist()
