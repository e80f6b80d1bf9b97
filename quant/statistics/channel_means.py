"""The mean of each channel that a weight multiplies: exact sums over samples.

A weight that is rounded moves the mean of what it computes by its rounding errors times the means
of its inputs. Samples weigh alike. Each sample's means are float32 numbers, whole multiples of
2**-149, and those are added up as whole numbers, so that neither the order of samples nor how runs
are merged changes the sum.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.model.model import Model, Node

_UNIT_BITS = 149
_FRACTION = (1 << 23) - 1
_DIGIT_BITS = 32
DIGITS = 10
"""A float32 has 277 bits above 2**-149; the rest is room for two billion samples."""


@dataclass(frozen=True, eq=False)
class ChannelSums:
    """Sums over samples of each channel's mean, in units of 2**-149.

    Attributes:
        below: int64, shape (10, C): digits to the base 2**32 of the sum of the means below zero,
            the least first; each is less than 2**32.
        above: The same of those above zero.
        samples: How many samples were added up.
    """

    below: NDArray[np.int64]
    above: NDArray[np.int64]
    samples: int

    def __add__(self, other: "ChannelSums") -> "ChannelSums":
        """The sums over the samples of both.

        Raises:
            ValueError: If they have another number of channels.
        """
        if self.below.shape != other.below.shape:
            raise ValueError(
                f"no sums of {self.below.shape[1]} and {other.below.shape[1]} channels together"
            )
        below, above = self.below + other.below, self.above + other.above
        return ChannelSums(_carried(below), _carried(above), self.samples + other.samples)

    def mean(self) -> NDArray[np.float64]:
        """The mean of each channel over all samples, float64 of shape (C,), in real units."""
        weights = np.ldexp(1.0, np.arange(DIGITS) * _DIGIT_BITS - _UNIT_BITS)
        return (weights @ self.above - weights @ self.below) / max(self.samples, 1)

    @classmethod
    def of(cls, means: NDArray[np.float32]) -> "ChannelSums":
        """The sums of some samples' means, float32 of shape (samples, C)."""
        return cls(
            _summed(np.maximum(-means, 0)), _summed(np.maximum(means, 0)), samples=len(means)
        )


def _summed(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The digits of the sum over axis 0 of values of which none is below zero."""
    bits = np.ascontiguousarray(values).view(np.int32).astype(np.int64)
    exponent = bits >> 23
    significand = (bits & _FRACTION) | ((exponent > 0).astype(np.int64) << 23)
    digit, shift = np.divmod(np.maximum(exponent, 1) - 1, _DIGIT_BITS)
    shifted = significand << shift
    channels = np.zeros(values.shape, np.int64) + np.arange(values.shape[1], dtype=np.int64)
    total = np.zeros((DIGITS, values.shape[1]), np.int64)
    np.add.at(total, (digit, channels), shifted & ((1 << _DIGIT_BITS) - 1))
    np.add.at(total, (digit + 1, channels), shifted >> _DIGIT_BITS)
    return _carried(total)


def _carried(digits: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same number with every digit below the base."""
    found = digits.copy()
    for place in range(DIGITS - 1):
        found[place + 1] += found[place] >> _DIGIT_BITS
        found[place] &= (1 << _DIGIT_BITS) - 1
    return found


def multiplied_axes(model: Model) -> dict[str, int]:
    """The tensors that weights multiply, and the axis over which each weight sums.

    Tensors whose axis is not known, is that of the samples, or differs between their readers are
    left out.
    """
    found: dict[str, set[int]] = {}
    for node in model.nodes:
        if node.weight is None or not node.data:
            continue
        name = node.inputs[node.data[0]]
        found.setdefault(name, set()).add(_axis(model, node))
    return {name: axes.pop() for name, axes in found.items() if len(axes) == 1 and min(axes) > 0}


def _axis(model: Model, node: Node) -> int:
    """The axis of a node's input that its weight sums over; 0 where that is not one of channels."""
    rank = model.tensors[node.inputs[node.data[0]]].rank
    assert node.weight is not None
    if node.op_type in {"Conv", "ConvTranspose"}:
        return 1
    if rank is None or len(node.weight.shape) != 2:
        return 0
    if node.op_type == "MatMul":
        return rank - 1 if node.weight.index == 1 else rank - 2
    transposed = any(
        found.name == node.name and "transA" in found.attributes
        for found in model.graph.graph
        if found.op_type == "Gemm"
    )
    return 1 if node.op_type == "Gemm" and not transposed else 0


_TOGETHER = 256
"""Samples whose means are added up at once: it takes some dozen NumPy calls for so many."""


class _Scratch(threading.local):
    """Memory for what a Relu makes of a sample; fresh memory takes longer than the work."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.float32)

    def rectified(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """``max(x, 0)``, until the next call in this thread."""
        if self._memory.size < x.size:
            self._memory = np.empty(x.size, np.float32)
        return np.maximum(x, np.float32(0), out=self._memory[: x.size].reshape(x.shape))


_SCRATCH = _Scratch()


def _means(x: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The mean of each channel, float32 of shape (C,)."""
    inner = math.prod(x.shape[axis + 1 :])
    channels = x.reshape(-1, x.shape[axis], inner)
    if inner == 1:
        return channels[:, :, 0].mean(axis=0)
    return channels.mean(axis=2).mean(axis=0)


class ChannelMeans:
    """Adds up the means of one tensor's channels, from batches in whatever order.

    Attributes:
        name: The tensor.
    """

    def __init__(self, name: str, axis: int, *, rectified: bool = False) -> None:
        """Start with nothing.

        Args:
            name: The tensor.
            axis: The axis of its channels, not 0.
            rectified: Whether it is what a Relu makes of the values that :meth:`add` is given.
        """
        self.name = name
        self._axis = axis
        self._rectified = rectified
        self._total: ChannelSums | None = None
        self._known = True
        self._waiting: list[NDArray[np.float32]] = []
        self._lock = threading.Lock()

    def add(self, x: NDArray[np.float32], samples: int) -> None:
        """Add a batch.

        Args:
            x: float32, finite, the samples one after the other along axis 0.
            samples: How many there are.
        """
        if not self._known or not x.size:
            return
        if x.ndim <= self._axis or x.shape[0] % samples:
            self._known = False
            return
        rows = x.shape[0] // samples
        means = np.empty((samples, x.shape[self._axis]), np.float32)
        for index in range(samples):  # one by one: sums must not depend on the batch
            sample = x[index * rows : (index + 1) * rows]
            means[index] = _means(
                _SCRATCH.rectified(sample) if self._rectified else sample, self._axis
            )
        with self._lock:
            self._waiting.append(means)
            if sum(map(len, self._waiting)) >= _TOGETHER:
                self._fold()

    def _fold(self) -> None:
        """Add up the means that wait."""
        if not self._waiting:
            return
        if len({means.shape[1] for means in self._waiting}) > 1:
            self._known = False
            return
        found = ChannelSums.of(np.concatenate(self._waiting))
        self._waiting = []
        if self._total is None:
            self._total = found
        elif self._total.below.shape == found.below.shape:
            self._total += found
        else:
            self._known = False

    def result(self) -> ChannelSums | None:
        """The sums of all batches; None without values, or where channels vary in number."""
        with self._lock:
            self._fold()
        return self._total if self._known else None
