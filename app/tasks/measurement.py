"""The measurement as a job: everything that one pass over the evaluation data tells, then time."""

from dataclasses import replace
from typing import Final

from analysis.errors.cumulative import Comparison
from analysis.study.measuring import COMPARISON, MEASURING, SHOWN
from analysis.study.stages import LATENCY, TIMING
from analysis.study.study import Stage
from analysis.study.trying import tries, trying
from app.jobs import JOBS, Job
from app.session import user_session
from app.session.project import Measurement, Pending, Project, with_measurement
from app.session.start_options import start_options
from app.tasks.stages import job_key, job_of, start_stages
from app.workspace.opening import STORE, seconds_per_sample
from app.workspace.workspace import Workspace

RUNS: Final = 8
"""Runs of a model that a sample takes when it is measured and fixes are tried, roughly."""
AT_ONCE: Final = 60.0
"""Seconds that measuring may take, roughly, to begin without being asked for."""


def start_measurement(workspace: Workspace, *more: Stage) -> None:
    """Run the float and the int8 model on the evaluation data, try fixes, and do ``more``."""
    study, project = workspace.study, workspace.project
    start_stages(study, MEASURING, [MEASURING, trying(project.rank_samples), *more])
    pending = Pending(study.key(COMPARISON), job_key(study, MEASURING), project.recipe)
    user_session.record(lambda project: replace(project, pending=pending))


def start_measurement_and_timing(workspace: Workspace) -> None:
    """Measure, try fixes, then time both models."""
    start_measurement(workspace, TIMING)


def measure_by_itself(workspace: Workspace) -> None:
    """Measure the first recipe of what is open without being asked to, where that is quick."""
    project, opened = workspace.project, workspace.opened
    begun = project.latest or project.pending or job_of_measurement(workspace)
    if begun or not start_options().measure:
        return
    model, data = opened.model, opened.evaluation
    each = seconds_per_sample(model.fingerprint, data.digest, model, data)
    if RUNS * each * len(data) <= AT_ONCE:
        start_measurement_and_timing(workspace)


def job_of_measurement(workspace: Workspace) -> Job | None:
    """The job of :func:`start_measurement`: running, failed or cancelled."""
    return job_of(workspace.study, MEASURING)


def measuring(workspace: Workspace) -> bool:
    """Whether that job runs."""
    job = job_of_measurement(workspace)
    return job is not None and job.running


def all_measured(workspace: Workspace) -> bool:
    """Whether everything that the Overview page shows but the ranking is known."""
    study = workspace.study
    if any(study.known(result) is None for result in (*SHOWN, LATENCY)):
        return False
    tried, wanted = tries(study, workspace.ranked)
    return tried == wanted


def measurement_job(project: Project) -> Job | None:
    """The measurement that runs for the project, or ended without a result."""
    return JOBS.get(project.pending.job) if project.pending else None


def collect() -> None:
    """Take the result of a finished measurement into the project."""
    pending = user_session.project().pending
    comparison = STORE.get(COMPARISON, pending.key) if pending else None
    if pending is not None and comparison is not None:
        found = measured(pending, comparison)
        user_session.record(
            lambda now: with_measurement(now, found) if now.pending == pending else now
        )


def measured(pending: Pending, comparison: Comparison) -> Measurement:
    """The headline numbers of a comparison."""
    return Measurement(
        recipe=pending.recipe,
        key=pending.key,
        samples=comparison.samples,
        float_top1=comparison.float_top1,
        int8_top1=comparison.int8_top1,
        agreement=comparison.agreement,
        sqnr_db=comparison.worst_db,
    )
