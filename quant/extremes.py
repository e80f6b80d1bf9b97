"""Least and greatest values of a batch: of each sample, each channel, and near the ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 0.0001, 0.9999
"""The order statistics that MindSpore Lite's REMOVAL_OUTLIER averages over batches."""

_BLOCK = 32
"""Values in a block: few enough that looking into n/10,000 blocks is cheap, and many enough that
ordering n/32 block ends is."""


@dataclass(frozen=True, eq=False)
class Extremes:
    """What a batch of one tensor spans.

    Attributes:
        samples: float64, shape (4, samples): least and greatest value of each sample, and its
            order statistics at :data:`LOW` and :data:`HIGH`.
        channels: float32, shape (2, C): least and greatest value of each channel, or None.
    """

    samples: NDArray[np.float64]
    channels: NDArray[np.float32] | None


def extremes(x: NDArray[np.float32], samples: int, axis: int | None) -> Extremes:
    """Find the least and greatest values of a batch in as few passes as there can be.

    NaN shows as NaN in the result.

    Args:
        x: float32, C-contiguous, at least one element a sample. Axis 0 holds the samples one
            after the other, perhaps each with several rows.
        samples: How many samples.
        axis: The channel axis, not 0; None where there is none.

    Returns:
        The extremes; zeros are all positive zeros.
    """
    flat = x.reshape(samples, -1)
    n = flat.shape[1]
    channels = None
    if axis is not None:
        channels = _channels(x, axis)
    if n < 1 / LOW:
        if samples == 1 and channels is not None:
            ends = np.array([[channels[0].min()], [channels[1].max()]])
        else:
            ends = np.array([flat.min(axis=1), flat.max(axis=1)])
        found = np.concatenate((ends, ends))
    else:
        least, low = _end(flat, int(LOW * n), np.minimum)
        greatest, high = _end(flat, n - 1 - int(HIGH * n), np.maximum)
        found = np.array([least, greatest, low, high])
    return Extremes(found.astype(np.float64) + 0.0, channels)


def _channels(x: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Least and greatest value of each channel: over the samples first, where rows are longest."""
    before, count = int(np.prod(x.shape[:axis])), x.shape[axis]
    view = x.reshape(before, -1)
    result = np.empty((2, count), np.float32)
    for row, end in zip(result, (np.minimum, np.maximum), strict=True):
        over = view[0] if before == 1 else end.reduce(view, axis=0)
        row[:] = end.reduce(over.reshape(count, -1), axis=1)
    return result + np.float32(0)


def _end(
    flat: NDArray[np.float32], k: int, end: np.ufunc
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The outermost and the k-th value from one end of each row, k = 0 being the outermost.

    The k+1 blocks with the outermost ends hold the k+1 outermost values (ties apart, which are
    equal), so only they are looked into.
    """
    rows, n = flat.shape
    blocks = n // _BLOCK
    body = flat[:, : _BLOCK * blocks].reshape(rows, _BLOCK, blocks)
    sign = np.float32(1 if end is np.minimum else -1)
    ends = end.reduce(body, axis=1)
    ends *= sign
    chosen = np.argpartition(ends, k, axis=1)[:, : k + 1]
    inside = body[np.arange(rows)[:, None], :, chosen].reshape(rows, -1)
    rest = flat[:, _BLOCK * blocks :]
    candidates = sign * np.concatenate((inside, rest), axis=1)
    candidates.partition(k, axis=1)
    outermost = np.minimum(ends.min(axis=1), candidates.min(axis=1))
    return sign * outermost, sign * candidates[:, k]
