"""Run several models over the same samples, batch by batch, in memory that does not grow."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Batch, Dataset
from quant.data.opening import match_inputs
from quant.errors import DataError
from quant.execution.execution import Execution
from quant.execution.progress import OnProgress, Reporter
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession

Results = Mapping[str, NDArray[np.generic]]


def run_sessions(
    opened: Callable[[], Sequence[InferenceSession]],
    data: Dataset,
    *,
    samples: int | None = None,
    batch: int | None = None,
    progress: OnProgress | None = None,
) -> Generator[tuple[Batch, tuple[Results, ...]]]:
    """Feed every batch of the data to every session.

    Close the generator (``contextlib.closing``) to stop early.

    Args:
        opened: Makes the sessions, which take the same inputs; runs on a thread of its own.
        data: What to feed.
        samples: Use the first so many samples; None for all.
        batch: Samples to feed at once; None for as many as :func:`batch_size` finds.
        progress: Called before the work, after every batch and at least every quarter of a
            second; it may raise :class:`quant.errors.Cancelled` to stop within a second.

    Yields:
        Each batch with what the sessions gave, in their order.

    Raises:
        DataError: If the data does not fit, or no sample is asked for.
        ModelError: If a model cannot be loaded or run.
        Cancelled: If ``progress`` raised it.
    """
    total = len(data) if samples is None else min(samples, len(data))
    if total < 1:
        raise DataError(f"a measurement needs at least 1 sample, found {total} asked for")
    report = Reporter(total, progress)
    report()
    sessions = Execution(report).run(opened)
    data = match_inputs(data, sessions[0].inputs)

    def stop() -> None:
        for session in sessions:
            session.stop()

    def run(fed: Batch) -> tuple[Batch, tuple[Results, ...]]:
        return fed, tuple(fed.own(session.run(fed.feeds)) for session in sessions)

    execution = Execution(report, stop)
    if batch is None:
        batch, _ = execution.run(partial(batch_size, sessions, data))
    with closing(execution.map(run, data.batches(batch, total))) as results:
        for fed, found in results:
            yield fed, found
            report.advance(fed.size)
