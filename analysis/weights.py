"""How a weight's output channels differ, and what one scale for all of them costs."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.model import Model, Node
from quant.numerics import fake_quantize, params_from_range
from quant.types import PerChannel, PerTensor, QType, QuantSpec


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

    @property
    def widths(self) -> NDArray[np.float32]:
        """The largest magnitude of each channel, float32 of shape (C,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

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
    tensor = model.graph.graph.initializers[weight.name].const_value
    assert tensor is not None
    array = np.moveaxis(np.asarray(tensor.numpy(), np.float32), weight.channel_axis, 0)
    rows = np.ascontiguousarray(array).reshape(array.shape[0], -1)
    low, high = rows.min(axis=1), rows.max(axis=1)
    signal = np.square(rows, dtype=np.float64).sum(axis=1)
    noise: list[NDArray[np.float64]] = []
    for granularity in (PerTensor(), PerChannel(0)):
        spec = QuantSpec(qtype, symmetric=True, granularity=granularity, narrow_range=True)
        ends = (low, high) if isinstance(granularity, PerChannel) else (low.min(), high.max())
        error = fake_quantize(rows, params_from_range(*ends, spec)).astype(np.float64) - rows
        noise.append(np.square(error, out=error).sum(axis=1))
    return WeightChannels(
        node=node.name,
        name=weight.name,
        shape=weight.shape,
        qtype=qtype,
        low=low,
        high=high,
        per_tensor_db=_db(signal, noise[0]),
        per_channel_db=_db(signal, noise[1]),
        whole_per_tensor_db=_whole_db(signal, noise[0]),
        whole_per_channel_db=_whole_db(signal, noise[1]),
    )


def _db(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """10 log10(signal / noise); infinite without noise."""
    ratio = np.full(signal.shape, np.inf)
    np.divide(signal, noise, out=ratio, where=noise > 0)
    return 10 * np.log10(ratio)


def _whole_db(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    total = float(noise.sum())
    return 10 * math.log10(float(signal.sum()) / total) if total else math.inf
