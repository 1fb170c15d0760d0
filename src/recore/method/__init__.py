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
from typing import Any, Generic, ParamSpec, TypeVar

from recore import jsonio
from recore.errors import BadInput
from recore.execute import Inline
from recore.finding import EXACT, Finding, Note, Tolerance, environment, media_type, same
from recore.method.parameters import PREFIX, parameters_model, plain_error
from recore.method.results import SHORT_LIST, is_quantity, result_fields, taken_apart
from recore.method.words import (
    Artifact,
    Evidence,
    Input,
    MethodFault,
    Progress,
    Refusal,
    Unit,
    mark,
    unmarked,
)

__all__ = [
    "SHORT_LIST",
    "Artifact",
    "Evidence",
    "Finding",
    "Input",
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
    "said",
    "silent",
]

P = ParamSpec("P")
R = TypeVar("R")


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
    def _keywords(self) -> dict[str, tuple[inspect.Parameter, Any]]:
        return {
            parameter.name: (parameter, kind)
            for parameter, kind in self._signature
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def _handed(self) -> dict[str, Any]:
        return {name: kind for name, (_, kind) in self._keywords.items() if kind in (Executor, Progress)}

    @cached_property
    def parameters(self) -> Any:
        """Pydantic model of the parameters."""
        return parameters_model(
            self.id, {name: item for name, item in self._keywords.items() if name not in self._handed}
        )

    def parameter_unit(self, name: str) -> str:
        """Declared unit of a parameter, '' where it has none."""
        for parameter, kind in self._signature:
            if parameter.name == name and (unit := mark(kind, Unit)) is not None:
                return unit.name
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
        for name, kind, artifact in result_fields(self._returns):
            if artifact is None and name not in ("flags", "refusals") and not name.startswith("_"):
                unit = mark(kind, Unit)
                if unit is not None or is_quantity(kind):
                    declared[name] = unit.name if unit is not None else ""
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
                "; ".join(plain_error(item, self.parameters_schema) for item in error.errors()),
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
        keywords: dict[str, Any] = {name: getattr(model, PREFIX + name) for name in checked}
        for name, kind in self._handed.items():
            keywords[name] = (executor or Inline()) if kind is Executor else (progress or silent)
        result: Any = None
        refusals: tuple[Note, ...] = ()
        try:
            result = self.function(*arguments, **keywords)
            if result is None:
                raise TypeError("it returned nothing; a dataclass or a mapping of quantities is wanted")
            results, files, flags, more = taken_apart(result)
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


def silent(share: float, doing: str) -> None:
    """Progress that nobody is told."""


def _kind_name(kind: Any) -> str:
    """What an input is read as, in a word: 'Table', also where it may be left out ('Table | None')."""
    kind = unmarked(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        names = [_kind_name(item) for item in typing.get_args(kind) if item is not type(None)]
        return " | ".join(names)
    return str(getattr(kind, "__name__", kind))
