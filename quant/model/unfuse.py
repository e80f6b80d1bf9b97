"""Operators that ONNX Runtime's optimizer has joined, taken apart again where that is exact.

A model that was saved after optimization holds ``com.microsoft`` operators that compute what
several of the standard ones do. Those with weights could not be quantized as they are.

Source: ONNX Runtime's contrib operators (``docs/ContribOperators.md``).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common

from quant.model.new_nodes import constant_before, inserted_before, inserted_behind

DOMAIN: Final = "com.microsoft"


def unfuse(model: ir.Model) -> str:
    """Replace joined operators of every graph by standard ones, in place.

    Args:
        model: The model, of opset 13 or later.

    Returns:
        What was done, as a sentence; empty where there was nothing to do.
    """
    joined = [n for n in model.graph.all_nodes() if n.domain == DOMAIN and n.op_type in _FORMS]
    if not joined:
        return ""
    common.ShapeInferencePass()(model)
    done: Counter[str] = Counter()
    for node in joined:
        op_type = node.op_type
        if _FORMS[op_type](node):
            done[op_type] += 1
    if not done:
        return ""
    found = ", ".join(f"{count} {op_type}" for op_type, count in sorted(done.items()))
    return f"Joined operators were taken apart: {found}."


def _conv(node: ir.Node) -> bool:
    inputs = list(node.inputs)
    params = node.attributes.get("activation_params")
    activation = _activation(node, params.as_floats() if params is not None else ())
    if activation is None:
        return False
    _become(node, "Conv", inputs[:3] if len(inputs) > 2 and inputs[2] is not None else inputs[:2])
    last = node
    if len(inputs) > 3 and inputs[3] is not None:
        last = _behind(last, "Add", "sum", [inputs[3]])
    activation(last)
    return True


def _gemm(node: ir.Node) -> bool:
    named = (node.attributes.get(f"activation_{name}") for name in ("alpha", "beta", "gamma"))
    activation = _activation(node, [value.as_float() for value in named if value is not None])
    if activation is None:
        return False
    _become(node, "Gemm", list(node.inputs))
    activation(node)
    return True


def _matmul(node: ir.Node) -> bool:
    if any(_int(node, name) for name in ("transBatchA", "transBatchB")):
        return False
    operands = list(node.inputs)
    turned = [_int(node, "transA"), _int(node, "transB")]
    ranks = [len(v.shape) if v is not None and v.shape is not None else None for v in operands]
    if any(turn and rank is None for turn, rank in zip(turned, ranks, strict=True)):
        return False
    alpha = node.attributes["alpha"].as_float() if "alpha" in node.attributes else 1.0
    for index, (turn, rank) in enumerate(zip(turned, ranks, strict=True)):
        if turn and rank is not None and rank > 1:
            order = [*range(rank - 2), rank - 1, rank - 2]
            perm = {"perm": ir.AttrInt64s("perm", order)}
            operands[index] = inserted_before(
                node, "Transpose", [operands[index]], f"turned{index}", perm
            )
    _become(node, "MatMul", operands)
    if alpha != 1.0:
        _behind(node, "Mul", "scaled", [_number(node, alpha, "alpha")])
    return True


def _bias_gelu(node: ir.Node) -> bool:
    """With s = x + b: s * (1 + erf(s / sqrt(2))) / 2."""
    _become(node, "Add", list(node.inputs))
    total = node.outputs[0]
    last = _behind(node, "Mul", "gelu", [_number(node, 0.5, "half")])
    scaled = inserted_before(last, "Div", [total, _number(node, math.sqrt(2), "root")], "scaled")
    erf = inserted_before(last, "Erf", [scaled], "erf")
    one = _number(node, 1, "one")
    raised = inserted_before(last, "Add", [erf, one], "raised")
    weighted = inserted_before(last, "Mul", [total, raised], "weighted")
    last.replace_input_with(0, weighted)
    return True


_FORMS: Final[dict[str, Callable[[ir.Node], bool]]] = {
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "FusedMatMul": _matmul,
    "TransposeMatMul": _matmul,
    "BiasGelu": _bias_gelu,
}
"""Joined operator -> what takes a node apart, in place, and says whether it could."""

_POINTWISE: Final = {
    "": (),
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "HardSwish": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}
"""Activation of a joined operator -> its parameters, in order."""


def _activation(node: ir.Node, params: Sequence[float]) -> Callable[[ir.Node], object] | None:
    """What puts the node's activation behind another node; None where it is not known."""
    found = node.attributes.get("activation")
    op_type = found.as_string() if found is not None else ""
    names = _POINTWISE.get(op_type)
    if names is None or len(params) < len(names):
        return None
    if not op_type:
        return lambda last: last
    what, named = op_type.lower(), dict(zip(names, params, strict=False))
    if op_type == "Clip":
        return lambda last: _behind(
            last, op_type, what, [_number(last, value, name) for name, value in named.items()]
        )
    attributes = {name: ir.AttrFloat32(name, value) for name, value in named.items()}
    return lambda last: _behind(last, op_type, what, [], attributes)


_OWN = ("activation", "alpha", "transA", "transB", "transBatchA", "transBatchB")


def _become(node: ir.Node, op_type: str, inputs: Sequence[ir.Value | None]) -> None:
    """Make a node one of the default domain, without what only the joined operator has."""
    kept = ("alpha", "transA", "transB") if op_type == "Gemm" else ()
    for name in list(node.attributes):
        if name.startswith("activation") or (name in _OWN and name not in kept):
            node.attributes.pop(name)
    node.domain, node.op_type, node.version = "", op_type, None
    node.resize_inputs(len(inputs))
    for index, value in enumerate(inputs):
        node.replace_input_with(index, value)


def _behind(
    node: ir.Node,
    op_type: str,
    what: str,
    more_inputs: Sequence[ir.Value | None],
    attributes: dict[str, ir.Attr] | None = None,
) -> ir.Node:
    made = inserted_behind(node, op_type, what, more_inputs, attributes).producer()
    assert made is not None
    return made


def _number(node: ir.Node, value: float, what: str) -> ir.Value:
    return constant_before(node, np.asarray(value, np.float32), what)


def _int(node: ir.Node, name: str) -> bool:
    found = node.attributes.get(name)
    return found is not None and bool(found.as_int())
