"""Long work off the script thread, kept for the whole process so that a reload finds it again."""

import enum
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from quant.errors import Cancelled, QuantError
from quant.execution.progress import OnProgress, Progress

Work = Callable[[OnProgress], Any]
"""Work to do: it calls its argument often, and lets :class:`quant.errors.Cancelled` through."""

_log = logging.getLogger(__name__)


class JobState(enum.Enum):
    """Where a job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job:
    """One piece of work. Every attribute may be read from any thread at any time.

    Attributes:
        key: What the work is for; one job runs for a key at a time.
        label: What to call it on the screen.
        counts: What its progress counts.
        state: Where it stands.
        progress: The last report, or None before the first.
        result: What the work returned once DONE, else None.
        error: What it raised once FAILED, else None.
    """

    def __init__(self, key: str, label: str) -> None:
        self.key = key
        self.label = label
        self.counts = "samples"
        self.state = JobState.RUNNING
        self.progress: Progress | None = None
        self.result: Any = None
        self.error: Exception | None = None
        self._started = time.monotonic()
        self._stopped: float | None = None
        self._cancel = threading.Event()
        self._finished = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the job waits for its turn or works."""
        return self.state is JobState.RUNNING

    @property
    def cancelling(self) -> bool:
        """Whether a running job was told to stop and has not stopped yet."""
        return self.running and self._cancel.is_set()

    @property
    def seconds(self) -> float:
        """Time from the start to now, or to the end, in seconds."""
        return (self._stopped or time.monotonic()) - self._started

    def cancel(self) -> None:
        """Make the next progress report of the work raise ``Cancelled``."""
        self._cancel.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; whether it came within ``seconds``."""
        return self._finished.wait(seconds)

    def report(self, progress: Progress) -> None:
        """Take a report of the work.

        Raises:
            Cancelled: The job was told to stop.
        """
        if self._cancel.is_set():
            raise Cancelled(f"{self.label} was cancelled.")
        self.progress = progress

    def run(self, work: Work) -> None:
        """Do the work on this thread and keep what comes of it."""
        try:
            if self._cancel.is_set():
                raise Cancelled(f"{self.label} was cancelled.")
            self.result = work(self.report)
            self.state = JobState.DONE
        except Cancelled:
            self.state = JobState.CANCELLED
        except QuantError as error:
            self.error = error
            self.state = JobState.FAILED
        except Exception as error:
            _log.exception("%s failed", self.label)
            self.error = error
            self.state = JobState.FAILED
        finally:
            self._stopped = time.monotonic()
            self._finished.set()


class Jobs:
    """The jobs of a process, by key. Finished ones are kept, the oldest forgotten first."""

    def __init__(self, workers: int = 2, keep: int = 16) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="quantlens-job")
        self._keep = keep
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, key: str, work: Work, *, label: str) -> Job:
        """Start ``work``, or return the job that already runs for ``key``.

        Args:
            key: What the work is for.
            work: Called with the progress callback on a thread of the pool. It never calls ``st``.
            label: What to call the job on the screen.
        """
        with self._lock:
            existing = self._jobs.get(key)
            if existing is not None and existing.running and not existing.cancelling:
                return existing
            job = Job(key, label)
            self._jobs.pop(key, None)
            self._jobs[key] = job
            finished = [old for old, kept in self._jobs.items() if not kept.running]
            for old in finished[: max(0, len(self._jobs) - self._keep)]:
                del self._jobs[old]
            self._pool.submit(job.run, work)
            return job

    def get(self, key: str) -> Job | None:
        """The job for ``key``, running or finished, or None."""
        with self._lock:
            return self._jobs.get(key)

    def rename(self, key: str, label: str, counts: str) -> None:
        """Say what the job for ``key`` does now, and what its progress counts."""
        job = self.get(key)
        if job is not None:
            job.label, job.counts = label, counts

    def all(self) -> tuple[Job, ...]:
        """Every job that is still known, the latest started last."""
        with self._lock:
            return tuple(self._jobs.values())

    def forget(self, key: str) -> None:
        """Drop the finished job for ``key`` and its result; a running one stays."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and not job.running:
                del self._jobs[key]

    def shutdown(self) -> None:
        """Cancel everything; the registry starts nothing afterwards."""
        for job in self.all():
            job.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


JOBS = Jobs()
"""The jobs of this process."""
