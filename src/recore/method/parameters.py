"""The parameters of a method as a pydantic model, and what is wrong with them in a sentence."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from recore.method.words import Unit, mark
from recore.quantity import Quantity, convert

# keeps a parameter called 'json' or 'schema' from the names a model has itself
PREFIX = "of_"


def parameters_model(id: str, declared: Mapping[str, tuple[inspect.Parameter, Any]]) -> Any:
    """Pydantic model of keyword arguments; without any it still forbids extras, so that no typo is hidden."""
    from pydantic import BeforeValidator, ConfigDict, Field, create_model

    fields: dict[str, Any] = {}
    for name, (parameter, kind) in declared.items():
        unit = mark(kind, Unit)
        if unit is not None:
            kind = typing.Annotated[kind, BeforeValidator(_in_unit(unit.name))]
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[PREFIX + name] = (typing.Annotated[kind, Field(alias=name)], default)
    config = ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True)
    return create_model(f"{id} parameters", __config__=config, **fields)


def _in_unit(unit: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value.strip() and value.strip()[-1] not in "0123456789.":
            quantity = Quantity.parse(value)
            return convert(quantity.value, quantity.unit, unit)
        return value

    return read


def plain_error(error: Any, schema: dict[str, Any]) -> str:
    """One mistake that pydantic found, in the words of the parameters."""
    name = ".".join(str(part) for part in error["loc"]) or "parameters"
    if error["type"] == "extra_forbidden":
        return f"{name!r} is not a parameter; known: {', '.join(schema.get('properties', {})) or 'none'}"
    if error["type"] == "missing":
        return f"{name!r} is missing"
    text = error["msg"].removeprefix("Value error, ")
    return f"{name} = {error['input']!r:.80}: {text[:1].lower()}{text[1:]}"
