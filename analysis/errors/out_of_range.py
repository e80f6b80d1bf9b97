"""How much of some data lies outside the ranges that were calibrated, tensor by tensor."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors.measuring import measure
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Run, RunResults
from analysis.errors.tensor_error import dot
from quant.data.dataset import Batch, Dataset
from quant.execution.progress import OnProgress
from quant.numerics import along
from quant.pipeline import QuantizedModel
from quant.types import PerChannel

Array = NDArray[np.generic]

_ROUNDING = 2.0**-22
"""A scale is a float32: the ends of a range are known to this part of it."""


@dataclass(frozen=True, eq=False)
class OutOfRange:
    """The values of one tensor, on float inputs, against what its codes can represent.

    Attributes:
        tensor: The tensor.
        min: The least value, in real units.
        max: The greatest.
        shares: float64, shape (samples,): share of each sample's values outside, 0 to 1.
        excess: Mean over all values of the squared distance to the range, in squared real units.
        power: Mean of the squared values.
    """

    tensor: str
    min: float
    max: float
    shares: NDArray[np.float64]
    excess: float
    power: float

    @property
    def worst(self) -> tuple[int, ...]:
        """The samples with a value outside, the one with the largest share first."""
        order = np.argsort(-self.shares, kind="stable")
        return tuple(int(i) for i in order if self.shares[i] > 0)


def out_of_range(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> dict[str, OutOfRange]:
    """Run the float model and hold every quantized tensor against its representable range.

    Args:
        quantized: The int8 model.
        data: Evaluation data, matched to the model.
        samples: Use the first so many samples; None for all.
        progress: Called after every batch and at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`.

    Returns:
        Tensor -> what lies outside, for every quantized activation.
    """
    observer = OutOfRangeAccumulator(quantized)
    models = FileRuns(quantized.float_model, quantized)
    measure(models, data, [observer], samples=samples, progress=progress)
    return observer.result()


class OutOfRangeAccumulator(Observer[Models, dict[str, OutOfRange]]):
    """Adds up what :func:`out_of_range` gives.

    Args:
        quantized: The int8 model.
    """

    def __init__(self, quantized: QuantizedModel) -> None:
        inputs = {info.name for info in quantized.float_model.inputs}
        self._taps = tuple(name for name in quantized.plan.tensors if name not in inputs)
        self._tensors = {
            name: _RangeAccumulator(quantized, name) for name in quantized.plan.tensors
        }

    def needs(self, models: Models) -> Needs:
        """The float model, tapped at what is quantized."""
        del models
        return {Run.FLOAT_TENSORS: self._taps}

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        values: Mapping[str, Array] = {**batch.own(batch.feeds), **results[Run.FLOAT_TENSORS]}
        for name, tensor in self._tensors.items():
            tensor.add(values[name], batch.size)

    def result(self) -> dict[str, OutOfRange]:
        """Tensor -> what lies outside."""
        return {name: tensor.result() for name, tensor in self._tensors.items()}


class _RangeAccumulator:
    """Adds up what lies outside the range of one tensor."""

    def __init__(self, quantized: QuantizedModel, tensor: str) -> None:
        self._tensor = tensor
        params = quantized.channel_params(tensor)
        self._low, self._high = params.representable
        granularity = params.spec.granularity
        self._axis = granularity.axis if isinstance(granularity, PerChannel) else None
        self._min, self._max = math.inf, -math.inf
        self._shares: list[float] = []
        self._excess = self._power = 0.0
        self._count = 0

    def add(self, values: Array, samples: int) -> None:
        """Add the values of some samples; values that no sample owns count for each of them."""
        owned = values.shape[:1] == (samples,)
        rows = values.reshape(samples, -1) if owned else values.reshape(1, -1)
        ends = (self._beside(values, end, len(rows)) for end in (self._low, self._high))
        for row, low, high in zip(rows, *ends, strict=True):
            real = row.astype(np.float64)
            share = 0.0
            if real.size:
                least, most = float(real.min()), float(real.max())
                self._min, self._max = min(self._min, least), max(self._max, most)
                if least < low.max() or most > high.min():
                    share = self._beyond(real, low, high)
            self._shares += [share] * (1 if owned else samples)
            self._power += dot(real, real)
            self._count += real.size

    def _beside(self, values: Array, end: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
        """An end of the range beside each row: one number, or one for each of its values."""
        if self._axis is None:
            return np.broadcast_to(end, (rows, 1))
        shaped = along(end, self._axis, values.ndim)
        return np.broadcast_to(shaped, values.shape).reshape(rows, -1)

    def _beyond(
        self, real: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> float:
        """Add up how far values lie outside; the share of those that do."""
        beyond = np.maximum(low - real, real - high)
        np.maximum(beyond, 0, out=beyond)
        self._excess += dot(beyond, beyond)
        outside = np.count_nonzero(beyond > _ROUNDING * (high - low))
        return float(outside) / real.size

    def result(self) -> OutOfRange:
        """What all samples together gave."""
        count = max(self._count, 1)
        return OutOfRange(
            tensor=self._tensor,
            min=float(self._min),
            max=float(self._max),
            shares=np.array(self._shares),
            excess=self._excess / count,
            power=self._power / count,
        )
