"""Every node of the model as it runs, what it takes, and why it is not on integers."""

from typing import Final

import streamlit as st

from analysis.runtime.truth import WORDS, RuntimeRow, RuntimeTruth
from app.components.row_table import Column, Row, row_table
from app.session import user_session
from app.views.layers.table import go_to
from app.views.shared.format import as_text, plural
from app.workspace.workspace import Workspace

KEY: Final = "runtime_table"
HEIGHT: Final = "max(330px, 100vh - 640px)"


def nodes_table(workspace: Workspace, truth: RuntimeTruth) -> None:
    """Draw the table, and the reason of the chosen node under it."""
    st.markdown(
        "**Node by node** :gray[most time lost first; what shares a kernel stands at its first "
        "node]"
    )
    shown = [row for row in truth.by_time_lost if row.runs != "inside" or row.int8_us]
    chosen = next((row for row in shown if row.name == user_session.current().row), None)
    row_table(
        [_row(workspace, row) for row in shown],
        _columns(shown),
        chosen=chosen.name if chosen else None,
        choose=go_to,
        key=KEY,
        about="Nodes of the model with what runs of them and the time they take",
        height=HEIGHT,
        empty="The model has no node.",
    )
    hidden = len(truth.rows) - len(shown)
    inside = f" {plural(hidden, 'node')} inside other kernels." if hidden else ""
    why = f" {as_text(chosen.name)}: {chosen.why}" if chosen is not None and chosen.why else ""
    st.caption(f"{plural(len(shown), 'node')}.{inside}{why}")


def _columns(rows: list[RuntimeRow]) -> list[Column]:
    most = max((row.lost_us or 0.0 for row in rows), default=0.0) / 1000
    return [
        Column("op", "Operator", 110),
        Column("runs", "Runs", 130, help="How the node runs in ONNX Runtime's optimized graph."),
        Column("kernel", "Kernel", 150, help="The operator there that computes it."),
        Column("float", "Float, ms", 80, number=True, digits=3),
        Column("int8", "Int8, ms", 80, number=True, digits=3),
        Column(
            "lost",
            "Lost, ms",
            90,
            number=True,
            digits=3,
            signed=True,
            bar=(0.0, most) if most > 0 else None,
            down=True,
            help="By how much int8 takes longer than float; below 0 where it is quicker.",
        ),
        Column("why", "Why not on integers", 420),
    ]


def _row(workspace: Workspace, row: RuntimeRow) -> Row:
    def ms(value: float | None) -> float | None:
        return None if value is None else value / 1000

    return Row(
        row.name,
        workspace.short_names.get(row.name, row.name),
        {
            "op": row.op_type,
            "runs": WORDS[row.runs],
            "kernel": row.kernel,
            "float": ms(row.float_us),
            "int8": ms(row.int8_us),
            "lost": ms(row.lost_us),
            "why": row.why,
        },
    )
