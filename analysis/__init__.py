"""Numbers about a quantization, and figures of them.

``analysis.figures`` is imported when it is first used, so that numbers alone do not load Plotly.
"""

import importlib
from typing import TYPE_CHECKING, Any

from analysis.clipping import LocalError, local_error
from analysis.compare import Comparison, compare
from analysis.divergence import divergence_curves
from analysis.error import ErrorStats

if TYPE_CHECKING:
    from analysis import figures

__all__ = [
    "Comparison",
    "ErrorStats",
    "LocalError",
    "compare",
    "divergence_curves",
    "figures",
    "local_error",
]


def __getattr__(name: str) -> Any:
    if name == "figures":
        return importlib.import_module("analysis.figures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
