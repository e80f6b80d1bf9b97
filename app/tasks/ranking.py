"""What each layer does to the outputs, as a job whose results are kept one by one."""

from dataclasses import replace
from typing import Final

from analysis.study.measuring import ABLATIONS, measuring
from analysis.study.sweeping import SWEEPS
from analysis.study.trying import trying
from app.jobs import Job
from app.tasks.stages import job_of, start_stages
from app.workspace.workspace import Workspace

_LEAD: Final = SWEEPS["sensitivity"]


def start_ranking(workspace: Workspace) -> Job:
    """Measure sensitivity and benefit of the units that are not known yet, and try fixes."""
    stage = trying(workspace.project.rank_samples)
    # Fixes are tried on the samples that everything else is measured on.
    fixes = replace(stage, work=lambda _, progress: stage.work(workspace.study, progress))
    stages = [measuring(ABLATIONS), *SWEEPS.values(), fixes]
    return start_stages(workspace.ranked, _LEAD, stages)


def ranking_job(workspace: Workspace) -> Job | None:
    """The job of :func:`start_ranking`: running, failed or cancelled."""
    return job_of(workspace.ranked, _LEAD)
