"""Passes that a recipe may ask for by name, over the int8 graph when it is complete."""

from collections.abc import Callable, Sequence

import onnx_ir as ir

from quant.errors import RecipeError
from quant.registry import Registry

Pass = type[ir.passes.InPlacePass]

PASSES: Registry[Pass] = Registry("pass", "passes", RecipeError)
"""Every pass that a recipe may name."""


def register(name: str) -> Callable[[Pass], Pass]:
    """Class decorator: let recipes ask for this pass by ``name``.

    It is constructed without arguments and works in place on the graph in Q/DQ form. It must leave
    the names of tensors and what the graph computes: exporting compares the graph with a simulation
    of itself, so a pass that computes something else is not found out.

    Raises:
        ValueError: Another pass has that name.
    """

    def known(cls: Pass) -> Pass:
        PASSES.add(name, cls)
        return cls

    return known


def apply_passes(graph: ir.Model, names: Sequence[str]) -> None:
    """Apply the named passes in this order, in place.

    Raises:
        RecipeError: No pass has such a name.
    """
    for step in [PASSES.named(name) for name in names]:
        step()(graph)
