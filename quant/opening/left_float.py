"""What of a model cannot be quantized for a reason that its user should hear at once."""

from collections import Counter
from collections.abc import Iterator, Sequence

import onnx_ir as ir

from quant.io.show import counted
from quant.model.model import Node
from quant.model.op_roles import ROLES, WEIGHTS_OF_BODIES
from quant.model.subgraphs import bodies


def left_float_warnings(graph: ir.Graph, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Sentences on nodes behind unknown types, and on those inside of If, Loop and Scan.

    Args:
        graph: The main graph, prepared, with the types that are known.
        nodes: Its nodes, described.
    """
    return (*_behind_unknown(graph, nodes), *_inside(graph))


def _behind_unknown(graph: ir.Graph, nodes: Sequence[Node]) -> Iterator[str]:
    known = {*graph.inputs, *graph.initializers.values()}
    unknown: set[ir.Value] = set()
    sources: dict[str, None] = {}
    hidden = 0
    for node in graph:
        reads = {value for value in node.inputs if value is not None} - known
        untyped = {value for value in node.outputs if value.name and value.dtype is None}
        if untyped and not reads & unknown:
            sources[f"{node.domain}.{node.op_type}" if node.domain else node.op_type] = None
        unknown |= untyped
        hidden += bool(reads & unknown) and node.op_type in ROLES and not node.domain
    if hidden:
        free = sum(node.quantizable for node in nodes)
        yield (
            f"{free:,} of {counted(len(nodes), 'node')} can be quantized: the types behind "
            f"{', '.join(sources)} are not known, so what follows stays float."
        )


def _inside(graph: ir.Graph) -> Iterator[str]:
    for node in graph:
        found: Counter[str] = Counter(
            inner.op_type
            for body in bodies(node)
            for inner in body.all_nodes()
            if inner.op_type in WEIGHTS_OF_BODIES
        )
        if found:
            listed = ", ".join(f"{count} {op_type}" for op_type, count in sorted(found.items()))
            yield (
                f"Inside of {node.op_type} {node.name!r}, {listed} compute in float: ONNX Runtime "
                "gives no values from there to calibrate on. Only their weights can be stored in "
                "8 bits."
            )
