"""What quantizing a tensor does to it, split into clipping and rounding, from its histogram.

The error is local: the tensor in float against the same tensor quantized, nothing else changed.
"""

from dataclasses import dataclass

from quant.error_model.expected_error import observed_sides
from quant.error_model.sqnr import sqnr_db
from quant.statistics.tensor_stats import TensorStats
from quant.types import PerTensor, QuantParams


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
        return sqnr_db(self.signal_power, self.mse)


def local_error(stats: TensorStats, params: QuantParams) -> LocalError:
    """Predict the error of quantizing a tensor, without its data.

    It is integrated over the bins in closed form (:mod:`quant.error_model.expected_error`), so that
    it holds for steps finer and coarser than bins alike.

    Args:
        stats: What calibration saw of the tensor.
        params: Scale and zero point of the whole tensor.

    Raises:
        ValueError: The parameters are per channel, which the histogram of a tensor cannot tell.
    """
    if not isinstance(params.spec.granularity, PerTensor):
        raise ValueError(f"local_error needs parameters per tensor, found {params.spec}")
    negative, positive = observed_sides(stats)
    scale, zero_point = float(params.scale), int(params.zero_point)
    below = negative.parts(scale, zero_point - params.spec.qmin)
    above = positive.parts(scale, params.spec.qmax - zero_point)
    count = max(stats.count, 1)
    return LocalError(
        clip_rate_below=below.clipped / count,
        clip_rate_above=above.clipped / count,
        clipping_mse=(below.clipping + above.clipping) / count,
        rounding_mse=(below.rounding + above.rounding) / count,
        signal_power=stats.histogram.power(),
    )
