"""How much of the noise of each tensor reaches the outputs, estimated from statistics alone.

One pass from the outputs back to the inputs. Noise is taken to be uncorrelated: it adds
up in power, a weight passes it on by its squares, a mean takes some of it away, and a Relu lets
through the part of a channel that lies above zero. Where an operator's rule is not known,
noise keeps its ratio to the signal.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from quant.error_model.channels import (
    channel_powers,
    fits,
    passed_back,
    summed_squares,
    weight_rows,
)
from quant.model.model import Model, Node
from quant.model.op_roles import Kind
from quant.statistics.tensor_stats import TensorStats

Real = NDArray[np.float64]

_LEAST_PASSED = 0.01
"""A Relu lets through at least this part, since a channel's ends are single values."""
MOST_GAIN = 1e200
"""A gain is no larger: an output that holds next to nothing would make products of gains that no
float64 holds, and their ratios mean as little."""
_QUIETEST = 1e-8
"""Channels of an output 80 dB under the loudest count like such a one."""
_MEANS = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean"})


def output_noise_gains(
    model: Model, stats: Mapping[str, TensorStats], correlation: float
) -> dict[str, Real]:
    """The gain of each tensor's noise to the outputs.

    Args:
        model: The prepared model.
        stats: Statistics of its tensors.
        correlation: How much of the way, in dB, noise goes from being uncorrelated (0) to keeping
            its ratio to the signal (1), at each node.

    Returns:
        Tensor -> float64 of shape (C,), or (1,) where channels are not known: the noise power of
        each channel (the mean noise power of the tensor) times this adds up to the noise of the
        outputs over their signal, the mean over outputs and their channels.
    """
    outputs = [info.name for info in model.outputs if info.name in stats]
    start: dict[str, Real] = {}
    for name in outputs:
        powers = channel_powers(stats[name])
        floor = max(float(powers.max()) * _QUIETEST, 1e-300)
        start[name] = 1 / (np.maximum(powers, floor) * powers.size * len(outputs))
    return _gains(model, stats, start, correlation)


def _gains(
    model: Model, stats: Mapping[str, TensorStats], start: Mapping[str, Real], correlation: float
) -> dict[str, Real]:
    """The gain of each tensor's noise, from those of the model's outputs."""
    found = dict(start)
    back = _BackwardNoise(model, stats, correlation)
    for node in reversed(model.nodes):
        for output in node.outputs:
            if output in found:
                for name, gains in back.inputs(node, output, found[output]):
                    found[name] = _added(found.get(name), gains)
    return found


def channel_noise_gains(
    model: Model, stats: Mapping[str, TensorStats]
) -> dict[str, NDArray[np.float32]]:
    """The gain of each channel over that of the channel of most, noise taken as uncorrelated.

    What counts is the noise of an output over the signal of the whole output: none of its channels
    is preferred. Only the ratio of a tensor's channels to one another is kept. All are alike where
    nothing of the tensor reaches an output.

    Args:
        model: The prepared model.
        stats: Statistics of its tensors.

    Returns:
        Tensor whose channels are known -> float32 of shape (C,), from 0 to 1.
    """
    outputs = [info.name for info in model.outputs if info.name in stats]
    start = {name: np.full(_size(stats[name]), 1 / _power(stats[name])) for name in outputs}
    gains = _gains(model, stats, start, correlation=0.0)
    found: dict[str, NDArray[np.float32]] = {}
    for name, item in stats.items():
        if item.channel_min is None:
            continue
        known = gains.get(name, np.zeros(1))
        most = float(known.max())
        usable = known.size == item.channel_min.size and most > 0
        relative = known / most if usable else np.ones(item.channel_min.size)
        found[name] = relative.astype(np.float32)
    return found


def _added(known: Real | None, gains: Real) -> Real:
    """The gains by all ways together."""
    if known is None:
        return gains
    return known + gains if known.size == gains.size else np.full(1, known.sum() + gains.sum())


