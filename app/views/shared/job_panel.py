"""The progress of a job, and what became of it."""

import streamlit as st

from app.jobs import Job, JobState
from app.views.shared.format import as_text, seconds
from app.views.shared.messages import show_error

EVERY = 0.3
"""Seconds between looks at a running job."""


def show_job(job: Job) -> None:
    """Show a running job with Cancel, and the whole page again once a part of it ends."""
    part = job.label

    @st.fragment(run_every=EVERY if job.running else None)
    def panel() -> None:
        if not job.running or job.label != part:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share_done(job), text=as_text(_line(job)))
            st.button(
                "Cancel",
                key=f"cancel {job.key}",
                icon=":material/close:",
                on_click=job.cancel,
                disabled=job.cancelling,
            )

    if job.running:
        panel()


def show_outcome(job: Job) -> None:
    """Say why a job gave no result; nothing for one that runs or is done."""
    if job.state is JobState.CANCELLED:
        st.info(
            f"{as_text(job.label)} was cancelled. Nothing else changed.", icon=":material/info:"
        )
    elif job.state is JobState.FAILED:
        show_error(job.error)


def share_done(job: Job) -> float:
    """How much of a job is done, 0 to 1; 0 while that is not known."""
    progress = job.progress
    if progress is None or not progress.total:
        return 0.0
    return min(progress.done / progress.total, 1.0)


def _line(job: Job) -> str:
    if job.cancelling:
        return f"{job.label}: stopping"
    progress = job.progress
    if progress is None or not progress.done:
        return f"{job.label}: starting"
    total = f" of {progress.total:,}" if progress.total else ""
    left = progress.seconds_left
    ending = f", {seconds(left)} left" if left is not None else ""
    speed = f", {progress.per_second:,.0f} a second" if progress.per_second >= 1 else ""
    return f"{job.label}: {progress.done:,}{total} {job.counts}{speed}{ending}"
