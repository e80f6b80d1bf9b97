"""Write a trained network as a checked ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

PRODUCER = "quantlens-samples"


def export(
    net: nn.Module,
    example: NDArray[np.generic],
    name: str,
    path: Path,
    opset: int,
    *,
    fold: bool = False,
) -> None:
    """Export a network and check the file.

    Args:
        net: The network in evaluation mode.
        example: A batch of inputs, also used to compare ONNX Runtime with torch.
        name: Name of the model input.
        path: Target file.
        opset: ONNX operator set version.
        fold: Whether the exporter may fold constants and batch normalization.

    Raises:
        RuntimeError: If ONNX Runtime and torch disagree.
    """
    modes = torch.onnx.TrainingMode
    torch.onnx.export(
        net,
        (torch.from_numpy(example),),
        str(path),
        input_names=[name],
        output_names=["logits"],
        dynamic_axes={name: {0: "batch"}, "logits": {0: "batch"}},
        opset_version=opset,
        dynamo=False,
        training=modes.EVAL if fold else modes.PRESERVE,
        do_constant_folding=fold,
    )
    model = onnx.load(path)
    model.producer_name = PRODUCER
    model.graph.name = path.parent.name
    move_constants(model)
    drop_aliases(model)
    name_nodes(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    with torch.no_grad():
        expected = net(torch.from_numpy(example)).numpy()
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = np.asarray(session.run(["logits"], {name: example})[0])
    if not np.allclose(got, expected, atol=1e-3):
        raise RuntimeError(f"{path.parent.name}: ONNX Runtime and torch disagree")


def move_constants(model: onnx.ModelProto) -> None:
    """Turn Constant nodes into initializers so that only computing nodes are left.

    Args:
        model: Changed in place.
    """
    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        tensor = onnx.TensorProto()
        tensor.CopyFrom(onnx.helper.get_attribute_value(node.attribute[0]))
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
        graph.node.remove(node)


def drop_aliases(model: onnx.ModelProto) -> None:
    """Remove Identity nodes on initializers, which stand for parameters of equal value.

    Args:
        model: Changed in place.
    """
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    aliases = [n for n in graph.node if n.op_type == "Identity" and n.input[0] in stored]
    origin = {node.output[0]: node.input[0] for node in aliases}
    for node in aliases:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [origin.get(name, name) for name in node.input]


def name_nodes(model: onnx.ModelProto) -> None:
    """Give every node a unique name that follows the module path of its origin.

    Args:
        model: Changed in place.
    """
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        name = node.name or f"{node.op_type}_{index}"
        while name in seen:
            name = f"{name}_{index}"
        seen.add(name)
        node.name = name
