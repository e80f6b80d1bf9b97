"""Compiles ahead what the pages need, so that no click on a new machine waits for a compiler."""

import threading
from typing import Final

from analysis.ranges import weight_channels
from quant.calibrators.search import divergence
from quant.error_model import expected_error, local_error
from quant.statistics import observe
from quant.tool_rules.streamed import compute

PARTS: Final = (
    observe.warm,
    local_error.warm,
    expected_error.warm,
    divergence.warm,
    compute.warm,
    weight_channels.warm,
)
"""In the order in which a first visit needs them: calibration, the numbers of a layer, its curves,
what every tool would choose, its weights."""


def compile_ahead() -> threading.Thread:
    """Compile on a thread of its own; from the second start on it reads what was compiled."""
    thread = threading.Thread(target=_all, name="quantlens-compiling", daemon=True)
    thread.start()
    return thread


def _all() -> None:
    for part in PARTS:
        part()
