"""How many samples a model can take at once without their results getting mixed."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Dataset
from quant.errors import ModelError
from quant.runtime.session import InferenceSession, holds_numbers

BATCH_BYTES = 8 << 20
"""A batch is as many samples as give this many bytes of tensors for each session."""

MAX_BATCH = 16
"""Samples in a batch, at most."""

_TOLERANCE = 1e-3

Array = NDArray[np.generic]


def batch_size(
    sessions: Sequence[InferenceSession],
    data: Dataset,
    alone: Sequence[Mapping[str, Array]] | None = None,
) -> tuple[int, int]:
    """The number of samples to run at once; it depends on the models and the data only.

    Batches are used when every result of a batch of two is the results of its samples one after
    the other along axis 0. Otherwise samples run one by one.

    Args:
        sessions: What will run on each batch.
        data: What will be fed; its first two samples are.
        alone: What each gives for the first sample, where that is known.

    Returns:
        The batch size, and the bytes of the results of one sample.

    Raises:
        ModelError: If ONNX Runtime cannot run the first sample.
        DataError: If the data cannot be read.
    """
    first = data.probe
    alone = alone or [session.run(first) for session in sessions]
    values = [value for found in alone for value in found.values()]
    size = sum(value.nbytes for value in values if holds_numbers(value))
    fitting = min(MAX_BATCH, BATCH_BYTES * len(sessions) // max(size, 1))
    # A model that draws goes on drawing with each run, so every session has to run as often.
    if data.group is not None or data.one_by_one or any(s.random for s in sessions):
        return data.group or 1, size // (data.group or 1)
    pair = next(data.batches(2, 2))
    if fitting < 2 or pair.size < 2:
        return 1, size
    second = {name: array[1:] for name, array in pair.feeds.items()}
    if all(np.array_equal(first[name], second[name]) for name in first):
        return 1, size
    for session, found in zip(sessions, alone, strict=True):
        try:
            together = session.run(pair.feeds)
        except ModelError:
            return 1, size
        if not _one_after_the_other(together, found, session.run(second)):
            return 1, size
    return fitting, size


def _one_after_the_other(
    together: Mapping[str, Array], first: Mapping[str, Array], second: Mapping[str, Array]
) -> bool:
    for name, both in together.items():
        parts = (first[name], second[name])
        if not all(holds_numbers(value) for value in (both, *parts)):
            return False
        if any(part.ndim == 0 or part.shape[0] != parts[0].shape[0] for part in parts):
            return False
        if parts[0].shape[1:] != parts[1].shape[1:]:
            return False
        expected = np.concatenate(parts)
        if both.shape != expected.shape:
            return False
        if not both.size:
            continue
        a, b = both.astype(np.float64), expected.astype(np.float64)
        scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
        if not np.allclose(a, b, rtol=0, atol=_TOLERANCE * scale, equal_nan=True):
            return False
    return True