class _BackwardNoise:
    """One step against the direction of the data: from a node's output to its inputs."""

    def __init__(self, model: Model, stats: Mapping[str, TensorStats], correlation: float) -> None:
        self._model = model
        self._stats = stats
        self._coherence = correlation

    def inputs(self, node: Node, output: str, gains: Real) -> list[tuple[str, Real]]:
        """The gains of a node's inputs from those of one of its outputs."""
        # A mask of minus 3.4e38 before an output that is silent passes more than a float64 holds.
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._passed(node, output, gains)
        return [(name, np.clip(np.nan_to_num(passed), 0.0, MOST_GAIN)) for name, passed in found]

    def _passed(self, node: Node, output: str, gains: Real) -> list[tuple[str, Real]]:
        stats = self._stats
        names = [node.inputs[i] for i in node.data] or list(node.inputs)
        names = [name for name in names if name in stats]
        if output not in stats:
            return [(name, _shaped(gains, _size(stats[name]))) for name in names]
        if node.op_type == "Concat":
            return _parts(names, gains, stats)
        if node.weight is not None:
            return [(name, self._weighted(node, name, output, gains)) for name in names]
        return [(name, self._plain(node, name, output, gains)) for name in names]

    def _weighted(self, node: Node, name: str, output: str, gains: Real) -> Real:
        before, after = self._stats[name], self._stats[output]
        assert node.weight is not None
        rows = weight_rows(node, self._model.constant(node.weight.name))
        if rows is None:
            return _kept(gains, before, after)
        squares = summed_squares(rows)
        size = _size(before) if fits(squares, _size(before)) else squares.shape[1]
        if not fits(squares, size):
            return _kept(gains, before, after)
        found = passed_back(squares, _shaped(gains, squares.shape[0]), size)
        return self._lasting(found, gains, before, after)

    def _plain(self, node: Node, name: str, output: str, gains: Real) -> Real:
        before, after = self._stats[name], self._stats[output]
        if node.op_type == "Split":
            return self._split(node, output, gains, _size(before))
        if node.op_type == "LayerNormalization":
            gains = gains * _norm_scales(self._model, node, gains)
        factor = self._factor(node, name, before, after)
        if factor is None:
            return _kept(gains, before, after)
        found = _shaped(gains, _size(before)) * factor
        lasting = node.op_type in _MEANS or node.op_type == "ReduceSum"
        return self._lasting(found, gains, before, after) if lasting else found

    def _split(self, node: Node, output: str, gains: Real, size: int) -> Real:
        """The gains of the channels that a Split puts into one output; none of the others."""
        sizes = [_size(self._stats[name]) if name in self._stats else 0 for name in node.outputs]
        if sum(sizes) != size:
            return _shaped(gains, size)
        first = sum(sizes[: node.outputs.index(output)])
        found = np.zeros(size)
        found[first : first + gains.size] = gains
        return found

    def _lasting(self, found: Real, gains: Real, before: TensorStats, after: TensorStats) -> Real:
        """Gains for noise that fades less than uncorrelated noise does.

        Rounding errors of neighbours are alike where values are, in flat regions of an image for
        one. How much more than noise the signal itself passes shows how much that may be.
        """
        as_noise = _arriving(found, before)
        ratio = _arriving(gains, after) / as_noise if as_noise > 0 else 1.0
        return found * max(ratio, 1.0) ** self._coherence

    def _factor(
        self, node: Node, name: str, before: TensorStats, after: TensorStats
    ) -> Real | float | None:
        """What a node without a weight multiplies noise power with; None where that is unknown."""
        factor: Real | float | None = None
        if node.clamp is not None:
            factor = _open_share(before)
        elif node.op_type in _MEANS:
            factor = min(after.count / max(before.count, 1), 1.0)
        elif node.op_type == "ReduceSum":
            factor = max(before.count / max(after.count, 1), 1.0)
        elif node.kind is Kind.SAME_SCALE or node.op_type in {"Add", "Sub", "Pad", "Resize"}:
            factor = 1.0
        elif node.op_type == "Mul":
            factor = _other_power(self._model, node, name, self._stats)
        elif node.op_type == "LayerNormalization":
            factor = 1 / _power(before)
        elif node.op_type == "Softmax":
            # An error of e in its input is one of e in the logarithm of its output.
            factor = _power(after)
        return factor


def _size(stats: TensorStats) -> int:
    return 1 if stats.channel_min is None else len(stats.channel_min)


def _power(stats: TensorStats) -> float:
    return max(stats.histogram.power(), 1e-300)


def _shaped(gains: Real, size: int) -> Real:
    """Gains for so many channels: the same ones, or their sum spread evenly."""
    return gains if gains.size == size else np.full(size, gains.sum() / size)


def _kept(gains: Real, before: TensorStats, after: TensorStats) -> Real:
    """Gains of an input whose noise keeps its ratio to the signal."""
    return np.full(_size(before), _arriving(gains, after) / (_power(before) * _size(before)))


def _arriving(gains: Real, stats: TensorStats) -> float:
    """What the signal of a tensor would make at the outputs if it were noise."""
    powers = channel_powers(stats)
    return float(_shaped(gains, powers.size) @ powers)


def _open_share(stats: TensorStats) -> Real:
    """The part of each channel's range that a Relu lets through."""
    if stats.channel_min is None or stats.channel_max is None:
        low, high = np.full(1, stats.low), np.full(1, stats.high)
    else:
        low = np.minimum(stats.channel_min.astype(np.float64), 0)
        high = np.maximum(stats.channel_max.astype(np.float64), 0)
    width = high - low
    share = np.divide(high, width, out=np.zeros(width.shape), where=width > 0)
    return np.maximum(share, _LEAST_PASSED)


def _other_power(model: Model, node: Node, name: str, stats: Mapping[str, TensorStats]) -> float:
    """Mean square of what a Mul multiplies ``name`` with."""
    for other in node.inputs:
        if other == name:
            continue
        if other in stats:
            return _power(stats[other])
        if other in model.graph.graph.initializers:
            return float(np.square(model.constant(other), dtype=np.float64).mean())
    return _power(stats[name])


def _norm_scales(model: Model, node: Node, gains: Real) -> Real:
    """What a LayerNormalization multiplies its channels with, squared."""
    if node.inputs[1] not in model.graph.graph.initializers:
        return np.ones(gains.shape)
    scale = np.square(model.constant(node.inputs[1]), dtype=np.float64).reshape(-1)
    return scale if scale.size == gains.size else np.full(gains.shape, scale.mean())


def _parts(
    names: list[str], gains: Real, stats: Mapping[str, TensorStats]
) -> list[tuple[str, Real]]:
    """The gains of what a Concat joins: its slice of the channels, or a part by size."""
    sizes = [_size(stats[name]) for name in names]
    if sum(sizes) == gains.size and math.prod(sizes) > 0:
        ends = np.cumsum([0, *sizes])
        return [
            (name, gains[start:end])
            for name, start, end in zip(names, ends[:-1], ends[1:], strict=True)
        ]
    counts = [stats[name].count for name in names]
    total = max(sum(counts), 1)
    return [
        (name, np.full(size, gains.sum() * count / total / size))
        for name, size, count in zip(names, sizes, counts, strict=True)
    ]
