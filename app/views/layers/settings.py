"""The settings of one layer: what they are, which rule said so, and how to change them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from analysis.layers import LayerRow
from app.views.layers.recipe_bar import ACTIVATION_TYPES, WEIGHT_TYPES
from app.views.shared.controls import (
    ChangeCalibrator,
    calibrator_options,
    calibrator_select,
    select,
    toggle,
)
from app.views.shared.format import activation_type, as_text
from app.views.shared.page_guard import apply
from app.workspace.workspace import Workspace
from quant.model.op_roles import CLAMPS, INPUT_OP_TYPE, Kind
from quant.planning.groups import sharing
from quant.planning.plan import NodePlan
from quant.recipe.edits import with_shared, without_layer
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings

FUSE = {"never": "never", "clamps": "Relu and Clip only", "always": "always"}
DROP = {"never": "never", "lossless": "where lossless", "always": "always"}
ALIGN = {"none": "none", "largest": "to the largest input", "output": "to the output"}


@dataclass(frozen=True, eq=False)
class Layer:
    """The selected layer with everything its controls need.

    Attributes:
        workspace: What the page works on.
        row: The row of the table.
        item: The node's plan, or None for an input of the model.
        settings: The settings that hold for its tensor.
        sources: Which rule changed each setting.
    """

    workspace: Workspace
    row: LayerRow
    item: NodePlan | None
    settings: Settings
    sources: dict[str, str]

    def key(self, name: str) -> str:
        """A widget's key: of this layer alone, so that a click is never taken for another's."""
        return f"layer {name} of {self.row.name}"

    def edited(self, recipe: Recipe, **values: Any) -> Recipe:
        """The recipe with settings for this layer, and for what shares its scale."""
        row, workspace = self.row, self.workspace
        plan, others = workspace.quantized.plan, tuple[tuple[str, str, str], ...]()
        if row.tensor in plan.tensors:
            others = sharing(workspace.opened.model, plan, row.tensor)
        return with_shared(recipe, (row.name, row.op_type, row.tensor), others, **values)

    def change(self, **values: Any) -> None:
        """Edit the recipe for this layer."""
        apply(lambda recipe: self.edited(recipe, **values))

    def setter(self, name: str) -> Callable[[Any], None]:
        """A callback that changes one setting."""
        return lambda value: self.change(**{name: value})

    def change_calibrator(self, change: ChangeCalibrator) -> None:
        """Edit the calibrator that the recipe has for this layer by now."""
        row = self.row

        def edit(recipe: Recipe) -> Recipe:
            settings, _ = recipe.tensor_settings(row.tensor, row.name, row.op_type)
            return self.edited(recipe, calibrator=change(settings.calibrator))

        apply(edit)

    def reset(self) -> None:
        """Take back what the rules of this layer say."""
        row = self.row
        apply(lambda recipe: without_layer(recipe, row.name, row.tensor))


def layer_of(workspace: Workspace, row: LayerRow) -> Layer:
    """The layer of a row."""
    item = workspace.quantized.plan.nodes.get(row.name)
    tensor = workspace.quantized.plan.tensors.get(row.tensor)
    settings, sources = row.settings, dict(item.sources if item else {})
    if tensor is not None:
        settings, sources = tensor.settings, {**sources, **tensor.sources}
    return Layer(workspace, row, None if row.op_type == INPUT_OP_TYPE else item, settings, sources)


def main_settings(layer: Layer, head: Layer) -> None:
    """The settings that are changed most, in one line under the plots.

    Args:
        layer: What gives the activation.
        head: What it is called by: its first node.
    """
    row, settings = layer.row, layer.settings
    owned = bool(row.owner) and row.owner == row.tensor
    calibrator, kind, skip = st.columns([5, 5, 3], vertical_alignment="bottom")
    with calibrator:
        calibrator_select(
            settings.calibrator,
            layer.setter("calibrator"),
            name=layer.key("calibrator"),
            disabled=not owned,
        )
    with kind:
        select(
            "Activation type",
            ACTIVATION_TYPES,
            (settings.activation_type, settings.activation_symmetric),
            lambda pair: layer.change(activation_type=pair[0], activation_symmetric=pair[1]),
            name=layer.key("activation"),
            words=lambda pair: activation_type(*pair),
            disabled=not owned,
        )
    with skip:
        quantizable = head.item is None or head.item.node.quantizable
        toggle(
            "Skip",
            head.item is not None and head.item.settings.skip,
            lambda skip: _skip(head, skip=skip),
            name=head.key("skip"),
            hint="Compute this layer in float.",
            disabled=head.item is None or not quantizable,
        )
    if owned:
        calibrator_options(settings.calibrator, layer.change_calibrator, name=layer.key("option"))


def _skip(head: Layer, *, skip: bool) -> None:
    """Compute a node in float, and the activation behind it, which alone would cost two casts."""
    layers = [head, *_activation_behind(head)]

    def edit(recipe: Recipe) -> Recipe:
        for layer in layers:
            recipe = layer.edited(recipe, skip=skip)
        return recipe

    apply(edit)


def _activation_behind(layer: Layer) -> list[Layer]:
    """The activation that alone reads what a node computes, if that is what reads it."""
    workspace = layer.workspace
    readers = workspace.opened.model.consumers.get(layer.row.tensor, ())
    if len(readers) != 1 or readers[0] not in workspace.quantized.plan.nodes:
        return []
    node = workspace.quantized.plan.nodes[readers[0]].node
    if node.kind is not Kind.ACTIVATION or not node.quantizable:
        return []
    return [layer_of(workspace, row) for row in workspace.rows() if row.name == node.name]


def more_settings(*layers: Layer) -> None:
    """The rarer settings of some nodes, those that apply to each, and where each comes from."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=layers[0].key("more")):
        for layer in layers:
            item = layer.item
            if item is None or not item.node.quantizable:
                continue
            _weight_settings(layer, item)
            _activation_settings(layer, item)
            if item.node.op_type in {"Add", "Concat"}:
                _choice(layer, "Align inputs", "align", ALIGN, "Let the inputs share parameters.")
    changed = [layer for layer in layers if layer.sources]
    for layer in changed:
        _sources(layer)
    if not changed:
        st.caption("Every setting is the recipe's default.")


