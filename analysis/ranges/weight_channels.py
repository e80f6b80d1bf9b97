"""How a weight's output channels differ, and what each type costs it, with one scale or many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.error_model.sqnr import sqnr_db
from quant.model.model import Model, Node, Weight
from quant.numerics import params_from_range
from quant.types import PerChannel, PerTensor, QType, QuantSpec

TYPES = (QType.INT4, QType.INT8, QType.INT16)
"""The types that a recipe can give a weight."""

FAR = 3.5
"""An outlier's least modified z-score: B. Iglewicz and D. Hoaglin, "How to Detect and Handle
Outliers" (1993), which recommends this cutoff."""

ONE_BIT = 2.0
"""An outlier's least factor to the median channel. What is nearer loses, or costs the others, less
than one bit, however alike those are."""


@dataclass(frozen=True, eq=False)
class WeightChannels:
    """The channels of one weight, and its rounding error with one scale and with one for each.

    Attributes:
        node: The node.
        name: The initializer.
        shape: Its shape.
        qtype: The integer type the errors are for.
        low: float32, shape (C,): least weight of each channel, in real units.
        high: float32, shape (C,): greatest weight of each channel.
        per_tensor_db: float64, shape (C,): sqnr_db of each channel with one scale for the weight;
            infinite for a channel without error.
        per_channel_db: float64, shape (C,): sqnr_db of each channel with its own scale.
        whole_per_tensor_db: sqnr_db of the whole weight with one scale.
        whole_per_channel_db: sqnr_db of the whole weight with one scale for each channel.
    """

    node: str
    name: str
    shape: tuple[int, ...]
    qtype: QType
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    per_tensor_db: NDArray[np.float64]
    per_channel_db: NDArray[np.float64]
    whole_per_tensor_db: float
    whole_per_channel_db: float

    @cached_property
    def widths(self) -> NDArray[np.float32]:
        """The largest magnitude of each channel, float32 of shape (C,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @cached_property
    def median_width(self) -> float:
        """The middle of the widths, channels of zeros left out; 0 where there is no other."""
        live = self.widths[self.widths > 0]
        return float(np.median(live)) if live.size else 0.0

    @cached_property
    def wide(self) -> NDArray[np.intp]:
        """Channels far wider than the others, the widest first: one scale then serves them."""
        found = np.flatnonzero(self._far > 0)
        return found[np.argsort(-self.widths[found], kind="stable")]

    @cached_property
    def narrow(self) -> NDArray[np.intp]:
        """Channels far narrower than the others, the narrowest first: they lose codes."""
        found = np.flatnonzero(self._far < 0)
        return found[np.argsort(self.widths[found], kind="stable")]

    @cached_property
    def dead(self) -> NDArray[np.intp]:
        """Channels that hold nothing but zeros."""
        return np.flatnonzero(self.widths == 0)

    @cached_property
    def _far(self) -> NDArray[np.int8]:
        """1 for a wide outlier, -1 for a narrow one, else 0; int8 of shape (C,).

        Widths differ by factors, so the score is of their logarithms: 0.6745 times the distance
        from the median over the median of all distances.
        """
        far = np.zeros(self.widths.shape, np.int8)
        live = self.widths > 0
        if not live.any():
            return far
        logs = np.log2(self.widths[live].astype(np.float64))
        away = logs - np.median(logs)
        distance = np.abs(away)
        outside = 0.6745 * distance > FAR * np.median(distance)
        outside &= distance >= math.log2(ONE_BIT)
        far[live] = np.where(outside, np.sign(away), 0)
        return far

    @property
    def ratio(self) -> float:
        """The widest channel over the narrowest; channels of zeros do not count."""
        live = self.widths[self.widths > 0]
        return float(live.max() / live.min()) if live.size else 1.0

    @property
    def step(self) -> float:
        """With one scale for the whole weight: real units per step."""
        width = float(self.widths.max(initial=0.0))
        return width / self.qtype.qmax if width else 1.0

    @property
    def codes(self) -> NDArray[np.int64]:
        """The largest code that each channel reaches with one scale, int64 of shape (C,)."""
        return np.rint(self.widths / self.step).astype(np.int64)

    @property
    def median_gain_db(self) -> float:
        """What the middle channel gains in sqnr_db when every channel has its own scale."""
        live = np.isfinite(self.per_tensor_db) & np.isfinite(self.per_channel_db)
        if not live.any():
            return 0.0
        return float(np.median(self.per_channel_db[live] - self.per_tensor_db[live]))


@dataclass(frozen=True)
class WeightOption:
    """What one type would make of a weight.

    Attributes:
        qtype: The integer type.
        per_channel: Whether every channel has its own scale.
        sqnr_db: Predicted sqnr_db of the whole weight; infinite without error.
        size_bytes: Codes, scales and zero points as the exported file holds them.
    """

    qtype: QType
    per_channel: bool
    sqnr_db: float
    size_bytes: int


def weight_channels(model: Model, node: Node, qtype: QType = QType.INT8) -> WeightChannels | None:
    """Measure the channels of a node's weight.

    Args:
        model: The prepared model.
        node: One of its nodes.
        qtype: The integer type of the weight.

    Returns:
        The channels, or None where the node has no weight with output channels.
    """
    weight = node.weight
    if weight is None or weight.channel_axis is None:
        return None
    array = _by_channel(model, weight)
    low, high = array.min(axis=(0, 2)), array.max(axis=(0, 2))
    signal, noise = _signal(array), _noise(array, low, high, [(qtype, False), (qtype, True)])
    return WeightChannels(
        node=node.name,
        name=weight.name,
        shape=weight.shape,
        qtype=qtype,
        low=low,
        high=high,
        per_tensor_db=sqnr_db(signal, noise[0]),
        per_channel_db=sqnr_db(signal, noise[1]),
        whole_per_tensor_db=sqnr_db(float(signal.sum()), float(noise[0].sum())),
        whole_per_channel_db=sqnr_db(float(signal.sum()), float(noise[1].sum())),
    )


def weight_options(model: Model, node: Node) -> tuple[WeightOption, ...]:
    """What every type would make of a node's weight, with one scale and with one a channel.

    The error is that of the weight alone, over its own range. A bias that needs a larger scale to
    fit int32 is not looked at.

    Args:
        model: The prepared model.
        node: One of its nodes.

    Returns:
        The options, by type, one scale first; none where the node has no weight, and no option per
        channel where it has no output channels.
    """
    weight = node.weight
    if weight is None:
        return ()
    array = _by_channel(model, weight)
    low, high = array.min(axis=(0, 2)), array.max(axis=(0, 2))
    kinds = (False,) if weight.channel_axis is None else (False, True)
    ways = [(qtype, per_channel) for qtype in TYPES for per_channel in kinds]
    signal, noise = _signal(array), _noise(array, low, high, ways)
    return tuple(
        WeightOption(qtype, per_channel, sqnr_db(float(signal.sum()), float(found.sum())), size)
        for (qtype, per_channel), found in zip(ways, noise, strict=True)
        for size in [_bytes(qtype, array.size) + _params_bytes(qtype, len(low), per_channel)]
    )


def _by_channel(model: Model, weight: Weight) -> NDArray[np.float32]:
    """The weight with its channels in the middle of three axes: shape (n, C, m), in one block."""
    tensor = model.graph.graph.initializers[weight.name].const_value
    assert tensor is not None
    array = np.ascontiguousarray(tensor.numpy(), np.float32)
    if weight.channel_axis is None:
        return array.reshape(1, 1, -1)
    axis = weight.channel_axis % array.ndim
    before, after = math.prod(array.shape[:axis]), math.prod(array.shape[axis + 1 :])
    return array.reshape(before, array.shape[axis], after)


def _signal(array: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of squares of each channel, float64 of shape (C,)."""
    return np.einsum("icj,icj->c", array, array, dtype=np.float64)


