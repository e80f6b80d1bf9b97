"""The compiled arithmetic of the tools, imported (and compiled, the first time) when needed."""

import importlib
import pkgutil
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def kernel(tool: str) -> Any:
    """The module of this name in :mod:`quant.kernels.tool_rules`."""
    return importlib.import_module(f"quant.kernels.tool_rules.{tool}")


def warm() -> None:
    """Have everything compiled, which takes seconds once on a machine and little later."""
    package = importlib.import_module("quant.kernels.tool_rules")
    for module in pkgutil.iter_modules(package.__path__):
        kernel(module.name)


def running(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Running total along the first axis from zero on, float64, one row longer."""
    result = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=result[1:])
    return result


def x_log_x(x: NDArray[np.generic]) -> NDArray[np.float64]:
    """``x * log(x)`` in float64, 0 at 0."""
    real = x.astype(np.float64)
    return real * np.log(np.where(real > 0, real, 1.0))
