"""Compile a function with Numba once on a machine, without the GIL."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

numba: Any = importlib.import_module("numba")  # it has no types to check against

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(
    signature: str, *, fastmath: bool | set[str] = False
) -> Callable[[Function], Function]:
    """Decorator: compile now, or read what was compiled before.

    Args:
        signature: Numba's types of the result and the arguments.
        fastmath: Whether sums may be taken in any order, which makes vectors of them; or the names
            of what LLVM may do, such as ``reassoc`` for that alone.
    """

    def make(function: Function) -> Function:
        try:
            result = numba.njit(signature, nogil=True, cache=True, fastmath=fastmath)(function)
        except RuntimeError:  # no folder that may be written to keep it in
            result = numba.njit(signature, nogil=True, fastmath=fastmath)(function)
        return cast("Function", result)

    return make
