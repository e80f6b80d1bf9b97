"""The Export page: what will be written, the proof that it computes what was shown, the file."""

import streamlit as st

from app.routes.netron import show
from app.session import user_session
from app.views.export.file import file_panel
from app.views.export.summary import checks_panel, summary
from app.views.shared.page_guard import guarded, ready
from app.views.shared.steps_select import steps_select
from app.workspace.workspace import Workspace
from quant.passes import PASSES

NETRON_PX = 640


def graph_panel(workspace: Workspace) -> None:
    """The int8 graph in Netron, in the page and in a tab of its own."""
    address = show(workspace.quantized.to_bytes(), f"{workspace.file_stem}.onnx")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Exported graph**", width="stretch")
        st.link_button("Open Netron in a tab", address, icon=":material/open_in_new:")
    st.iframe(address, height=NETRON_PX, alt="The exported graph in Netron")


with guarded():
    project = user_session.project()
    title = f"Export of {project.source.title}" if project.source else "Export"
    st.subheader(title, anchor=False)
    workspace = ready("what would be exported")
    if workspace is not None:
        left, right = st.columns(2, gap="large")
        with left:
            summary(workspace)
            checked = checks_panel(workspace)
        with right:
            file_panel(workspace, checked)
            steps_select(
                "Extra passes",
                workspace.project.recipe,
                "passes",
                PASSES,
                hint="Changes to the finished int8 graph, in the order of choice.",
            )
        graph_panel(workspace)
