"""What a chip without floats would compute, beside ONNX Runtime's kernels; tables for firmware."""

from typing import Final

import streamlit as st

from analysis.runtime.integer_run import Agreement, histogram
from app.components.row_table import Column, Row, row_table
from app.jobs import JobState
from app.session import user_session
from app.tasks.integers import Integers, compute, integers_job
from app.views.layers.table import go_to
from app.views.shared.downloads import download
from app.views.shared.format import plural
from app.views.shared.job_panel import show_job, show_outcome
from app.workspace.workspace import Workspace

KEY: Final = "integers_table"
TOO_WIDE: Final = 32
"""Bits of an accumulator from which on a sum may leave 32 bits."""


def integers_panel(workspace: Workspace) -> None:
    """Draw what is known, or the button that computes it."""
    st.markdown(
        "**Without floats** :gray[each Conv, Gemm and MatMul by multipliers of 31 bits and shifts, "
        "beside ONNX Runtime's kernels, on one sample]"
    )
    job = integers_job(workspace)
    if job is not None and job.running:
        show_job(job)
        return
    if job is None or job.state is not JobState.DONE:
        if job is not None:
            show_outcome(job)
        st.button(
            "Compute in integers",
            key="compute integers",
            icon=":material/memory:",
            on_click=compute,
            args=(workspace,),
            help="What an integer-only chip gives for each layer, and the multipliers that it "
            "needs.",
        )
        return
    _show(workspace, job.result)


def _show(workspace: Workspace, integers: Integers) -> None:
    if not integers.found:
        st.info(
            "No layer reads integers, gives integers and has its bias in integers: choose a recipe "
            "that quantizes them, such as the preset everything.",
            icon=":material/info:",
        )
        return
    once, twice = ([pair[at] for pair in integers.found] for at in (0, 1))
    chosen = user_session.current().row
    row_table(
        [_row(workspace, *pair) for pair in integers.found],
        _COLUMNS,
        chosen=chosen if any(a.layer.name == chosen for a in once) else None,
        choose=go_to,
        key=KEY,
        about="Layers computed in integers alone, beside ONNX Runtime's kernels",
        height="300px",
    )
    st.caption(f"Rounding once: {_said(once)}. Rounding twice: {_said(twice)}.")
    with st.container(horizontal=True):
        stem = workspace.file_stem
        download("C header", lambda: integers.header, f"{stem}.multipliers.h", "text/x-c")
        download("JSON", lambda: integers.table, f"{stem}.multipliers.json", "application/json")


def _said(found: list[Agreement]) -> str:
    counts = histogram(found)
    total, other = sum(counts.values()), sum(n for by, n in counts.items() if by)
    if not other:
        return f"all {total:,} codes are the kernels'"
    most = max(map(abs, counts))
    return f"{other:,} of {total:,} codes differ, by {most} at most"


_COLUMNS: Final = (
    Column("op", "Operator", 90),
    Column("channels", "Channels", 90, number=True, digits=0),
    Column(
        "bits",
        "Accumulator, bits",
        140,
        number=True,
        digits=0,
        down=True,
        help="What the largest sum that any input can make needs, its sign included; 32 are there.",
    ),
    Column(
        "error",
        "Multiplier's error, ppb",
        170,
        number=True,
        digits=2,
        down=True,
        help="The largest relative error that 31 bits add, in billionths; a factor below 2^-32 "
        "becomes 0.",
    ),
    Column(
        "once",
        "Other codes, rounded once",
        190,
        number=True,
        digits=0,
        down=True,
        help="Values that are another code than the kernel's.",
    ),
    Column("twice", "Rounded twice", 120, number=True, digits=0, down=True),
    Column("note", "Note", 260),
)


def _row(workspace: Workspace, once: Agreement, twice: Agreement) -> Row:
    layer = once.layer
    gone = sum(item.m0 == 0 for item in layer.multipliers)
    notes = [
        "a sum may leave 32 bits" if layer.accumulator_bits > TOO_WIDE else "",
        f"{plural(gone, 'multiplier')} become 0" if gone else "",
    ]
    return Row(
        layer.name,
        workspace.short_names.get(layer.name, layer.name),
        {
            "op": layer.op_type,
            "channels": float(len(layer.multipliers)),
            "bits": float(layer.accumulator_bits),
            "error": 1e9 * layer.multiplier_error,
            "once": float(once.other),
            "twice": float(twice.other),
            "note": ", ".join(filter(None, notes)),
        },
    )
