"""JSON tables: a list of objects, or an object of equally long lists."""

from __future__ import annotations

from typing import Any

from recore.errors import BadInput
from recore.evidence.cells import CellSource
from recore.evidence.memory_table import check_names

_RIGHT = "a list of objects or an object of equally long lists is wanted"


def json_source(document: Any, name: str) -> CellSource:
    """Source over a parsed JSON document.

    Raises
    ------
    BadInput : the document has neither shape
    """
    if isinstance(document, list):
        for number, row in enumerate(document, 1):
            if not isinstance(row, dict):
                raise BadInput("is no object", where=f"{name}, row {number}", right=_RIGHT)
        keys = list(dict.fromkeys(key for row in document for key in row))
        cells = tuple([row.get(key) for row in document] for key in keys)
        count = len(document)
    elif isinstance(document, dict):
        for key, column in document.items():
            if not isinstance(column, list):
                raise BadInput("is no list", where=f"{name}, field {key!r}", right=_RIGHT)
        lengths = {key: len(column) for key, column in document.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{key}: {length}" for key, length in list(lengths.items())[:20])
            raise BadInput(f"the lists differ in length ({listed})", where=name, right=_RIGHT)
        keys, cells, count = list(document), tuple(document.values()), max(lengths.values(), default=0)
    else:
        raise BadInput("is no table", where=name, right=_RIGHT)
    return CellSource(name, check_names(keys, name), cells, range(1, count + 1))
