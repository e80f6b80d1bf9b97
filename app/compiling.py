"""Compiles ahead what the pages need, so that no click on a new machine waits for a compiler."""

import threading
from typing import Final

from analysis import clipping, weights
from quant import divergence, expected_error, scan
from quant.tools import compute

PARTS: Final = (
    scan.warm,
    clipping.warm,
    expected_error.warm,
    divergence.warm,
    compute.warm,
    weights.warm,
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
