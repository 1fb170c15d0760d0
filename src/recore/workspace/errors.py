"""The error for something that is not in this workspace."""

from __future__ import annotations

from recore.errors import BadInput


class NotFound(BadInput):
    """No evidence, case, finding, passport or job of that id (HTTP 404)."""
