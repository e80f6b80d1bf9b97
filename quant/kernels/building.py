"""Compiles kernels and leaves them on disk for all later processes."""

import importlib
import sys
from collections.abc import Iterator
from functools import cache as once
from types import ModuleType

from quant.kernels import cache


def _names() -> Iterator[str]:
    """Those that a first visit needs first: calibration, the numbers of a layer, its curves."""
    yield from ("histogram", "side_counts", "histogram_error", "expected_error", "divergence")
    shared = {"__init__", "jit", "logarithm"}
    for path in sorted(cache.COMPILED.rglob("*.py")):
        if path.stem not in shared:
            yield ".".join(path.relative_to(cache.COMPILED).with_suffix("").parts)


NAMES = tuple(dict.fromkeys(_names()))
"""Every kernel, in the order in which they are compiled."""


def compiled(name: str) -> ModuleType:
    """The compiled kernel: from the disk if it is there, else compiled now and left there.

    Args:
        name: One of :data:`NAMES`.

    Raises:
        ImportError: Numba cannot be imported.
    """
    if cache.is_ready(name):
        return _imported(name)
    cache.forget_stale(name)
    module = _imported(name)
    if not cache.set_ready(name):
        _say_that_nothing_is_kept()
    return module


def build_for_others() -> None:
    """Compile everything, and print each name when it can be read from the disk."""
    for name in NAMES:
        compiled(name)
        if cache.is_ready(name):
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()


def _imported(name: str) -> ModuleType:
    return importlib.import_module(f"quant.kernels.compiled.{name}")


@once
def _say_that_nothing_is_kept() -> None:
    sys.stderr.write(
        "Compiled kernels cannot be kept: no cache folder may be written, so every start compiles "
        "them again. Set NUMBA_CACHE_DIR to a folder that may be written.\n"
    )
