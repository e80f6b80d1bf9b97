"""The long work of the app as jobs: what runs for the project, and what comes of it."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from analysis.errors.cumulative import Comparison, compare
from analysis.findings import Finding, find_causes
from app.jobs import JOBS, Job, Jobs
from app.session import user_session
from app.session.project import (
    Measurement,
    Pending,
    Project,
    Source,
    opened,
    with_measurement,
)
from app.session.start_options import start_options
from app.tasks import ranking
from app.workspace.opening import OpenedSource, open_source, seconds_per_sample
from app.workspace.workspace import CALIBRATIONS, CHECKS, COMPARISONS, FINDINGS, Workspace
from quant.errors import QuantError
from quant.execution.progress import OnProgress
from quant.export.verified import SaveReport
from quant.statistics.collect import calibrate
from sample_models import Sample, find

FIRST_SAMPLE: Final = "fmnist_mobilenet"
"""The sample that opens by itself: the one that loses most under default settings."""

CALIBRATION_COST: Final = 2.0
"""Time of calibrating a sample over that of one float inference."""
OVERHEAD_SECONDS: Final = 0.3


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
    model: str, data: str, evaluation: str = "", *, title: str = "", uploaded: bool = False
) -> Source:
    """What to open for files of the user.

    Args:
        model: Path of the model.
        data: Path of the calibration data.
        evaluation: Path of the data to measure on; empty for the calibration data.
        title: What to call the model; its path's last part by default.
        uploaded: Whether the model was uploaded.
    """
    name = title or model.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return Source(name, model, data, evaluation or data, uploaded=uploaded)


def begin() -> None:
    """Open what the command line asked for, or the fragile sample, and calibrate it."""
    project = user_session.project()
    if project.source is not None or project.begun:
        return
    options = start_options()
    source = sample_source(find(FIRST_SAMPLE))
    if options.model:
        source = file_source(options.model, options.data or "")
    try:
        start_calibration(open_source(source), None)
    except QuantError as error:
        problem = str(error)
        user_session.record(
            lambda now: now if now.begun else replace(now, begun=True, problem=problem)
        )
        return
    # Another tab may have begun meanwhile.
    user_session.record(
        lambda now: now if now.begun else replace(opened(now, source, None), begun=True)
    )


def open_sample() -> None:
    """Open the fragile sample and calibrate it."""
    source = sample_source(find(FIRST_SAMPLE))
    start_calibration(open_source(source), None)
    user_session.propose(lambda project: opened(project, source, None))


def start_calibration(opened_source: OpenedSource, samples_wanted: int | None) -> Job | None:
    """Calibrate, unless the same statistics are there already."""
    key = opened_source.calibration_key(samples_wanted)
    if CALIBRATIONS.get(key) is not None:
        return None

    def work(progress: OnProgress) -> None:
        count = opened_source.samples(samples_wanted)
        CALIBRATIONS.put(
            key,
            calibrate(opened_source.model, opened_source.data, samples=count, progress=progress),
        )

    return JOBS.start(key, work, label="Calibration")


def estimate(opened_source: OpenedSource, samples_wanted: int | None) -> float:
    """About how long calibration takes here, in seconds, from the time of one inference."""
    model, data = opened_source.model, opened_source.data
    one = seconds_per_sample(model.fingerprint, data.digest, model, data)
    return OVERHEAD_SECONDS + CALIBRATION_COST * one * opened_source.samples(samples_wanted)


def calibration_job(project: Project) -> Job | None:
    """The calibration of what is open: running, failed or cancelled."""
    if project.source is None:
        return None
    try:
        key = open_source(project.source).calibration_key(project.samples)
    except QuantError:
        return None
    return JOBS.get(key)


def start_measurement(workspace: Workspace) -> None:
    """Run the float and the int8 model on the evaluation data."""
    key = workspace.comparison_key
    quantized, evaluation = workspace.quantized, workspace.opened.evaluation

    def work(progress: OnProgress) -> Comparison:
        known = COMPARISONS.get(key)
        if known is None:
            known = compare(
                quantized.float_model, quantized, evaluation, tensors="all", progress=progress
            )
            COMPARISONS.put(key, known)
        return known

    JOBS.start(key, work, label="Measurement")
    pending = Pending(key, workspace.project.recipe)
    user_session.record(lambda project: replace(project, pending=pending))


def measurement_job(project: Project) -> Job | None:
    """The measurement that runs for the project, or ended without a result."""
    return JOBS.get(project.pending.key) if project.pending else None


def collect() -> None:
    """Take the result of a finished measurement into the project."""
    pending = user_session.project().pending
    comparison = COMPARISONS.get(pending.key) if pending else None
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
        sqnr_db=min(error.sqnr_db for error in comparison.outputs.values()),
    )


def start_check(workspace: Workspace) -> Job | None:
    """Verify the int8 model as it would be exported, unless that was done."""
    key = f"check/{workspace.key}"
    if CHECKS.get(key) is not None:
        return None
    quantized = workspace.quantized

    def work(_: OnProgress) -> None:
        CHECKS.put(key, quantized.verify())

    known = JOBS.get(key)
    return known or JOBS.start(key, work, label="Verification")


def calibrate_again(project: Project) -> None:
    """Calibrate what is open once more, after a failure or a cancelled run."""
    if project.source is not None:
        start_calibration(open_source(project.source), project.samples)


def start_save(workspace: Workspace, path: Path) -> None:
    """Write the int8 model and its recipe, verified, or nothing."""
    quantized = workspace.quantized

    def work(_: OnProgress) -> SaveReport:
        return quantized.save(path)

    JOBS.start(_save_key(workspace, path), work, label="Saving")


def save_job(workspace: Workspace, path: Path) -> Job | None:
    """The last save of this int8 model to ``path``, or None."""
    return JOBS.get(_save_key(workspace, path))


def _save_key(workspace: Workspace, path: Path) -> str:
    return f"save/{workspace.key}/{path}"


HINTS: Final = Jobs(workers=1, keep=4)
"""Small work between clicks, which waits for no long job."""
AT_ONCE: Final = 0.2
"""Seconds that a page waits for findings before it is drawn without them."""


def findings(workspace: Workspace) -> tuple[Finding, ...] | None:
    """What is wrong and what to do, from what is measured so far; None while it is found out."""
    key, evidence = ranking.evidence(workspace)
    found = FINDINGS.get(key)
    if found is not None:
        return found

    def work(_: OnProgress) -> None:
        FINDINGS.put(key, find_causes(evidence()))

    HINTS.start(key, work, label="Findings").wait(AT_ONCE)
    return FINDINGS.get(key)


_preparing: Final = threading.Lock()


def prepare_pictures(workspace: Workspace) -> None:
    """Compute in the background what the range picker draws, so that choosing a row is quick."""
    missing = workspace.shapes_missing()
    if not missing or not _preparing.acquire(blocking=False):
        return

    def prepare() -> None:
        try:
            for tensor in missing:
                workspace.shape(tensor)
                time.sleep(0.01)  # whoever waits for the interpreter goes first
        finally:
            _preparing.release()

    threading.Thread(target=prepare, name="quantlens-pictures", daemon=True).start()
