"""Scales of output channels in weights and biases, where int32 does not hold what they take in."""

from dataclasses import replace

import numpy as np
import pytest

from quant.numerics import dequantize_linear
from quant.params.folded_scales import with_folded_scales
from quant.types import QType
from tests.quant.repairs.test_channel_scales import SWISH, case, conv


@pytest.mark.parametrize("bias", [", b", ""])
@pytest.mark.parametrize("quiet", [1.0, 1e-9])
def test_a_bias_takes_in_the_zero_points_however_small_the_steps_are(bias: str, quiet: float):
    quantized, _ = case(f"c = Conv (x, w{bias}) {SWISH}", **conv())
    draft = quantized.draft
    params, whole = draft.channels["c"], draft.activations["c"]
    scale_x = draft.activations["x"].scale
    held = {item.index: item for item in draft.constants}
    quieter = np.where(np.arange(6) == 5, quiet, 1).astype(np.float32)
    scale = held[1].params.scale * quieter  # the last channel's weights may be next to nothing
    steps = {1: scale, 2: scale * scale_x}
    constants = [
        replace(item, params=replace(item.params, scale=steps[index]))
        for index, item in held.items()
    ]
    expected = (params.zero_point - whole.zero_point) * whole.scale.astype(float)
    if bias:
        expected += held[2].codes * steps[2].astype(float) * (whole.scale / params.scale)
    node = next(n for n in draft.model.nodes if n.op_type == "Conv")
    made = {
        item.index: item
        for item in with_folded_scales(constants, {"c": node}, draft.channels, draft.activations)
    }
    assert np.abs(made[2].codes.astype(float)).max() <= QType.INT32.qmax
    found = dequantize_linear(made[2].codes, made[2].params)
    assert np.all(np.abs(found - expected) <= 0.51 * made[2].params.scale + 1e-6 * np.abs(expected))
    kept = slice(None) if quiet == 1 else slice(-1)
    assert np.array_equal(made[1].codes[kept], held[1].codes[kept])
