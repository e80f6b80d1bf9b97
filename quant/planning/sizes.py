"""Values that are sizes, indices or counts: what computes them stays in float.

A size that is off by one is no small error. So from every input that ONNX reads as a shape, an
index, a count or a condition the graph is followed back, through float arithmetic too, to where the
value is taken: a Shape, an input, a constant, or an operator that chooses among data.
"""

from collections.abc import Iterator
from typing import Final

from quant.model.model import Model, Node
from quant.model.op_roles import Kind
from quant.planning.behind import behind

_READ: Final[dict[str, tuple[int, ...]]] = {
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "Col2Im": (1, 2),
    "Compress": (1,),
    "ConstantOfShape": (0,),
    "CumSum": (1,),
    "DFT": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "Gather": (1,),
    "GatherElements": (1,),
    "GatherND": (1,),
    "MaxUnpool": (1, 2),
    "NonMaxSuppression": (2,),
    "OneHot": (0, 1),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "ReverseSequence": (1,),
    "RoiAlign": (2,),
    "STFT": (1, 3),
    "ScatterElements": (1,),
    "ScatterND": (1,),
    "SequenceAt": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "TensorScatter": (2,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **{f"Reduce{kind}": (1,) for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean")},
    **{f"Reduce{kind}": (1,) for kind in ("Min", "Prod", "Sum", "SumSquare")},
}
"""Operator -> its inputs that are shapes, indices, axes or counts."""

_SUMMARIES: Final = frozenset(name for name in _READ if name.startswith("Reduce"))
"""What decides a branch from so many values is theirs, not a count."""

_CONDITIONS: Final[dict[str, tuple[int, ...]]] = {"If": (0,), "Loop": (0, 1)}
"""Operator -> its inputs that decide what is run."""

_CHOOSING: Final = frozenset(
    {"ArgMax", "ArgMin", "NonMaxSuppression", "NonZero", "Shape", "Size", "TopK", "Unique"}
)
"""Operators whose result is a size or index of its own, whatever the values around it."""

_COMPARING: Final = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
"""A choice among data ends here: which boxes are kept, say. What decides a branch goes on."""


def deciding(model: Model) -> dict[str, str]:
    """The nodes that compute sizes, indices, counts or conditions -> why they stay in float.

    Args:
        model: The model.
    """
    found: dict[str, str] = {}
    for reader in model.nodes:
        for index in _READ.get(reader.op_type, ()):
            for node in _computing(model, reader, index, _CHOOSING | _COMPARING):
                why = f"it computes a size or index for {reader.op_type} {reader.name}"
                found.setdefault(node.name, why)
        for index in _CONDITIONS.get(reader.op_type, ()):
            for node in _computing(model, reader, index, _CHOOSING | _SUMMARIES):
                if node.kind is not Kind.COMPUTE:
                    why = f"it computes a condition for {reader.op_type} {reader.name}"
                    found.setdefault(node.name, why)
    return found


def _computing(model: Model, reader: Node, index: int, ends: frozenset[str]) -> Iterator[Node]:
    """The nodes that can be quantized and compute the input, back to where it is taken."""
    if index >= len(reader.inputs):
        return

    def goes_on(node: Node) -> bool:
        return node.op_type not in ends and node.kind is not Kind.COMPUTE

    for node in behind(model, reader.inputs[index], goes_on):
        if node.op_type not in ends and node.quantizable:
            yield node
