"""The exported model as a file: save it, download it, make it again on the command line."""

import shlex
from functools import partial
from pathlib import Path

import streamlit as st

from app.jobs import Job, JobState
from app.tasks.export import save_job, start_save
from app.tasks.measurement import job_of_measurement
from app.tasks.report import report_of, reportable
from app.views.shared.downloads import download
from app.views.shared.format import as_text
from app.views.shared.job_panel import show_job, show_outcome
from app.workspace.workspace import Workspace
from quant.export.verified import SaveReport, recipe_path
from quant.io.show import size
from quant.parameter_files import PARAMETER_FILES, written
from quant.recipe.edits import preset_of

_PATH = "export path"


def file_panel(workspace: Workspace, checked: bool) -> None:
    """Save as, download, recipe and command line.

    Args:
        workspace: What to export.
        checked: Whether the model passed verification; without it nothing can be taken away.
    """
    st.markdown("**Save or download**")
    _save(workspace, checked)
    stem = workspace.file_stem
    recipe = workspace.project.recipe.dumps()
    with st.container(horizontal=True):
        model = workspace.quantized.to_bytes
        download("Download model", model, f"{stem}.onnx", "application/octet-stream", ready=checked)
        download("Download recipe", lambda: recipe, f"{stem}.recipe.json", "application/json")
        measured = reportable(workspace)
        download(
            "Download report",
            partial(report_of, workspace),
            f"{stem}.report.html",
            "text/html",
            ready=measured,
            hint="One page with all that is measured, and with what changed since the baseline."
            if measured
            else "Measure on Overview first: the report says what was measured.",
        )
    job = None if measured else job_of_measurement(workspace)
    if job is not None:
        show_job(job)
    hint = "" if preset_of(workspace.project.recipe) else " :gray[after Save wrote the recipe]"
    st.markdown(f"**The same on the command line**{hint}")
    st.code(command(workspace, wanted(workspace)), language=None, wrap_lines=True)
    _for_other_tools(workspace)
    with st.expander("Recipe", icon=":material/receipt_long:", key="recipe text"):
        st.code(recipe, language="json", height=320)


def _for_other_tools(workspace: Workspace) -> None:
    """Ranges and scales as a file that another tool reads."""
    box = st.expander(
        "For other tools", icon=":material/ios_share:", key="other tools", on_change="rerun"
    )
    if not box.open:
        return
    with box:
        name = st.selectbox(
            "Format",
            PARAMETER_FILES.names(),
            format_func=lambda key: PARAMETER_FILES[key].title,
            key="other tool",
            persist_state="session",
        )
        kind = PARAMETER_FILES[name]
        text, lost = written(name, workspace.quantized)
        st.caption(as_text(kind.about))
        for note in lost:
            st.caption(f":material/info: {as_text(note)}")
        name = f"{workspace.file_stem}{kind.suffix}"
        download(f"Download {kind.title}", lambda: text, name, "text/plain")


def wanted(workspace: Workspace) -> Path:
    """Where the model is to be written."""
    text = str(st.session_state.get(_PATH) or default_path(workspace))
    path = Path(text.strip()).expanduser()
    return path if path.suffix == ".onnx" else path.with_name(f"{path.name}.onnx")


def default_path(workspace: Workspace) -> str:
    """Beside the user's model; for a sample or an upload, in the home folder."""
    source = workspace.opened.source
    folder = Path.home() if source.sample or source.uploaded else Path(source.model).parent
    return str(folder / f"{workspace.file_stem}.onnx")


def _save(workspace: Workspace, checked: bool) -> None:
    st.session_state.setdefault(_PATH, default_path(workspace))
    job = save_job(workspace, wanted(workspace))
    running = job is not None and job.running
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Save as",
            key=_PATH,
            help="The recipe is written beside the model. Nothing is written unless the file "
            "passes verification.",
            persist_state="session",
        )
        st.button(
            "Save",
            key="save",
            type="primary",
            icon=":material/save:",
            disabled=running or not checked,
            on_click=lambda: start_save(workspace, wanted(workspace)),
        )
    if job is None:
        return
    if running:
        _wait(job)
    elif job.state is JobState.DONE:
        report: SaveReport = job.result
        st.success(
            f"Wrote {as_text(str(report.path))} ({size(report.size_bytes)}) and "
            f"{as_text(report.recipe_path.name)}; the "
            "file was verified.",
            icon=":material/check_circle:",
        )
    else:
        show_outcome(job)


def _wait(job: Job) -> None:
    @st.fragment(run_every=0.3)
    def waiting() -> None:
        st.caption("Writing and verifying …")
        if not job.running:
            st.rerun()

    waiting()


def command(workspace: Workspace, target: Path) -> str:
    """The command that writes the same bytes again, an option a line."""
    source = workspace.opened.source
    name = preset_of(workspace.project.recipe)
    model = source.title if source.uploaded else _short(source.model)
    lines = [["quantlens", "quantize", model], ["--data", _short(source.calibration)]]
    if workspace.project.samples is not None:
        lines.append(["--samples", str(workspace.project.samples)])
    lines.append(["--preset", name] if name else ["--recipe", str(recipe_path(target))])
    lines.append(["--out", str(target)])
    return " \\\n    ".join(map(shlex.join, lines))


def _short(path: str) -> str:
    """A path as seen from the folder that the app was started in, if it lies below."""
    place, here = Path(path).expanduser().absolute(), Path.cwd()
    return str(place.relative_to(here)) if place.is_relative_to(here) else str(place)
