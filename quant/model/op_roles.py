"""What each ONNX operator means for quantization: which inputs carry data, weights or a bias.

The table is the only place that knows operator types; the plan and the passes read it.
"""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """How a node takes part in a quantized graph."""

    COMPUTE = "compute"
    """Has a weight (Conv, Gemm, MatMul): small weight, int32 bias, output with its own range."""
    ELEMENTWISE = "elementwise"
    """Combines or reduces data; its output has a range of its own."""
    ACTIVATION = "activation"
    """A pointwise function that may fuse into the node before it."""
    SAME_SCALE = "same_scale"
    """Only moves or selects values, so input and output share their parameters."""
    FLOAT = "float"
    """Stays as it is."""


@dataclass(frozen=True)
class OpRole:
    """The role of an operator's inputs.

    Attributes:
        kind: How the node takes part.
        data: Indices of the inputs that carry quantizable data; None for all inputs.
        weight: Index of the input that is a weight when it is constant, or None.
        bias: Index of the bias input, or None.
    """

    kind: Kind
    data: tuple[int, ...] | None = (0,)
    weight: int | None = None
    bias: int | None = None


def _roles(kind: Kind, *names: str, data: tuple[int, ...] | None = (0,)) -> dict[str, OpRole]:
    return {name: OpRole(kind, data) for name in names}


ROLES: dict[str, OpRole] = {
    "Conv": OpRole(Kind.COMPUTE, (0,), weight=1, bias=2),
    "ConvTranspose": OpRole(Kind.COMPUTE, (0,), weight=1, bias=2),
    "Gemm": OpRole(Kind.COMPUTE, (0, 1), weight=1, bias=2),
    "MatMul": OpRole(Kind.COMPUTE, (0, 1), weight=1),
    "Gather": OpRole(Kind.SAME_SCALE, (0,), weight=0),
    **_roles(Kind.ELEMENTWISE, "Add", "Sub", "Mul", "Div", "Concat", data=None),
    **_roles(
        Kind.ELEMENTWISE,
        "AveragePool",
        "GlobalAveragePool",
        "LayerNormalization",
        "ReduceMean",
        "Resize",
        "Pad",
    ),
    **_roles(
        Kind.ACTIVATION,
        "Relu",
        "Clip",
        "LeakyRelu",
        "Sigmoid",
        "HardSwish",
        "HardSigmoid",
        "Tanh",
        "Gelu",
        "Softmax",
    ),
    **_roles(Kind.ACTIVATION, "PRelu", data=(0, 1)),
    **_roles(
        Kind.SAME_SCALE,
        "DepthToSpace",
        "Dropout",
        "Expand",
        "Flatten",
        "GatherElements",
        "GatherND",
        "GlobalMaxPool",
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
}
"""Operators of the default ONNX domain that can be quantized."""

INPUT_OP_TYPE = "Input"
"""The operator type under which recipes speak of the graph's inputs."""

CLAMPS = frozenset({"Relu", "Clip"})
"""Activations that only clamp, as the quantization after them may do too."""

REARRANGING = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators whose output holds exactly the values of the input, so it has the same statistics."""

WEIGHTS_OF_BODIES: dict[str, tuple[int, ...]] = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (1,),
    "MatMul": (0, 1),
    "LSTM": (1, 2),
    "GRU": (1, 2),
    "RNN": (1, 2),
}
"""Operators inside of If, Loop and Scan -> their inputs that are weights where constant."""

RANDOM_OPS = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
"""Operators that draw numbers and take a seed."""

MAY_DRAW = RANDOM_OPS | {"Dropout"}
"""Operators that draw numbers, a Dropout in training mode among them."""

QUANTIZED_OPS = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "QGemm",
        "QLinearAdd",
        "QLinearMul",
        "QLinearGlobalAveragePool",
        "QLinearConcat",
        "QAttention",
        "MatMulNBits",
    }
)
"""Operators that show that a model is quantized already."""