def _noise(
    array: NDArray[np.float32],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    ways: Sequence[tuple[QType, bool]],
) -> NDArray[np.float64]:
    """Sum of squared errors of each channel, for each type with one scale or one a channel.

    Returns:
        float64, shape (len(ways), C).
    """
    scales = np.empty((len(ways), low.size), np.float32)
    for row, (qtype, per_channel) in enumerate(ways):
        granularity = PerChannel(0) if per_channel else PerTensor()
        spec = QuantSpec(qtype, symmetric=True, granularity=granularity, narrow_range=True)
        ends = (low, high) if per_channel else (low.min(), high.max())
        scales[row] = params_from_range(*ends, spec).scale
    limits = np.array([qtype.qmax for qtype, _ in ways], np.float32)
    noise = np.zeros((len(ways), low.size))
    kernels.load("weight_error").add_squared_errors(array, scales, limits, noise)
    return noise


def _bytes(qtype: QType, count: int) -> int:
    """Bytes of that many codes; codes of four bits share bytes."""
    return -(-count * qtype.bits // 8)


def _params_bytes(qtype: QType, channels: int, per_channel: bool) -> int:
    """Bytes of the float32 scales and of the zero points, which have the type of the codes."""
    count = channels if per_channel else 1
    return 4 * count + _bytes(qtype, count)
