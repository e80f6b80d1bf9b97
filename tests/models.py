"""Small float models that tests quantize, written in ONNX's text form."""

import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper, numpy_helper


def from_text(text: str, **initializers: np.ndarray) -> onnx.ModelProto:
    """Parse a model in ONNX's text form and give it initializers by name."""
    model = onnx.parser.parse_model(text)
    for name, array in initializers.items():
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type.lower()}{index}"
    return model


def unrounded(content: bytes) -> bytes:
    """A model whose activations are not rounded: nothing is left but what repairs changed."""
    made = onnx.load_model_from_string(content)
    stored = {item.name for item in made.graph.initializer}
    source = {node.output[0]: node.input[0] for node in made.graph.node if "Linear" in node.op_type}
    for node in made.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] not in stored:
            before = source[node.input[0]]
            node.CopyFrom(helper.make_node("Identity", [before], [node.output[0]], node.name))
    return made.SerializeToString()


def conv_relu(*, opset: int = 17, channels: int = 4, bias: bool = True) -> onnx.ModelProto:
    """Conv, Relu, Conv, with a fixed seed."""
    rng = np.random.default_rng(7)
    first = rng.standard_normal((channels, 3, 3, 3)).astype(np.float32) / 3
    second = rng.standard_normal((2, channels, 1, 1)).astype(np.float32)
    tail = ", b" if bias else ""
    text = f"""
    <ir_version: 8, opset_import: ["" : {opset}]>
    net (float[batch, 3, 8, 8] image) => (float[batch, 2, 6, 6] out)
    {{
        [conv1] c = Conv <kernel_shape = [3, 3]> (image, w1{tail})
        [relu1] r = Relu (c)
        [conv2] out = Conv <kernel_shape = [1, 1]> (r, w2)
    }}
    """
    weights = {"w1": first, "w2": second}
    if bias:
        weights["b"] = rng.standard_normal(channels).astype(np.float32)
    return from_text(text, **weights)


def images(count: int = 8, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Data for the models above."""
    rng = np.random.default_rng(seed)
    return {"image": rng.standard_normal((count, 3, 8, 8)).astype(np.float32)}


def batch_norm(name: str, channels: int, source: str, output: str, seed: int = 3):
    """A BatchNormalization node with random statistics, and its initializers."""
    rng = np.random.default_rng(seed)
    values = {
        f"{name}_scale": rng.uniform(0.5, 2, channels),
        f"{name}_bias": rng.standard_normal(channels),
        f"{name}_mean": rng.standard_normal(channels),
        f"{name}_var": rng.uniform(0.5, 2, channels),
    }
    node = helper.make_node("BatchNormalization", [source, *values], [output], name=name)
    return node, [
        numpy_helper.from_array(array.astype(np.float32), key) for key, array in values.items()
    ]


def model_of(nodes, inputs, outputs, initializers=(), *, opset: int = 17, ir_version: int = 8):
    """A model from nodes; inputs and outputs map a name to a shape of float32."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        list(initializers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    return model
