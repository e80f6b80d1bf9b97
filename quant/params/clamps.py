"""Decide whether a Relu or Clip may be dropped because the quantization after it clamps the same.

The decision is made on integer codes with the rounding of QuantizeLinear (half to even), from the
real parameters, so it is exact: dropping is lossless when no input gives another code.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quant.error_model.code_counts import code_counts
from quant.error_model.expected_error import observed_sides
from quant.error_model.sqnr import gain_db
from quant.model.model import Model
from quant.numerics import fake_quantize
from quant.params.ranges import tensor_stats
from quant.planning.plan import Plan
from quant.statistics.calibration import Calibration
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantParams


@dataclass(frozen=True)
class ActivationVerdict:
    """What dropping one Relu or Clip would do.

    Attributes:
        node: The activation node.
        lossless: Whether the codes after it stay the same for every input.
        possible: Whether it can be dropped at all.
        dropped: Whether this quantization drops it.
        loss_db: How much the sqnr_db of its own output falls when it is dropped, from the
            histogram of its input; 0 when lossless, None when it cannot be dropped.
        reason: The verdict in words.
    """

    node: str
    lossless: bool
    possible: bool
    dropped: bool
    loss_db: float | None
    reason: str


def activation_verdicts(
    model: Model, plan: Plan, calibration: Calibration, params: Mapping[str, QuantParams]
) -> dict[str, ActivationVerdict]:
    """Decide for every Relu and Clip whether it can be dropped, and whether it is.

    Args:
        model: The prepared model.
        plan: The resolved recipe.
        calibration: Statistics of the model's tensors.
        params: Parameters of each quantized activation.

    Returns:
        Node -> the verdict.

    Raises:
        DataError: If the calibration lacks the input of a clamp that loses something by dropping.
    """
    verdicts: dict[str, ActivationVerdict] = {}
    for name, item in plan.nodes.items():
        clamp = item.node.clamp
        if clamp is None:
            continue
        source, output = item.node.inputs[0], item.node.outputs[0]
        why = ""
        if not item.quantized or output not in params:
            why = "its output is not quantized"
        elif model.consumers[source] != (name,):
            why = "something else reads its input"
        elif source not in model.producers:
            why = "its input is an input of the model"
        elif source not in calibration.tensors:
            why = "its input has no statistics"
        if why:
            verdicts[name] = ActivationVerdict(name, False, False, False, None, why)
            continue
        lossless = clamps_the_same(*clamp, params[output])
        wanted = item.settings.drop_activation
        loss = 0.0
        if not lossless:
            loss = drop_loss_db(*clamp, tensor_stats(calibration, source), params[output])
        verdicts[name] = ActivationVerdict(
            name,
            lossless=lossless,
            possible=True,
            dropped=wanted == "always" or (wanted == "lossless" and lossless),
            loss_db=loss,
            reason="lossless" if lossless else f"lossy by {loss:.1f} dB",
        )
    return verdicts


def clamps_the_same(lo: float, hi: float, params: QuantParams) -> bool:
    """Whether quantizing with ``params`` gives equal codes with and without Clip[lo, hi] before it.

    QuantizeLinear is monotone and saturates, so that is so exactly when ``lo`` reaches the least
    code and ``hi`` the greatest. An infinite bound clamps nothing.

    Args:
        lo: Lower bound in real units (0 for Relu).
        hi: Upper bound in real units (infinite for Relu).
        params: Per-tensor parameters of the activation's output.

    Returns:
        True when dropping the activation is lossless.
    """
    scale, zero_point = np.float32(params.scale), int(params.zero_point)

    def code(bound: float) -> float:
        return float(np.rint(np.float32(bound) / scale)) + zero_point

    with np.errstate(over="ignore"):
        low_end = lo == -math.inf or code(lo) <= params.spec.qmin
        high_end = hi == math.inf or code(hi) >= params.spec.qmax
    return low_end and high_end


def drop_loss_db(lo: float, hi: float, before: TensorStats, params: QuantParams) -> float:
    """How many dB of local sqnr dropping Clip[lo, hi] costs, from its input's histogram.

    Args:
        lo: Lower bound in real units.
        hi: Upper bound in real units.
        before: Statistics of the activation's input.
        params: Parameters of the activation's output.

    Returns:
        sqnr_db with the activation less sqnr_db without it; at least 0.
    """
    scale, zero_point = float(params.scale), int(params.zero_point)
    negative, positive = observed_sides(before)
    below = negative.between(max(-hi, 0.0), max(-lo, 0.0))
    above = positive.between(max(lo, 0.0), max(hi, 0.0))
    inside = below.parts(scale, zero_point - params.spec.qmin)
    inside_above = above.parts(scale, params.spec.qmax - zero_point)
    floor = before.count * scale**2 * 1e-6 + np.finfo(np.float64).tiny
    kept = dropped = floor + sum(inside[1:]) + sum(inside_above[1:])
    values = (np.arange(params.spec.qmin, params.spec.qmax + 1) - zero_point) * scale
    for end, span in ((lo, (-math.inf, lo)), (hi, (hi, math.inf))):
        if math.isinf(end):
            continue
        counts = code_counts(before, params, *span)
        dropped += float(counts @ (values - end) ** 2)
        bound = np.asarray([end], np.float32)
        kept += float(counts.sum()) * (float(fake_quantize(bound, params)[0]) - end) ** 2
    return max(0.0, gain_db(dropped, kept))
