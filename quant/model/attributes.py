"""Attributes of nodes."""

from collections.abc import Sequence

import onnx_ir as ir


def int_attribute(node: ir.Node, name: str, default: int) -> int:
    """An integer attribute of a node, or its default where the node does not have it."""
    found = node.attributes.get(name)
    return default if found is None else found.as_int()


def int_attributes(node: ir.Node, name: str, default: Sequence[int]) -> list[int]:
    """An attribute of integers of a node, or its default where the node does not have it."""
    found = node.attributes.get(name)
    return list(default) if found is None else list(found.as_ints())


def axis_pads(
    node: ir.Node, axis: int, rank: int, *, size: int, stride: int, reach: int
) -> tuple[int, int]:
    """Zeros before and behind one spatial axis of what a Conv reads.

    Args:
        node: The Conv.
        axis: The axis, counted without samples and channels.
        rank: How many such axes there are.
        size: How long the axis is.
        stride: The kernel's steps along it.
        reach: How far the kernel reaches along it, dilation and all.
    """
    auto = node.attributes.get("auto_pad")
    same = auto.as_string() if auto is not None else ""
    if same not in {"SAME_UPPER", "SAME_LOWER"}:
        pads = int_attributes(node, "pads", [0] * (2 * rank))
        return pads[axis], pads[rank + axis]
    whole = max((-(-size // stride) - 1) * stride + reach - size, 0)
    first = (whole + (same == "SAME_LOWER")) // 2
    return first, whole - first
