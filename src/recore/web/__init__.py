"""Pages and JSON API. `create_app` makes the application, `serve` runs it."""

from __future__ import annotations

from recore.web.app import create_app
from recore.web.server import serve

__all__ = ["create_app", "serve"]
