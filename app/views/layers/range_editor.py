"""The picture of the selected layer's activation: the range picker."""

import streamlit as st

from app.components.range_picker import Bins, Choice, Commit, Shape, Table, range_picker
from app.session import user_session
from app.views.layers.range_candidates import (
    adopted,
    await_choices,
    choice_table,
    in_use,
    source,
    targets,
)
from app.views.layers.settings import Layer
from app.views.shared.page_guard import apply, undo
from app.workspace.workspace import SHAPES
from quant.params.ranges import calibrated_range
from quant.recipe.edits import with_layer, without_layer
from quant.statistics.tensor_stats import TensorStats

KEY = "range picker"


def range_plots(layer: Layer) -> None:
    """The distribution with the range in use, and the divergence curves."""
    workspace, row = layer.workspace, layer.row
    stats = workspace.calibration.tensors.get(row.tensor)
    if stats is None:
        st.info("Calibration saw no values of this layer's output.", icon=":material/info:")
        return
    if not row.owner:
        low, high = stats.low, stats.high
        nothing = Choice((low, high), False, "", (low, high), targets=())
        range_picker(
            _plain_shape(stats), nothing, Table(row.tensor, ()), key=KEY, on_commit=lambda _: None
        )
        return
    owner = workspace.quantized.plan.tensors[row.owner]
    group = workspace.quantized.plan.groups[row.owner]
    chosen = [
        calibrated_range(
            workspace.calibration.tensors[name], workspace.quantized.plan.tensors[name]
        )
        for name in group.ranges_from
    ]
    shape = workspace.shape(row.tensor)
    assert shape is not None  # it has statistics and a plan
    choice = Choice(
        range=workspace.quantized.ranges[row.tensor],
        fixed=owner.settings.range is not None,
        calibrator=owner.settings.calibrator.title,
        calibrated=(min(low for low, _ in chosen), max(high for _, high in chosen)),
        in_use=in_use(owner.settings),
        targets=targets(workspace, row.owner),
    )
    range_picker(
        shape,
        choice,
        choice_table(workspace, row.tensor),
        key=KEY,
        on_commit=lambda commit: _commit(layer, commit),
    )
    await_choices(workspace, row.tensor)


def _plain_shape(stats: TensorStats) -> Shape:
    """The picture of a tensor that stays in float: the same plots, so that nothing jumps."""
    key = f"{stats.digest}/float"
    shape = SHAPES.get(key)
    if shape is None:
        shape = Shape(
            tensor=stats.name,
            title=stats.name,
            subtitle=f"not quantized, {stats.samples:,} samples",
            bins=Bins.of(stats),
            codes=None,
            no_curves="Not quantized: read in float, so there is no threshold to choose.",
        )
        SHAPES.put(key, shape)
    return shape


def _commit(layer: Layer, commit: Commit) -> None:
    """Write what was decided on the plots into the recipe, for the tensor that owns the range."""
    plan = layer.workspace.quantized.plan
    if commit.undo:
        undo()
        st.rerun()
    if commit.tensor not in plan.tensors:
        return
    tensor = plan.tensors[commit.tensor].group
    name, op_type = source(layer.workspace, tensor)
    recipe = user_session.current().recipe
    if commit.pick is not None:
        recipe = adopted(layer.workspace, tensor, commit.pick, commit.scope)
    elif commit.range is not None:
        recipe = with_layer(recipe, name, op_type, tensor, range=commit.range)
    else:
        recipe = without_layer(recipe, name, tensor, "range")
    apply(recipe)


def mode():
    """The ground that the browser shows the page on."""
    return "dark" if st.context.theme.type == "dark" else "light"
