"""The script that Streamlit runs: the pages and their order."""

import streamlit as st

from app.routes.plotly import ICON
from app.tasks import calibration

st.set_page_config(page_title="QuantLens", page_icon=ICON, layout="wide")
calibration.begin()

st.navigation(
    [
        st.Page("views/setup/page.py", title="Setup", url_path="setup"),
        st.Page("views/overview/page.py", title="Overview", url_path="overview"),
        st.Page("views/layers/page.py", title="Layers", url_path="layers", default=True),
        st.Page("views/graph/page.py", title="Graph", url_path="graph"),
        st.Page("views/export/page.py", title="Export", url_path="export"),
    ],
    position="top",
).run()
