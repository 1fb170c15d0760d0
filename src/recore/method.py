"""What a method is: a pure, versioned function from evidence and parameters to a finding.

    @method("acme.mean-wear", version=1, reproducible=Tolerance(relative=1e-9))
    def mean_wear(table: Table, *, column: str = "wear_mm") -> MeanWear: ...

Positional arguments are inputs, read from evidence; keyword-only arguments are parameters.
A keyword annotated `concurrent.futures.Executor` or `Progress` is handed in by whoever runs
the method and is no parameter. The result is a dataclass (or a mapping) of quantities; fields
annotated with `Artifact` are files; `flags` and `refusals` are said about the whole finding.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, runtime_checkable

from recore import jsonio
from recore.errors import BadInput
from recore.execute import Inline
from recore.finding import EXACT, Finding, Note, Tolerance, environment, media_type, same
from recore.quantity import Quantity, convert, unit_of

__all__ = [
    "Artifact",
    "Evidence",
    "Finding",
    "Method",
    "MethodFault",
    "Note",
    "Outcome",
    "Progress",
    "Refusal",
    "Tolerance",
    "Unit",
    "compare",
    "method",
]

P = ParamSpec("P")
R = TypeVar("R")

SHORT_LIST = 64
_PREFIX = "of_"


class Refusal(Exception):
    """Raised by a method whose answer would be a guess; the finding then carries the reason."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text

    def __reduce__(self) -> tuple[object, ...]:
        return (Refusal, (self.code, self.text))


class MethodFault(RuntimeError):
    """A method that broke: a fault of its author, not of the evidence."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit of a parameter or a result, as in `Annotated[float, Unit("MPa")]`.

    A parameter given as text may then carry any unit of the same kind ('400 bar').
    """

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", unit_of(self.name))


@dataclass(frozen=True, slots=True)
class Artifact:
    """File a result field becomes: `Annotated[pa.Table, Artifact("cycles.parquet")]`.

    The ending says how it is written: .parquet or .csv (a table), .npy (an array), else bytes.
    """

    file: str


@runtime_checkable
class Progress(Protocol):
    """Told how far the work is (0 to 1) and what is being done."""

    def __call__(self, share: float, doing: str) -> None: ...


class Evidence(Protocol):
    """A raw file as a method sees it: named, content-addressed, and able to read itself."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def media_type(self) -> str: ...
    def read(self, kind: Any) -> Any:
        """The content as the type that an input is annotated with."""
        ...


@dataclass(frozen=True, slots=True)
class Input:
    """One positional argument of a method."""

    name: str
    kind: Any
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Outcome:
    """A finding together with the bytes of its artifacts and the result object it was made from."""

    finding: Finding
    artifacts: dict[str, bytes]
    result: Any
    method: Method[..., Any]

    def plot(self) -> dict[str, Any] | None:
        """Vega-Lite specification of the method's plot; None where it has none or refused."""
        draw = self.method.draw
        if draw is None or self.result is None:
            return None
        chart = draw(self.result)
        document: dict[str, Any] = chart if isinstance(chart, dict) else chart.to_dict()
        return document


