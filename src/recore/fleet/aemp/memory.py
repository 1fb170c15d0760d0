"""Compiling for the scanners: functions of plain numbers, and memory by its address.

An array handed to a compiled function is eight words and a count of its users; every inner call copies the first and
keeps the second. The scanners call small functions for every few bytes, so they are given addresses: they run four
times as fast and compile in half the time. Who calls the outermost function keeps the arrays alive and knows their
bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

F = TypeVar("F")
_njit: Any = numba.njit
_HOW: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def compiled(signature: str) -> Callable[[F], F]:
    """Compile for one signature, when the module is imported, and keep the machine code for the next time."""
    made: Any = _njit(signature, **_HOW)
    return made  # type: ignore[no-any-return]


def inner(signature: str) -> Callable[[F], F]:
    """The same for a function that only compiled ones call."""
    made: Any = _njit(signature, **_HOW, no_cpython_wrapper=True)
    return made  # type: ignore[no-any-return]


def numbers(count: int, result: str = "int64") -> str:
    """Signature of a function of so many whole numbers."""
    return f"{result}({', '.join(['int64'] * count)})"


def addresses(arrays: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Where arrays begin; they must outlive it."""
    return np.array([array.__array_interface__["data"][0] for array in arrays], np.int64)


def address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _inline(function: Any) -> Any:
    return intrinsic(function)


def _place(builder: Any, kind: Any, base: Any, at: Any) -> Any:
    return builder.gep(builder.inttoptr(base, kind.as_pointer()), [at])


_BYTE, _WORD, _REAL = ir.IntType(8), ir.IntType(64), ir.DoubleType()


@_inline
def byte(typing: Any, base: Any, at: Any) -> Any:
    """The byte at a place."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.zext(builder.load(_place(builder, _BYTE, *given)), _WORD)

    return types.int64(types.int64, types.int64), code


@_inline
def let_byte(typing: Any, base: Any, at: Any, value: Any) -> Any:
    """Set the byte at a place."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(builder.trunc(given[2], _BYTE), _place(builder, _BYTE, *given[:2]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


@_inline
def load(typing: Any, base: Any, at: Any) -> Any:
    """Eight bytes from a place on as one number."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = builder.bitcast(_place(builder, _BYTE, *given), _WORD.as_pointer())
        return builder.load(place, align=1)

    return types.uint64(types.int64, types.int64), code


@_inline
def get(typing: Any, base: Any, at: Any) -> Any:
    """A whole number out of many."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(builder, _WORD, *given))

    return types.int64(types.int64, types.int64), code


@_inline
def let(typing: Any, base: Any, at: Any, value: Any) -> Any:
    """Set one of many whole numbers."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _place(builder, _WORD, *given[:2]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


@_inline
def real(typing: Any, base: Any, at: Any) -> Any:
    """A floating-point number out of many."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(builder, _REAL, *given))

    return types.float64(types.int64, types.int64), code


@_inline
def let_real(typing: Any, base: Any, at: Any, value: Any) -> Any:
    """Set one of many floating-point numbers."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _place(builder, _REAL, *given[:2]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), code
