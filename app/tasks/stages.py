"""The stages of a study as jobs: what they find stays when they are cancelled."""

from collections.abc import Sequence
from typing import Final

from analysis.study.study import Stage, Study
from app.jobs import JOBS, Job
from quant.execution.progress import OnProgress, Progress

TITLES: Final = {
    "calibrating": "Calibration",
    "measuring": "Measurement",
    "timing": "Timing float and int8 in turns",
    "sensitivity": "Sensitivity",
    "benefit": "Benefit",
    "trying": "Trying fixes",
    "verifying": "Verification",
}
"""What the screen calls each stage."""


def start_stages(study: Study, lead: Stage, stages: Sequence[Stage]) -> Job:
    """Do what is missing of some stages, or return the job that is at it.

    Args:
        study: The study.
        lead: The stage that the job is known by.
        stages: What to do, in this order.
    """
    key = job_key(study, lead)
    counted = {stage.name: stage.counts for stage in stages}

    def work(progress: OnProgress) -> None:
        def told(name: str, report: Progress) -> None:
            JOBS.rename(key, TITLES[name], counted[name])
            progress(report)

        study.run(stages, told)

    return JOBS.start(key, work, label=TITLES[stages[0].name])


def job_of(study: Study, lead: Stage) -> Job | None:
    """The job of :func:`start_stages`: running, failed or cancelled."""
    return JOBS.get(job_key(study, lead))


def job_key(study: Study, lead: Stage) -> str:
    """The key of the job that is known by a stage."""
    return study.key(lead).text
