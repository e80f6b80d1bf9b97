"""Rows of scores: what a classifier gives for each sample, declared and computed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def gives_scores(shape: Sequence[int | str | None] | None) -> bool:
    """Whether an output is declared as one row of scores for each sample.

    Args:
        shape: Its declared shape; a size may be unknown or a name, and None is no shape at all.
    """
    if shape is None or len(shape) < 2:
        return False
    return shape[-1] != 1 and all(size == 1 for size in shape[1:-1])


def score_rows(output: NDArray[Any], samples: int) -> NDArray[np.float64] | None:
    """The scores of each sample.

    Args:
        output: An output of a model over a batch.
        samples: Samples in the batch.

    Returns:
        float64, shape (samples, classes) with two classes or more; None where the output
        holds no real numbers or anything else than one row of them for each sample.
    """
    if output.ndim < 2 or output.dtype.kind != "f" or output.shape[-1] < 2:
        return None
    if output.size != samples * output.shape[-1]:
        return None
    return output.reshape(samples, -1).astype(np.float64)


def predictions(output: NDArray[Any], samples: int) -> NDArray[np.int32] | None:
    """The place of the largest score of each sample.

    Args:
        output: An output of a model over a batch.
        samples: Samples in the batch.

    Returns:
        int32, shape (samples,), or None where the output is no row of scores for each sample.
    """
    rows = score_rows(output, samples)
    return None if rows is None else rows.argmax(axis=1).astype(np.int32)
