"""What to change next, from what was measured, each with one click to do it."""

import streamlit as st

from app.cache import Bench
from app.views.gate import apply
from app.work import suggestions


def suggestion_list(bench: Bench) -> None:
    """Draw the suggestions for the recipe as it stands."""
    found = suggestions(bench)
    with st.container(border=True, key="suggestions"):
        st.markdown("**What to change next**")
        if found is None:
            _wait(bench)
            return
        if not found:
            st.caption(
                "Nothing that is measured asks for a change."
                if bench.comparison()
                else "Nothing stands out in the histograms. Measure to see where error comes in."
            )
        for item in found:
            text, button = st.columns([5, 1], vertical_alignment="center")
            text.markdown(f"**{item.title}.** {item.evidence}")
            button.button(
                "Apply",
                key=f"apply {item.kind}",
                help="Change the recipe so; Undo takes it back.",
                on_click=apply,
                args=(item.recipe,),
                width="stretch",
            )
        if found and not bench.comparison():
            st.caption("From weights and histograms alone. Measure to see what a change gives.")


def _wait(bench: Bench) -> None:
    @st.fragment(run_every=0.5)
    def waiting() -> None:
        st.caption("Looking at weights and histograms …")
        if suggestions(bench) is not None:
            st.rerun()

    waiting()
