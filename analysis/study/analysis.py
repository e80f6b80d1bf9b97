"""Everything that is known about where an int8 model loses accuracy, in one call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

from analysis.deprecated import warn
from analysis.errors.cumulative import Comparison
from analysis.errors.out_of_range import OutOfRange
from analysis.errors.per_sample import SampleErrors
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import AblationResult
from analysis.findings import Finding
from analysis.layers import LayerRow, layer_rows
from analysis.metrics import Metric, MetricChange
from analysis.study.keys import Result
from analysis.study.measuring import (
    ABLATIONS,
    COMPARISON,
    LOCAL_ERRORS,
    OUT_OF_RANGE,
    OUTPUT_COMPARISON,
    SAMPLE_ERRORS,
    SLICE_ERRORS,
    MeasuredResult,
    measuring,
)
from analysis.study.ranking import UnitRanking
from analysis.study.store import MemoryStore, Store
from analysis.study.study import QUANTIZED_MODEL, OnStage, Stage, Study
from analysis.study.sweeping import SWEEPS, effects_of
from analysis.study.trying import advice_of, trying
from analysis.sweep.unit_effects import KINDS, UnitEffect
from quant.ablation import units
from quant.data.dataset import Dataset
from quant.data.opening import match_inputs
from quant.error_model.sqnr import decibels
from quant.errors import DataError
from quant.io.show import card, counted, one_line, table
from quant.pipeline import QuantizedModel
from quant.statistics.calibration import Calibration

ErrorName = Literal["local", "cumulative", "sensitivity", "benefit"]
ERRORS: tuple[ErrorName, ...] = ("local", "cumulative", "sensitivity", "benefit")

T = TypeVar("T")


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
        ablation: Float, weights only, activations only and all, with the metric.
        sensitivity: Unit -> outputs with only it quantized; None where not asked for.
        benefit: Unit -> outputs with everything quantized but it; None where not asked for.
        sample_errors: The output error of every sample.
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
    ablation: AblationResult
    sensitivity: Mapping[str, UnitEffect] | None
    benefit: Mapping[str, UnitEffect] | None
    sample_errors: SampleErrors
    outside: Mapping[str, OutOfRange]
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        """Model, output sqnr and number of findings, in one line."""
        return (
            f"<Analysis of {one_line(self.quantized.float_model.name)} over {self.samples:,} "
            f"samples: output sqnr {decibels(self.ablation.all.sqnr_db)}, "
            f"{counted(len(self.findings), 'finding')}>"
        )

    def _repr_html_(self) -> str:
        """The findings, for a notebook."""
        rows = ((f.severity, f.title, f.to_win) for f in self.findings)
        head = ("Severity", "Finding", "To win")
        return card(repr(self), table(head, rows, len(self.findings)))

    @property
    def metric(self) -> MetricChange | None:
        """The metric of float and int8; None without one."""
        return self.ablation.metric

    @property
    def split(self) -> AblationResult:
        """The old name of ``ablation``."""
        warn("Analysis.split", "Analysis.ablation", stacklevel=3)
        return self.ablation

    @property
    def judged(self) -> SampleErrors:
        """The old name of ``sample_errors``."""
        warn("Analysis.judged", "Analysis.sample_errors", stacklevel=3)
        return self.sample_errors

    @cached_property
    def units(self) -> UnitRanking:
        """The units by what they do to the outputs, as far as that was asked for."""
        return UnitRanking(
            samples=self.samples,
            units=units(self.quantized),
            base=self.ablation,
            sensitivity=self.sensitivity or {},
            benefit=self.benefit or {},
        )

    @property
    def by_metric(self) -> bool:
        """Whether units are ranked by the metric rather than by the output sqnr."""
        return self.units.by_metric

    @property
    def ranking(self) -> str:
        """What units are ranked by, and why, as a sentence."""
        return self.units.reason

    @property
    def suspects(self) -> tuple[str, ...]:
        """The units, the one with most to win first; none where no sweep was asked for."""
        return tuple(unit.name for unit in self.units.ordered)

    def gain_db(self, unit: str) -> float | None:
        """The benefit of a unit: output sqnr with it in float less that of all int8, in dB."""
        return self.units.gain_db(unit)


def analyze(
    quantized: QuantizedModel,
    calibration: Calibration,
    data: Dataset,
    *,
    errors: Sequence[ErrorName] = ERRORS,
    samples: int | None = None,
    metric: Metric | None = None,
    store: Store | None = None,
    progress: OnStage | None = None,
) -> Analysis:
    """Measure an int8 model and find the causes of its error.

    Args:
        quantized: The int8 model.
        calibration: The statistics it was made from.
        data: Evaluation data.
        errors: Which of the four errors to measure.
        samples: Use the first so many samples; None for all.
        metric: Metric of the outputs beside their error, or None.
        store: Where results are kept as soon as they are known, such as a
            :class:`analysis.study.journal.Journal`; what it holds already is not measured again.
        progress: Called at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`, and what the store holds by then is kept.

    Returns:
        What was measured and found.

    Raises:
        DataError: If the data does not fit the model.
        MetricError: If the metric cannot be taken.
        ModelError: If a variant cannot be run.
        ExportError: If the store cannot be written.
        Cancelled: If ``progress`` raised it.
    """
    model = quantized.float_model
    study = Study(
        model=model,
        statistics=calibration,
        evaluation=match_inputs(data, model.inputs),
        recipe=quantized.recipe,
        metric=metric,
        samples=samples,
        store=MemoryStore() if store is None else store,
    )
    study.keep(QUANTIZED_MODEL, quantized)
    study.run(stages_of(errors), progress)
    return analysis_of(study, errors)


def stages_of(errors: Sequence[ErrorName] = ERRORS) -> tuple[Stage, ...]:
    """The stages of a study that measure some errors and what findings look at, and try fixes.

    Args:
        errors: Which of the four errors to measure.
    """
    sweeps = (SWEEPS[kind] for kind in KINDS if kind in errors)
    return (measuring(*_measured(errors)), *sweeps, trying(None))


def analysis_of(
    study: Study, errors: Sequence[ErrorName] = ERRORS, ranked: Study | None = None
) -> Analysis:
    """All that a study knows, after :func:`stages_of` ran.

    Args:
        study: The study.
        errors: Which of the four errors to tell of.
        ranked: The study on the samples that units are ranked on; None for the same.

    Raises:
        DataError: If one of them is not known yet.
    """
    comparison, *_ = _measured(errors)
    return Analysis(
        quantized=study.quantized,
        calibration=study.calibration,
        samples=study.count,
        errors=tuple(name for name in ERRORS if name in errors),
        layers=layer_rows(study.quantized, study.calibration),
        local=_needed(study, LOCAL_ERRORS) if "local" in errors else {},
        comparison=_needed(study, comparison),
        ablation=_needed(study, ABLATIONS),
        sensitivity=effects_of(study, "sensitivity") if "sensitivity" in errors else None,
        benefit=effects_of(study, "benefit") if "benefit" in errors else None,
        sample_errors=_needed(study, SAMPLE_ERRORS),
        outside=_needed(study, OUT_OF_RANGE),
        findings=advice_of(study, ranked or study),
    )


def _measured(errors: Sequence[ErrorName]) -> tuple[MeasuredResult[Any], ...]:
    """What is measured in one pass, the comparison first."""
    comparison = COMPARISON if "cumulative" in errors else OUTPUT_COMPARISON
    local = (LOCAL_ERRORS,) if "local" in errors else ()
    return (comparison, ABLATIONS, SAMPLE_ERRORS, OUT_OF_RANGE, SLICE_ERRORS, *local)


def _needed(study: Study, result: Result[T]) -> T:
    found = study.known(result)
    if found is None:
        raise DataError(
            f"analysis: expected the {result.name} to be measured by now, found nothing; run the "
            "stages of stages_of(errors) first"
        )
    return found
