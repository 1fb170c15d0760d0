"""Where a user's own data lie."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The user's data folder: RECORE_HOME, or recore in XDG_DATA_HOME or ~/.local/share."""
    if own := os.environ.get("RECORE_HOME"):
        return Path(own)
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "recore"
