"""Work through a stream of items on threads: in order, bounded, and quick to stop."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BEAT_SECONDS = 0.25
"""How often a waiting caller is asked whether to go on."""


def map_ordered(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    heartbeat: Callable[[], None],
    stop: Callable[[], None],
) -> Generator[Result]:
    """Apply ``work`` to every item, on several threads, and give the results in order.

    At most one item more than there are workers is held at any time, so memory does not depend on
    how many there are. Close the generator (``contextlib.closing``) to stop early.

    Args:
        work: What to do with an item; runs on a worker thread.
        items: The items; they are taken on the caller's thread.
        workers: Number of threads.
        heartbeat: Called on the caller's thread at least every quarter of a second while it waits;
            it may raise to stop everything.
        stop: Called when the work ends early, to make work in progress fail soon.

    Yields:
        The results, in the order of the items.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="quantlens")
    waiting: deque[Future[Result]] = deque()
    finished = False
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield _result(waiting.popleft(), heartbeat)
        while waiting:
            yield _result(waiting.popleft(), heartbeat)
        finished = True
    finally:
        if not finished:
            stop()
        pool.shutdown(wait=True, cancel_futures=True)


def run_cancellable(
    work: Callable[[], Result],
    *,
    heartbeat: Callable[[], None],
    stop: Callable[[], None] = lambda: None,
) -> Result:
    """Do one piece of work on a thread of its own while the caller's beat goes on.

    Args:
        work: What to do.
        heartbeat: As for :func:`map_ordered`.
        stop: As for :func:`map_ordered`.

    Returns:
        What the work returned.
    """
    with closing(
        map_ordered(lambda _: work(), (None,), workers=1, heartbeat=heartbeat, stop=stop)
    ) as results:
        (result,) = results
    return result


def _result(future: Future[Result], heartbeat: Callable[[], None]) -> Result:
    while True:
        try:
            return future.result(timeout=BEAT_SECONDS)
        except TimeoutError:
            if future.done():
                raise
            heartbeat()
