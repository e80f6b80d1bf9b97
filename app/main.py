"""The script that Streamlit runs: the pages and their order."""

import streamlit as st

from app import work
from app.assets import ICON

st.set_page_config(page_title="QuantLens", page_icon=ICON, layout="wide")
work.begin()

st.navigation(
    [
        st.Page("views/setup.py", title="Setup", url_path="setup"),
        st.Page("views/overview.py", title="Overview", url_path="overview"),
        st.Page("views/layers.py", title="Layers", url_path="layers", default=True),
        st.Page("views/graph.py", title="Graph", url_path="graph"),
        st.Page("views/export.py", title="Export", url_path="export"),
    ],
    position="top",
).run()
