"""The local error of a tensor, weighted by its effect on the tensor's consumers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from quant.error_model.channels import channel_widths
from quant.error_model.consumers import identity, transfer_functions
from quant.error_model.context import TensorContext
from quant.error_model.expected_error import observed_sides
from quant.error_model.local_error import LocalError, local_error
from quant.error_model.weighted_error import transferred_squares, weighted_side
from quant.numerics import fake_quantize
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams

Real = NDArray[np.float64]

_CUTTING = frozenset({"Relu", "Softmax"})
"""Consumers that lose what lies below a bound and pass on the rest as it is."""


def consumed_error(stats: TensorStats, context: TensorContext, params: QuantParams) -> LocalError:
    """The local error; exact for a tensor of two values, such as a mask, where bins are too coarse.

    A mask of -10,000 goes through a Softmax, where an error of one matters.
    """
    local = local_error(stats, params)
    counts = stats.histogram.counts()
    used = np.flatnonzero(counts)
    if used.size > 2:
        return _behind_consumers(stats, context, params, local)
    ends = np.array([stats.min, stats.max], np.float32)
    errors = np.square(fake_quantize(ends, params).astype(np.float64) - ends)
    exact = float(errors @ counts[used[[0, -1]]]) / max(stats.count, 1)
    if used.size < 2:
        exact = float(errors.max())
    return replace(local, clipping_mse=0.0, rounding_mse=exact)


def _behind_consumers(
    stats: TensorStats, context: TensorContext, params: QuantParams, local: LocalError
) -> LocalError:
    """The local error behind the tensor's consumers, scaled to keep its ratio to the signal.

    A Sigmoid does not see a 20 that was clipped to 9, nor a Softmax what it gives nothing to.
    """
    found = transfer_functions(context.consumer_ops, stats.mean_sample_max)
    if identity in found:
        return local
    (negative, positive), count = observed_sides(stats), max(stats.count, 1)
    scale, zero_point = float(params.scale), int(params.zero_point)
    steps = zero_point - params.spec.qmin, params.spec.qmax - zero_point
    worst = (0.0, 0.0)
    for transfer in found:
        below = weighted_side(negative, -1.0, (transfer,)).parts(scale, steps[0])
        above = weighted_side(positive, 1.0, (transfer,)).parts(scale, steps[1])
        signal = stats.zeros * float(transfer(np.zeros(1))[0]) ** 2
        signal += transferred_squares(negative, -1.0, transfer)
        signal += transferred_squares(positive, 1.0, transfer)
        kept = 1 / count
        if signal > 0 and not _CUTTING.issuperset(context.consumer_ops):
            kept = local.signal_power / signal
        pair = (below.clipping + above.clipping) * kept, (below.rounding + above.rounding) * kept
        worst = max(worst, pair, key=sum)
    return replace(local, clipping_mse=worst[0], rounding_mse=worst[1])


def clipping_by_channel(
    stats: TensorStats, params: QuantParams, local: LocalError, size: int
) -> Real:
    """The clipping error of each channel: of those that reach beyond the range."""
    widths = channel_widths(stats)
    low, high = params.representable
    beyond = np.square(np.maximum(widths - max(-float(low), float(high)), 0.0))
    total = float(beyond.sum())
    if not total or size != widths.size:
        return np.full(size, local.clipping_mse)
    return beyond * (local.clipping_mse * size / total)
