"""Every method there is: Recore's own rooms and the entry points `recore.methods` of other packages.

Nothing is imported before it is asked for. A package that cannot be imported hides no other,
and none may take over a method id that exists.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from recore.errors import BadInput
from recore.method import Method, said

GROUP = "recore.methods"
ROOMS = ("metrology", "restoration", "impact", "trade", "appraisal")
_DECLARED = re.compile(r"""^@method\(\s*["']([^"']+)["']""", re.MULTILINE)


@dataclass
class Registry:
    """Where each method id lives, and why an entry point was left out."""

    own: dict[str, str] = field(default_factory=dict)  # id → module
    foreign: dict[str, list[EntryPoint]] = field(default_factory=dict)  # id → entry points
    problems: dict[str, str] = field(default_factory=dict)  # entry point → reason

    def ids(self) -> list[str]:
        return sorted({*self.own, *self.foreign})

    def versions(self, id: str) -> dict[int, Method[..., Any]]:
        """Installed versions of one method."""
        if id in self.own:
            module = importlib.import_module(self.own[id])
            return {m.version: m for m in vars(module).values() if isinstance(m, Method) and m.id == id}
        found: dict[int, Method[..., Any]] = {}
        for entry in self.foreign.get(id, ()):
            for candidate in self._loaded(entry, id):
                found.setdefault(candidate.version, candidate)
        return found

    def _loaded(self, entry: EntryPoint, id: str) -> list[Method[..., Any]]:
        label = f"{entry.name} = {entry.value}"
        try:
            thing = entry.load()
        except (Exception, SystemExit) as error:  # a stranger's package may fail in any way
            self.problems[label] = f"cannot be imported: {said(error)}"
            return []
        things = [thing] if isinstance(thing, Method) else list(getattr(thing, "__dict__", {}).values())
        methods = [m for m in things if isinstance(m, Method) and m.id == id]
        if not methods:
            self.problems[label] = f"holds no method {id!r} (the entry point's name is the method id)"
        return methods

    def get(self, name: str) -> Method[..., Any]:
        """The method that 'id' (newest version) or 'id@version' names.

        Raises
        ------
        BadInput : no such method, or not in that version
        """
        id, at, version = name.partition("@")
        versions = self.versions(id)
        if not versions:
            close = self._close(id)
            reason = next(
                (f" ({why})" for label, why in self.problems.items() if label.startswith(f"{id} ")), ""
            )
            raise BadInput(
                f"no method {id!r}{reason}",
                right=f"did you mean {close}?" if close else "see `recore methods`",
            )
        if not at:
            return versions[max(versions)]
        if not re.fullmatch("[1-9][0-9]{0,8}", version) or int(version) not in versions:
            raise BadInput(
                f"no version {version!r} of method {id!r}",
                right=f"installed: {', '.join(map(str, sorted(versions)))}",
            )
        return versions[int(version)]

    def all(self) -> list[Method[..., Any]]:
        """Every installed method in every version, sorted by id."""
        return [m for id in self.ids() for _, m in sorted(self.versions(id).items())]

    def _close(self, id: str) -> str:
        import difflib

        return " or ".join(difflib.get_close_matches(id, [known for known in self.ids() if known != id], n=2))


@cache
def registry() -> Registry:
    """The registry of this process."""
    found = Registry()
    root = Path(__file__).parent
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            # the declaration is read as text so that one method can be run without importing all
            for id in _DECLARED.findall(path.read_text(encoding="utf-8")):
                module = ".".join(("recore", *path.relative_to(root).with_suffix("").parts))
                found.own.setdefault(id, module.removesuffix(".__init__"))
    points = sorted(entry_points(group=GROUP), key=lambda e: (e.dist.name if e.dist else "", e.name, e.value))
    owner: dict[str, str] = {}
    for entry in points:
        id = entry.name.partition("@")[0]
        package = entry.dist.name if entry.dist else ""
        if id in found.own:
            found.problems[f"{entry.name} = {entry.value}"] = f"method {id!r} belongs to recore"
        elif owner.setdefault(id, package) != package:
            found.problems[f"{entry.name} = {entry.value}"] = f"method {id!r} belongs to {owner[id]}"
        else:
            found.foreign.setdefault(id, []).append(entry)
    return found
