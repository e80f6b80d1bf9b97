"""The cumulative error: a float model and its int8 version over the same samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from analysis.errors.measuring import measure
from analysis.errors.output_scores import share_equal
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Quantized, Run, RunResults
from analysis.errors.tensor_error import ErrorAccumulator, ErrorStats
from analysis.metrics.scores import predictions
from quant.data.dataset import Batch, Dataset
from quant.error_model.differences import at_places_of
from quant.error_model.sqnr import decibels
from quant.execution.progress import OnProgress
from quant.io.show import card, sparkline, table
from quant.model.model import Model
from quant.runtime.session import holds_numbers

Array = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Float against int8 over the same samples. All errors are cumulative.

    Attributes:
        samples: Number of samples.
        outputs: Error at each output of the model, without taps.
        tensors: Error at each tensor that both graphs have, in topological order.
        float_top1: Share of samples whose largest value of the first output is at the label's
            place, float; None without labels or where the first output is no row of scores.
        int8_top1: The same of the int8 model.
        agreement: Share of samples that both models predict alike; None where the first output is
            no row of scores.
        float_predictions: int32, shape (samples,): place of the largest score; None like above.
        int8_predictions: The same of the int8 model.
        left_out: Tensors that could not be compared, with the reason, as sentences.
        in_part: Tensors that have another length in int8, as sentences.
    """

    samples: int
    outputs: Mapping[str, ErrorStats]
    tensors: Mapping[str, ErrorStats]
    float_top1: float | None
    int8_top1: float | None
    agreement: float | None
    float_predictions: NDArray[np.int32] | None
    int8_predictions: NDArray[np.int32] | None
    left_out: tuple[str, ...]
    in_part: tuple[str, ...]

    @property
    def worst_db(self) -> float:
        """The sqnr of the output with most error, in dB.

        Raises:
            ValueError: No output could be compared.
        """
        return min(error.sqnr_db for error in self.outputs.values())

    def __repr__(self) -> str:
        """Samples, least output sqnr and top-1, in one line."""
        found = f"<Comparison over {self.samples:,} samples"
        found += f": output sqnr {decibels(self.worst_db)}" if self.outputs else ""
        if self.float_top1 is not None and self.int8_top1 is not None:
            found += f", top-1 float {self.float_top1:.2%}, int8 {self.int8_top1:.2%}"
        return f"{found}>"

    def _repr_html_(self) -> str:
        """Sqnr by depth and the worst tensors, for a notebook."""
        errors = [error.sqnr_db for error in self.tensors.values()]
        step = max(1, len(errors) // 200)
        worst = sorted(self.tensors.items(), key=lambda item: item[1].sqnr_db)
        rows = ((name, decibels(error.sqnr_db), f"{error.max_abs:.4g}") for name, error in worst)
        head = ("Tensor, worst first", "Cumulative sqnr", "Largest difference")
        return card(repr(self), sparkline(errors[::step]), table(head, rows, len(worst)))


def compare(
    float_model: Model | str | Path,
    int8: Quantized | str | Path,
    data: Dataset,
    *,
    samples: int | None = None,
    tensors: Literal["all", "outputs"] = "all",
    progress: OnProgress | None = None,
) -> Comparison:
    """Measure the cumulative error of an int8 model in one pass over the data.

    Memory does not depend on the number of samples.

    Args:
        float_model: The float model, or its file.
        int8: The int8 model, or its file; any file of QuantizeLinear and DequantizeLinear pairs
            whose tensors kept their names will do.
        data: What to feed both with; labels give top-1.
        samples: Use the first so many samples; None for all.
        tensors: "all" measures every tensor that both graphs have, "outputs" the outputs only,
            which is faster.
        progress: Called before the work, after every batch and at least every quarter of a
            second; it may raise :class:`quant.errors.Cancelled` to stop within a second.

    Returns:
        The comparison.

    Raises:
        DataError: If the data does not fit the float model.
        ModelError: If a model cannot be read or run, or they differ in inputs or outputs.
        Cancelled: If ``progress`` raised it.
    """
    observer = ComparisonAccumulator(data.labels, tensors)
    models = FileRuns(float_model, int8)
    measure(models, data, [observer], samples=samples, progress=progress)
    return observer.result()


class ComparisonAccumulator(Observer[Models, Comparison]):
    """Adds up a :class:`Comparison`.

    Args:
        labels: The class of each sample, or None; more than there are samples will do.
        tensors: As for :func:`compare`.
    """

    def __init__(
        self, labels: NDArray[np.int64] | None, tensors: Literal["all", "outputs"] = "all"
    ) -> None:
        self._labels = labels
        self._all = tensors == "all"
        self._names: Mapping[str, str] = {}
        self._samples = 0
        self._outputs: dict[str, ErrorAccumulator] = {}
        self._tensors: dict[str, ErrorAccumulator] = {}
        self._left_out: dict[str, str] = {}
        self._in_part: dict[str, str] = {}
        self._uncompared: Mapping[str, str] = {}
        self._predictions: list[NDArray[np.int32]] | None = []

    def needs(self, models: Models) -> Needs:
        """Both models as a user runs them, and tapped where tensors are asked for."""
        self._uncompared = models.uncompared
        plain: Needs = {Run.FLOAT: (), Run.INT8: ()}
        if not self._all:
            return plain
        self._names = shared_tensors(models)
        return {
            **plain,
            Run.FLOAT_TENSORS: tuple(self._names),
            Run.INT8_TENSORS: tuple(self._names.values()),
        }

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        self._samples += batch.size
        reference, test = results[Run.FLOAT], results[Run.INT8]
        first = next(iter(reference), None)
        if first is None:
            self._predictions = None
        elif self._predictions is not None:
            rows = [predictions(array, batch.size) for array in (reference[first], test[first])]
            pair = [row for row in rows if row is not None]
            self._predictions = [*self._predictions, np.stack(pair)] if len(pair) == 2 else None
        for name, wanted in reference.items():
            self._add(self._outputs, name, wanted, test[name])
        if self._names:
            reference, test = results[Run.FLOAT_TENSORS], results[Run.INT8_TENSORS]
            for name, seen in self._names.items():
                self._add(self._tensors, name, reference[name], test[seen])

    def _add(
        self, accumulators: dict[str, ErrorAccumulator], name: str, reference: Array, test: Array
    ) -> None:
        if not (holds_numbers(reference) and holds_numbers(test)):
            self._left_out[name] = f"{name}: it does not hold numbers"
            return
        found = at_places_of(reference, test)
        if found is not test:
            shapes = f"{reference.shape} in float and {test.shape} in int8"
            differ = f"{name}: its shape differs, {shapes}"
            if found is None:
                self._left_out[name] = differ
            else:
                self._in_part[name] = f"{differ}; what int8 has no place for counts as 0"
        if found is not None:
            accumulators.setdefault(name, ErrorAccumulator()).add(reference, found)

    def result(self) -> Comparison:
        """What all batches together gave."""
        float_top1 = int8_top1 = agreement = reference = test = None
        if self._predictions is not None:
            both = np.concatenate(self._predictions, axis=1)
            reference, test = both[0], both[1]
            agreement = share_equal(reference, test)
            if self._labels is not None:
                float_top1, int8_top1 = (
                    share_equal(row, self._labels[: self._samples]) for row in (reference, test)
                )
        return Comparison(
            samples=self._samples,
            outputs=self._results(self._outputs),
            tensors=self._results(self._tensors),
            float_top1=float_top1,
            int8_top1=int8_top1,
            agreement=agreement,
            float_predictions=reference,
            int8_predictions=test,
            left_out=(
                *(f"{name}: not compared: {why}" for name, why in self._uncompared.items()),
                *self._left_out.values(),
            ),
            in_part=tuple(self._in_part.values()),
        )

    def _results(self, accumulators: Mapping[str, ErrorAccumulator]) -> dict[str, ErrorStats]:
        return {n: a.result() for n, a in accumulators.items() if n not in self._left_out}


def shared_tensors(models: Models) -> dict[str, str]:
    """Float tensor -> the tensor of the int8 graph to compare it with, in topological order.

    Where the tensor of that name is quantized and dequantized in the int8 graph, the result of
    that is meant, which is what its quantized consumers read.
    """
    graph = onnx.load_model_from_string(models.tapped_content).graph
    made = {name for node in graph.node for name in node.output}
    quantized = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    dequantized = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    names: dict[str, str] = {}
    for node in onnx.load_model_from_string(models.float_content).graph.node:
        for name in node.output:
            seen = models.tensor_map.get(name) or dequantized.get(quantized.get(name, ""), name)
            if name and seen in made:
                names[name] = seen
    return names
