"""The picture of the selected layer's activation: the range picker."""

import streamlit as st

from app.components.range_picker import Bins, Choice, Commit, Shape, Table, range_picker
from app.session import user_session
from app.session.project import Project, StaleEdit, undone
from app.views.layers.range_candidates import (
    adopted,
    await_choices,
    choice_table,
    in_use,
    targets,
)
from app.views.layers.settings import Layer
from app.views.shared.format import plural
from app.workspace.picker_shapes import SHAPES
from app.workspace.workspace import Workspace
from quant.params.ranges import calibrators_range
from quant.planning.groups import sharing, source_of
from quant.recipe.edits import with_shared
from quant.recipe.recipe import Recipe
from quant.statistics.tensor_stats import TensorStats

KEY = "range picker"
_TAKEN = "range picker:taken"
"""Where the revision of the project is kept that taking a row of the table gave."""


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
    plan = workspace.quantized.plan
    settings = plan.tensors[row.owner].settings
    group = plan.groups[plan.tensors[row.owner].group]
    shape = workspace.shape(row.tensor)
    assert shape is not None  # it has statistics and a plan
    found = workspace.quantized.range_of(row.tensor)
    choice = Choice(
        range=found.ends,
        fixed=found.fixed,
        calibrator=settings.calibrator.title,
        calibrated=calibrators_range(workspace.opened.model, plan, group, workspace.calibration),
        source=row.range_source,
        in_use=in_use(settings),
        targets=targets(workspace, row.owner),
        revocable=st.session_state.get(_TAKEN) == workspace.project.revision,
    )
    _own_scales(workspace, row.tensor)
    range_picker(
        shape,
        choice,
        choice_table(workspace, row.tensor),
        key=KEY,
        on_commit=lambda commit: _commit(layer, commit),
    )
    await_choices(workspace, row.tensor)


def _own_scales(workspace: Workspace, tensor: str) -> None:
    """What repairs do to the channels, as the plots know one scale only."""
    quantized = workspace.quantized
    channels, split = quantized.draft.channels.get(tensor), quantized.draft.splits.get(tensor)
    factors = quantized.draft.factors.get(tensor)
    if factors is not None:
        repair = "equalize" if quantized.plan.activations[tensor].produced else "smooth"
        least, most = float(factors.values.min()), float(factors.values.max())
        st.caption(
            f"Each of its {factors.values.size:,} channels has a range of its own, from "
            f"{least:.2g} to {most:.2g} times this one (repair {repair}): "
            "the weights beside it take the factors in."
        )
        return
    if channels is not None:
        what = (
            f"Each of its {channels.scale.size:,} channels has a scale of its own within this "
            "range (repair channel_scales)"
        )
    elif split is not None:
        what = (
            f"{plural(int((split.parts > 1).sum()), 'loud channel')} of {split.parts.size:,} "
            "enter in parts, so the codes serve the others (repair split_outliers)"
        )
    else:
        return
    st.caption(f"{what}: {quantized.rounding_ratio(tensor):.1%} of the rounding error's power.")


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
    workspace = layer.workspace
    model, plan = workspace.opened.model, workspace.quantized.plan
    if commit.undo:
        user_session.propose(_taken_back)
        st.rerun()
    if commit.tensor not in plan.tensors:
        return
    tensor = plan.groups[plan.tensors[commit.tensor].group].ranges_from[0]
    at, others = (*source_of(model, tensor), tensor), sharing(model, plan, tensor)

    def edit(recipe: Recipe) -> Recipe:
        if commit.pick is not None:
            return adopted(recipe, workspace, tensor, commit.pick, commit.scope)
        return with_shared(recipe, at, others, range=commit.range)

    before = user_session.project().revision
    user_session.edit(edit)
    after = user_session.project().revision
    if commit.pick is not None and after != before:
        st.session_state[_TAKEN] = after
    st.rerun()


def _taken_back(project: Project) -> Project:
    """The project before a row was taken, if that was the last edit.

    Raises:
        StaleEdit: If something else was edited since.
    """
    if project.revision != st.session_state.get(_TAKEN):
        raise StaleEdit(
            "The choice was not taken back, because the recipe was edited since; Undo above the "
            "table takes back the latest edit."
        )
    return undone(project)
