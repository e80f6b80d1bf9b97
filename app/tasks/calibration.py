"""Calibration as a job, and how long it will take."""

from contextlib import suppress
from typing import Final

from analysis.study.stages import CALIBRATING
from analysis.study.study import Study
from app.jobs import Job
from app.session.project import Project
from app.tasks.stages import job_of, start_stages
from app.workspace.opening import OpenedSource, open_source, seconds_per_sample
from quant.errors import QuantError
from quant.recipe.recipe import Recipe

CALIBRATION_COST: Final = 2.0
"""Time of calibrating a sample over that of one float inference."""
OVERHEAD_SECONDS: Final = 0.3

_ANY: Final = Recipe()
"""Statistics do not depend on the recipe."""


def start_calibration(opened: OpenedSource, limit: int | None) -> Job | None:
    """Calibrate, unless the same statistics are there already."""
    study = _study(opened, limit)
    return None if study.calibrated else start_stages(study, CALIBRATING, [CALIBRATING])


def calibrated(opened: OpenedSource, limit: int | None) -> bool:
    """Whether the statistics of so many samples are there."""
    return _study(opened, limit).calibrated


def estimate(opened: OpenedSource, limit: int | None) -> float:
    """About how long calibration takes here, in seconds, from the time of one inference."""
    model, data = opened.model, opened.data
    one = seconds_per_sample(model.fingerprint, data.digest, model, data)
    return OVERHEAD_SECONDS + CALIBRATION_COST * one * opened.samples(limit)


def calibration_job(project: Project) -> Job | None:
    """The calibration of what is open: running, failed or cancelled."""
    if project.source is None:
        return None
    try:
        study = _study(open_source(project.source), project.samples)
    except QuantError:
        return None
    return job_of(study, CALIBRATING)


def calibrate_again(project: Project) -> None:
    """Calibrate what is open once more, after a failure or a cancelled run.

    Where it cannot be opened by now, nothing is started, and the page that is drawn next says why.
    """
    with suppress(QuantError):
        if project.source is not None:
            start_calibration(open_source(project.source), project.samples)


def _study(opened: OpenedSource, limit: int | None) -> Study:
    return opened.study(_ANY, limit)
