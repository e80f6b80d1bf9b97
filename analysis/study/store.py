"""Where the results of a study are kept: in memory here; a store on disk is another class."""

import threading
from typing import Any, Protocol, TypeVar

from analysis.study.keys import Result, StudyKey
from quant.execution.lru import LruStore

T = TypeVar("T")


class Store(Protocol):
    """Keeps results by key. Any thread may use it."""

    def get(self, result: Result[T], key: StudyKey) -> T | None:
        """What is kept under a key, or None."""
        ...

    def put(self, result: Result[T], key: StudyKey, value: T) -> None:
        """Keep a result.

        Raises:
            ExportError: If it cannot be written.
        """
        ...


class MemoryStore:
    """Keeps results in memory, the least recently used of each kind forgotten first."""

    def __init__(self) -> None:
        self._kinds: dict[str, LruStore[Any]] = {}
        self._lock = threading.Lock()

    def get(self, result: Result[T], key: StudyKey) -> T | None:
        """What is kept under a key, or None."""
        return self._of(result).get(key)

    def put(self, result: Result[T], key: StudyKey, value: T) -> None:
        """Keep a result."""
        self._of(result).put(key, value)

    def _of(self, result: Result[T]) -> LruStore[T]:
        with self._lock:
            return self._kinds.setdefault(result.name, LruStore(result.keep))
