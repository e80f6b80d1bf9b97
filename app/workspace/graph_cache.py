"""The graph of a model, laid out once."""

import streamlit as st

from analysis.graph.model_graph import model_graph
from app.components.graph import Drawing
from quant.model.model import Model


def drawing(model: Model) -> Drawing:
    """The graph of a model as the browser reads it."""
    return _drawing(model.fingerprint, model)


@st.cache_resource(max_entries=4, show_spinner=False)
def _drawing(fingerprint: str, _model: Model) -> Drawing:
    del fingerprint  # only the cache reads it
    return Drawing(model_graph(_model))
