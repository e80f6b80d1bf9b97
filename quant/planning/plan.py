"""What each node, tensor and group of a model gets under a recipe, and which rule said so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from quant.io.show import card, counted, one_line, table
from quant.model.model import Node
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.types import PerChannel, PerTensor, QuantSpec


@dataclass(frozen=True)
class NodePlan:
    """What one node gets.

    Attributes:
        node: The node.
        settings: Its settings.
        sources: For each setting that a rule changed, that rule's label.
        quantized: Whether it computes on quantized values.
        why: Why it does not; empty where it does.
        fused_into: For a fused activation, the node before it; otherwise empty.
    """

    node: Node
    settings: Settings
    sources: Mapping[str, str]
    quantized: bool
    why: str = ""
    fused_into: str = ""

    @property
    def weight_spec(self) -> QuantSpec | None:
        """How its weight is quantized: symmetric, narrow range; None where it is not."""
        weight = self.node.weight
        if weight is None or not self.quantized or not self.settings.quantize_weight:
            return None
        per_channel = self.settings.per_channel and weight.channel_axis is not None
        granularity = PerChannel(weight.channel_axis or 0) if per_channel else PerTensor()
        return QuantSpec(
            self.settings.weight_type, symmetric=True, granularity=granularity, narrow_range=True
        )

    @property
    def constant_spec(self) -> QuantSpec | None:
        """How its constant operands are quantized: as activations are; None where they are not."""
        if not self.node.constants or not self.quantized or not self.settings.quantize_weight:
            return None
        return QuantSpec(self.settings.activation_type, self.settings.activation_symmetric)


@dataclass(frozen=True)
class TensorPlan:
    """What one activation tensor gets.

    Attributes:
        name: The tensor.
        settings: Its settings. What a group can have only once (type, symmetry, fixed range,
            whether it is rounded) is as its group has it.
        sources: For each setting that a rule changed, that rule's label; the rule may speak of
            another member of its group.
        produced: Whether a quantized node computes it, so that every consumer reads the quantized
            values; otherwise only quantized consumers do.
        group: The name of the tensors' group that shares parameters.
        why: Why it is not rounded although the recipe rounds such tensors; empty where it is, or
            where the recipe says so itself.
    """

    name: str
    settings: Settings
    sources: Mapping[str, str]
    produced: bool
    group: str
    why: str = ""

    @property
    def spec(self) -> QuantSpec:
        """How the tensor is quantized."""
        return QuantSpec(self.settings.activation_type, self.settings.activation_symmetric)


@dataclass(frozen=True)
class Group:
    """Tensors that share one scale and zero point; see :mod:`quant.planning.groups`.

    Attributes:
        name: Its first tensor in topological order.
        members: All its tensors.
        ranges_from: The tensors whose calibrators' ranges, taken together, make the group's range
            where none is fixed.
        decided_by: The tensor whose settings decide the range: the one that a rule fixes it for,
            else the first of ``ranges_from``.
        fixed: The members for which rules fix a range, ``decided_by`` among them. Where they
            differ, the plan has a warning.
    """

    name: str
    members: tuple[str, ...]
    ranges_from: tuple[str, ...]
    decided_by: str
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """A recipe resolved on a model.

    Attributes:
        recipe: The recipe.
        nodes: What each node gets, in topological order.
        tensors: What each quantized activation gets, in topological order.
        groups: The groups of tensors that share parameters, by name.
        float_tensors: The activations that quantized nodes read or compute and that the recipe
            leaves in float. Their ranges set the scales of biases.
        float_groups: The groups of those.
        warnings: Rules that matched nothing, or that contradict each other, as sentences.
    """

    recipe: Recipe
    nodes: Mapping[str, NodePlan]
    tensors: Mapping[str, TensorPlan]
    groups: Mapping[str, Group]
    float_tensors: Mapping[str, TensorPlan]
    float_groups: Mapping[str, Group]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        """Recipe and counts, in one line."""
        return (
            f"<Plan by recipe {one_line(self.recipe.name)}: {len(self.tensors):,} activations in "
            f"{len(self.groups):,} groups, {len(self.nodes):,} nodes, "
            f"{counted(len(self.warnings), 'warning')}>"
        )

    def _repr_html_(self) -> str:
        """The types of the activations, for a notebook."""
        rows = (
            (name, t.spec.qtype.value, "symmetric" if t.spec.symmetric else "asymmetric", t.group)
            for name, t in self.tensors.items()
        )
        head = ("Activation", "Type", "", "Group")
        return card(repr(self), table(head, rows, len(self.tensors)))

    @cached_property
    def activations(self) -> Mapping[str, TensorPlan]:
        """What all the activations get that quantized nodes read or compute, rounded or not."""
        return {**self.tensors, **self.float_tensors}

    def group_of(self, tensor: str) -> Group:
        """The group of one of :attr:`activations`."""
        name = self.activations[tensor].group
        return self.groups[name] if tensor in self.tensors else self.float_groups[name]

    @cached_property
    def min_opset(self) -> int:
        """The opset that the types in use need."""
        specs = {tensor.spec for tensor in self.tensors.values()}
        specs |= {spec for node in self.nodes.values() if (spec := node.weight_spec)}
        specs |= {spec for node in self.nodes.values() if (spec := node.constant_spec)}
        return max((spec.qtype.min_opset for spec in specs), default=13)
