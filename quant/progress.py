"""How long work tells its caller where it stands."""

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
