"""Thresholds as Paddle's post-training quantization keeps them."""

import json

from quant.parameter_files.base import activations, largest, register
from quant.pipeline import QuantizedModel


@register(
    "paddle",
    title="Paddle thresholds",
    suffix=".thresholds.json",
    about="The greatest magnitude of each activation; Paddle calls it scale, and it is 127 times "
    "the step of int8.",
    symmetric=True,
)
def thresholds(quantized: QuantizedModel) -> str:
    """``{tensor: {"scale": amax}}``."""
    found = {name: {"scale": largest(p)} for name, p in activations(quantized).items()}
    return json.dumps(found, indent=1) + "\n"
