"""Winning accuracy back as a job: what is tried shows while it runs, and what came of it stays."""

from typing import Final

from analysis.recovery.recovering import RECOVERED, Standing, recover
from analysis.recovery.story import Recovery
from analysis.recovery.target import Target
from app.jobs import JOBS, Job, JobState
from app.workspace.workspace import Workspace
from quant.execution.lru import LruStore
from quant.execution.progress import OnProgress, Progress

LABEL: Final = "Recovery"

_STANDINGS: Final = LruStore[Standing](8)


def start_recovery(workspace: Workspace, target: Target, seconds: float) -> Job:
    """Search from the recipe as it stands, or return the job that is at it.

    Args:
        workspace: What is open.
        target: What to reach.
        seconds: What it may take, roughly.
    """
    key, opened = _key(workspace), workspace.opened
    recipe, metric = workspace.project.recipe, workspace.metric

    def work(progress: OnProgress) -> Recovery:
        def told(standing: Standing) -> None:
            _STANDINGS.put(key, standing)
            progress(Progress(int(standing.seconds), int(seconds), standing.seconds))

        return recover(
            opened.model,
            opened.data,
            evaluation=opened.evaluation,
            metric=metric,
            target=target,
            seconds=seconds,
            start=recipe,
            progress=told,
        )

    return JOBS.start(key, work, label=LABEL)


def recovery_job(workspace: Workspace) -> Job | None:
    """The job of :func:`start_recovery` on this model and data, whatever the recipe is by now."""
    return JOBS.get(_key(workspace))


def standing(workspace: Workspace) -> Standing | None:
    """Where the job stands, or where it stopped."""
    return _STANDINGS.get(_key(workspace))


def recovered(workspace: Workspace) -> Recovery | None:
    """What came of the job; None while nothing did."""
    job = recovery_job(workspace)
    found = job.result if job is not None and job.state is JobState.DONE else None
    return found if isinstance(found, Recovery) else None


def _key(workspace: Workspace) -> str:
    return workspace.study.key(RECOVERED).text
