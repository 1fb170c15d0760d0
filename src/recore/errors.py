"""The one error a person can act on: what was wrong, where, and what would be right."""

from __future__ import annotations


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
