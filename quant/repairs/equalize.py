"""Cross-layer equalization: a Conv divides its channels, and the weights that read them multiply.

An integer kernel rounds all channels of its input with one scale. A channel that is a tenth as wide
as the widest has a tenth of the codes. Where a Conv computes it, by itself or through a Relu or
Clip that it takes in, its weights and bias can divide it by a factor, and the weights that read it
take the factor in. That costs no time, and no accuracy in the weights of a depthwise Conv, which
have a scale for each channel; where a weight sums over channels, how far factors go is chosen by
the error that is expected of activations and weights together.

Source: M. Nagel, M. van Baalen, T. Blankevoort, M. Welling, "Data-Free Quantization Through Weight
Equalization and Bias Correction" (2019), section 4.1, there by the ranges of weights alone.

- A channel's range is what calibration saw of it and a margin, within the tensor's, which a
  calibrator chooses or the recipe fixes.
- It belongs before ``bias_correction``, which takes back what is left of the weights' rounding.
"""

from typing import Final

from quant.params.equalized import computing_conv, divides
from quant.params.folded_scales import weight_of
from quant.repairs.channel_factors import with_chosen_factors
from quant.repairs.draft import Draft, register

_LEAST_GAIN: Final = 1.15
"""Power of the expected error before over that after, at least."""


@register("equalize")
def equalize(draft: Draft) -> Draft:
    """Divide the channels of what Convs compute where that is expected to win something.

    Args:
        draft: What was decided so far.

    Returns:
        The draft with these factors.
    """
    tensors = (
        name
        for name, tensor in draft.plan.activations.items()
        if tensor.produced and _takes_a_division(draft, name)
    )
    return with_chosen_factors(draft, tensors, least_gain=_LEAST_GAIN)


def _takes_a_division(draft: Draft, tensor: str) -> bool:
    """Whether the node that computes a tensor can divide its channels."""
    conv = computing_conv(draft.model, draft.plan, tensor)
    if conv is None or not draft.plan.nodes[conv.name].settings.quantize_bias:
        return False
    # Without integers it is a part of a recipe, which scales as the whole recipe does.
    return weight_of(draft.constants, conv) is None or divides(draft.constants, conv)
