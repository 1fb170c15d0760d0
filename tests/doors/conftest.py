"""The bundled machine, appraised once for all who look at its passport."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Demo(NamedTuple):
    """What `recore demo --json` said, and where it wrote."""

    folder: Path
    document: dict[str, Any]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    from recore.cli import main

    folder, said = tmp_path_factory.mktemp("demo"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("RECORE_CONFIG", str(folder / "config"))
        patch.delenv("RECORE_PASSPHRASE", raising=False)
        patch.setattr(sys, "argv", ["recore", "demo", "--out", str(folder / "out"), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code in (0, None)
    return Demo(folder / "out", json.loads(said.getvalue()))
