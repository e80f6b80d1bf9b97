"""What weights multiply, over some samples: the products of every two inputs of a sum.

The error E of a rounded weight makes the error E x, whose power over the data is E H E^T with
H = sum over x of x x^T, the Gram matrix of the inputs. It is collected by running the float model
on the examples that calibration kept.

- Of a Conv an input x is a patch: the values under its kernel at one position of its output. Of
  large outputs evenly spaced positions are taken.
- Sums are those of all examples but the last ones, which are apart: what is chosen on the first
  can be judged on the others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from quant.model.attributes import axis_pads, int_attribute, int_attributes
from quant.model.model import Model, Node
from quant.params.split import weight_axis
from quant.runtime.session import InferenceSession
from quant.statistics.calibration import Calibration

Real = NDArray[np.float64]

MOST_INPUTS: Final = 4096
"""Inputs of a sum, at most: the matrix has the square of it."""

POSITIONS: Final = 512
"""Positions of an output, or rows of a matrix, that are taken of an example, at most."""

HELD_BACK: Final = 0.25
"""Share of the examples that judge."""


@dataclass(frozen=True, eq=False)
class InputProducts:
    """Sums of products of the inputs of one node's sums.

    Attributes:
        fitting: float64 of shape (groups, K, K), the mean over positions.
        judging: The same of other examples.
    """

    fitting: Real
    judging: Real


def input_products(
    model: Model, calibration: Calibration, nodes: Sequence[Node]
) -> Mapping[str, InputProducts]:
    """The products of the inputs of some nodes.

    Args:
        model: The model.
        calibration: A calibration of it, with two examples or more.
        nodes: Nodes with weights.

    Returns:
        Node -> its products; nodes whose sums are not known, or too long, are left out.
    """
    found: dict[str, InputProducts] = {}
    usable = [node for node in nodes if sums_of(model, node) is not None]
    count = len(calibration.examples)
    if count < 2 or not usable:
        return found
    read = {node.name: node.inputs[node.data[0]] for node in usable}
    taps = [name for name in dict.fromkeys(read.values()) if name in model.producers]
    session = InferenceSession(model.to_bytes(), taps=taps, level="basic", draws=model.draws)
    fit = count - max(1, round(HELD_BACK * count))
    parts = [_Sums(), _Sums()]
    for index, example in enumerate(calibration.examples):
        values = {**example.feeds, **session.run_all(example.feeds)}
        for node in usable:
            rows = inputs_of(model, node, np.asarray(values[read[node.name]], np.float32))
            if rows is not None:
                parts[index >= fit].add(node.name, rows)
    for node in usable:
        fitting, judging = (part.mean(node.name) for part in parts)
        if fitting is not None and judging is not None:
            found[node.name] = InputProducts(fitting, judging)
    return found


class _Sums:
    """Adds up the products of nodes."""

    def __init__(self) -> None:
        self._sums: dict[str, Real] = {}
        self._counts: dict[str, int] = {}

    def add(self, node: str, rows: NDArray[np.float32]) -> None:
        """Add some inputs, shape (P, groups, K)."""
        by_group = rows.transpose(1, 2, 0)
        products = np.matmul(by_group, by_group.transpose(0, 2, 1)).astype(np.float64)
        self._sums[node] = self._sums[node] + products if node in self._sums else products
        self._counts[node] = self._counts.get(node, 0) + len(rows)

    def mean(self, node: str) -> Real | None:
        """The mean over all positions; None where there was none."""
        count = self._counts.get(node, 0)
        return self._sums[node] / count if count else None


def sums_of(model: Model, node: Node) -> tuple[int, int] | None:
    """How many groups a node has, and over how many inputs each output of it sums.

    Returns:
        (groups, K); None for an operator whose sums are not known, or with too many inputs.
    """
    weight = node.weight
    if weight is None or not node.data:
        return None
    if node.op_type == "Conv":
        groups = int_attribute(model.ir_nodes[node.name], "group", 1)
        inputs = math.prod(weight.shape[1:])
    elif (axis := weight_axis(model, node)) is not None:
        groups, inputs = 1, weight.shape[axis]
    else:
        return None
    return (groups, inputs) if inputs <= MOST_INPUTS else None


def inputs_of(model: Model, node: Node, x: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What the outputs of a node sum over, at some positions.

    Args:
        model: The model.
        node: A node that :func:`sums_of` knows.
        x: What its weight multiplies.

    Returns:
        float32 of shape (positions, groups, K), K in the order of the weight's axes; None for a
        shape that the weight does not fit.
    """
    known = sums_of(model, node)
    assert known is not None
    groups, inputs = known
    if node.op_type != "Conv":
        if x.ndim < 2 or x.shape[-1] != inputs:
            return None
        rows = x.reshape(-1, 1, inputs)
        return rows[_spaced(len(rows))]
    assert node.weight is not None
    taps = node.weight.shape[2:]
    if x.ndim != 2 + len(taps) or x.shape[1] != groups * node.weight.shape[1]:
        return None
    return _patches(x, taps, model.ir_nodes[node.name], groups)


def _patches(
    x: NDArray[np.float32], taps: tuple[int, ...], given: ir.Node, groups: int
) -> NDArray[np.float32]:
    """Patches of an image under a kernel, float32 of shape (positions, groups, K)."""
    rank = len(taps)
    strides = int_attributes(given, "strides", [1] * rank)
    dilations = int_attributes(given, "dilations", [1] * rank)
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(taps, dilations, strict=True)]
    pads = [
        axis_pads(given, axis, rank, size=size, stride=strides[axis], reach=reach[axis])
        for axis, size in enumerate(x.shape[2:])
    ]
    padded = np.pad(x, [(0, 0), (0, 0), *pads])
    sizes = [
        (whole - far) // stride + 1
        for whole, far, stride in zip(padded.shape[2:], reach, strides, strict=True)
    ]
    shape = (x.shape[0], *sizes)
    sample, *places = np.unravel_index(_spaced(int(np.prod(shape))), shape)
    index = [
        (place[:, None] * stride + np.arange(size) * dilation).reshape(
            -1, *(size if other == axis else 1 for other in range(rank))
        )
        for axis, (place, stride, size, dilation) in enumerate(
            zip(places, strides, taps, dilations, strict=True)
        )
    ]
    found = padded[(sample.reshape(-1, *(1,) * rank), slice(None), *index)]
    return np.moveaxis(found, -1, 1).reshape(len(sample), groups, -1)


def _spaced(count: int) -> NDArray[np.int64]:
    """Evenly spaced of so many positions, all of them where they are few."""
    return np.unique(np.linspace(0, count - 1, min(count, POSITIONS)).astype(np.int64))
