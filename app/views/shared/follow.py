"""What keeps a tab at what the other tabs made of the project."""

from typing import Final

import streamlit as st

from app.session import user_session

EVERY: Final = 1.0
"""Seconds between looks at the project."""


@st.fragment(run_every=EVERY)
def follow() -> None:
    """Draw the page again once another tab changed what it shows."""
    if user_session.latest() is not user_session.project():
        st.rerun()
