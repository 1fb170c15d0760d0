"""Tasks that workers can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def noted(number: int, folder: str) -> int:
    """Say that this ran."""
    with (Path(folder) / str(number)).open("a") as file:
        file.write("x")
    return number * number


def fatal_once(number: int, flag: str) -> int:
    """Kill the process that runs this, the first time it is asked for number 3."""
    if number == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fatal() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def wrong() -> None:
    raise ValueError("no such thing")
