"""Which operators ONNX Runtime computes on integers on a CPU, and what it asks for.

Quantizing pays where an integer kernel does the work. Anywhere else it adds a rounding, and the
time of a QuantizeLinear and a DequantizeLinear around a kernel that computes in float as before.

Source: the selectors of ONNX Runtime's QDQ transformers (``qdq_selectors.cc``) and the optimized
graphs of small models, seen in version 1.32.
"""

import enum
from collections.abc import Mapping
from typing import Final


class Kernel(enum.Enum):
    """What an operator's integer kernel is good for."""

    MULTIPLIES = "multiplies"
    """Multiply-adds of integers; it gives integers, or the whole of it runs in float."""
    MULTIPLIES_TO_FLOAT = "multiplies_to_float"
    """Multiply-adds of integers; it gives integers, or floats where nothing rounds its output."""
    BETWEEN = "between"
    """No multiply-adds, but integers in and integers out: it spares a way through floats."""


KERNELS: Final[Mapping[str, Kernel]] = {
    "Conv": Kernel.MULTIPLIES,
    "Gemm": Kernel.MULTIPLIES_TO_FLOAT,
    "MatMul": Kernel.MULTIPLIES_TO_FLOAT,
    **dict.fromkeys(
        (
            # Kernels of their own, called QLinear and the operator's name.
            "Add",
            "AveragePool",
            "Concat",
            "GlobalAveragePool",
            "LeakyRelu",
            "Mul",
            # They end in the kernel before them.
            "Clip",
            "Relu",
            # They move or select values, of whatever type.
            "DepthToSpace",
            "Expand",
            "Flatten",
            "GatherElements",
            "GatherND",
            "Identity",
            "MaxPool",
            "Reshape",
            "Slice",
            "SpaceToDepth",
            "Split",
            "Squeeze",
            "Tile",
            "Transpose",
            "Unsqueeze",
        ),
        Kernel.BETWEEN,
    ),
}
"""Operators with an integer kernel. What is missing has none: ConvTranspose, LayerNormalization,
Div, Pow, Sqrt, ReduceMean, Pad, Tanh, Gelu, HardSwish, HardSigmoid and PRelu; or its kernel is a
table of 256 values for a function whose result other float operators read: Sigmoid and Softmax; or
it takes longer on integers: Resize, seven times as long where it takes the nearest (64 channels of
40 x 40)."""

FEW_PRODUCTS: Final = 32
"""A Conv that sums fewer products for an output gains about as much by integers as it takes to
round its input (measured on x86 with VNNI: 1 x 1 taps over 16 channels take half the time); with
fewer than :data:`FEW_CHANNELS` it loses."""

FEW_CHANNELS: Final = 4
"""A Conv of fewer input channels, in groups or not, gathers its integers one by one: 3 channels and
3 x 3 taps take 1.2 to 2.1 times as long as in float, a depthwise Conv 1.0 to 2.5 times; but 4
channels 0.7, and 3 channels with 7 x 7 taps 0.6."""

FEW_GROUPS: Final = 48
"""A depthwise Conv of fewer channels takes longer on integers than in float, where nothing behind
it needs integers: behind a DequantizeLinear, over 80 x 80 places, 4 channels take 4.1 times as long
on integers, 16 take 1.7, 32 take 1.1, 64 take 0.8."""
