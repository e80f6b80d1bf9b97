"""What ONNX Runtime runs of the recipe as it stands, looked at as a job."""

from typing import Final

from analysis.runtime.truth import RuntimeTruth, runtime_truth
from app.jobs import JOBS, Job, JobState
from app.workspace.workspace import Workspace
from quant.execution.progress import OnProgress, Reporter
from quant.runtime.profiling import WARM_UP

RUNS: Final = 20
"""Runs of each model that are timed."""


def look(workspace: Workspace) -> Job:
    """The job that looks at the int8 model of the recipe as it stands, begun where it was not."""
    key = _key(workspace)
    job = JOBS.get(key)
    if job is None:
        quantized = workspace.quantized

        def work(on_progress: OnProgress) -> RuntimeTruth:
            reporter = Reporter(2 * (RUNS + WARM_UP), on_progress)
            reporter()
            return runtime_truth(quantized, runs=RUNS, heartbeat=lambda: reporter.advance(1))

        job = JOBS.start(key, work, label="Looking at what runs")
        JOBS.rename(key, job.label, "runs")
    return job


def seen(workspace: Workspace) -> RuntimeTruth | None:
    """What runs of the recipe as it stands, if it was looked at."""
    job = JOBS.get(_key(workspace))
    return job.result if job is not None and job.state is JobState.DONE else None


def look_again(workspace: Workspace) -> None:
    """Forget what was seen, so that the page looks anew."""
    JOBS.forget(_key(workspace))


def _key(workspace: Workspace) -> str:
    return f"runtime/{workspace.key}"
