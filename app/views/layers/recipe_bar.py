"""The bar above the table: preset, defaults of the whole model, bulk edit."""

from dataclasses import replace

import streamlit as st

from app.session import user_session
from app.views.layers.bulk_edit import bulk_edit
from app.views.shared.controls import (
    ChangeCalibrator,
    calibrator_options,
    calibrator_select,
    select,
    toggle,
)
from app.views.shared.format import activation_type, plural
from app.views.shared.steps_select import steps_select
from app.workspace.workspace import Workspace
from quant.recipe.edits import preset_of, with_defaults
from quant.recipe.presets import preset, preset_names, preset_summary
from quant.recipe.recipe import Recipe
from quant.repairs import REPAIRS
from quant.types import QType

ACTIVATION_TYPES = tuple(
    (qtype, symmetric)
    for qtype in (QType.UINT8, QType.INT8, QType.UINT16, QType.INT16)
    for symmetric in ((False, True) if qtype.signed else (False,))
)
"""Activation types with their symmetry, as they are offered."""

WEIGHT_TYPES = (QType.INT8, QType.INT4, QType.INT16)


def recipe_bar(workspace: Workspace) -> None:
    """Draw the bar."""
    recipe = workspace.project.recipe
    defaults = recipe.defaults
    with st.container(horizontal=True, vertical_alignment="bottom", key="recipe_bar"):
        with st.container(width=215):
            preset_select(recipe, name="preset")
        with st.container(width=165):
            calibrator_select(
                defaults.calibrator,
                lambda value: _set(calibrator=value),
                name="default calibrator",
            )
        with st.container(width=190):
            select(
                "Activations",
                ACTIVATION_TYPES,
                (defaults.activation_type, defaults.activation_symmetric),
                lambda pair: _set(activation_type=pair[0], activation_symmetric=pair[1]),
                name="default activation",
                words=lambda pair: activation_type(*pair),
                hint="Integer type of activations, unless a rule says otherwise.",
            )
        with st.container(width=150):
            toggle(
                "Per channel",
                defaults.per_channel,
                lambda value: _set(per_channel=value),
                name="default per channel",
                hint="One scale for each output channel of a weight, not one for the whole.",
            )
        _more(workspace)
        bulk_edit(workspace)


def preset_select(recipe: Recipe, *, name: str) -> str:
    """A select box of the presets; returns the one in use, or an empty name for a changed one."""
    in_use = preset_of(recipe)
    custom = f"{recipe.name}, changed" if recipe.name in preset_names() else recipe.name

    def picked(chosen: str) -> None:
        if chosen != custom:
            user_session.edit(lambda _: preset(chosen))

    select(
        "Recipe",
        preset_names(),
        in_use or custom,
        picked,
        name=name,
        hint="\n".join(f"- **{n}**: {preset_summary(n)}" for n in preset_names()),
    )
    return in_use


def _more(workspace: Workspace) -> None:
    """Options of the default calibrator, the rarer defaults and the repairs."""
    defaults = workspace.project.recipe.defaults
    with st.popover("More", icon=":material/tune:", help="More defaults of the whole model"):
        calibrator_options(defaults.calibrator, _set_option, name="default option")
        select(
            "Weight type",
            WEIGHT_TYPES,
            defaults.weight_type,
            lambda value: _set(weight_type=value),
            name="default weight type",
            words=lambda qtype: qtype.value,
            hint="int4 and int16 need opset 21; the exported model is raised to it.",
        )
        toggle(
            "Quantize bias",
            defaults.quantize_bias,
            lambda value: _set(quantize_bias=value),
            name="default bias",
            hint="Store each bias as int32 with the scale of input times weight.",
        )
        steps_select(
            "Repairs",
            workspace.project.recipe,
            "repairs",
            REPAIRS,
            hint="Changes of weights, biases and scales, in the order of choice.",
        )
        rules = len(workspace.project.recipe.rules)
        st.caption(f"{plural(rules, 'rule')} on top of the defaults.")
        if rules:
            st.button(
                "Remove all rules",
                key="remove rules",
                icon=":material/delete_sweep:",
                on_click=_remove_rules,
            )


def _set(**values: object) -> None:
    user_session.edit(lambda recipe: with_defaults(recipe, **values))


def _set_option(change: ChangeCalibrator) -> None:
    user_session.edit(
        lambda recipe: with_defaults(recipe, calibrator=change(recipe.defaults.calibrator))
    )


def _remove_rules() -> None:
    user_session.edit(lambda recipe: replace(recipe, rules=()))
