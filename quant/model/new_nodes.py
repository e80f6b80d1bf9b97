"""Put nodes and constants into a graph beside the nodes that are there."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


def constant_before(node: ir.Node, value: NDArray[np.generic], what: str) -> ir.Value:
    """A new initializer of the node's graph, called after the node's output and ``what``."""
    name = f"{node.outputs[0].name}:{what}"
    made = ir.Value(name=name, const_value=ir.tensor(value, name=name))
    made.dtype = ir.DataType.from_numpy(value.dtype)
    made.shape = ir.Shape(value.shape)
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    graph.register_initializer(made)
    return made


def inserted_before(
    node: ir.Node,
    op_type: str,
    inputs: Sequence[ir.Value | None],
    what: str,
    attributes: Mapping[str, ir.Attr] | None = None,
) -> ir.Value:
    """The output of a new node right before ``node``, of the default domain.

    Args:
        node: The node that will read it.
        op_type: Operator of the new node.
        inputs: What the new node reads.
        what: Ends the names of the new node and its output, behind those of ``node``.
        attributes: Of the new node.
    """
    output = ir.Value(name=f"{node.outputs[0].name}:{what}")
    made = ir.Node(
        "", op_type, inputs, attributes or {}, name=f"{node.name}:{what}", outputs=[output]
    )
    graph = node.graph
    assert graph is not None
    graph.insert_before(node, made)
    return output


def inserted_behind(
    node: ir.Node,
    op_type: str,
    what: str,
    more_inputs: Sequence[ir.Value | None] = (),
    attributes: Mapping[str, ir.Attr] | None = None,
) -> ir.Value:
    """Send the first output of ``node`` through a new node, whose output takes over its name.

    Args:
        node: The node.
        op_type: Operator of the new node.
        what: Ends the names of the new node and of what ``node`` now gives.
        more_inputs: What the new node reads beside that.
        attributes: Of the new node.

    Returns:
        The output of the new node.
    """
    before, graph = node.outputs[0], node.graph
    assert graph is not None
    after = ir.Value(name=before.name, type=before.type, shape=before.shape)
    before.replace_all_uses_with(after, replace_graph_outputs=True)
    before.name = f"{after.name}:{what}"
    made = ir.Node(
        "",
        op_type,
        [before, *more_inputs],
        attributes or {},
        name=f"{node.name}:{what}",
        outputs=[after],
    )
    graph.insert_after(node, made)
    return after