class Method(Generic[P, R]):
    """A function with everything the six doors need to know about it.

    Calling it is calling the function; `run` makes a finding from evidence.
    """

    def __init__(
        self,
        function: Callable[P, R],
        id: str,
        version: int,
        standard: str,
        reproducible: Tolerance | Mapping[str, Tolerance],
    ) -> None:
        self.function, self.id, self.version, self.standard = function, id, version, standard
        self._reproducible = reproducible
        self.draw: Callable[[R], Any] | None = None
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", id)
        self.__module__ = function.__module__
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<method {self.id}@{self.version}>"

    def __reduce__(self) -> tuple[object, ...]:
        return (_named, (self.__module__, self.__name__))

    def plot(self, draw: Callable[[R], Any]) -> Callable[[R], Any]:
        """Decorator: the function that turns a result into an Altair chart (or its specification)."""
        self.draw = draw
        return draw

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    @cached_property
    def _signature(self) -> list[tuple[inspect.Parameter, Any]]:
        hints = typing.get_type_hints(self.function, include_extras=True)
        return [
            (parameter, hints.get(name, Any))
            for name, parameter in inspect.signature(self.function).parameters.items()
        ]

    @cached_property
    def inputs(self) -> tuple[Input, ...]:
        """Positional arguments, in order; `many` takes all files that are left."""
        found = []
        for parameter, kind in self._signature:
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                found.append(Input(parameter.name, kind, many=True))
            elif parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                optional = parameter.default is not inspect.Parameter.empty
                if typing.get_origin(kind) is tuple and typing.get_args(kind)[1:] == (Ellipsis,):
                    found.append(
                        Input(parameter.name, typing.get_args(kind)[0], many=True, optional=optional)
                    )
                else:
                    found.append(Input(parameter.name, kind, optional=optional))
        return tuple(found)

    @cached_property
    def _handed(self) -> dict[str, Any]:
        return {
            parameter.name: kind
            for parameter, kind in self._signature
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and kind in (Executor, Progress)
        }

    @cached_property
    def parameters(self) -> Any:
        """Pydantic model of the parameters (None where there are none would hide typos: it forbids extras)."""
        from pydantic import BeforeValidator, ConfigDict, Field, create_model

        fields: dict[str, Any] = {}
        for parameter, kind in self._signature:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.name not in self._handed:
                unit = next((m for m in getattr(kind, "__metadata__", ()) if isinstance(m, Unit)), None)
                if unit is not None:
                    kind = typing.Annotated[kind, BeforeValidator(_in_unit(unit.name))]
                default = ... if parameter.default is inspect.Parameter.empty else parameter.default
                # a prefix keeps a parameter called 'json' or 'schema' from the names a model has itself
                fields[_PREFIX + parameter.name] = (
                    typing.Annotated[kind, Field(alias=parameter.name)],
                    default,
                )
        config = ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True)
        return create_model(f"{self.id} parameters", __config__=config, **fields)

    def parameter_unit(self, name: str) -> str:
        """Declared unit of a parameter, '' where it has none."""
        for parameter, kind in self._signature:
            if parameter.name == name:
                return next((m.name for m in getattr(kind, "__metadata__", ()) if isinstance(m, Unit)), "")
        return ""

    @cached_property
    def parameters_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the parameters; a unit stands under `unit`."""
        schema: dict[str, Any] = self.parameters.model_json_schema()
        for name, entry in schema.get("properties", {}).items():
            if unit := self.parameter_unit(name):
                entry["unit"] = unit
        return schema

    @cached_property
    def results(self) -> dict[str, str]:
        """Declared result names and their units ('' where only the value will tell)."""
        declared = {}
        for name, kind, artifact in _result_fields(self._returns):
            if artifact is None and name not in ("flags", "refusals") and not name.startswith("_"):
                units = [m.name for m in getattr(kind, "__metadata__", ()) if isinstance(m, Unit)]
                if units or _is_quantity(kind):
                    declared[name] = units[0] if units else ""
        return declared

    @property
    def _returns(self) -> Any:
        return typing.get_type_hints(self.function, include_extras=True).get("return", Any)

    def tolerance(self, result: str) -> Tolerance:
        """How closely a result must be reproduced; '*' in the declaration stands for all others."""
        if isinstance(self._reproducible, Tolerance):
            return self._reproducible
        return self._reproducible.get(result, self._reproducible.get("*", EXACT))

    def describe(self) -> dict[str, Any]:
        """Everything a door shows of the method, as JSON."""
        return {
            "id": self.id,
            "version": self.version,
            "summary": self.summary,
            "standard": self.standard,
            "inputs": [
                {
                    "name": item.name,
                    "kind": _kind_name(item.kind),
                    "many": item.many,
                    "optional": item.optional,
                }
                for item in self.inputs
            ],
            "parameters": self.parameters_schema,
            "results": {name: {"unit": unit} for name, unit in self.results.items()},
            "reproducible": {name: dataclasses.asdict(self.tolerance(name)) for name in [*self.results, "*"]},
        }

    def validated(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters checked and completed, ready for JSON.

        Raises
        ------
        BadInput : a name is unknown, or a value has the wrong type, unit or range
        """
        from pydantic import ValidationError

        try:
            model = self.parameters.model_validate(dict(given))
        except ValidationError as error:
            raise BadInput(
                "; ".join(_plain_error(item, self.parameters_schema) for item in error.errors()),
                where=f"parameters of {self.id}",
            ) from None
        document: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
        return document

    def cache_key(self, evidence: Sequence[Evidence], parameters: Mapping[str, Any]) -> str:
        """Hash of method id, version, parameters and evidence digests: equal keys mean equal findings."""
        return jsonio.digest(
            {
                "method": self.id,
                "version": self.version,
                "parameters": self.validated(parameters),
                "evidence": [item.sha256 for item in evidence],
            }
        )

    def run(
        self,
        evidence: Sequence[Evidence],
        parameters: Mapping[str, Any] | None = None,
        *,
        executor: Executor | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Read the evidence, call the function and write down what it found.

        Raises
        ------
        BadInput : too few or too many files, unreadable evidence, or parameters out of range
        """
        checked = self.validated(parameters or {})
        arguments = self._read(evidence)
        model = self.parameters.model_validate(checked)
        keywords: dict[str, Any] = {name: getattr(model, _PREFIX + name) for name in checked}
        for name, kind in self._handed.items():
            keywords[name] = (executor or Inline()) if kind is Executor else (progress or _silent)
        result: Any = None
        refusals: tuple[Note, ...] = ()
        try:
            result = self.function(*arguments, **keywords)
            if result is None:
                raise TypeError("it returned nothing; a dataclass or a mapping of quantities is wanted")
            results, files, flags, more = _taken_apart(result)
        except Refusal as refusal:
            refusals = (Note(refusal.code, refusal.text),)
            results, files, flags, more = {}, {}, (), ()
        except (BadInput, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise MethodFault(f"method {self.id}@{self.version} broke: {said(error)}") from error
        artifacts = tuple(
            {
                "name": file.rsplit(".", 1)[0],
                "file": file,
                "sha256": hashlib.sha256(data).hexdigest(),
                "media_type": media_type(file),
            }
            for file, data in files.items()
        )
        finding = Finding(
            method=self.id,
            version=self.version,
            evidence=tuple(
                {"name": item.name, "sha256": item.sha256, "bytes": item.size, "media_type": item.media_type}
                for item in evidence
            ),
            parameters=checked,
            results=results,
            artifacts=artifacts,
            flags=flags,
            refusals=refusals + more,
            standard=self.standard,
            environment=environment(),
        )
        return Outcome(finding, files, result, self)

    def _read(self, evidence: Sequence[Evidence]) -> list[Any]:
        left = list(evidence)
        arguments: list[Any] = []
        for item in self.inputs:
            if item.many:
                if not left and not item.optional:
                    raise BadInput(
                        f"no file for {item.name!r}", where=self.id, right="at least one is wanted"
                    )
                read = [file.read(item.kind) for file in left]
                left = []
                variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p, _ in self._signature)
                arguments.extend(read if variadic else [tuple(read)])
            elif left:
                arguments.append(left.pop(0).read(item.kind))
            elif not item.optional:
                raise BadInput(
                    f"no file for {item.name!r}",
                    where=self.id,
                    right=f"give {len(self.inputs)} file(s): {', '.join(i.name for i in self.inputs)}",
                )
        if left:
            raise BadInput(
                f"{len(left)} file(s) too many, from {left[0].name!r} on",
                where=self.id,
                right=f"it takes {len(self.inputs)}",
            )
        return arguments


def method(
    id: str,
    *,
    version: int = 1,
    standard: str = "",
    reproducible: Tolerance | Mapping[str, Tolerance] = EXACT,
) -> Callable[[Callable[P, R]], Method[P, R]]:
    """Declare a function as a method.

    Parameters
    ----------
    id : lower-case words joined by dots and dashes, 'family.name'
    version : raised by one whenever the same evidence may give another finding
    standard : standard and edition the method follows
    reproducible : tolerance of every result, or a mapping from result name (or '*')
    """
    if not id.replace(".", "").replace("-", "").isalnum() or id != id.lower() or "." not in id:
        raise BadInput(f"method id {id!r}", right="lower-case words as in 'family.name' are wanted")
    if version < 1:
        raise BadInput(f"version {version} of method {id}", right="versions count from 1")
    return lambda function: Method(function, id, version, standard, reproducible)


def compare(tool: Method[..., Any], recorded: Finding, again: Finding) -> list[str]:
    """Differences between a recorded finding and its recomputation, beyond the declared tolerance.

    Artifacts are compared by digest; where those differ, whoever holds both files compares the content.
    """
    differences = []
    for name in sorted(recorded.results.keys() | again.results.keys()):
        old, new = recorded.results.get(name), again.results.get(name)
        if old is None or new is None:
            differences.append(f"{name}: {'not recorded' if old is None else 'not found again'}")
        elif not same(tool.tolerance(name), old, new):
            differences.append(f"{name}: recorded {old}, recomputed {new}")
    for word in ("flags", "refusals"):
        was, now = ({note.code for note in getattr(f, word)} for f in (recorded, again))
        if was != now:
            differences.append(f"{word}: recorded {sorted(was)}, recomputed {sorted(now)}")
    if recorded.standard != again.standard:
        differences.append(f"standard: recorded {recorded.standard!r}, recomputed {again.standard!r}")
    return differences


def said(error: BaseException) -> str:
    """Kind and text of an error, whatever its text does when it is asked for."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _named(module: str, name: str) -> Any:
    import importlib

    return getattr(importlib.import_module(module), name)


def _silent(share: float, doing: str) -> None:
    return None


def _in_unit(unit: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value.strip() and value.strip()[-1] not in "0123456789.":
            quantity = Quantity.parse(value)
            return convert(quantity.value, quantity.unit, unit)
        return value

    return read


def _plain_error(error: Any, schema: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"]) or "parameters"
    if error["type"] == "extra_forbidden":
        return f"{name!r} is not a parameter; known: {', '.join(schema.get('properties', {})) or 'none'}"
    if error["type"] == "missing":
        return f"{name!r} is missing"
    text = error["msg"].removeprefix("Value error, ")
    return f"{name} = {error['input']!r:.80}: {text[:1].lower()}{text[1:]}"


def _kind_name(kind: Any) -> str:
    """What an input is read as, in a word: 'Table', also where it may be left out ('Table | None')."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        names = [_kind_name(item) for item in typing.get_args(kind) if item is not type(None)]
        return " | ".join(names)
    return str(getattr(kind, "__name__", kind))


def _is_quantity(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    return kind is Quantity or Quantity in typing.get_args(kind)


def _result_fields(kind: Any) -> list[tuple[str, Any, Artifact | None]]:
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return []
    hints = typing.get_type_hints(kind, include_extras=True)
    return [
        (
            item.name,
            hints[item.name],
            next((m for m in getattr(hints[item.name], "__metadata__", ()) if isinstance(m, Artifact)), None),
        )
        for item in dataclasses.fields(kind)
    ]


def _taken_apart(
    result: Any,
) -> tuple[dict[str, Quantity], dict[str, bytes], tuple[Note, ...], tuple[Note, ...]]:
    """Split a result object into quantities, files, flags and refusals.

    A field becomes a result when it holds a quantity or a plain value (number, word, short list);
    None is left out, and so is any other type that carries no `Artifact`: it feeds the plot.
    """
    results: dict[str, Quantity] = {}
    files: dict[str, bytes] = {}
    notes: dict[str, tuple[Note, ...]] = {"flags": (), "refusals": ()}
    for name, kind, artifact, value in _entries(result):
        if name in notes:
            notes[name] = tuple(Note(*note) for note in value)
        elif value is None or name.startswith("_"):
            continue
        elif artifact is not None:
            files[artifact.file] = _file_bytes(artifact.file, value)
        else:
            unit = next((m.name for m in getattr(kind, "__metadata__", ()) if isinstance(m, Unit)), None)
            if isinstance(value, Quantity):
                results[name] = value.to(unit) if unit and value.unit else value
            elif _is_plain(value):
                if isinstance(value, tuple | list) and len(value) > SHORT_LIST:
                    raise TypeError(
                        f"result {name!r} has {len(value)} values, at most {SHORT_LIST} are wanted; "
                        "make it an artifact"
                    )
                results[name] = Quantity(value, unit or "1")
    return results, files, notes["flags"], notes["refusals"]


def _entries(result: Any) -> list[tuple[str, Any, Artifact | None, Any]]:
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [(str(name), Any, None, value) for name, value in result.items()]
    fields = _result_fields(type(result))
    if not fields:
        raise TypeError(f"a method returns a dataclass or a mapping, not {type(result).__name__}")
    return [(name, kind, artifact, getattr(result, name)) for name, kind, artifact in fields]


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(item, str | bool | int | float) for item in value)
    return isinstance(value, str | bool | int | float)


def _file_bytes(file: str, value: Any) -> bytes:
    """Bytes of an artifact; the same value gives the same bytes with the same library version."""
    import io

    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    sink = io.BytesIO()
    if file.endswith(".parquet"):
        import pyarrow.parquet as pq

        pq.write_table(value, sink, compression="zstd")
    elif file.endswith(".csv"):
        from pyarrow import csv

        csv.write_csv(value, sink, csv.WriteOptions(quoting_style="needed"))
    elif file.endswith(".npy"):
        import numpy as np

        np.save(sink, value, allow_pickle=False)
    elif file.endswith(".json"):
        return jsonio.canonical(value)
    else:
        raise TypeError(f"no writer for artifact {file!r}")
    return sink.getvalue()
