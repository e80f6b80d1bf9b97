"""Local functions, put in the place of the nodes that call them."""

from typing import Final

import onnx_ir as ir
from onnx_ir.passes import common

from quant.errors import ModelError

MOST_NODES: Final = 100_000
"""So many nodes a model may have with its functions inlined; they double at each level of a chain
of functions that call the next one twice."""


def inline(model: ir.Model, name: str) -> str:
    """Inline the functions of ``model``, in place.

    Args:
        model: The model.
        name: What to call it in messages.

    Returns:
        What was done, as a sentence; empty where there is no function.

    Raises:
        ModelError: If a function calls itself, or the model would be too large.
    """
    if not model.functions:
        return ""
    sizes: dict[ir.OperatorIdentifier, int] = {}
    total = sum(_size(model, node, sizes, (), name) for node in model.graph.all_nodes())
    if total > MOST_NODES:
        raise ModelError(
            f"{name}: expected at most {MOST_NODES:,} nodes, found {total:,} with its functions "
            "inlined; export it without functions that call others so often"
        )
    count = len(model.functions)
    common.InlinePass()(model)
    return f"{count} function{'s were' if count > 1 else ' was'} inlined."


def _size(
    model: ir.Model,
    node: ir.Node,
    sizes: dict[ir.OperatorIdentifier, int],
    inside: tuple[ir.OperatorIdentifier, ...],
    name: str,
) -> int:
    """How many nodes stand for ``node`` once its function is inlined."""
    called = node.op_identifier()
    function = model.functions.get(called)
    if function is None:
        return 1
    if called in inside:
        raise ModelError(f"{name}: the function {node.op_type} calls itself; export it again")
    if called not in sizes:
        path = (*inside, called)
        sizes[called] = sum(_size(model, n, sizes, path, name) for n in function.all_nodes())
    return sizes[called]
