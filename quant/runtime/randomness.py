"""Random operators: the same draws in every model that is compared.

Each random operator without a seed gets one made from the name of its output, so the float model,
the int8 model and every part of them draw alike, and what differs is quantization's. Files that are
written keep their operators as they are. A Dropout in training mode cannot be held: ONNX Runtime
removes it at some optimization levels, so outputs behind one are not compared.
"""

import zlib
from collections.abc import Iterator

import onnx

from quant.model.op_roles import MAY_DRAW, RANDOM_OPS
from quant.model.subgraphs import stored_bodies

_DROPPING = "Dropout"
_SEEDS = 1 << 24


def may_draw(content: bytes) -> bool:
    """Whether a model's file names a random operator anywhere; a quick look."""
    return any(name.encode() in content for name in MAY_DRAW)


def seeded(model: onnx.ModelProto) -> bool:
    """Give every random operator of ``model`` that has no seed one made from its output's name.

    Returns:
        Whether there is any random operator, with a seed or without.
    """
    found = False
    for node in _nodes(model.graph):
        if node.op_type not in RANDOM_OPS or node.domain not in {"", "ai.onnx"}:
            continue
        found = True
        if not any(attribute.name == "seed" for attribute in node.attribute):
            seed = float(zlib.crc32(node.output[0].encode()) % _SEEDS)
            node.attribute.append(onnx.helper.make_attribute("seed", seed))
    return found


def dropped_outputs(graph: onnx.GraphProto) -> frozenset[str]:
    """The outputs of ``graph`` that depend on a Dropout in training mode."""
    behind: set[str] = set()
    for node in graph.node:
        inside = [n for g in stored_bodies(node) for n in _nodes(g)]
        drops = any(n.op_type == _DROPPING and len(n.input) > 2 and n.input[2] for n in inside)
        if node.op_type == _DROPPING and len(node.input) > 2 and node.input[2]:
            drops = _trains(graph, node.input[2])
        read = {*node.input, *(name for n in inside for name in n.input)}
        if drops or not behind.isdisjoint(read):
            behind.update(name for name in node.output if name)
    return frozenset(value.name for value in graph.output if value.name in behind)


def _trains(graph: onnx.GraphProto, mode: str) -> bool:
    """Whether a Dropout's training mode is on, or not known to be off."""
    stored = next((tensor for tensor in graph.initializer if tensor.name == mode), None)
    return stored is None or bool(onnx.numpy_helper.to_array(stored))


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for subgraph in stored_bodies(node):
            yield from _nodes(subgraph)
