"""What every tool would choose for the tensors of a model, computed between clicks.

Rows are kept by the statistics and the codes they are for. Threads of their own fill in what a
page asks for, the tensor on the screen first, and end when nothing is left.
"""

import logging
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from analysis.ranges.candidates import (
    RangeCandidate,
    candidates_from_stats,
    median_db,
    range_disagreement_db,
    rated_db,
)
from app.workspace.workspace import Workspace
from quant.error_model.context import TensorContext
from quant.execution.lru import LruStore
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

THREADS: Final = 2
BREATH: Final = 0.002
"""Seconds between two tensors, in which whoever waits for the interpreter goes first."""

Asked = tuple[TensorStats, QuantSpec, TensorContext]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Choices:
    """The rows of a tensor.

    Attributes:
        rows: Ours first, then tool by tool; empty where computing them failed.
        gap_db: The weighted sqnr of the best less the median, in dB.
        median_db: That median in dB, or None.
        best: The row with the greatest weighted sqnr, or None.
        worst: The row with the least, or None.
    """

    rows: tuple[RangeCandidate, ...]
    gap_db: float
    median_db: float | None
    best: RangeCandidate | None
    worst: RangeCandidate | None

    @classmethod
    def of(cls, rows: tuple[RangeCandidate, ...]) -> "Choices":
        """The rows with what stands out in them."""
        ranked = sorted((row for row in rows if row.rated_db is not None), key=_rating)
        best, worst = (ranked[-1], ranked[0]) if ranked else (None, None)
        return cls(rows, range_disagreement_db(rows), median_db(rows), best, worst)

    def rated_db(self, workspace: Workspace, tensor: str) -> float:
        """The weighted sqnr of the range in use, in dB, as the rows are rated."""
        ends = workspace.quantized.ranges[tensor]
        for row in self.rows:
            if row.rated_db is not None and (row.rmin, row.rmax) == ends:
                return row.rated_db
        quantized = workspace.quantized
        return rated_db(
            workspace.calibration.tensors[tensor],
            quantized.params[tensor],
            quantized.contexts[tensor],
        )


KNOWN: Final = LruStore[Choices](2048)


class BackgroundQueue:
    """Threads that compute the rows of a list of tensors; a new list takes the place of the old."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._running = 0
        self._waiting: dict[str, Asked] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def want(self, asked: Iterable[Asked]) -> None:
        """Compute what of this is not known, in this order."""
        missing = {key: item for item in asked if KNOWN.get(key := choices_key(*item)) is None}
        with self._lock:
            self._waiting = {k: item for k, item in missing.items() if k not in self._busy}
            start = min(self._threads - self._running, len(self._waiting))
            self._running += start
        for _ in range(start):
            threading.Thread(target=self._work, name="quantlens-choices", daemon=True).start()

    def _work(self) -> None:
        while (item := self._next()) is not None:
            key, asked = item
            try:
                found = Choices.of(candidates_from_stats(*asked))
            except Exception:
                _log.exception("the choices for %s failed", asked[0].name)
                found = Choices.of(())
            KNOWN.put(key, found)
            with self._lock:
                self._busy.discard(key)
            time.sleep(BREATH)

    def _next(self) -> tuple[str, Asked] | None:
        """The next tensor; with None this thread counts as ended."""
        with self._lock:
            key = next(iter(self._waiting), None)
            if key is None:
                self._running -= 1
                return None
            self._busy.add(key)
            return key, self._waiting.pop(key)


QUEUE: Final = BackgroundQueue()


def choices_key(stats: TensorStats, spec: QuantSpec, context: TensorContext) -> str:
    """What the rows depend on."""
    return f"{stats.digest}/{spec!r}/{context.digest}"


def _asked(workspace: Workspace, tensor: str) -> Asked | None:
    asked = workspace.asked(tensor)
    return (*asked, workspace.quantized.contexts[tensor]) if asked else None


def choices_of(workspace: Workspace, tensor: str) -> Choices | None:
    """The rows of a quantized tensor, or None while they are not known."""
    asked = _asked(workspace, tensor)
    return KNOWN.get(choices_key(*asked)) if asked else None


def prepare_choices(workspace: Workspace, first: str) -> int:
    """Compute the rows of every tensor in the background; how many are still missing.

    Args:
        workspace: What the page works on.
        first: The tensor on the screen.
    """
    names = [first, *(name for name in workspace.quantized.plan.tensors if name != first)]
    wanted = [asked for name in names if (asked := _asked(workspace, name)) is not None]
    missing = [item for item in wanted if KNOWN.get(choices_key(*item)) is None]
    if missing:
        QUEUE.want(missing)
    return len(missing)


def _rating(row: RangeCandidate) -> float:
    return -math.inf if row.rated_db is None else row.rated_db
