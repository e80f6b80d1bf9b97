"""Errors slice by slice, for tensors that join quantities of different size along an axis.

The error of a whole tensor is that of its largest values: a detector's boxes hide its scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors.measuring import measure
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Run, RunResults
from quant.data.dataset import Batch, Dataset
from quant.error_model.differences import differences
from quant.error_model.sqnr import sqnr_db
from quant.execution.progress import OnProgress
from quant.model.model import Model
from quant.pipeline import QuantizedModel

Array = NDArray[np.generic]
Real = NDArray[np.float64]

MOST_SLICES = 4096
"""An axis that is longer is not looked at."""


@dataclass(frozen=True, eq=False)
class SliceErrors:
    """The cumulative error of a tensor, one number for each index along an axis.

    Attributes:
        tensor: The tensor.
        axis: The axis.
        signal: float64, shape (S,): sum of the squared float values of each slice.
        noise: float64, shape (S,): sum of the squared differences to int8.
        parts: For a Concat along this axis: its inputs with their first slice and the one behind
            their last; empty otherwise.
    """

    tensor: str
    axis: int
    signal: Real
    noise: Real
    parts: tuple[tuple[str, int, int], ...] = ()

    @property
    def sqnr_db(self) -> Real:
        """sqnr_db of each slice, float64 of shape (S,); infinite without noise."""
        return sqnr_db(self.signal, self.noise)

    @property
    def whole_db(self) -> float:
        """sqnr_db of the whole tensor."""
        return sqnr_db(float(self.signal.sum()), float(self.noise.sum()))

    def part_db(self, start: int, end: int) -> float:
        """sqnr_db of slices ``start`` to ``end``, without the latter."""
        span = slice(start, end)
        return sqnr_db(float(self.signal[span].sum()), float(self.noise[span].sum()))


def slice_errors(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> dict[str, SliceErrors]:
    """Measure the error of each slice of every output, and of what every Concat gives.

    An output is sliced along the shortest of its axes behind the first that is longer than 1, a
    Concat along its own.

    Args:
        quantized: The int8 model.
        data: Evaluation data, matched to the model.
        samples: Use the first so many samples; None for all.
        progress: Called after every batch and at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`.

    Returns:
        Tensor -> the errors of its slices; tensors with one slice are left out.
    """
    observer = SliceErrorAccumulator(quantized)
    models = FileRuns(quantized.float_model, quantized)
    measure(models, data, [observer], samples=samples, progress=progress)
    return observer.result()


class SliceErrorAccumulator(Observer[Models, dict[str, SliceErrors]]):
    """Adds up what :func:`slice_errors` gives.

    Args:
        quantized: The int8 model.
    """

    def __init__(self, quantized: QuantizedModel) -> None:
        self._model = quantized.float_model
        joins = concat_axes(self._model)
        self._names = _watched(quantized, joins)
        self._slices = {name: _SliceAccumulator(joins.get(name)) for name in self._names}

    def needs(self, models: Models) -> Needs:
        """Both models, tapped at the outputs and what each Concat gives."""
        del models
        return {
            Run.FLOAT_TENSORS: tuple(self._names),
            Run.INT8_TENSORS: tuple(self._names.values()),
        }

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        del batch
        for name, seen in self._names.items():
            pair = results[Run.FLOAT_TENSORS][name], results[Run.INT8_TENSORS][seen]
            self._slices[name].add(*pair)

    def result(self) -> dict[str, SliceErrors]:
        """Tensor -> the errors of its slices; tensors with one slice are left out."""
        found = {name: slices.result(name, self._model) for name, slices in self._slices.items()}
        return {name: errors for name, errors in found.items() if errors is not None}


def concat_axes(model: Model) -> dict[str, int]:
    """The axis along which each Concat joins, by the tensor it gives."""
    found: dict[str, int] = {}
    for node in model.graph.graph:
        axis = node.attributes.get("axis")
        if node.op_type == "Concat" and axis is not None:
            found[str(node.outputs[0].name)] = axis.as_int()
    return found


def _watched(quantized: QuantizedModel, joins: Mapping[str, int]) -> dict[str, str]:
    """Float tensor -> the tensor of the int8 graph to compare it with."""
    made = {str(v.name) for node in quantized.graph.graph for v in node.outputs}
    outputs = [info.name for info in quantized.float_model.outputs]
    names = {name: quantized.tensor_map.get(name, name) for name in joins if name not in outputs}
    names |= {name: name for name in outputs if name in quantized.float_model.producers}
    tensors = quantized.float_model.tensors
    return {n: s for n, s in names.items() if s in made and tensors[n].dtype == "FLOAT"}


class _SliceAccumulator:
    """Adds up the slices of one tensor."""

    def __init__(self, axis: int | None) -> None:
        self._axis = axis
        self._signal = self._noise = np.zeros(0)
        self._usable = True

    def add(self, reference: Array, test: Array) -> None:
        """Add a batch."""
        if self._axis is None:
            self._axis = _shortest(reference.shape)
        axis = self._axis
        if (
            axis is None
            or reference.shape != test.shape
            or not -reference.ndim <= axis < (reference.ndim)
        ):
            self._usable = False
            return
        self._axis = axis % reference.ndim
        rest = tuple(i for i in range(reference.ndim) if i != self._axis)
        ref, difference = differences(reference, test)
        signal = np.square(ref).sum(axis=rest)
        if self._signal.size not in {0, signal.size} or signal.size > MOST_SLICES:
            self._usable = False
            return
        noise = np.square(difference).sum(axis=rest)
        self._signal = self._signal + signal if self._signal.size else signal
        self._noise = self._noise + noise if self._noise.size else noise

    def result(self, name: str, model: Model) -> SliceErrors | None:
        """The errors, or None where slices could not be told apart."""
        if not self._usable or self._axis is None or self._signal.size < 2:
            return None
        parts = _parts(name, self._axis, self._signal.size, model)
        return SliceErrors(name, self._axis, self._signal, self._noise, parts)


def _shortest(shape: tuple[int, ...]) -> int | None:
    lengths = [(length, axis) for axis, length in enumerate(shape) if axis and length > 1]
    return min(lengths)[1] if lengths else None


def _parts(name: str, axis: int, size: int, model: Model) -> tuple[tuple[str, int, int], ...]:
    """Which slices of a Concat come from which input, where the lengths are known."""
    node = model.producers.get(name)
    if node is None or node.op_type != "Concat":
        return ()
    lengths: list[int] = []
    for source in node.inputs:
        shape = model.tensors[source].shape if source in model.tensors else None
        length = shape[axis] if shape is not None and axis < len(shape) else None
        lengths.append(length if isinstance(length, int) else 0)
    if sum(lengths) != size or 0 in lengths:
        return ()
    ends = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    return tuple(zip(node.inputs, ends[:-1], ends[1:], strict=True))
