"""What every candidate threshold of a rule costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CostCurve:
    """The cost of every candidate threshold of one algorithm.

    Attributes:
        name: The algorithm's name.
        thresholds: float64, shape (n,), ascending, in real units: the range is [-T, T] cut to the
            observed one.
        cost: float64, shape (n,): divergence in nats or mean squared error in squared real units;
            infinite where it is undefined.
    """

    name: str
    thresholds: NDArray[np.float64]
    cost: NDArray[np.float64]

    @property
    def best(self) -> float:
        """The threshold of least cost, the largest where several tie."""
        least = float(self.cost.min())
        return float(self.thresholds[np.flatnonzero(self.cost <= least * (1 + 1e-12))[-1]])
