"""A finding: what a method found, with everything needed to find it again."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from recore import __version__, jsonio
from recore.errors import BadInput
from recore.quantity import Quantity


class Note(NamedTuple):
    """Something a reader must know: a code a program can test and a text a person can read."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How closely another machine must reproduce a number: |a - b| <= absolute + relative * max(|a|, |b|).

    `absolute` is in the unit of the result.
    """

    absolute: float = 0.0
    relative: float = 0.0

    def agrees(self, a: float, b: float) -> bool:
        return a == b or abs(a - b) <= self.absolute + self.relative * max(abs(a), abs(b))


EXACT = Tolerance()


@dataclass(frozen=True)
class Finding:
    """What a method found: values with unit and uncertainty, and all that is needed to find them again."""

    method: str
    version: int
    evidence: tuple[dict[str, Any], ...]
    parameters: dict[str, Any]
    results: dict[str, Quantity]
    artifacts: tuple[dict[str, Any], ...] = ()
    flags: tuple[Note, ...] = ()
    refusals: tuple[Note, ...] = ()
    standard: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {
            "method": {"id": self.method, "version": self.version},
            "evidence": list(self.evidence),
            "parameters": self.parameters,
            "results": {name: quantity.json() for name, quantity in self.results.items()},
            "artifacts": list(self.artifacts),
            "flags": [note._asdict() for note in self.flags],
            "refusals": [note._asdict() for note in self.refusals],
            "standard": self.standard,
            "environment": self.environment,
        }

    @classmethod
    def from_json(cls, document: Any, *, where: str = "finding") -> Finding:
        """Read what `json` wrote, checking its shape."""
        try:
            return cls(
                method=_typed(document["method"]["id"], str),
                version=_typed(document["method"]["version"], int),
                evidence=tuple(
                    {
                        "name": _typed(item["name"], str),
                        "sha256": _typed(item["sha256"], str),
                        "bytes": _typed(item["bytes"], int),
                        "media_type": _typed(item["media_type"], str),
                    }
                    for item in document["evidence"]
                ),
                parameters=_typed(document["parameters"], dict),
                results={
                    name: Quantity.from_json(item, where=f"{where}, result {name!r}")
                    for name, item in document["results"].items()
                },
                artifacts=tuple(
                    {key: _typed(item[key], str) for key in ("name", "file", "sha256", "media_type")}
                    for item in document["artifacts"]
                ),
                flags=tuple(Note(_typed(n["code"], str), _typed(n["text"], str)) for n in document["flags"]),
                refusals=tuple(
                    Note(_typed(n["code"], str), _typed(n["text"], str)) for n in document["refusals"]
                ),
                standard=_typed(document["standard"], str),
                environment=_typed(document["environment"], dict),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"not a finding ({error})", where=where) from None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return jsonio.digest(self.json())


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r:.60} where {kind.__name__} is wanted")
    return value


def same(tolerance: Tolerance, old: Quantity, new: Quantity) -> bool:
    if old.unit != new.unit or (old.uncertainty is None) != (new.uncertainty is None):
        return False
    spread = (old.uncertainty or 0.0, new.uncertainty or 0.0)
    return tolerance.agrees(*spread) and _agree(tolerance, old.value, new.value)


def _agree(tolerance: Tolerance, a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_agree(tolerance, x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, str | bool | tuple) or isinstance(b, str | bool | tuple):
        return type(a) is type(b) and bool(a == b)
    return tolerance.agrees(a, b)


def environment() -> dict[str, str]:
    """The part of the environment a finding may depend on."""
    return {
        "recore": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
    }


_MEDIA_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "npy": "application/x-npy",
    "toml": "application/toml",
    "txt": "text/plain",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "pdf": "application/pdf",
    "stl": "model/stl",
    "glb": "model/gltf-binary",
    "wav": "audio/wav",
    "tdms": "application/x-tdms",
    "uff": "application/x-uff",
    "unv": "application/x-uff",
    "uf": "application/x-uff",
    "h5": "application/x-hdf5",
    "hdf5": "application/x-hdf5",
    "mat": "application/x-matlab-data",
    "npz": "application/x-npz",
}


def media_type(file: str) -> str:
    """Media type by the ending of a file name."""
    return _MEDIA_TYPES.get(file.rsplit(".", 1)[-1].lower(), "application/octet-stream")
