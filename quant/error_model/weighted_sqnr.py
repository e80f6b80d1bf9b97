"""The sqnr behind a quantized tensor's consumers, predicted from its histogram.

A Softmax does not notice that a mask of -1000 became -20, nor a Relu what happens below zero. So
the signal here is what the consumers compute from the values, and the noise is their part of the
error (see :mod:`quant.error_model.consumers` and :mod:`quant.error_model.weighted_error`):

    10 log10(sum f(x)^2 / sum (f(x) - f(x'))^2) over all values and the transfer functions f of the
    consumers.

Where every consumer passes on every error, that is the local sqnr_db.
"""

from collections.abc import Sequence

from quant.error_model.context import TensorContext
from quant.error_model.local_error import LocalError
from quant.error_model.sqnr import sqnr_db
from quant.error_model.weighted_error import WeightedError, effective_range, resolvable
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams


def weighted_sqnrs_db(
    stats: TensorStats,
    context: TensorContext,
    params: Sequence[QuantParams],
    local: Sequence[LocalError],
) -> list[float | None]:
    """The predicted weighted sqnr of a tensor, for several ways to quantize it.

    Args:
        stats: What calibration saw of it.
        context: Its consumers and the noise gain of its channels.
        params: Scale and zero point of the whole tensor, all with the same codes.
        local: The predicted local error of each.

    Returns:
        In dB, infinite without error. None for all where it is undefined: the consumers compute
        zeros only, or the values that they can tell apart lie in too few bins.
    """
    if not params:
        return []
    if not resolvable(stats, effective_range(stats, context)[0]):
        return [None] * len(params)
    weighted = WeightedError(stats, context)
    if weighted.plain:
        return [error.sqnr_db for error in local]
    if not weighted.squares:
        return [None] * len(params)
    spec = params[0].spec
    errors = weighted.of(
        [float(found.scale) for found in params],
        [int(found.zero_point) - spec.qmin for found in params],
        spec.qmax - spec.qmin,
    )
    return [sqnr_db(weighted.squares, error) for error in errors.tolist()]
