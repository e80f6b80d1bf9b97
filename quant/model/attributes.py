"""Attributes of nodes."""

import onnx_ir as ir


def int_attribute(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute of a node, or its default where the node does not have it."""
    found = node.attributes.get(name)
    return default if found is None else found.as_int()
