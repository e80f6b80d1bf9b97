"""Choose what to divide the channels of an input by, from what that does to all rounding errors.

A quiet channel divided by a factor below 1 is rounded more finely, and the weights that it meets
more coarsely. What a set of factors does to the power of the error of what is computed is known
but for constants: (factor * scale)^2 / 12 for each value that is rounded, step^2 / 12 for each
weight, times what meets it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.error_model.channels import (
    channel_excess,
    channel_powers,
    channel_widths,
    passed_back,
    summed_squares,
    weight_rows,
)
from quant.error_model.local_error import local_error
from quant.params.constants import INT32_LIMIT
from quant.params.equalized import ChannelFactors, computing_conv, integer_bias, met_factor
from quant.planning.plan import NodePlan
from quant.repairs.draft import Draft
from quant.statistics.tensor_stats import TensorStats
from quant.types import QType, QuantParams

Real = NDArray[np.float64]

MOST: Final = 16.0
"""The largest factor, and one over the least: what a few samples saw of a channel is no bound for
what others do."""

_LARGEST_BIAS: Final = INT32_LIMIT / 2 / MOST
"""The codes of a bias, at most: they grow as the steps of its weight shrink."""

_LEAST_VALUES: Final = 300
"""Values of each channel that calibration saw, at least."""

_MARGIN: Final = 0.3
"""How far a channel's range goes beyond what was seen of it, on either side, in widths of that."""

_EXPONENTS: Final = (1.0, 0.75, 0.5, 0.25)
"""How far the factors follow the ranges of the channels."""

