"""What will be written, and how it was verified."""

import pandas as pd
import streamlit as st

from analysis.latency import model_size
from analysis.study.trying import repeatability_of
from app.tasks.export import checks_of, start_check
from app.views.export.file import wanted
from app.views.shared.format import as_text, db, percent, plural
from app.views.shared.job_panel import show_outcome
from app.views.shared.measure_bar import describe
from app.views.shared.messages import show_warnings
from app.workspace.workspace import Workspace
from quant.export.verified import recipe_path
from quant.io.show import size

AMPLIFIED_DB = 30.0
"""Below, ties of rounding change the outputs by 3 % and more."""

LIKE_NOISE_DB = 6.0
"""Ties that differ from noise by less are like noise: one sample is compared with many."""


def summary(workspace: Workspace) -> None:
    """Files, size, opset, nodes, accuracy where it was measured, and what did not go as asked."""
    quantized = workspace.quantized
    nodes = quantized.plan.nodes.values()
    count = sum(item.quantized for item in nodes)
    dropped = sum(verdict.dropped for verdict in quantized.activations.values())
    measured = workspace.project.measured
    target = wanted(workspace)
    files = model_size(quantized)
    facts = {
        "Files": f"{as_text(target.name)} and {as_text(recipe_path(target).name)}",
        "Recipe": describe(workspace.project.recipe),
        "Size": f"{size(files.int8_bytes)}, float {size(files.float_bytes)} ({files.ratio:.0%})",
        "Opset": str(quantized.graph.opset_imports.get("", "unknown")),
        "Nodes": f"{count:,} of {len(nodes):,} quantized, {plural(dropped, 'activation')} dropped",
        "Accuracy": "not measured for this recipe; press Measure on Overview",
    }
    if measured is not None and measured.int8_top1 is not None:
        del facts["Accuracy"]
        facts["Top-1"] = (
            f"**{percent(measured.int8_top1)}** int8, {percent(measured.float_top1)} float, "
            f"this file on {plural(measured.samples, 'sample')}"
        )
    elif measured is not None:
        facts["Same answer as float"] = percent(measured.agreement)
        del facts["Accuracy"]
    st.markdown("**What will be written**")
    st.table(facts, border="horizontal", alt="Facts about the exported model")
    show_warnings(quantized.plan.warnings)
    for note in quantized.notes[:5]:
        st.caption(f":material/info: {as_text(note)}")
    if len(quantized.notes) > 5:
        with st.expander(f"{plural(len(quantized.notes) - 5, 'more note')}"):
            for note in quantized.notes[5:]:
                st.markdown(f"- {as_text(note)}")


def checks_panel(workspace: Workspace) -> bool:
    """The comparison of ONNX Runtime with the simulation; whether the model passed."""
    st.markdown("**Verification** :gray[on one real sample]")
    job = start_check(workspace)
    checks = checks_of(workspace)
    if checks is None:
        if job is not None and job.running:
            _wait(workspace)
        elif job is not None:
            show_outcome(job)
        return False
    st.dataframe(
        pd.DataFrame(
            {
                "level": [check.level for check in checks],
                "sqnr": [db(check.sqnr_db) for check in checks],
                "difference": [f"{check.max_abs:.3g}" for check in checks],
            }
        ),
        hide_index=True,
        column_config={
            "level": "ONNX Runtime optimization",
            "sqnr": st.column_config.TextColumn("sqnr to the simulation", alignment="right"),
            "difference": st.column_config.TextColumn("Largest difference", alignment="right"),
        },
        alt="Outputs of ONNX Runtime against the simulation",
    )
    st.caption(
        ":material/check_circle: Passes onnx.checker and runs at every optimization level. The "
        "simulation computes quantization in plain float operators; differences are rounding ties "
        "of integer kernels."
    )
    _amplified(workspace, min(check.sqnr_db for check in checks))
    return True


def _amplified(workspace: Workspace, least_db: float) -> None:
    """What ties become on their way to the outputs, beside what the smallest noise becomes."""
    if least_db >= AMPLIFIED_DB:
        return
    measured = "Measure runs this very file at level *all*, as ONNX Runtime does by default."
    found = repeatability_of(workspace.study)
    if found is None:
        st.caption(
            ":material/info: This model amplifies such ties until they are as large as an int8 "
            f"error. {measured} It also tells how well the model repeats itself."
        )
    elif least_db >= found.outputs_db - LIKE_NOISE_DB:
        st.caption(
            ":material/info: This model amplifies anything: noise of 1e-6 on its inputs changes "
            f"its outputs as much ({db(found.outputs_db)}). {measured}"
        )
    else:
        st.warning(
            f"The levels differ by more ({db(least_db)}) than the model does from itself under "
            f"noise of 1e-6 on its inputs ({db(found.outputs_db)}): trust what was measured at the "
            "level that you will run.",
            icon=":material/warning:",
        )


def _wait(workspace: Workspace) -> None:
    @st.fragment(run_every=0.3)
    def waiting() -> None:
        st.caption("Checking the model and running it at every optimization level …")
        job = start_check(workspace)
        if job is None or not job.running:
            st.rerun()

    waiting()
