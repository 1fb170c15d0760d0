"""The words a method is declared with, and those it is handed."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from recore.quantity import unit_of

M = TypeVar("M")


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


def mark(kind: Any, wanted: type[M]) -> M | None:
    """What an annotation carries of a sort: `mark(Annotated[float, Unit("mm")], Unit)` is the unit."""
    return next((item for item in getattr(kind, "__metadata__", ()) if isinstance(item, wanted)), None)


def unmarked(kind: Any) -> Any:
    """The type that is annotated."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
