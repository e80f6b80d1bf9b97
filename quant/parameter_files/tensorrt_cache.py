"""TensorRT's calibration cache."""

import struct

from quant.parameter_files.base import activations, largest, register
from quant.pipeline import QuantizedModel

HEADER = "TRT-100300-EntropyCalibration2"
"""Version and algorithm; TensorRT takes a cache of its own alone, so users change this line."""


@register(
    "tensorrt",
    title="TensorRT calibration cache",
    suffix=".cache",
    about="A symmetric int8 scale for each tensor; change the version in the first line to yours.",
    symmetric=True,
)
def tensorrt_cache(quantized: QuantizedModel) -> str:
    """A line ``name: hex`` for each activation, the hex being the float32 scale, amax / 127."""
    lines = [HEADER]
    for name, params in activations(quantized).items():
        bits = struct.pack(">f", largest(params) / 127).hex()
        lines.append(f"{name}: {bits}")
    return "\n".join(lines) + "\n"