def _weight_settings(layer: Layer, item: NodePlan) -> None:
    weight = item.node.weight
    if weight is None:
        return
    with st.container(width=130):
        select(
            "Weight type",
            WEIGHT_TYPES,
            item.settings.weight_type,
            layer.setter("weight_type"),
            name=layer.key("weight type"),
            words=lambda qtype: qtype.value,
        )
    toggle(
        "Per channel",
        item.settings.per_channel and weight.channel_axis is not None,
        layer.setter("per_channel"),
        name=layer.key("per channel"),
        hint="One scale for each output channel of the weight.",
        disabled=weight.channel_axis is None,
    )
    if item.node.bias is not None:
        toggle(
            "Quantize bias",
            item.settings.quantize_bias,
            layer.setter("quantize_bias"),
            name=layer.key("bias"),
            hint="Store the bias as int32.",
        )


def _activation_settings(layer: Layer, item: NodePlan) -> None:
    if item.node.kind is not Kind.ACTIVATION:
        return
    _choice(
        layer,
        "Fuse",
        "fuse_activation",
        FUSE,
        "Fused: no quantization between the node before and this activation.",
    )
    if item.node.op_type not in CLAMPS:
        return
    _choice(
        layer,
        "Drop",
        "drop_activation",
        DROP,
        "Dropped: the node is removed, because the quantization after it clamps the same.",
    )
    verdict = layer.workspace.quantized.activations.get(item.node.name)
    if verdict is not None:
        word = "" if not verdict.possible else "Dropping it is "
        tail = ", and it is dropped" if verdict.dropped else ""
        icon = ":material/check:" if verdict.lossless else ":material/info:"
        lead = word or "It cannot be dropped: "
        st.markdown(f"{icon} {lead}**{as_text(verdict.reason)}**{tail}.")


def _choice(layer: Layer, label: str, name: str, words: dict[str, str], hint: str) -> None:
    with st.container(width=170):
        select(
            label,
            tuple(words),
            getattr(layer.item.settings if layer.item else layer.settings, name),
            layer.setter(name),
            name=layer.key(name),
            words=lambda value: words[value],
            hint=hint,
        )


def _sources(layer: Layer) -> None:
    """Which rule decided what, with a way back to the defaults."""
    row = layer.row
    own = {f"node {row.name}", f"tensor {row.tensor}"}
    mine = [name for name, rule in layer.sources.items() if rule in own]
    other = {name: rule for name, rule in layer.sources.items() if rule not in own}
    with st.container(horizontal=True, vertical_alignment="center"):
        parts: list[str] = []
        if mine:
            parts.append(f"Set for {as_text(row.name)}: {', '.join(map(_words, mine))}.")
        parts += [
            f"{_words(name).capitalize()} from the rule for {r}." for name, r in other.items()
        ]
        st.caption(" ".join(parts), width="content")
        if mine:
            st.button(
                "Reset to default",
                key=layer.key("reset"),
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=layer.reset,
            )


def _words(name: str) -> str:
    return name.replace("_", " ")
