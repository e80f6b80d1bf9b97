"""The consumers of a tensor, and what they compute from a changed value.

An error counts as far as the consumers pass it on: after a Relu negative values are all the same,
a Sigmoid hardly tells 6 from 9, a Softmax gives nothing to what lies far below the largest of its
row. What a consumer computes from a value is its *transfer function*; the next layer gets the error
of that, not the error of the value.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Model
from quant.model.op_roles import Kind

Array = NDArray[np.float64]
TransferFunction = Callable[[Array], Array]

_FLOAT32_BITS = 24

OUTPUT = "Output"
"""Stands for whoever reads an output of the model, or reads inside a subgraph."""


def consumer_types(model: Model) -> Mapping[str, tuple[str, ...]]:
    """The types of the operators that read each tensor, sorted, each once.

    Operators that only move values are looked through: what reads their output reads the tensor.
    """
    return _readers(model, {})


def consumer_functions(model: Model) -> Mapping[str, tuple[str, ...]]:
    """The same, where functions that are written out in several operators count as one.

    What reads x as ``x * Sigmoid(x)`` is a ``Swish``; as ``x * Clip(x + 3, 0, 6)``, whatever that
    is multiplied with behind, or ``x * HardSigmoid(x)``, a ``HardSwish``.
    """
    return _readers(model, _written_out(model))


def _written_out(model: Model) -> dict[str, str]:
    """The tensors that only a function written out reads -> that function."""
    by_name = {node.name: node for node in model.nodes}
    found: dict[str, str] = {}
    for mul in model.nodes:
        if mul.op_type != "Mul" or len(mul.data) != 2:
            continue
        for x, gate in (mul.inputs, mul.inputs[::-1]):
            path = _gate_path(model, x, gate, mul.name)
            function = _FUNCTIONS.get(tuple(by_name[name].op_type for name in path))
            if function and set(model.consumers[x]) == {mul.name, path[-1]}:
                found[x] = function
    return found


def _gate_path(model: Model, x: str, gate: str, reader: str) -> list[str]:
    """The nodes from ``gate``, which ``reader`` alone reads, back to ``x``; empty without a way."""
    path: list[str] = []
    at = gate
    while at != x:
        node = model.producers.get(at)
        alone = set(model.consumers[at]) == {path[-1] if path else reader}
        if node is None or len(node.data) != 1 or not alone or len(path) == _LONGEST_GATE:
            return []
        path.append(node.name)
        at = node.inputs[node.data[0]]
    return path


_LONGEST_GATE = 2

_FUNCTIONS: Mapping[tuple[str, ...], str] = {
    ("Sigmoid",): "Swish",
    ("HardSigmoid",): "HardSwish",
    ("Clip", "Add"): "HardSwish",
}
"""What makes the gate of a function written out, from the product back to x."""


def _readers(model: Model, functions: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    by_name = {node.name: node for node in model.nodes}
    found: dict[str, set[str]] = {}
    for tensor in reversed(list(model.tensors)):
        if tensor in functions:
            found[tensor] = {functions[tensor]}
            continue
        types: set[str] = set()
        for name in model.consumers.get(tensor, ()):
            node = by_name.get(name)
            if node is None:
                types.add(OUTPUT)
            elif node.kind is Kind.SAME_SCALE and node.inputs[node.data[0]] == tensor:
                types.update(*(found.get(output, {OUTPUT}) for output in node.outputs if output))
            else:
                types.add(node.op_type)
        found[tensor] = types
    return {tensor: tuple(sorted(types)) for tensor, types in found.items()}


def transfer_functions(
    consumer_ops: tuple[str, ...], largest: float
) -> tuple[TransferFunction, ...]:
    """The transfer functions of a tensor's consumers, each once.

    Args:
        consumer_ops: Types of the operators that read it.
        largest: The mean over the samples of the largest value, in real units; Softmax alone
            depends on it.

    Returns:
        Vectorised functions of values in real units; :func:`identity` for whatever passes every
        error on, and where nobody is known to read.
    """
    found: dict[TransferFunction | str, TransferFunction] = {}
    for op_type in consumer_ops or (OUTPUT,):
        if op_type == "Softmax":
            found[op_type] = _softmax(largest)
        else:
            transfer = _TRANSFER_FUNCTIONS.get(op_type, identity)
            found[transfer] = transfer
    return tuple(found.values())


def least_resolvable(consumer_ops: tuple[str, ...], largest: float) -> float:
    """The value below which no consumer tells one value from another; minus infinity without one.

    A mask of -1e9 or of the least float32 lies so far out that the histogram holds all else in one
    bin; this bound needs no histogram.

    Args:
        consumer_ops: As for :func:`transfer_functions`.
        largest: As for :func:`transfer_functions`.
    """
    return _lost(largest) if consumer_ops == ("Softmax",) else -math.inf


def identity(x: Array) -> Array:
    """Every error counts in full."""
    return x


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _hard_sigmoid(x: Array) -> Array:
    """With slope 1/6, which reaches farther than ONNX's default of 0.2: nothing counts too little.

    It is the slope inside HardSwish, and what frameworks export.
    """
    return np.clip(x / 6 + 0.5, 0.0, 1.0)


def _hard_swish(x: Array) -> Array:
    return x * _hard_sigmoid(x)


def _swish(x: Array) -> Array:
    return x * _sigmoid(x)


def _gelu(x: Array) -> Array:
    """By the approximation with tanh, which is within 5e-4 of the exact one.

    Source: D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units" (2016).
    """
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))


def _softmax(largest: float) -> TransferFunction:
    """Nothing changes below the point where a value is lost beside the largest of its row.

    That is ``24 log 2`` below: its exponential is less than the last bit of a float32 sum. Above it
    every error counts in full. To weigh by the share that a value gets would be too kind to
    clipping: what is masked is much of a row and is clipped together, so the small shares that
    it is given add up. Rows are not kept by calibration: the largest value of a sample stands
    for that of each of its rows.
    """
    lost = _lost(largest)

    def transfer(x: Array) -> Array:
        return np.maximum(x, lost)

    return transfer


def _lost(largest: float) -> float:
    return largest - _FLOAT32_BITS * math.log(2)


_TRANSFER_FUNCTIONS: Mapping[str, TransferFunction] = {
    "Relu": _relu,
    "Sigmoid": _sigmoid,
    "Tanh": np.tanh,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Swish": _swish,
    "Gelu": _gelu,
}
