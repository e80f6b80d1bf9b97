"""Is it the weights or the activations? The first question about an int8 model that got worse."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.errors.measuring import measure
from analysis.errors.output_scores import OutputScores, ScoreAccumulator
from analysis.errors.runs import Needs, Observer, QuantizedRuns, Run, RunResults
from analysis.metrics import Metric, MetricAccumulator, MetricChange, metric_change
from quant.data.dataset import Batch, Dataset
from quant.error_model.sqnr import decibels
from quant.execution.progress import OnProgress
from quant.io.show import card, table
from quant.pipeline import QuantizedModel


@dataclass(frozen=True)
class AblationResult:
    """The outputs of four variants of a model over the same samples, each against float.

    Attributes:
        float: The float model against itself: no error, and its metric.
        weights_only: Weights, constant operands and biases are integers, activations are float.
        activations_only: Activations are quantized, everything stored is float.
        all: The int8 model.
        metric: The metric of float and of all, and whether the samples tell them apart; None
            without a metric.
    """

    float: OutputScores
    weights_only: OutputScores
    activations_only: OutputScores
    all: OutputScores
    metric: MetricChange | None

    def __repr__(self) -> str:
        """Samples and the output sqnr of each variant, in one line."""
        return (
            f"<AblationResult over {self.all.samples:,} samples: output sqnr "
            f"{decibels(self.all.sqnr_db)}, weights only {decibels(self.weights_only.sqnr_db)}, "
            f"activations only {decibels(self.activations_only.sqnr_db)}>"
        )

    def _repr_html_(self) -> str:
        """The variants side by side, for a notebook."""
        variants = {
            "Float": self.float,
            "Weights only": self.weights_only,
            "Activations only": self.activations_only,
            "All int8": self.all,
        }
        rows = [
            (name, decibels(s.sqnr_db), "" if s.agreement is None else f"{s.agreement:.2%}")
            for name, s in variants.items()
        ]
        head = ("Quantized", "Output sqnr", "Predicts like float")
        if self.metric is not None:
            head = (*head, self.metric.label)
            values = [s.metric for s in variants.values()]
            written = ["" if value is None else self.metric.written(value) for value in values]
            rows = [(*row, value) for row, value in zip(rows, written, strict=True)]
        return card(repr(self), table(head, rows, len(rows)))


def weights_vs_activations(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    metric: Metric | None = None,
    progress: OnProgress | None = None,
) -> AblationResult:
    """Measure what quantizing the weights alone and the activations alone does to the outputs.

    Float and all run as a user runs them, on ONNX Runtime's default settings. Weights only and
    activations only are computed as they are defined: by default ONNX Runtime stores a float weight
    of a Conv or Gemm that reads a quantized tensor as int8 of its own accord, with one scale, so
    activations only would never be measured.

    Args:
        quantized: The int8 model.
        data: What to feed the variants with.
        samples: Use the first so many samples; None for all.
        metric: Metric of the outputs beside their error, or None.
        progress: Called at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`.

    Returns:
        The scores.

    Raises:
        MetricError: If the metric needs labels that are not there, or does not fit the outputs.
        DataError: If the data does not fit the model.
        ModelError: If a variant cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    observer = AblationAccumulator(metric, data.labels)
    measure(QuantizedRuns(quantized), data, [observer], samples=samples, progress=progress)
    return observer.result()


_VARIANTS = (Run.FLOAT, Run.WEIGHTS_ONLY, Run.ACTIVATIONS_ONLY, Run.INT8)


class AblationAccumulator(Observer[QuantizedRuns, AblationResult]):
    """Adds up an :class:`AblationResult`.

    Args:
        metric: Metric of the outputs beside their error, or None.
        labels: The class of each sample, or None; more than there are samples will do.

    Raises:
        MetricError: If the metric needs labels that are not there.
    """

    def __init__(self, metric: Metric | None, labels: NDArray[np.int64] | None) -> None:
        self._scores = [ScoreAccumulator() for _ in _VARIANTS]
        self._metrics = (
            [] if metric is None else [MetricAccumulator(metric, labels) for _ in _VARIANTS]
        )

    def needs(self, models: QuantizedRuns) -> Needs:
        """All four variants."""
        del models
        return dict.fromkeys(_VARIANTS, ())

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        reference = results[Run.FLOAT]
        for variant, scores in zip(_VARIANTS, self._scores, strict=True):
            scores.add(reference, results[variant], samples=batch.size)
        for variant, metric in zip(_VARIANTS, self._metrics, strict=False):
            metric.add(results[variant], reference, samples=batch.size)

    def result(self) -> AblationResult:
        """The scores of all variants."""
        scores = [item.result() for item in self._scores]
        if not self._metrics:
            return AblationResult(*scores, metric=None)
        values = [item.result() for item in self._metrics]
        scores = [replace(s, metric=v) for s, v in zip(scores, values, strict=True)]
        return AblationResult(*scores, metric=metric_change(self._metrics[0], self._metrics[3]))
