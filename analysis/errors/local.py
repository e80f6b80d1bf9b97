"""Local errors as measured: each unit quantized alone, with float inputs, at its own output."""

from collections.abc import Mapping

from analysis.errors.measuring import measure
from analysis.errors.runs import Needs, Observer, QuantizedRuns, Run, RunResults
from analysis.errors.tensor_error import ErrorAccumulator, ErrorStats
from quant.data.dataset import Batch, Dataset
from quant.execution.progress import OnProgress
from quant.pipeline import QuantizedModel


class LocalErrorAccumulator(Observer[QuantizedRuns, dict[str, ErrorStats]]):
    """Adds up the local error at every quantized tensor; the result is in topological order."""

    def __init__(self) -> None:
        self._seen_as: Mapping[str, str] = {}
        self._errors: dict[str, ErrorAccumulator] = {}
        self._left_out: set[str] = set()

    def needs(self, models: QuantizedRuns) -> Needs:
        """The graph of all units alone, tapped at both ends of each quantization."""
        _, self._seen_as = models.local
        self._errors = {name: ErrorAccumulator() for name in self._seen_as}
        inputs = {info.name for info in models.quantized.float_model.inputs}
        floats = (name for name in self._seen_as if name not in inputs)
        return {Run.LOCAL: (*floats, *self._seen_as.values())}

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        values = {**batch.own(batch.feeds), **results[Run.LOCAL]}
        for name, test in self._seen_as.items():
            if values[name].shape == values[test].shape:
                self._errors[name].add(values[name], values[test])
            else:
                self._left_out.add(name)

    def result(self) -> dict[str, ErrorStats]:
        """Tensor -> its local error; without tensors whose shape quantization changed."""
        for name in self._left_out:
            self._errors.pop(name, None)
        return {name: errors.result() for name, errors in self._errors.items()}


def local_errors(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> dict[str, ErrorStats]:
    """Measure the local error at every quantized tensor.

    Args:
        quantized: The int8 model.
        data: Evaluation data.
        samples: Use the first so many samples; None for all.
        progress: Called at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`.

    Returns:
        Tensor -> the error of the unit that computes it, with float inputs; of a tensor that no
        unit computes, that of quantizing it. In topological order.

    Raises:
        DataError: If the data does not fit the model.
        ModelError: If the graph cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    observer = LocalErrorAccumulator()
    measure(QuantizedRuns(quantized), data, [observer], samples=samples, progress=progress)
    return observer.result()
