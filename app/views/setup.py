"""The Setup page."""

import streamlit as st

st.header("Setup")
st.info("No model is loaded.", icon=":material/info:")
