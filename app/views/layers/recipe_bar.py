"""The bar above the table: preset, defaults of the whole model, undo and redo, bulk edit."""

import streamlit as st

from app.session import user_session
from app.views.layers.bulk_edit import bulk_edit
from app.views.shared.controls import calibrator_options, calibrator_select, select, toggle
from app.views.shared.format import activation_type, plural
from app.views.shared.page_guard import redo, undo
from app.workspace.workspace import Workspace
from quant.recipe.edits import preset_of, with_defaults
from quant.recipe.presets import preset, preset_names, preset_summary
from quant.recipe.recipe import Recipe
from quant.types import QType

ACTIVATION_TYPES = tuple(
    (qtype, symmetric)
    for qtype in (QType.UINT8, QType.INT8, QType.UINT16, QType.INT16)
    for symmetric in ((False, True) if qtype.signed else (False,))
)
"""Activation types with their symmetry, as they are offered."""

WEIGHT_TYPES = (QType.INT8, QType.INT4, QType.INT16)
CUSTOM = "custom"


def recipe_bar(workspace: Workspace) -> None:
    """Draw the bar."""
    recipe = workspace.session.recipe
    defaults = recipe.defaults
    with st.container(horizontal=True, vertical_alignment="bottom", key="recipe_bar"):
        with st.container(width=215):
            preset_select(recipe, key="preset")
        with st.container(width=165):
            calibrator_select(
                defaults.calibrator,
                lambda value: _set(calibrator=value),
                key="default calibrator",
            )
        with st.container(width=190):
            select(
                "Activations",
                ACTIVATION_TYPES,
                (defaults.activation_type, defaults.activation_symmetric),
                lambda pair: _set(activation_type=pair[0], activation_symmetric=pair[1]),
                key="default activation",
                words=lambda pair: activation_type(*pair),
                hint="Integer type of activations, unless a rule says otherwise.",
            )
        with st.container(width=150):
            toggle(
                "Per channel",
                defaults.per_channel,
                lambda value: _set(per_channel=value),
                key="default per channel",
                hint="One scale for each output channel of a weight, not one for the whole.",
            )
        _more(workspace)
        bulk_edit(workspace)


def preset_select(recipe: Recipe, *, key: str) -> str:
    """A select box of the presets; returns the one in use, or an empty name for a changed one."""
    name = preset_of(recipe)

    def picked(chosen: str) -> None:
        if chosen != CUSTOM:
            user_session.edit(preset(chosen))

    select(
        "Recipe",
        preset_names() if name else (*preset_names(), CUSTOM),
        name or CUSTOM,
        picked,
        key=key,
        words=lambda chosen: f"{recipe.name}, changed" if chosen == CUSTOM else chosen,
        hint="\n".join(f"- **{n}**: {preset_summary(n)}" for n in preset_names()),
    )
    return name


def _more(workspace: Workspace) -> None:
    """Options of the default calibrator and the rarer defaults."""
    defaults = workspace.session.recipe.defaults
    with st.popover("More", icon=":material/tune:", help="More defaults of the whole model"):
        calibrator_options(
            defaults.calibrator, lambda value: _set(calibrator=value), key="default option"
        )
        select(
            "Weight type",
            WEIGHT_TYPES,
            defaults.weight_type,
            lambda value: _set(weight_type=value),
            key="default weight type",
            words=lambda qtype: qtype.value,
            hint="int4 and int16 need opset 21; the exported model is raised to it.",
        )
        toggle(
            "Quantize bias",
            defaults.quantize_bias,
            lambda value: _set(quantize_bias=value),
            key="default bias",
            hint="Store each bias as int32 with the scale of input times weight.",
        )
        rules = len(workspace.session.recipe.rules)
        st.caption(f"{plural(rules, 'rule')} on top of the defaults.")
        if rules:
            st.button(
                "Remove all rules",
                key="remove rules",
                icon=":material/delete_sweep:",
                on_click=_remove_rules,
            )


def undo_buttons(session: user_session.UserSession) -> None:
    """Undo and Redo, with how many edits there are."""
    undoable, redoable = len(session.past), len(session.future)
    st.button(
        f"Undo ({undoable})" if undoable else "Undo",
        key="undo",
        icon=":material/undo:",
        disabled=not undoable,
        on_click=undo,
        help="Take back the last recipe edit; the number says how many can be taken back.",
    )
    st.button(
        f"Redo ({redoable})" if redoable else "Redo",
        key="redo",
        icon=":material/redo:",
        disabled=not redoable,
        on_click=redo,
        help="Make the last undone edit again.",
    )


def _set(**values: object) -> None:
    user_session.edit(with_defaults(user_session.current().recipe, **values))


def _remove_rules() -> None:
    recipe = user_session.current().recipe
    for rule in recipe.rules:
        recipe = recipe.without(rule.selector, rule.target)
    user_session.edit(recipe)
