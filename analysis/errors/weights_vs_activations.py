"""Is it the weights or the activations? The first question about an int8 model that got worse."""

from contextlib import closing
from dataclasses import dataclass, replace

from analysis.errors.output_scores import OutputScores, ScoreAccumulator
from analysis.metrics import Metric, MetricAccumulator, MetricChange, metric_change
from quant.ablation import activations_only, weights_only
from quant.data.dataset import Dataset
from quant.execution.progress import OnProgress
from quant.pipeline import QuantizedModel
from quant.runtime.session import InferenceSession
from quant.runtime.together import run_sessions


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


def split(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    metric: Metric | None = None,
    progress: OnProgress | None = None,
) -> AblationResult:
    """Measure what quantizing the weights alone and the activations alone does to the outputs.

    Float and all run as a user runs them, on ONNX Runtime's default settings. The two halves are
    computed as they are defined: by default ONNX Runtime stores a float weight of a Conv or Gemm
    that reads a quantized tensor as int8 of its own accord, with one scale, so activations alone
    would never be measured.

    Args:
        quantized: The int8 model.
        data: What to feed the variants with.
        samples: Use the first so many samples; None for all.
        metric: What to judge the outputs by beside their error, or None.
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

    def opened() -> list[InferenceSession]:
        recipes = weights_only(quantized.recipe), activations_only(quantized.recipe)
        halves = [quantized.with_recipe(recipe) for recipe in recipes]
        return [
            InferenceSession(quantized.float_model.to_bytes()),
            *(InferenceSession(half.to_bytes(), integer_kernels=False) for half in halves),
            InferenceSession(quantized.to_bytes()),
        ]

    tallies = [ScoreAccumulator() for _ in range(4)]
    metrics = [] if metric is None else [MetricAccumulator(metric, data.labels) for _ in range(4)]
    with closing(run_sessions(opened, data, samples=samples, progress=progress)) as results:
        for batch, found in results:
            for tally, outputs in zip(tallies, found, strict=True):
                tally.add(found[0], outputs, samples=batch.size)
            for tally, outputs in zip(metrics, found, strict=False):
                tally.add(outputs, found[0], samples=batch.size)
    scores = [tally.result() for tally in tallies]
    if not metrics:
        return AblationResult(*scores, metric=None)
    scores = [replace(s, metric=t.result()) for s, t in zip(scores, metrics, strict=True)]
    return AblationResult(*scores, metric=metric_change(metrics[0], metrics[3]))
