"""TOML in, with every fault told and the work bounded."""

from __future__ import annotations

import tomllib
from typing import Any

from recore.errors import BadInput

MAX_DOTS = 200


def loads(text: str, *, where: str = "", right: str = "") -> dict[str, Any]:
    """Parse one TOML document.

    Parameters
    ----------
    where, right : what the error says of the place, and of what would be right

    Raises
    ------
    BadInput : not TOML, nested too deeply, or a key of more than `MAX_DOTS` dots
    """
    # the work of the parser grows with the square of the dots in a key
    if any(key.count(".") > MAX_DOTS for line in text.splitlines() for key in line.split("=")[:-1]):
        raise BadInput(f"holds a key with more than {MAX_DOTS} dots", where=where, right="write tables")
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a whole number too long to be read
        raise BadInput(f"not TOML: {error!s:.300}", where=where, right=right) from None
    except RecursionError:
        raise BadInput("nested too deeply", where=where, right=right) from None
