"""What comes in with a request: forms, their files and the capture record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from recore.errors import BadInput
from recore.model.case import Capture
from recore.web.forms import model_problems
from recore.web.multipart import Form, read_form
from recore.web.security import check_token
from recore.workspace import EvidenceRow, Workspace

FACTS = ("who", "when", "instrument", "calibration", "place", "source", "licence")


class Forbidden(BadInput):
    """A form that was not written by this server for this visitor (HTTP 403)."""


def workspace_of(request: Request) -> Workspace:
    """The workspace that the application serves."""
    workspace: Workspace = request.app.state.workspace
    return workspace


@dataclass
class Capturing:
    """The capture record of a form, as typed and as understood."""

    given: dict[str, str] = field(default_factory=dict)
    capture: Capture | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Form[EvidenceRow], workspace: Workspace) -> Capturing:
        """Read the capture fields; a fact that is left empty is not stated."""
        given = {name: form.text(name) for name in (*FACTS, "synthetic") if form.text(name)}
        said = {name: text for name, text in given.items() if name != "synthetic"}
        try:
            capture = Capture.model_validate(
                {"file": "the file", **said, **({"synthetic": True} if "synthetic" in given else {})}
            )
            return cls(given, workspace.evidence.checked(capture) if given else None)
        except ValidationError as error:
            return cls(given, None, model_problems(error))
        except BadInput as error:
            return cls(given, None, {"when": str(error)})


@dataclass
class Received:
    """A form of a page: fields, files as evidence by name of the control, capture record."""

    form: Form[EvidenceRow]
    capturing: Capturing

    def files(self, name: str) -> list[EvidenceRow]:
        return self.form.files.get(name, [])


async def page_form(request: Request) -> Received:
    """Read a form of one of our pages; its files become evidence unless the capture record is wrong.

    Raises
    ------
    Forbidden : the form has no token of ours
    BadInput : not a form, or a file that cannot be kept
    """
    workspace, capturing = workspace_of(request), Capturing()

    def before_files(form: Form[EvidenceRow]) -> None:
        nonlocal capturing
        require_token(request, form)
        capturing = Capturing.of(form, workspace)

    def keep(control: str, name: str, stream: BinaryIO) -> EvidenceRow | None:
        if capturing.errors:
            return None
        return workspace.evidence.add(stream, name, capturing.capture)

    def read() -> Form[EvidenceRow]:
        return read_form(request, keep, before_files=before_files, max_body=request.app.state.max_upload)

    return Received(await run_in_threadpool(read), capturing)


def require_token(request: Request, form: Form[EvidenceRow]) -> None:
    """Refuse a form that does not carry this visitor's token."""
    try:
        check_token(request.app.state.secret, request.state.visitor, form.text("token"))
    except BadInput as error:
        raise Forbidden(error.what, where=error.where, right=error.right) from None


def only(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that somebody filled in."""
    return {name: text for name, text in fields.items() if text}
