"""What quantization does to the outputs, as jobs: by its halves, by layer, by sample.

What a job found stays when it is cancelled, and running it again does only the rest.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import streamlit as st

from analysis.findings import Evidence
from analysis.findings.saturation import cpu_flags
from analysis.latency import LatencyComparison, latency
from analysis.metrics import (
    METRICS,
    Metric,
    MetricError,
    check_labels,
    metric_from_file,
    metric_named,
)
from analysis.outside import OutsideRange, outside_ranges
from analysis.samples import SampleErrors, judge_samples
from analysis.sensitivity import Effect, benefit, sensitivity
from analysis.slices import SliceErrors, slice_errors
from analysis.split import Split, split
from analysis.variants import Unit, units
from app.cache import Bench, Opened, Shelf
from app.jobs import JOBS, Job
from quant.progress import OnProgress, Progress

TIMING: Final = "Timing float and int8 in turns"
"""What the job is called while it counts runs and not samples."""
TIMING_SECONDS: Final = 5.0

Kind = Literal["sensitivity", "benefit"]
KINDS: Final[tuple[Kind, ...]] = ("sensitivity", "benefit")


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
EFFECTS: Final = Shelf[Mapping[str, Effect]](48)
UNITS: Final = Shelf[tuple[Unit, ...]](16)


def metric_in_use(bench: Bench) -> Metric:
    """The metric that the user chose, or the usual one where that cannot be read any more."""
    try:
        return metric_of(bench.session.metric, bench.opened)
    except MetricError:
        return metric_of("", bench.opened)


def metric_of(name: str, opened: Opened) -> Metric:
    """The metric of that name or Python file; the usual one for the data where it is empty.

    Raises:
        MetricError: If there is no such metric, or it cannot be taken of this data.
    """
    found = METRICS["top1" if has_classes(opened) else "cosine"]
    if name in METRICS:
        found = metric_named(name)
    elif name:
        found = _from_file(name)
    check_labels(found, opened.evaluation.labels)
    return found


def _from_file(name: str) -> Metric:
    file = Path(name).expanduser()
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _file_metric(str(file), stamp)


@st.cache_resource(max_entries=8, show_spinner=False)
def _file_metric(path: str, stamp: int) -> Metric:
    del stamp  # only the cache reads it
    return metric_from_file(path)


def has_classes(opened: Opened) -> bool:
    """Whether the data has labels and the first output looks like a row of scores for each."""
    shape = opened.model.outputs[0].shape
    if opened.evaluation.labels is None or shape is None or len(shape) < 2:
        return False
    rows = [size for size in shape[1:-1] if size != 1]
    return shape[-1] != 1 and not rows


def samples_of(bench: Bench, wanted: int) -> int:
    """How many evaluation samples layers are ranked on."""
    return min(wanted, len(bench.opened.evaluation))


# ---- the split and the samples


def split_of(bench: Bench, metric: Metric, samples: int | None = None) -> Split | None:
    """Float, weights only, activations only and all; None while that is not measured."""
    return SPLITS.get(_split_key(bench, metric, samples))


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
            _call(key, "Weights and activations apart")
            found = split(quantized, data, metric=metric, progress=progress)
            SPLITS.put(_split_key(bench, metric), found)
        if judged(bench) is None:
            _call(key, "Samples one by one")
            errors = judge_samples(quantized, data, progress=progress)
            _call(key, "Ranges of each sample")
            outside = outside_ranges(quantized, data, progress=progress)
            JUDGED.put(bench.comparison_key, Judged(errors, outside))
        if SLICES.get(bench.comparison_key) is None:
            _call(key, "Slices of the outputs")
            found = slice_errors(quantized, data, progress=progress)
            SLICES.put(bench.comparison_key, found)

        if timed(bench) is None:
            _call(key, TIMING)
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


def _call(key: str, label: str) -> None:
    """Say what a job does now."""
    job = JOBS.get(key)
    if job is not None:
        job.label = label


# ---- the ranking of layers


@dataclass(frozen=True, eq=False)
class Ranking:
    """What each unit does to the outputs, as far as that is known.

    Attributes:
        samples: Number of samples.
        units: Every unit, in topological order.
        base: The outputs of float and of all int8 over these samples; None before the ranking ran.
        sensitivity: Unit -> outputs with only it quantized.
        benefit: Unit -> outputs with everything quantized but it.
    """

    samples: int
    units: tuple[Unit, ...]
    base: Split | None
    sensitivity: Mapping[str, Effect]
    benefit: Mapping[str, Effect]

    @property
    def complete(self) -> bool:
        """Whether both errors of every unit are known."""
        return len(self.sensitivity) == len(self.benefit) == len(self.units)

    @property
    def by_metric(self) -> bool:
        """Whether the metric tells float and int8 apart on these samples."""
        change = self.base.metric if self.base else None
        return change is not None and not change.is_flat

    def gain_db(self, unit: str) -> float | None:
        """The benefit of a unit in dB of output sqnr."""
        effect = self.benefit.get(unit)
        if effect is None or self.base is None:
            return None
        gain = effect.sqnr_db - self.base.all.sqnr_db
        return 0.0 if math.isnan(gain) else gain

    def by_node(self, kind: Kind) -> dict[str, float]:
        """Sensitivity as output sqnr_db, or benefit in dB gained, of each node that is known."""
        found: dict[str, float] = {}
        for effect in (self.sensitivity if kind == "sensitivity" else self.benefit).values():
            value = effect.sqnr_db if kind == "sensitivity" else self.gain_db(effect.unit)
            if value is not None:
                found |= dict.fromkeys(effect.nodes, value)
        return found

    def gain(self, unit: str) -> float | None:
        """The benefit of a unit in the metric: more is better, whatever the metric."""
        effect = self.benefit.get(unit)
        return None if effect is None else self._better(effect.scores.metric, "all")

    def loss(self, unit: str) -> float | None:
        """What the metric loses with only this unit quantized: more is worse."""
        effect = self.sensitivity.get(unit)
        change = None if effect is None else self._better(effect.scores.metric, "float")
        return None if change is None else -change

    def _better(self, value: float | None, than: Literal["float", "all"]) -> float | None:
        if self.base is None or self.base.metric is None or value is None:
            return None
        metric = self.base.metric
        change = value - (metric.float_value if than == "float" else metric.int8_value)
        return change if metric.higher_is_better else -change


def ranking(bench: Bench, metric: Metric, samples: int) -> Ranking:
    """What is known of each unit by now."""
    known = [EFFECTS.get(_effect_key(bench, metric, samples, kind)) or {} for kind in KINDS]
    return Ranking(samples, units_of(bench), split_of(bench, metric, samples), *known)


def ranking_in_use(bench: Bench) -> Ranking:
    """What is known of each unit under the metric and on the samples that the user chose."""
    samples = samples_of(bench, bench.session.rank_samples)
    return ranking(bench, metric_in_use(bench), samples)


def units_of(bench: Bench) -> tuple[Unit, ...]:
    """The units of the int8 model."""
    found = UNITS.get(bench.key)
    if found is None:
        found = units(bench.quantized)
        UNITS.put(bench.key, found)
    return found


def _effect_key(bench: Bench, metric: Metric, samples: int, kind: Kind) -> str:
    return f"{kind}/{samples}/{metric.key}/{bench.comparison_key}"


def ranking_job(bench: Bench, metric: Metric, samples: int) -> Job | None:
    """The job of :func:`start_ranking`: running, failed or cancelled."""
    return JOBS.get(_ranking_key(bench, metric, samples))


def _ranking_key(bench: Bench, metric: Metric, samples: int) -> str:
    return f"ranking/{samples}/{metric.key}/{bench.comparison_key}"


def start_ranking(bench: Bench, metric: Metric, samples: int) -> Job:
    """Measure sensitivity and benefit of the units that are not known yet."""
    key = _ranking_key(bench, metric, samples)
    data = bench.opened.evaluation

    def work(progress: OnProgress) -> None:
        _call(key, "Float and int8")
        if split_of(bench, metric, samples) is None:
            found = split(bench.quantized, data, samples=samples, metric=metric, progress=progress)
            SPLITS.put(_split_key(bench, metric, samples), found)
        for kind, sweep in zip(KINDS, (sensitivity, benefit), strict=True):
            _call(key, kind.capitalize())
            place = _effect_key(bench, metric, samples, kind)
            known = EFFECTS.get(place) or {}
            sweep(
                bench.quantized,
                bench.calibration,
                data,
                samples=samples,
                metric=metric,
                known=known,
                on_effect=_keeper(place),
                progress=progress,
            )

    return JOBS.start(key, work, label="Ranking")


def _keeper(place: str) -> Callable[[Effect], None]:
    def keep(effect: Effect) -> None:
        EFFECTS.put(place, {**(EFFECTS.get(place) or {}), effect.unit: effect})

    return keep


# ---- what findings are found from


def evidence(bench: Bench) -> tuple[str, Callable[[], Evidence]]:
    """What findings may look at by now, and a key that changes when there is more."""
    samples = samples_of(bench, bench.session.rank_samples)
    sweeps: dict[Kind, Mapping[str, Effect]] = {}
    for kind in KINDS:
        found = EFFECTS.get(_effect_key(bench, metric_in_use(bench), samples, kind))
        if found is not None and len(found) == len(units_of(bench)):
            sweeps[kind] = found
    comparison, looked, slices = bench.comparison(), judged(bench), SLICES.get(bench.comparison_key)
    parts = {"measured": comparison, "judged": looked, "slices": slices, **sweeps}
    known = "+".join(name for name, part in parts.items() if part is not None)

    def made() -> Evidence:
        return Evidence(
            bench.quantized,
            bench.calibration,
            comparison=comparison,
            sensitivity=sweeps.get("sensitivity"),
            benefit=sweeps.get("benefit"),
            slices=slices,
            outside=looked.outside if looked else None,
            cpu_flags=cpu_flags(),
        )

    return f"{bench.comparison_key}/{samples if sweeps else 0}/{known}", made
