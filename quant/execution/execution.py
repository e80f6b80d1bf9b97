"""How work is run: on which workers, who is asked whether to go on, and how it is stopped."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BEAT_SECONDS = 0.25
"""How often a waiting caller is asked whether to go on."""


def threads(workers: int) -> Executor:
    """Threads of this process."""
    return ThreadPoolExecutor(workers, thread_name_prefix="quantlens")


def _nothing() -> None:
    """Stops nothing."""


@dataclass(frozen=True)
class Execution:
    """How a piece of work is run.

    Attributes:
        heartbeat: Called on the caller's thread at least every quarter of a second while it waits;
            it may raise to stop everything.
        stop: Called when the work ends early, to make work in progress fail soon.
        workers: How many items are worked on at once.
        pool: Makes what runs them, from the number of workers: threads of this process unless
            another :class:`concurrent.futures.Executor` is wanted.
    """

    heartbeat: Callable[[], None]
    stop: Callable[[], None] = _nothing
    workers: int = 1
    pool: Callable[[int], Executor] = threads

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
        """Apply ``work`` to every item and give the results in the order of the items.

        At most one item more than there are workers is held at any time, so memory does not depend
        on how many there are. Close the generator (``contextlib.closing``) to stop early.

        Args:
            work: What to do with an item; runs on a worker.
            items: The items; they are taken on the caller's thread.

        Yields:
            The results.
        """
        pool = self.pool(self.workers)
        waiting: deque[Future[Result]] = deque()
        finished = False
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > self.workers:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
            finished = True
        finally:
            if not finished:
                self.stop()
            pool.shutdown(wait=True, cancel_futures=True)

    def run(self, work: Callable[[], Result]) -> Result:
        """Do one piece of work on a worker while the caller's heartbeat goes on.

        Args:
            work: What to do.

        Returns:
            What the work returned.
        """
        with closing(self.map(lambda _: work(), (None,))) as results:
            (result,) = results
        return result

    def _result(self, future: Future[Result]) -> Result:
        while True:
            try:
                return future.result(timeout=BEAT_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                self.heartbeat()
