"""The one error a person can act on: what was wrong, where, and what would be right."""

from __future__ import annotations

import re

# control characters and those that turn the direction of text: they could repaint a reader's screen
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def visible(text: object) -> str:
    """Text of a stranger as a terminal may show it; line feed and tab stay."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(text))


class BadInput(ValueError):
    """Input that cannot be used (exit status 2 on the command line, HTTP 422 on the web).

    Parameters
    ----------
    what : what was wrong
    where : file, column, field or line it was found in
    right : what would be right
    """

    def __init__(self, what: str, *, where: str = "", right: str = "") -> None:
        self.what, self.where, self.right = what, where, right
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.right}" if self.right else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.what, self.where, self.right))

    def json(self) -> dict[str, str]:
        return {"what": self.what, "where": self.where, "right": self.right}


def _rebuild(what: str, where: str, right: str) -> BadInput:
    return BadInput(what, where=where, right=right)