_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class _Weight:
    """What is needed of a weight beside a tensor.

    Attributes:
        squares: Its squares summed over the taps, float64 of shape (O, I), I channels of a group.
        peaks: Its largest magnitudes over the taps, float64 of shape (O, I).
        taps: How many there are.
        largest_code: What the largest magnitude is rounded to.
        per_channel: Whether that is of each output channel or of all.
    """

    squares: Real
    peaks: Real
    taps: int
    largest_code: int
    per_channel: bool

    @property
    def depthwise(self) -> bool:
        """Whether the scale of each output channel serves one input channel alone."""
        return self.peaks.shape[1] == 1 and self.per_channel

    def met(self, values: Real) -> Real:
        """Numbers of the input channels, (C,), as the output channels meet them, (O, I)."""
        outputs, inputs = self.squares.shape
        groups = values.size // inputs
        return np.repeat(values.reshape(groups, inputs), outputs // groups, axis=0)

    def read_noise(self, factors: Real, powers: Real) -> float:
        """Power of the error that rounding the weight times factors makes, over all outputs."""
        met = self.met(factors)
        inputs = (self.met(powers) / np.square(met)).sum(axis=1)
        return float((self._step_powers(self.peaks * met) * self.taps * inputs).sum())

    def made_noise(self, factors: Real, powers: Real) -> Real:
        """The same for each output channel, (O,), where those are divided by factors."""
        inputs = self.met(powers).sum(axis=1)
        steps = self._step_powers(self.peaks / factors[:, None])
        return steps * np.square(factors) * self.taps * inputs

    def _step_powers(self, peaks: Real) -> Real:
        rows = peaks.max(axis=1)
        largest = rows if self.per_channel else np.full(rows.shape, rows.max(initial=0))
        return np.square(largest / self.largest_code) / 12


@dataclass(frozen=True, eq=False)
class _Site:
    """A tensor whose channels may be divided, and the weights beside it.

    Attributes:
        stats: Its statistics.
        whole: What it is rounded with.
        readers: The weights that multiply it.
        maker: The weight with one scale of the Conv that would take the division in, and the
            powers of its input channels; None where none would, or it has a scale for each channel.
    """

    stats: TensorStats
    whole: QuantParams
    readers: Sequence[_Weight]
    maker: tuple[_Weight, Real] | None

    @property
    def depthwise(self) -> bool:
        """Whether factors of any size cost the weights nothing."""
        return all(weight.depthwise for weight in self.readers)

    def error(self) -> Callable[[Real], float]:
        """The expected power of the error that factors leave behind the readers."""
        size = channel_widths(self.stats).size
        powers = channel_powers(self.stats)
        gains = np.zeros(size)
        for reader in self.readers:
            gains += passed_back(reader.squares, np.ones(len(reader.squares)), size)
        axis = self.stats.channel_axis or 0
        beyond = channel_excess(self.stats, self.whole)
        clipped = local_error(self.stats, self.whole).clipping_mse * size
        clipped_powers = clipped * np.square(beyond) / max(float(np.square(beyond).sum()), _TINY)
        beyond = np.maximum(beyond, _TINY)

        def error(factors: Real) -> float:
            own = ChannelFactors(axis, factors.astype(np.float32))
            noise = np.square(float(self.whole.scale) * factors) / 12
            left = channel_excess(self.stats, own.of_channels(self.whole))
            noise += clipped_powers * np.square(np.minimum(left / beyond, 1.0))
            if self.maker is not None:
                weight, inputs = self.maker
                noise += weight.made_noise(factors, inputs)
            read = sum(reader.read_noise(factors, powers) for reader in self.readers)
            return float((noise * gains).sum()) + read

        return error


def with_chosen_factors(draft: Draft, tensors: Iterable[str], *, least_gain: float) -> Draft:
    """A draft in which the channels of some tensors are divided, where that is expected to win.

    Args:
        draft: What was decided so far.
        tensors: Activations that quantized nodes read.
        least_gain: As for :func:`chosen_factors`.
    """
    found = {name: chosen_factors(draft, name, least_gain=least_gain) for name in tensors}
    chosen = {name: factors for name, factors in found.items() if factors is not None}
    return replace(draft, factors={**draft.factors, **chosen})


def chosen_factors(draft: Draft, tensor: str, *, least_gain: float) -> ChannelFactors | None:
    """The factors that leave least error, from several ways to follow the ranges of channels.

    Args:
        draft: What was decided so far.
        tensor: An activation that quantized nodes read, rounded or not.
        least_gain: Power of the expected error without them over that with them, at least.

    Returns:
        The factors; None where they gain less, or a reader's weight cannot take them in.
    """
    site = _site(draft, tensor)
    needed = None if site is None else _needed(draft, tensor, site)
    if site is None or needed is None or site.stats.channel_axis is None:
        return None
    tried: Mapping[float, Real] = {exponent: needed**exponent for exponent in _EXPONENTS}
    error = site.error()
    errors = {exponent: error(factors) for exponent, factors in tried.items()}
    best = min(errors, key=lambda exponent: errors[exponent])
    if error(np.ones(needed.size)) < least_gain * errors[best]:
        return None
    return ChannelFactors(site.stats.channel_axis, tried[best].astype(np.float32))


def _site(draft: Draft, tensor: str) -> _Site | None:
    """A tensor that nobody else shares a scale with, if all that compute on it take factors."""
    planned, stats = draft.plan.activations[tensor], draft.calibration.tensors.get(tensor)
    alone = len(draft.plan.group_of(tensor).members) == 1
    if stats is None or not alone or draft.has_own_scales(tensor):
        return None
    if planned.spec.qtype.bits != QType.UINT8.bits:
        return None
    names = dict.fromkeys(name for name in draft.model.consumers.get(tensor, ()) if name)
    items = [item for name in names if (item := draft.plan.nodes[name]).quantized]
    readers = [_reader(draft, item, tensor, stats) for item in items]
    if not readers or not all(readers):
        return None
    found = [reader for reader in readers if reader is not None]
    return _Site(stats, draft.activations[tensor], found, _maker(draft, tensor))


def _reader(draft: Draft, item: NodePlan, tensor: str, stats: TensorStats) -> _Weight | None:
    """The weight by which a node multiplies a tensor; None where that is not known."""
    node = item.node
    if len(node.data) != 1 or node.inputs[node.data[0]] != tensor:
        return None
    if met_factor(draft.model, node, channel_widths(stats).astype(np.float32)) is None:
        return None
    bias = integer_bias(draft.constants, node.name)
    large = bias is not None and np.abs(bias.codes.astype(np.float64)).max() > _LARGEST_BIAS
    return None if large else _weight(draft, item)


def _maker(draft: Draft, tensor: str) -> tuple[_Weight, Real] | None:
    """The weight of the Conv that computes a tensor, and the powers of its input channels."""
    conv = computing_conv(draft.model, draft.plan, tensor)
    if conv is None or not draft.plan.activations[tensor].produced:
        return None
    weight = _weight(draft, draft.plan.nodes[conv.name])
    stats = draft.calibration.tensors.get(conv.inputs[conv.data[0]])
    if weight is None or weight.per_channel or stats is None:
        return None
    powers = channel_powers(stats)
    if powers.size % weight.squares.shape[1]:
        powers = np.full(weight.squares.shape[1], float(powers.mean()))
    return weight, powers


def _weight(draft: Draft, item: NodePlan) -> _Weight | None:
    weight = item.node.weight
    rows = None if weight is None else weight_rows(item.node, draft.model.constant(weight.name))
    if rows is None or weight is None:
        return None
    return _Weight(
        summed_squares(rows),
        np.abs(rows).max(axis=2).astype(np.float64),
        rows.shape[2],
        item.settings.weight_type.qmax,
        item.settings.per_channel and weight.channel_axis is not None,
    )


def _needed(draft: Draft, tensor: str, site: _Site) -> Real | None:
    """The range of each channel over that of the tensor; None where it is not known.

    Where it costs weights nothing, a channel may have a wider range than the tensor has.
    """
    stats = site.stats
    if stats.channel_min is None or stats.channel_max is None:
        return None
    if stats.count < _LEAST_VALUES * stats.channel_min.size:
        return None
    low, high = (float(end) for end in site.whole.representable)
    least, most = stats.channel_min.astype(np.float64), stats.channel_max.astype(np.float64)
    margin = (most - least) * _MARGIN
    least, most = least - margin, most + margin
    fixed = draft.plan.activations[tensor].settings.range is not None
    widest = MOST if site.depthwise and not fixed else 1.0
    clamp = draft.model.producers[tensor].clamp if tensor in draft.model.producers else None
    if clamp is not None:  # which the ends of the codes may stand for
        least, most = np.maximum(least, clamp[0]), np.minimum(most, clamp[1])
        widest = widest if clamp[0] in {0.0, -math.inf} else 1.0
    above = most / high if high > 0 else np.zeros(most.shape)
    below = least / low if low < 0 else np.zeros(most.shape)
    return np.clip(np.maximum(above, below), 1 / MOST, widest)
