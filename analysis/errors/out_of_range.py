"""How much of some data lies outside the ranges that were calibrated, tensor by tensor."""

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from quant.data.dataset import Dataset
from quant.execution.progress import OnProgress
from quant.pipeline import QuantizedModel
from quant.runtime.session import InferenceSession
from quant.runtime.together import run_sessions

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
    tallies = {name: _Tally(quantized, name) for name in quantized.plan.tensors}
    opened = partial(_sessions, quantized)
    with closing(run_sessions(opened, data, samples=samples, progress=progress)) as results:
        for batch, (found,) in results:
            values: Mapping[str, Array] = {**batch.feeds, **found}
            for name, tally in tallies.items():
                tally.add(values[name], batch.size)
    return {name: tally.result() for name, tally in tallies.items()}


def _sessions(quantized: QuantizedModel) -> tuple[InferenceSession]:
    model = quantized.float_model
    inputs = {info.name for info in model.inputs}
    names = tuple(name for name in quantized.plan.tensors if name not in inputs)
    return (InferenceSession(model.to_bytes(), taps=names, level="basic"),)


class _Tally:
    """Adds up what lies outside the range of one tensor."""

    def __init__(self, quantized: QuantizedModel, tensor: str) -> None:
        self._tensor = tensor
        low, high = quantized.params[tensor].representable
        self._low, self._high = float(low), float(high)
        self._min, self._max = math.inf, -math.inf
        self._shares: list[float] = []
        self._excess = self._power = 0.0
        self._count = 0

    def add(self, values: Array, samples: int) -> None:
        """Add the values of some samples; values that no sample owns count for each of them."""
        owned = values.shape[:1] == (samples,)
        rows = values.reshape(samples, -1) if owned else values.reshape(1, -1)
        for row in rows:
            real = row.astype(np.float64)
            beyond = np.maximum(self._low - real, real - self._high)
            share = float(np.count_nonzero(beyond > _ROUNDING * (self._high - self._low)))
            self._shares += [share / max(real.size, 1)] * (1 if owned else samples)
            self._excess += float(np.square(np.maximum(beyond, 0)).sum())
            self._power += float(np.square(real).sum())
            self._count += real.size
            if real.size:
                self._min, self._max = min(self._min, real.min()), max(self._max, real.max())

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
