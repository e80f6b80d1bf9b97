"""The script that Streamlit runs: the pages and their order."""

import streamlit as st

from app.routes.plotly import ICON, STYLES, WORDMARK
from app.session import user_session
from app.tasks.opening import begin
from app.views.shared.figure_chart import mode
from app.views.shared.follow import follow
from app.views.shared.format import as_text

PRIMARY = (
    '[data-testid="stBaseButton-primary"]:enabled, [data-testid="stBaseButton-primary"]:enabled *'
)

st.set_page_config(page_title="QuantLens", page_icon=ICON, layout="wide")
notice = user_session.follow()
if notice:
    st.toast(as_text(notice), icon=":material/sync_problem:", duration="long")
if mode() == "dark":
    # Streamlit writes white on every primary button: 2.6 to 1 on the light blue of the dark theme.
    st.html(f"<style>{PRIMARY} {{ color: #0b1118; }}</style>")
st.html(STYLES)
begin()
st.logo(WORDMARK, size="medium")
page = st.navigation(
    [
        st.Page("views/setup/page.py", title="Setup", url_path="setup"),
        st.Page("views/overview/page.py", title="Overview", url_path="overview", default=True),
        st.Page("views/layers/page.py", title="Layers", url_path="layers"),
        st.Page("views/graph/page.py", title="Graph", url_path="graph"),
        st.Page("views/runtime/page.py", title="Runtime", url_path="runtime"),
        st.Page("views/export/page.py", title="Export", url_path="export"),
        st.Page("views/help.py", title="Help", url_path="help"),
    ],
    position="top",
)
page.run()
user_session.shown()
follow()
