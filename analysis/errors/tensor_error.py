"""How far a tensor is from its reference, over any number of batches."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.error_model.differences import differences
from quant.error_model.sqnr import sqnr_db

_CHUNK = 1 << 14


@dataclass(frozen=True)
class ErrorStats:
    """The difference of a tensor to its reference, over all values.

    Attributes:
        sqnr_db: 10 log10(sum(ref^2) / sum((ref - test)^2)) in dB. Infinite when both are equal,
            minus infinity when they differ and the reference is all zero.
        cosine: sum(ref * test) / (|ref| |test|), in [-1, 1]; 1 when both are all zero and 0 when
            one is.
        mse: Mean of (ref - test)^2, in squared units.
        max_abs: Largest |ref - test|, in units.
        count: Number of values.
    """

    sqnr_db: float
    cosine: float
    mse: float
    max_abs: float
    count: int


class ErrorAccumulator:
    """Adds up what :class:`ErrorStats` needs, in float64 and in memory that does not grow."""

    def __init__(self) -> None:
        self._reference = self._test = self._product = self._difference = 0.0
        self._max_abs = 0.0
        self._count = 0

    def add(self, reference: NDArray[np.generic], test: NDArray[np.generic]) -> None:
        """Add a batch.

        Args:
            reference: The reference, any shape and real type.
            test: What to compare with it, of the same shape.

        Raises:
            ValueError: If the shapes differ.
        """
        if reference.shape != test.shape:
            raise ValueError(
                f"a tensor must have its reference's shape {reference.shape}, found {test.shape}"
            )
        left, right = reference.reshape(-1), test.reshape(-1)
        for start in range(0, left.size, _CHUNK):
            chunk = slice(start, start + _CHUNK)
            a, difference = differences(left[chunk], right[chunk])
            self._difference += dot(difference, difference)
            self._max_abs = max(self._max_abs, float(np.abs(difference).max()))
            self._reference += dot(a, a)
            difference += a
            self._test += dot(difference, difference)
            self._product += dot(a, np.where(np.isfinite(difference), difference, 0.0))
        self._count += left.size

    def result(self) -> ErrorStats:
        """The error over everything added; with nothing added, that of equal tensors."""
        return ErrorStats(
            sqnr_db=sqnr_db(self._reference, self._difference),
            cosine=self._cosine(),
            mse=self._difference / self._count if self._count else 0.0,
            max_abs=self._max_abs,
            count=self._count,
        )

    def _cosine(self) -> float:
        if self._difference == 0:
            return 1.0
        norms = math.sqrt(self._reference) * math.sqrt(self._test)
        return min(1.0, max(-1.0, self._product / norms)) if norms else 0.0


def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The sum of the products of two vectors, the same on any number of cores.

    The last digits of BLAS's depend on the number of its threads.
    """
    return float(np.einsum("i,i->", a, b))
