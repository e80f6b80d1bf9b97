"""Where values change between float and integers as the model runs."""

from typing import Final

import streamlit as st

from analysis.runtime.flow import Conversion
from analysis.runtime.truth import RuntimeTruth
from analysis.short_names import short_names
from app.views.shared.format import as_text, plural
from app.workspace.workspace import Workspace

SHOWN: Final = 60
"""Conversions that are listed; of the others their number."""


def conversions_list(workspace: Workspace, truth: RuntimeTruth) -> None:
    """Draw the list."""
    st.markdown(
        "**Conversions that are left** :gray[each reads and writes the whole tensor; none between "
        "two nodes means integers flow]"
    )
    if not truth.conversions:
        st.info("None is left: nothing of the model runs on integers.", icon=":material/info:")
        return
    listed = truth.conversions[:SHOWN]
    names = [_name(workspace, conversion.tensor) for conversion in listed]
    shorts = short_names([*workspace.short_names, *names])
    st.dataframe(
        {
            "Tensor": [shorts[name] for name in names],
            "Becomes": ["integers" if c.to_codes else "float" for c in listed],
            "Between": [_between(c) for c in listed],
        },
        hide_index=True,
        height=250,
        key="runtime conversions",
    )
    if len(truth.conversions) > SHOWN:
        st.caption(as_text(f"And {plural(len(truth.conversions) - SHOWN, 'more conversion')}."))


def _between(conversion: Conversion) -> str:
    return f"{conversion.before} \N{RIGHTWARDS ARROW} {', '.join(conversion.after)}"


def _name(workspace: Workspace, tensor: str) -> str:
    """A tensor as the model calls it: what is rounded has another name before that."""
    own = tensor.removesuffix("_raw")
    return own if own in workspace.opened.model.tensors else tensor
