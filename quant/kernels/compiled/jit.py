"""Compile a function with Numba once on a machine, without the GIL."""

import importlib
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

numba: Any = importlib.import_module("numba")  # it has no types to check against

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(signature: str, *, fastmath: Collection[str] = ()) -> Callable[[Function], Function]:
    """Decorator: compile now, or read what was compiled before.

    Args:
        signature: Numba's types of the result and the arguments.
        fastmath: What LLVM may do that changes a result, such as ``reassoc``: sums in any order,
            which makes vectors of them. A kernel that chooses may not, so that its twin in NumPy
            chooses alike.
    """

    def make(function: Function) -> Function:
        try:
            result = numba.njit(signature, nogil=True, cache=True, fastmath=set(fastmath))(function)
        except RuntimeError:  # no folder that may be written to keep it in
            result = numba.njit(signature, nogil=True, fastmath=set(fastmath))(function)
        return cast("Function", result)

    return make
