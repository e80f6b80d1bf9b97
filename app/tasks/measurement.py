"""The int8 model by its halves, sample by sample, slice by slice and against the clock, as a job.

What the job found stays when it is cancelled, and running it again does only the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analysis.errors.axis_slices import SliceErrors, slice_errors
from analysis.errors.out_of_range import OutsideRange, outside_ranges
from analysis.errors.per_sample import SampleErrors, judge_samples
from analysis.errors.weights_vs_activations import Split, split
from analysis.latency import LatencyComparison, latency
from analysis.metrics import Metric
from app.jobs.registry import JOBS, Job
from app.workspace.workspace import Bench, Shelf
from quant.execution.progress import OnProgress, Progress

TIMING: Final = "Timing float and int8 in turns"
"""What the job is called while it counts runs and not samples."""
TIMING_SECONDS: Final = 5.0


@dataclass(frozen=True, eq=False)
class Judged:
    """The evaluation samples one by one.

    Attributes:
        errors: The output error of each, the worst kept whole.
        outside: Tensor -> how much of each sample lies outside its range.
    """

    errors: SampleErrors
    outside: Mapping[str, OutsideRange]


SPLITS: Final = Shelf[Split](24)
JUDGED: Final = Shelf[Judged](4)
LATENCIES: Final = Shelf[LatencyComparison](12)
SLICES: Final = Shelf[Mapping[str, SliceErrors]](12)


def split_of(bench: Bench, metric: Metric, samples: int | None = None) -> Split | None:
    """Float, weights only, activations only and all; None while that is not measured."""
    return SPLITS.get(_split_key(bench, metric, samples))


def keep_split(bench: Bench, metric: Metric, samples: int | None, found: Split) -> None:
    """Keep what was measured on the first so many samples, or on all."""
    SPLITS.put(_split_key(bench, metric, samples), found)


def _split_key(bench: Bench, metric: Metric, samples: int | None = None) -> str:
    total = len(bench.opened.evaluation)
    return f"split/{min(samples or total, total)}/{metric.key}/{bench.comparison_key}"


def judged(bench: Bench) -> Judged | None:
    """The evaluation samples one by one; None while they are not judged."""
    return JUDGED.get(bench.comparison_key)


def details_job(bench: Bench, metric: Metric) -> Job | None:
    """The job of :func:`start_details`: running, failed or cancelled."""
    return JOBS.get(_details_key(bench, metric))


def _details_key(bench: Bench, metric: Metric) -> str:
    return f"details/{metric.key}/{bench.comparison_key}"


def start_details(bench: Bench, metric: Metric) -> Job:
    """Split the error and judge each sample, after the measurement that was started before."""
    key = _details_key(bench, metric)
    quantized, data = bench.quantized, bench.opened.evaluation

    def work(progress: OnProgress) -> None:
        _follow(JOBS.get(bench.comparison_key), progress)
        if split_of(bench, metric) is None:
            JOBS.rename(key, "Weights and activations apart")
            found = split(quantized, data, metric=metric, progress=progress)
            keep_split(bench, metric, None, found)
        if judged(bench) is None:
            JOBS.rename(key, "Samples one by one")
            errors = judge_samples(quantized, data, progress=progress)
            JOBS.rename(key, "Ranges of each sample")
            outside = outside_ranges(quantized, data, progress=progress)
            JUDGED.put(bench.comparison_key, Judged(errors, outside))
        if SLICES.get(bench.comparison_key) is None:
            JOBS.rename(key, "Slices of the outputs")
            found = slice_errors(quantized, data, progress=progress)
            SLICES.put(bench.comparison_key, found)

        if timed(bench) is None:
            JOBS.rename(key, TIMING)
            LATENCIES.put(bench.key, latency(quantized, budget_s=TIMING_SECONDS, progress=progress))

    return JOBS.start(key, work, label="Measurement")


def timed(bench: Bench) -> LatencyComparison | None:
    """How long float and int8 take for one sample; None while that is not measured."""
    return LATENCIES.get(bench.key)


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


def slices(bench: Bench) -> Mapping[str, SliceErrors] | None:
    """The errors of the outputs slice by slice; None while they are not measured."""
    return SLICES.get(bench.comparison_key)
