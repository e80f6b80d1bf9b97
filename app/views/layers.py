"""The Layers page."""

import streamlit as st

st.header("Layers")
st.info("No model is loaded.", icon=":material/info:")
