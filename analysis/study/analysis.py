"""Everything that is known about where an int8 model loses accuracy, in one call."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, Literal

from analysis.errors.axis_slices import SliceErrorAccumulator
from analysis.errors.cumulative import Comparison, ComparisonAccumulator
from analysis.errors.local import LocalErrorAccumulator
from analysis.errors.measuring import measure
from analysis.errors.out_of_range import OutOfRange, OutOfRangeAccumulator
from analysis.errors.per_sample import SampleErrorAccumulator, SampleErrors
from analysis.errors.runs import Observer, QuantizedRuns
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import AblationAccumulator, AblationResult
from analysis.findings import Finding, Measurements, find_causes
from analysis.findings.saturation import cpu_flags
from analysis.layers import LayerRow, layer_rows
from analysis.metrics import Metric, MetricChange, check_labels
from analysis.study.journal import Journal, Kind
from analysis.sweep.unit_effects import UnitEffect, benefit, sensitivity
from quant.data.dataset import Dataset
from quant.execution.progress import OnProgress, Progress
from quant.io.show import card, counted, one_line, table
from quant.pipeline import QuantizedModel
from quant.statistics.calibration import Calibration

ErrorName = Literal["local", "cumulative", "sensitivity", "benefit"]
ERRORS: tuple[ErrorName, ...] = ("local", "cumulative", "sensitivity", "benefit")

_SWEEPS: dict[Kind, Callable[..., dict[str, UnitEffect]]] = {
    "sensitivity": sensitivity,
    "benefit": benefit,
}

OnStage = Callable[[str, Progress], None]
"""Called with what is being done and where it stands; it may raise Cancelled."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """An int8 model beside its float model.

    Attributes:
        quantized: The int8 model.
        calibration: The statistics it was made from.
        samples: Number of samples it was measured on.
        errors: Which of the four errors were asked for.
        layers: Every input and node under its recipe.
        local: Quantized tensor -> local error; empty where it was not asked for.
        comparison: Cumulative errors; of the outputs alone where they were not asked for.
        split: Float, weights only, activations only and all, with the metric.
        sensitivity: Unit -> outputs with only it quantized; None where not asked for.
        benefit: Unit -> outputs with everything quantized but it; None where not asked for.
        judged: The output error of every sample.
        outside: Quantized tensor -> how much of the data lies outside its range.
        findings: What is wrong, most severe and promising first.
    """

    quantized: QuantizedModel
    calibration: Calibration
    samples: int
    errors: tuple[ErrorName, ...]
    layers: tuple[LayerRow, ...]
    local: Mapping[str, ErrorStats]
    comparison: Comparison
    split: AblationResult
    sensitivity: Mapping[str, UnitEffect] | None
    benefit: Mapping[str, UnitEffect] | None
    judged: SampleErrors
    outside: Mapping[str, OutOfRange]
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        """Model, output sqnr and number of findings, in one line."""
        return (
            f"<Analysis of {one_line(self.quantized.float_model.name)} over {self.samples:,} "
            f"samples: output sqnr {self.split.all.sqnr_db:.1f} dB, "
            f"{counted(len(self.findings), 'finding')}>"
        )

    def _repr_html_(self) -> str:
        """The findings, for a notebook."""
        rows = ((f.severity, f.title, f"{f.gain_db:.1f}") for f in self.findings)
        head = ("Severity", "Finding", "Estimated gain, dB")
        return card(repr(self), table(head, rows, len(self.findings)))

    @property
    def metric(self) -> MetricChange | None:
        """The metric of float and int8; None without one."""
        return self.split.metric

    @property
    def by_metric(self) -> bool:
        """Whether units are ranked by the metric rather than by the output sqnr."""
        return self.metric is not None and not self.metric.is_flat

    @property
    def ranking(self) -> str:
        """What units are ranked by, and why, as a sentence."""
        if self.metric is None:
            return "Ranked by output sqnr: there is no metric."
        interval = (
            f"95 % interval of float minus int8 {self.metric.low:.4g} to {self.metric.high:.4g} "
            f"over {self.samples} samples"
        )
        if self.by_metric:
            return f"Ranked by {self.metric.label}, then by output sqnr ({interval})."
        return (
            f"Ranked by output sqnr: {self.metric.label} cannot tell float and int8 apart "
            f"({interval}, which holds zero)."
        )

    @property
    def suspects(self) -> tuple[str, ...]:
        """The units, the one with most to win first; none where no sweep was asked for."""
        effects = self.benefit if self.benefit is not None else self.sensitivity
        if effects is None:
            return ()
        # Left in float, a unit that is to blame makes the outputs better; alone quantized, worse.
        sign = -1 if self.benefit is not None else 1
        return tuple(sorted(effects, key=lambda unit: self._badness(effects[unit], sign)))

    def gain_db(self, unit: str) -> float | None:
        """The benefit of a unit: output sqnr with it in float less that of all int8, in dB."""
        effect = None if self.benefit is None else self.benefit.get(unit)
        if effect is None:
            return None
        gain = effect.sqnr_db - self.split.all.sqnr_db
        return 0.0 if math.isnan(gain) else gain

    def _badness(self, effect: UnitEffect, sign: int) -> tuple[float, float]:
        value = effect.scores.metric
        if not self.by_metric or self.metric is None or value is None:
            return 0.0, sign * effect.sqnr_db
        better = value if self.metric.higher_is_better else -value
        return sign * better, sign * effect.sqnr_db


def analyze(
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    *,
    errors: Sequence[ErrorName] = ERRORS,
    samples: int | None = None,
    metric: Metric | None = None,
    journal: Journal | None = None,
    progress: OnStage | None = None,
) -> Analysis:
    """Measure an int8 model and find the causes of its error.

    Args:
        quantized: The int8 model.
        calibration: The statistics it was made from.
        data: Evaluation data.
        errors: Which of the four errors to measure.
        samples: Use the first so many samples; None for all.
        metric: What to judge the outputs by beside their error, or None.
        journal: Where each unit's effect is kept as soon as it is known. Those it holds already
            are not measured again.
        progress: Called at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`, and what the journal holds by then is kept.

    Returns:
        What was measured and found.

    Raises:
        DataError: If the data does not fit the model.
        MetricError: If the metric cannot be taken.
        ModelError: If a variant cannot be run.
        ExportError: If the journal cannot be written.
        Cancelled: If ``progress`` raised it.
    """
    data = data.matched(quantized.float_model)
    if metric is not None:
        check_labels(metric, data.labels)

    def stage(word: str) -> OnProgress | None:
        return None if progress is None else partial(progress, word)

    halves = AblationAccumulator(metric, data.labels)
    local = LocalErrorAccumulator()
    comparison = ComparisonAccumulator(data.labels, "all" if "cumulative" in errors else "outputs")
    judged = SampleErrorAccumulator(data.labels)
    outside = OutOfRangeAccumulator(quantized)
    slices = SliceErrorAccumulator(quantized)
    observers: list[Observer[QuantizedRuns, Any]] = [halves, comparison, judged, outside, slices]
    if "local" in errors:
        observers.append(local)
    measure(QuantizedRuns(quantized), data, observers, samples=samples, progress=stage("measuring"))
    compared, ranges = comparison.result(), outside.result()
    effects: dict[Kind, Mapping[str, UnitEffect] | None] = dict.fromkeys(_SWEEPS)
    for kind, sweep in _SWEEPS.items():
        if kind in errors:
            effects[kind] = sweep(
                quantized,
                calibration,
                data,
                samples=samples,
                metric=metric,
                known={} if journal is None else journal.known(kind),
                on_effect=None if journal is None else partial(journal.add, kind),
                progress=stage(kind),
            )
    found = find_causes(
        Measurements(
            quantized,
            calibration,
            comparison=compared,
            sensitivity=effects["sensitivity"],
            benefit=effects["benefit"],
            slices=slices.result(),
            outside=ranges,
            cpu_flags=cpu_flags(),
        )
    )
    return Analysis(
        quantized=quantized,
        calibration=calibration,
        samples=compared.samples,
        errors=tuple(name for name in ERRORS if name in errors),
        layers=layer_rows(quantized, calibration),
        local=local.result(),
        comparison=compared,
        split=halves.result(),
        sensitivity=effects["sensitivity"],
        benefit=effects["benefit"],
        judged=judged.result(),
        outside=ranges,
        findings=found,
    )


def depends_on(
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    *,
    samples: int | None,
    metric: Metric | None,
) -> dict[str, str]:
    """What the effects of units depend on, for a :class:`Journal`.

    Args:
        quantized: As for :func:`analyze`.
        calibration: As for :func:`analyze`.
        data: As for :func:`analyze`.
        samples: As for :func:`analyze`.
        metric: As for :func:`analyze`.

    Returns:
        What, in words -> its digest or value.
    """
    total = len(data) if samples is None else min(samples, len(data))
    return {
        "model": quantized.float_model.fingerprint,
        "recipe": quantized.recipe.content_key,
        "calibration": calibration.digest,
        "data": data.digest,
        "number of samples": str(total),
        "metric": "" if metric is None else metric.key,
        "version of QuantLens": version("quantlens"),
        "version of ONNX Runtime": version("onnxruntime"),
    }
