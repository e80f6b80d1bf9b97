"""Change a setting for every layer of an operator type, with such a name, or that is marked."""

import re
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.session import user_session
from app.views.layers.table import marked
from app.views.shared.controls import calibrator_label, calibrator_list
from app.views.shared.format import activation_type, as_text, plural
from app.views.shared.messages import show_error
from app.workspace.workspace import Workspace
from quant.calibrators import calibrator_from_json
from quant.errors import RecipeError
from quant.model.op_roles import INPUT_OP_TYPE
from quant.planning.resolve import matching
from quant.recipe.edits import with_bulk
from quant.recipe.recipe import Selector
from quant.types import QType

KEEP = "unchanged"
BY_TYPE, BY_NAME, BY_MARK = "Operator type", "Name", "Marked"
_TYPES = {
    activation_type(qtype, symmetric): (qtype, symmetric)
    for qtype, symmetric in (
        (QType.UINT8, False),
        (QType.INT8, False),
        (QType.INT8, True),
        (QType.UINT16, False),
        (QType.INT16, True),
    )
}
_YES_NO = {"yes": True, "no": False}
_SWITCHES = {"Per channel": "per_channel", "Skip (float)": "skip"}
_WEIGHTS = {q.value: q for q in (QType.INT4, QType.INT8, QType.INT16)}


def bulk_edit(workspace: Workspace) -> None:
    """A popover that adds one rule for many layers."""
    pop = st.popover(
        "Bulk edit",
        icon=":material/edit_note:",
        help="Change settings of all layers of a type, whose name matches an expression, or that "
        "are marked in the table",
        key="bulk_edit",
        on_change="rerun",
    )
    if not pop.open:
        return
    with pop:
        selector, target = _selector(workspace)
        _draw_values()
        values = _values()
        try:
            names = matching(workspace.opened.model, selector, target) if target else ()
        except RecipeError as error:
            show_error(error)
            return
        listed = ", ".join(names[:6]) + (" and more" if len(names) > 6 else "")
        st.caption(
            f"Matches {plural(len(names), 'layer')}{': ' + as_text(listed) if names else ''}."
        )
        st.button(
            f"Change {plural(len(names), 'layer')}",
            key="bulk apply",
            type="primary",
            disabled=not names or not values,
            on_click=_apply,
        )


def _apply() -> None:
    """Add the rule that the popover asks for when the button is pressed, drawn or not yet."""
    how = st.session_state["bulk how"]
    selector: Selector = "op_type" if how == BY_TYPE else "pattern"
    if how == BY_MARK:
        target = _pattern_of(marked())
    else:
        target = str(st.session_state["bulk pattern" if how == BY_NAME else "bulk type"])
    user_session.edit(lambda recipe: with_bulk(recipe, selector, target, _values()))


def _selector(workspace: Workspace) -> tuple[Selector, str]:
    how = st.segmented_control(
        "Layers by",
        (BY_TYPE, BY_NAME, BY_MARK),
        default=BY_MARK if marked() else BY_TYPE,
        required=True,
        key="bulk how",
    )
    if how == BY_MARK:
        if not marked():
            st.caption("Mark layers in the table first: Ctrl or Shift with a click, or Space.")
        return "pattern", _pattern_of(marked())
    if how == BY_NAME:
        text = st.text_input(
            "Regular expression",
            key="bulk pattern",
            placeholder=".*conv.*",
            help="It must match the whole name of a layer.",
            persist_state="session",
        )
        return "pattern", text or ""
    found = {n.op_type for n in workspace.opened.model.nodes if n.quantizable}
    op_type = st.selectbox(
        "Operator type", [*sorted(found), INPUT_OP_TYPE], key="bulk type", persist_state="session"
    )
    return "op_type", op_type or ""


def _pattern_of(names: Sequence[str]) -> str:
    """The expression that matches these layers and no other, or nothing without any."""
    return "|".join(re.escape(name) for name in names)


def _draw_values() -> None:
    """The settings that can be changed, each with the choice to keep it as it is."""
    left, right = st.columns(2)
    with left:
        _choice("Calibrator", calibrator_list(), words=calibrator_label)
        _choice("Activations", tuple(_TYPES))
        _choice("Weights", tuple(_WEIGHTS))
    with right:
        for label in _SWITCHES:
            _choice(label, tuple(_YES_NO))
        _choice("Drop activation", ("never", "lossless", "always"))


def _values() -> dict[str, Any]:
    """The settings to change as they are chosen; those to keep are not among them."""
    values: dict[str, Any] = {}
    if chosen := _chosen("Calibrator"):
        values["calibrator"] = calibrator_from_json({"name": chosen})
    if chosen := _chosen("Activations"):
        values["activation_type"], values["activation_symmetric"] = _TYPES[chosen]
    if chosen := _chosen("Weights"):
        values["weight_type"] = _WEIGHTS[chosen]
    for label, name in _SWITCHES.items():
        if chosen := _chosen(label):
            values[name] = _YES_NO[chosen]
    if chosen := _chosen("Drop activation"):
        values["drop_activation"] = chosen
    return values


def _chosen(label: str) -> str:
    """What was chosen for a setting, or nothing to keep it as it is."""
    chosen = str(st.session_state[f"bulk {label}"])
    return "" if chosen == KEEP else chosen


def _choice(label: str, options: tuple[str, ...], *, words: Any = str) -> None:
    st.selectbox(
        label,
        (KEEP, *options),
        key=f"bulk {label}",
        format_func=lambda option: KEEP if option == KEEP else words(option),
    )
