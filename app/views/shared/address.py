"""The address of a page: it names the selected layer, so that a link or a reload leads back."""

import streamlit as st

from app.session.user_session import LAYER


def name_layer(row: str) -> None:
    """Put the layer that the page shows into its address."""
    if row and st.query_params.get(LAYER) != row:
        st.query_params[LAYER] = row
