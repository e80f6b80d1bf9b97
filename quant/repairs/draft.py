"""What a repair works on: an int8 model as decided, before its graph is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant.errors import RecipeError
from quant.model.model import Model, Node
from quant.numerics import dequantize_linear
from quant.params.constants import QuantizedConstant
from quant.params.equalized import (
    ChannelFactors,
    Factors,
    WeightFactors,
    seen_through,
    weight_factors,
)
from quant.params.split import Split, split_weight, weight_axis
from quant.planning.plan import Plan
from quant.registry import Registry
from quant.statistics.calibration import Calibration
from quant.types import QuantParams


@dataclass(frozen=True, eq=False)
class FloatConstant:
    """A constant input of a node with other values than in the float model, or an added one.

    Attributes:
        node: The node.
        index: Which of its inputs; the first that it does not have, for an added one.
        name: What to call the initializer.
        values: float32, in real units.
    """

    node: str
    index: int
    name: str
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Shift:
    """What is added to what a node computes, where the node has no input for it.

    Attributes:
        node: The node.
        values: float32 of shape (C,), added along the last axis.
    """

    node: str
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Draft:
    """An int8 model as decided.

    Attributes:
        model: The float model.
        plan: The recipe resolved on it.
        calibration: Statistics of its tensors.
        activations: Parameters of each activation that a quantized node reads or computes, whether
            it is rounded or only sets the scale of a bias.
        constants: Weights, constant operands and biases as integers.
        floats: Constants that stay float with other values.
        shifts: What is added behind nodes.
        channels: Scale and zero point of each channel, for the activations that have them; what
            their kernels round with is in ``activations``.
        factors: What the channels of activations are divided by before they are rounded; see
            :mod:`quant.params.equalized`.
        splits: The activations whose loud channels are read in parts.
        tables: Gather nodes -> the table whose rows they pick, as integers.
        notes: Sentences about what did not go as asked.
    """

    model: Model
    plan: Plan
    calibration: Calibration
    activations: Mapping[str, QuantParams]
    constants: tuple[QuantizedConstant, ...]
    floats: tuple[FloatConstant, ...] = ()
    shifts: tuple[Shift, ...] = ()
    channels: Mapping[str, QuantParams] = field(default_factory=dict[str, QuantParams])
    factors: Factors = field(default_factory=dict[str, ChannelFactors])
    splits: Mapping[str, Split] = field(default_factory=dict[str, Split])
    tables: Mapping[str, QuantizedConstant] = field(default_factory=dict[str, QuantizedConstant])
    notes: tuple[str, ...] = ()

    def has_own_scales(self, tensor: str) -> bool:
        """Whether channels of an activation have scales of their own, in one way or another."""
        return any(tensor in of for of in (self.channels, self.factors, self.splits))

    @cached_property
    def weight_factors(self) -> Mapping[str, WeightFactors]:
        """What the weights of nodes are multiplied by, for those with factors beside them."""
        return weight_factors(self.model, self.plan, self.constants, self.factors)

    def seen_weight(self, node: Node, item: QuantizedConstant) -> NDArray[np.float32]:
        """A node's weight as its integers give it to what it multiplies.

        Args:
            node: The node.
            item: Its weight as integers.

        Returns:
            float32 in the weight's shape and real units.
        """
        weight = self.model.constant(item.name)
        read = node.inputs[node.data[0]]
        split, axis = self.splits.get(read), weight_axis(self.model, node)
        if split is not None and axis is not None:
            return split_weight(item, weight, axis, split)
        if node.name in self.weight_factors:
            return seen_through(item, weight, self.weight_factors[node.name])
        return dequantize_linear(item.codes, item.params)


Repair = Callable[[Draft], Draft]

REPAIRS: Registry[Repair] = Registry("repair", "repairs", RecipeError)
"""Every repair that a recipe may name."""


SMALLER: set[str] = set()
"""The repairs that make a file smaller; the others make outputs better."""

SLOW: set[str] = set()
"""The repairs that take seconds."""


def register(name: str, *, smaller: bool = False, slow: bool = False) -> Callable[[Repair], Repair]:
    """Function decorator: let recipes ask for this repair by ``name``.

    It takes a draft and gives another one; the same draft gives the same result.

    Args:
        name: The name.
        smaller: Whether it makes the file smaller, so that no search tries it to win accuracy.
        slow: Whether it takes seconds, so that only a search for the best tries it.

    Raises:
        ValueError: Another repair has that name.
    """

    def known(repair: Repair) -> Repair:
        REPAIRS.add(name, repair)
        SMALLER.update({name} if smaller else ())
        SLOW.update({name} if slow else ())
        return repair

    return known


def repaired(draft: Draft, names: Sequence[str]) -> Draft:
    """The draft after the named repairs, in this order.

    Raises:
        RecipeError: No repair has such a name.
    """
    for repair in [REPAIRS.named(name) for name in names]:
        draft = repair(draft)
    return draft
