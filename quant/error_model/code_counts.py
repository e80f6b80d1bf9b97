"""How often each integer code occurs, from a histogram."""

import math

import numpy as np
from numpy.typing import NDArray

from quant.statistics.cumulative import values_below
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams


def code_counts(
    stats: TensorStats, params: QuantParams, low: float = -math.inf, high: float = math.inf
) -> NDArray[np.float64]:
    """How many values get each code; what lies beyond an end gets the code there.

    Args:
        stats: What calibration saw of the tensor.
        params: Scale and zero point of the whole tensor.
        low: Count values from here on, in real units.
        high: And below here.

    Returns:
        float64, shape (qmax - qmin + 1,).
    """
    spec = params.spec
    steps = np.arange(spec.qmin + 1, spec.qmax + 1) - int(params.zero_point) - 0.5
    edges = np.concatenate(([-math.inf], steps * float(params.scale), [math.inf]))
    return np.diff(values_below(stats, np.clip(edges, low, high)))
