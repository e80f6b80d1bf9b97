"""Verifying and saving the int8 model, each as a job."""

from pathlib import Path

from analysis.study.stages import CHECKS, VERIFYING
from app.jobs import JOBS, Job
from app.tasks.stages import job_of, start_stages
from app.workspace.workspace import Workspace
from quant.execution.progress import OnProgress
from quant.export.verified import LevelCheck, SaveReport


def start_check(workspace: Workspace) -> Job | None:
    """Verify the int8 model as it would be exported, unless that was done."""
    study = workspace.study
    if study.known(CHECKS) is not None:
        return None
    return job_of(study, VERIFYING) or start_stages(study, VERIFYING, [VERIFYING])


def checks_of(workspace: Workspace) -> tuple[LevelCheck, ...] | None:
    """What verification gave; None while it was not done or failed."""
    return workspace.study.known(CHECKS)


def start_save(workspace: Workspace, path: Path) -> None:
    """Write the int8 model and its recipe, verified, or nothing."""
    quantized = workspace.quantized

    def work(_: OnProgress) -> SaveReport:
        return quantized.save(path)

    JOBS.start(_key(workspace, path), work, label="Saving")


def save_job(workspace: Workspace, path: Path) -> Job | None:
    """The last save of this int8 model to ``path``, or None."""
    return JOBS.get(_key(workspace, path))


def _key(workspace: Workspace, path: Path) -> str:
    return f"save/{workspace.key}/{path}"
