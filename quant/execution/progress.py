"""How long work tells its caller where it stands."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a running job.

    Attributes:
        done: Samples (or other units of work) finished.
        total: Units in all, or None while unknown.
        seconds: Time since the job began, in seconds.
    """

    done: int
    total: int | None
    seconds: float

    @property
    def per_second(self) -> float:
        """Units a second so far; 0 before the first unit."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time to the end at the present speed in seconds, or None while unknown."""
        if self.total is None or self.done == 0:
            return None
        return (self.total - self.done) / self.per_second if self.per_second else None


OnProgress = Callable[[Progress], None]
"""Called with each report; it may raise :class:`quant.errors.Cancelled` to stop the work."""


class Reporter:
    """Counts what is done since it was made, and tells a listener; call it to report at once.

    Args:
        total: Units in all.
        listener: Who is told, or None.
    """

    def __init__(self, total: int, listener: OnProgress | None) -> None:
        self._total = total
        self._listener = listener
        self._done = 0
        self._started = time.monotonic()

    def __call__(self) -> None:
        """Tell the listener where the work stands; what it raises stops the work."""
        if self._listener is not None:
            self._listener(Progress(self._done, self._total, time.monotonic() - self._started))

    def advance(self, units: int) -> None:
        """Count ``units`` as done and report."""
        self._done += units
        self()
