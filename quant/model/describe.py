"""Each node's part in quantization, read off the role table and its inputs."""

import math
from dataclasses import replace

import onnx_ir as ir

from quant.model.model import Node, Weight
from quant.model.op_roles import ROLES, Kind
from quant.types import TensorInfo


def tensor_info(value: ir.Value) -> TensorInfo:
    """What the graph says of a tensor."""
    shape = None
    if value.shape is not None:
        # Some exporters write -1 for a size that is open.
        shape = tuple(
            (d if d >= 0 else None) if isinstance(d, int) else d.value for d in value.shape
        )
    if value.type is not None and not isinstance(value.type, ir.TensorType):
        return TensorInfo(str(value.name), type(value.type).__name__, shape)
    return TensorInfo(str(value.name), value.dtype.name if value.dtype else "", shape)


def described(node: ir.Node) -> Node:
    """Read one node's part in quantization off the role table and its inputs."""
    plain = Node(
        name=str(node.name),
        op_type=node.op_type,
        kind=Kind.FLOAT,
        inputs=tuple(str(v.name) if v is not None else "" for v in node.inputs),
        outputs=tuple(str(v.name or "") for v in node.outputs),
    )
    role = ROLES.get(node.op_type)
    if node.domain not in {"", "ai.onnx"}:
        return replace(plain, reason=f"{node.domain}.{node.op_type} is no operator QuantLens knows")
    if role is None:
        return replace(plain, reason=f"{node.op_type} has no quantized form")
    weight = weight_of(node, role.weight)
    if node.op_type == "MatMul" and weight is None:
        weight = weight_of(node, 0)
    carriers = range(len(node.inputs)) if role.data is None else role.data
    carriers = [i for i in carriers if i < len(node.inputs) and node.inputs[i] is not None]
    operands = [i for i in carriers if weight is None or i != weight.index]
    data = tuple(i for i in operands if not _constant(node.inputs[i]))
    if not data and weight is None:
        return replace(plain, reason="all its inputs are constant")
    for value in (*(node.inputs[i] for i in carriers), node.outputs[0]):
        if value is not None and value.dtype != ir.DataType.FLOAT:
            found = value.dtype.name.lower() if value.dtype else "values of unknown type"
            return replace(plain, reason=f"it works on {found}, and only float32 is quantized")
    if node.op_type == "AveragePool" and _dilated(node):
        return replace(plain, reason="ONNX Runtime's integer AveragePool knows no dilations")
    bias = role.bias if weight is not None else None
    if bias is not None and (bias >= len(node.inputs) or not _constant(node.inputs[bias])):
        bias = None
    return replace(
        plain,
        kind=_kind(node, role.kind, weight),
        data=data,
        constants=tuple(i for i in operands if i not in data),
        weight=weight,
        bias=bias,
        clamp=_clamp(node),
    )


def _dilated(node: ir.Node) -> bool:
    found = node.attributes.get("dilations")
    return found is not None and any(size != 1 for size in found.as_ints())


def _clamp(node: ir.Node) -> tuple[float, float] | None:
    """The bounds of a Relu or Clip, or None where they are not constant or it is neither."""
    if node.op_type == "Relu":
        return 0.0, math.inf
    if node.op_type != "Clip":
        return None
    bounds = [-math.inf, math.inf]
    for index, value in enumerate(node.inputs[1:3]):
        if value is None:
            continue
        tensor = value.const_value
        if tensor is None:
            return None
        bounds[index] = float(tensor.numpy())
    return bounds[0], bounds[1]


def _kind(node: ir.Node, kind: Kind, weight: Weight | None) -> Kind:
    """Refine the table's kind where attributes or constants decide."""
    if node.op_type == "Gather" and weight is not None:
        return Kind.COMPUTE
    if node.op_type == "Resize":
        mode = node.attributes.get("mode")
        return Kind.SAME_SCALE if mode is None or mode.as_string() == "nearest" else kind
    if node.op_type == "Pad":
        mode = node.attributes.get("mode")
        if mode is not None and mode.as_string() != "constant":
            return Kind.SAME_SCALE
        filler = node.inputs[2] if len(node.inputs) > 2 else None
        value = ir.convenience.get_const_tensor(filler) if filler is not None else None
        padded_with_zero = filler is None or (value is not None and not value.numpy().any())
        return Kind.SAME_SCALE if padded_with_zero else kind
    return kind


def weight_of(node: ir.Node, index: int | None) -> Weight | None:
    """The constant float tensor at ``index``, with the axis of its output channels."""
    if index is None or index >= len(node.inputs):
        return None
    value = node.inputs[index]
    tensor = value.const_value if value is not None else None
    if value is None or tensor is None or tensor.dtype != ir.DataType.FLOAT:
        return None
    shape = tuple(tensor.shape.numpy())
    if len(shape) < 2:
        return None
    axis: int | None
    match node.op_type:
        case "Conv":
            axis = 0
        case "ConvTranspose":
            group = node.attributes.get("group")
            axis = 1 if group is None or group.as_int() == 1 else None
        case "Gemm":
            transposed = node.attributes.get("transB")
            axis = 0 if transposed is not None and transposed.as_int() else 1
        case "MatMul":
            axis = len(shape) - (1 if index == 1 else 2)
        case "LSTM" | "GRU" | "RNN":
            axis = 1
        case _:
            axis = None
    return Weight(index, str(value.name), shape, axis)


def _constant(value: ir.Value | None) -> bool:
    return value is not None and value.const_value is not None
