"""What quantizing a tensor does to it, split into clipping and rounding, from its histogram.

The error is local: the tensor in float against the same tensor quantized, nothing else changed.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.histogram import BINS_PER_SIDE
from quant.stats import TensorStats
from quant.types import PerTensor, QuantParams

_SPIKE = 1e-5
_PRECISION = 2.0**-22


@dataclass(frozen=True)
class LocalError:
    """The predicted error of one quantized tensor.

    Attributes:
        clip_rate_below: Share of the values below the representable range, 0 to 1. What exceeds
            it by no more than the rounding of a float32 scale is not counted.
        clip_rate_above: Share of the values above it.
        clipping_mse: Mean over all values of the squared error of those outside, in squared real
            units.
        rounding_mse: Mean over all values of the squared error of those inside; exact zeros have
            none.
        signal_power: Mean of the squared values.
    """

    clip_rate_below: float
    clip_rate_above: float
    clipping_mse: float
    rounding_mse: float
    signal_power: float

    @property
    def clip_rate(self) -> float:
        """Share of the values outside the representable range, 0 to 1."""
        return self.clip_rate_below + self.clip_rate_above

    @property
    def mse(self) -> float:
        """Mean squared error, in squared real units."""
        return self.clipping_mse + self.rounding_mse

    @property
    def clipping_share(self) -> float:
        """Part of the squared error that is clipping, 0 to 1; 0 without error."""
        return self.clipping_mse / self.mse if self.mse else 0.0

    @property
    def rounding_share(self) -> float:
        """Part of the squared error that is rounding, 0 to 1; 0 without error."""
        return self.rounding_mse / self.mse if self.mse else 0.0

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise, in dB; infinite without error."""
        if not self.mse:
            return math.inf
        return 10 * math.log10(self.signal_power / self.mse) if self.signal_power else -math.inf


def local_error(stats: TensorStats, params: QuantParams) -> LocalError:
    """Predict the error of quantizing a tensor, without its data.

    Values are taken as evenly spread inside each histogram bin, and the squared distance to the
    nearest code is integrated over the bin in closed form, so that it holds for steps finer and
    coarser than bins alike.

    Args:
        stats: What calibration saw of the tensor.
        params: Scale and zero point of the whole tensor.

    Raises:
        ValueError: The parameters are per channel, which the histogram of a tensor cannot tell.
    """
    if not isinstance(params.spec.granularity, PerTensor):
        raise ValueError(f"local_error needs parameters per tensor, found {params.spec}")
    histogram = stats.histogram
    scale, zero_point = float(params.scale), int(params.zero_point)
    one_sided = stats.max < 0 or stats.min > 0
    positive = histogram.positive.astype(np.float64)
    positive[0] -= histogram.zeros
    nearest = min(abs(stats.min), abs(stats.max)) if one_sided else 0.0
    below = _side(
        histogram.negative.astype(np.float64),
        histogram.negative_width,
        (nearest, -stats.low),
        scale,
        zero_point - params.spec.qmin,
    )
    above = _side(
        positive,
        histogram.positive_width,
        (nearest, stats.high),
        scale,
        params.spec.qmax - zero_point,
    )
    count = max(stats.count, 1)
    return LocalError(
        clip_rate_below=below[0] / count,
        clip_rate_above=above[0] / count,
        clipping_mse=(below[1] + above[1]) / count,
        rounding_mse=(below[2] + above[2]) / count,
        signal_power=histogram.power(),
    )


def _side(
    counts: NDArray[np.float64],
    width: float,
    observed: tuple[float, float],
    scale: float,
    steps: int,
) -> tuple[float, float, float]:
    """Of one side of zero: values clipped, summed squared clipping and rounding error.

    Args:
        counts: Values in each bin, from zero outwards, shape (8192,).
        width: Width of a bin in real units.
        observed: The least and greatest magnitude.
        scale: Real units per step.
        steps: Number of steps from zero to the end of the range.
    """
    nearest, largest = observed
    first, last = int(nearest / width), min(int(largest / width), BINS_PER_SIDE - 1)
    counts = counts[first : last + 1]
    if not counts.any():
        return 0.0, 0.0, 0.0
    # The outer bins end where the values do; a spike keeps a sliver of width.
    edges = np.arange(first, last + 2, dtype=np.float64) * width
    edges[-1] = largest
    edges[-2] = min(edges[-2], largest - _SPIKE * width)
    edges[0] = min(max(edges[0], nearest), edges[0] if last > first else edges[-2])
    counts /= np.diff(edges)
    edges /= scale
    # In steps, the integral of the squared distance to the nearest code is n/12 + (y - n)^3 / 3,
    # with n the code at y: each whole step behind adds 1/12.
    distance = np.minimum(edges, steps)
    rounding = np.rint(distance)
    distance -= rounding
    rounding += 4 * distance * distance * distance
    total = float(counts @ np.diff(rounding)) * scale**3 / 12
    outer = max(int(np.searchsorted(edges, steps, "right")) - 1, 0)
    beyond = np.maximum(edges[outer:] - steps, 0.0)
    clipping = float(counts[outer:] @ np.diff(beyond**3)) * scale**3 / 3
    # Scales are float32, so the end of a range is only known to their precision.
    clipped = np.maximum(edges[outer:] - steps * (1 + _PRECISION), 0.0)
    return float(counts[outer:] @ np.diff(clipped)) * scale, clipping, total
