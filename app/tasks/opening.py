"""What is opened: by the user, and by the app itself when it starts."""

from dataclasses import replace
from typing import Final

from app.session import user_session
from app.session.project import Source, opened
from app.session.start_options import start_options
from app.tasks.calibration import start_calibration
from app.workspace.opening import open_source, recipe_like
from quant.errors import QuantError
from sample_models import Sample, find

FIRST_SAMPLE: Final = "fmnist_mobilenet"
"""The sample that opens by itself: the one that loses most under default settings."""


def sample_source(sample: Sample) -> Source:
    """What to open for a sample."""
    return Source(
        title=sample.title,
        model=str(sample.model_path),
        calibration=str(sample.calibration_path),
        evaluation=str(sample.evaluation_path),
        sample=sample.name,
    )


def file_source(
    model: str,
    data: str,
    evaluation: str = "",
    *,
    title: str = "",
    uploaded: bool = False,
    int8: str = "",
) -> Source:
    """What to open for files of the user.

    Args:
        model: Path of the model.
        data: Path of the calibration data.
        evaluation: Path of the data to measure on; empty for the calibration data.
        title: What to call the model; its path's last part by default.
        uploaded: Whether the model was uploaded.
        int8: Path of an int8 file of another tool to start from; empty without.
    """
    name = title or model.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return Source(name, model, data, evaluation or data, uploaded=uploaded, int8=int8)


def begin() -> None:
    """Open what the command line asked for, or the fragile sample, and calibrate it."""
    project = user_session.project()
    if project.source is not None or project.begun:
        return
    options = start_options()
    source = sample_source(find(FIRST_SAMPLE))
    if options.model:
        source = file_source(options.model, options.data or "", int8=options.int8 or "")
    try:
        like = recipe_like(source)
        start_calibration(open_source(source), None)
    except QuantError as error:
        problem = str(error)
        user_session.record(
            lambda now: now if now.begun else replace(now, begun=True, problem=problem)
        )
        return
    # Another tab may have begun meanwhile.
    user_session.record(
        lambda now: now if now.begun else replace(opened(now, source, None, like), begun=True)
    )


def open_sample() -> None:
    """Open the fragile sample and calibrate it."""
    source = sample_source(find(FIRST_SAMPLE))
    start_calibration(open_source(source), None)
    user_session.propose(lambda project: opened(project, source, None))
