"""Gives a kernel at once: compiled if that is ready, else in NumPy while it is being compiled."""

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from quant.kernels import building, cache

_CHILD = (
    "import sys; sys.path[:] = {path!r}\n"
    "from quant.kernels.building import build_for_others; build_for_others()"
)


class _Kernels:
    """What this process has of the kernels.

    Attributes:
        ready: Compiled kernels by name.
        available: False once Numba could not be imported: then NumPy serves for good.
        worker: The thread that gets the kernels ready.
    """

    def __init__(self) -> None:
        self.ready: dict[str, ModuleType] = {}
        self.available = True
        self.worker: threading.Thread | None = None
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        """Import the compiled kernel, and give it from now on."""
        try:
            self.ready[name] = building.compiled(name)
        except ImportError:
            self.available = False

    def start(self) -> threading.Thread:
        """Start to get every kernel ready, once."""
        with self._lock:
            if self.worker is None:
                # No daemon waits for a compiler when a short command has long ended.
                self.worker = threading.Thread(
                    target=self._work, name="quantlens-kernels", daemon=True
                )
                self.worker.start()
            return self.worker

    def is_on_disk(self, name: str) -> bool:
        """Whether the compiled kernel can be had without a compiler."""
        try:
            return cache.is_ready(name)
        except ImportError:  # Numba is not installed
            self.available = False
            return False

    def _work(self) -> None:
        if not all(self.is_on_disk(name) for name in building.NAMES) and self.available:
            for name in _built_in_a_process():
                self.take(name)
        for name in building.NAMES:
            if self.available:
                self.take(name)


_KERNELS = _Kernels()


def load(name: str) -> Any:
    """The functions of a kernel, without waiting for a compiler.

    Both modules that may come have the same functions, and their results agree: integers exactly,
    sums but for rounding. Ask again for each use: what is compiled meanwhile comes the next time.

    Args:
        name: As in :data:`quant.kernels.NAMES`.

    Returns:
        The module ``quant.kernels.compiled.NAME``; ``quant.kernels.plain.NAME`` as long as the
        other is not compiled, which then goes on behind, and where Numba cannot be imported.
    """
    found = _KERNELS.ready.get(name)
    if found is not None:
        return found
    if _KERNELS.available:
        if _KERNELS.is_on_disk(name):
            _KERNELS.take(name)
        elif _KERNELS.available:
            _KERNELS.start()
    if name in _KERNELS.ready:
        return _KERNELS.ready[name]
    return importlib.import_module(f"quant.kernels.plain.{name}")


def warm_up() -> threading.Thread:
    """Get every kernel ready on a thread; its end is the moment from which all are compiled.

    It takes a second, but for the first time on a machine. Then they are compiled in a process of
    their own, so that this one stays quick; where nothing can be kept on disk, on the thread.
    """
    return _KERNELS.start()


def _built_in_a_process() -> Iterator[str]:
    """Compile in another process; each name when that kernel can be read from the disk."""
    code = _CHILD.format(path=sys.path)
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            text=True,
        )
    except OSError:  # an embedded Python names no program
        return
    with child:
        assert child.stdout is not None
        for line in child.stdout:
            yield line.strip()
