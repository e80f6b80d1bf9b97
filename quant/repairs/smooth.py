"""Divide the channels of what float operators compute, before they are rounded for integer kernels.

A Mul by a constant of each channel goes before the rounding, and the weights that read the tensor
take the factors in. So quiet channels behind a LayerNorm, a HardSwish or another function that
stays in float have as many codes as loud ones, at the price of the Mul and of coarser weights; how
far the factors follow the ranges is chosen by the error expected of both together.

Source: G. Xiao, J. Lin, M. Seznec, H. Wu, J. Demouth, S. Han, "SmoothQuant: Accurate and Efficient
Post-Training Quantization for Large Language Models" (2023), there with one exponent for a model
and folded into the LayerNorm.

- It belongs before ``bias_correction``, which takes back what is left of the weights' rounding.
"""

from typing import Final

from quant.repairs.channel_factors import with_chosen_factors
from quant.repairs.draft import Draft, register

_LEAST_GAIN: Final = 1.6
"""Power of the expected error before over that after, at least: the Mul takes time."""


@register("smooth")
def smooth(draft: Draft) -> Draft:
    """Divide the channels of what is rounded behind float operators where that is expected to win.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with these factors.
    """
    tensors = (name for name, t in draft.plan.activations.items() if not t.produced)
    return with_chosen_factors(draft, tensors, least_gain=_LEAST_GAIN)
