"""The one bounded cache: results by key, the least recently used forgotten first."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class LruStore(Generic[T]):
    """Results of long work by key, the least recently used forgotten first. Any thread may use it.

    Args:
        keep: How many results to keep.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._items: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Hashable, item: T) -> None:
        """Keep ``item`` under ``key``."""
        with self._lock:
            self._items[key] = item
            self._items.move_to_end(key)
            while len(self._items) > self._keep:
                self._items.popitem(last=False)

    def get(self, key: Hashable) -> T | None:
        """What is kept under ``key``, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)
