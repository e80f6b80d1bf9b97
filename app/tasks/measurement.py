"""The int8 model by its halves, sample by sample, slice by slice and against the clock, as a job.

What the job found stays when it is cancelled, and running it again does only the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from analysis.errors.axis_slices import SliceErrorAccumulator, SliceErrors
from analysis.errors.measuring import measure
from analysis.errors.out_of_range import OutOfRange, OutOfRangeAccumulator
from analysis.errors.per_sample import SampleErrorAccumulator, SampleErrors
from analysis.errors.runs import Observer, QuantizedRuns
from analysis.errors.weights_vs_activations import AblationAccumulator, AblationResult
from analysis.latency import LatencyComparison, latency
from analysis.metrics import Metric
from app.jobs import JOBS, Job
from app.lru import LruStore
from app.workspace.workspace import Workspace
from quant.execution.progress import OnProgress, Progress

TIMING: Final = "Timing float and int8 in turns"
"""What the job is called while it counts runs and not samples."""
TIMING_SECONDS: Final = 5.0


@dataclass(frozen=True, eq=False)
class SampleResults:
    """The evaluation samples one by one.

    Attributes:
        errors: The output error of each, the worst kept whole.
        outside: Tensor -> how much of each sample lies outside its range.
    """

    errors: SampleErrors
    outside: Mapping[str, OutOfRange]


SPLITS: Final = LruStore[AblationResult](24)
SAMPLE_RESULTS: Final = LruStore[SampleResults](4)
LATENCIES: Final = LruStore[LatencyComparison](12)
SLICES: Final = LruStore[Mapping[str, SliceErrors]](12)


def split_of(
    workspace: Workspace, metric: Metric, samples: int | None = None
) -> AblationResult | None:
    """Float, weights only, activations only and all; None while that is not measured."""
    return SPLITS.get(_split_key(workspace, metric, samples))


def keep_split(
    workspace: Workspace, metric: Metric, samples: int | None, found: AblationResult
) -> None:
    """Keep what was measured on the first so many samples, or on all."""
    SPLITS.put(_split_key(workspace, metric, samples), found)


def _split_key(workspace: Workspace, metric: Metric, samples: int | None = None) -> str:
    total = len(workspace.opened.evaluation)
    return f"split/{min(samples or total, total)}/{metric.key}/{workspace.comparison_key}"


def judged(workspace: Workspace) -> SampleResults | None:
    """The evaluation samples one by one; None while they are not judged."""
    return SAMPLE_RESULTS.get(workspace.comparison_key)


def details_job(workspace: Workspace, metric: Metric) -> Job | None:
    """The job of :func:`start_details`: running, failed or cancelled."""
    return JOBS.get(_details_key(workspace, metric))


def _details_key(workspace: Workspace, metric: Metric) -> str:
    return f"details/{metric.key}/{workspace.comparison_key}"


def start_details(workspace: Workspace, metric: Metric) -> Job:
    """Split the error and judge each sample, after the measurement that was started before."""
    key = _details_key(workspace, metric)
    quantized = workspace.quantized

    def work(progress: OnProgress) -> None:
        _follow(JOBS.get(workspace.comparison_key), progress)
        _measure_missing(workspace, metric, key, progress)
        if timed(workspace) is None:
            JOBS.rename(key, TIMING)
            LATENCIES.put(
                workspace.key, latency(quantized, budget_s=TIMING_SECONDS, progress=progress)
            )

    return JOBS.start(key, work, label="Measurement")


def _measure_missing(workspace: Workspace, metric: Metric, job: str, progress: OnProgress) -> None:
    """Measure in one pass what is not known of the halves, the samples and the slices."""
    quantized, data = workspace.quantized, workspace.opened.evaluation
    place = workspace.comparison_key
    halves = AblationAccumulator(metric, data.labels)
    errors, outside = SampleErrorAccumulator(data.labels), OutOfRangeAccumulator(quantized)
    parts = SliceErrorAccumulator(quantized)
    wanted: list[Observer[QuantizedRuns, Any]] = []
    if split_of(workspace, metric) is None:
        wanted.append(halves)
    if judged(workspace) is None:
        wanted += [errors, outside]
    if slices(workspace) is None:
        wanted.append(parts)
    if not wanted:
        return
    JOBS.rename(job, "Halves, samples and slices")
    measure(QuantizedRuns(quantized), data, wanted, progress=progress)
    if halves in wanted:
        keep_split(workspace, metric, None, halves.result())
    if errors in wanted:
        SAMPLE_RESULTS.put(place, SampleResults(errors.result(), outside.result()))
    if parts in wanted:
        SLICES.put(place, parts.result())


def timed(workspace: Workspace) -> LatencyComparison | None:
    """How long float and int8 take for one sample; None while that is not measured."""
    return LATENCIES.get(workspace.key)


def _follow(job: Job | None, progress: OnProgress) -> None:
    """Wait for a job and report its progress; it is cancelled with this one."""
    while job is not None and job.running:
        try:
            progress(job.progress or Progress(0, None, job.seconds))
        except BaseException:
            job.cancel()
            raise
        job.wait(0.2)
    if job is not None and job.error is not None:
        raise job.error


def slices(workspace: Workspace) -> Mapping[str, SliceErrors] | None:
    """The errors of the outputs slice by slice; None while they are not measured."""
    return SLICES.get(workspace.comparison_key)
