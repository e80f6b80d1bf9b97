"""The Export page."""

import streamlit as st

st.header("Export")
st.info("No model is loaded.", icon=":material/info:")
