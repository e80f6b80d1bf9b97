"""Where the noise of an int8 model comes from, estimated from statistics alone.

Each quantized activation and each quantized weight adds noise, of which a part reaches the outputs
(:mod:`quant.error_model.noise_gain`). What a change would take away from the sum of these shares is
what it can win. Where the sensitivity of a unit was measured, its shares are scaled to that. It is
an estimate to rank causes by, not a prediction of the output's error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.noise.consumed_error import clipping_by_channel, consumed_error
from quant.error_model.channels import (
    channel_powers,
    channel_widths,
    fits,
    passed_on,
    summed_squares,
    weight_rows,
)
from quant.error_model.context import kept_noise_gains, tensor_contexts
from quant.error_model.local_error import LocalError
from quant.error_model.sqnr import gain_db, sqnr_db
from quant.model.op_roles import Kind
from quant.numerics import fake_quantize, params_from_range
from quant.params.constants import weight_params
from quant.pipeline import QuantizedModel
from quant.statistics.calibration import Calibration
from quant.types import QuantParams, QuantSpec

Real = NDArray[np.float64]

ACTIVATION_CORRELATION = 0.6
WEIGHT_CORRELATION = 0.75
"""How far noise is from being uncorrelated, see
:func:`quant.error_model.noise_gain.output_noise_gains`; an error of a weight is
the same everywhere, so it fades less. Fitted on the sample models, each tensor quantized alone: the
estimate is then right on average and within 5 dB (one standard deviation) for activations, 6 dB for
weights."""


_SPREAD = 1 / 32
"""A channel's power over the square of its largest value, at least; the whole tensor says less
where one channel rarely spikes."""


class Measured(Protocol):
    """What is read of a measured sensitivity or benefit."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the unit."""
        ...

    @property
    def sqnr_db(self) -> float:
        """Output sqnr_db of the variant, the least over the outputs."""
        ...


@dataclass(frozen=True)
class NoiseSource:
    """One source of noise: a quantized tensor, or the quantized weight of a node."""

    kind: str
    name: str


def tensor(name: str) -> NoiseSource:
    """The noise of quantizing an activation."""
    return NoiseSource("tensor", name)


def weight(node: str) -> NoiseSource:
    """The noise of quantizing the weight of a node."""
    return NoiseSource("weight", node)


class Noise:
    """The noise budget of an int8 model.

    Attributes:
        shares: Each source of noise -> its power at the outputs relative to their signal.
    """

    def __init__(
        self,
        quantized: QuantizedModel,
        calibration: Calibration,
        measured: Mapping[str, Measured] | None = None,
    ) -> None:
        self._quantized = quantized
        self._stats = calibration.tensors
        model = quantized.float_model
        self._contexts = tensor_contexts(model, calibration)
        self._gains = kept_noise_gains(model, calibration, ACTIVATION_CORRELATION)
        self._weight_gains = kept_noise_gains(model, calibration, WEIGHT_CORRELATION)
        self._locals: dict[str, LocalError] = {}
        shares: dict[NoiseSource, float] = {}
        for name in quantized.plan.tensors:
            if name in self._stats and not self._moved(name):
                shares[tensor(name)] = self.contribution_of_tensor(name, quantized.params[name])
        for found in quantized.constants:
            node = quantized.plan.nodes[found.node].node
            if node.weight is not None and found.index == node.weight.index:
                shares[weight(found.node)] = self.contribution_of_weight(found.node, found.params)
        self._factors = self._fitted(shares, measured or {})
        self.shares: Mapping[NoiseSource, float] = {
            item: min(share * self._factors.get(item, 1.0), 1.0) for item, share in shares.items()
        }

    @property
    def total(self) -> float:
        """The sum of all shares: noise over signal at the outputs."""
        return math.fsum(self.shares.values())

    @property
    def sqnr_db(self) -> float:
        """The estimated sqnr_db of the outputs."""
        return sqnr_db(1.0, self.total)

    def local(self, name: str) -> LocalError:
        """The local error of a quantized tensor."""
        if name not in self._locals:
            found = consumed_error(
                self._stats[name], self._contexts[name], self._quantized.params[name]
            )
            self._locals[name] = self._quantized.with_own_scales(name, found)
        return self._locals[name]

    def part(self, item: NoiseSource) -> float:
        """The share of one source in the whole, 0 to 1."""
        return self.shares.get(item, 0.0) / self.total if self.total > 0 else 0.0

    def gain_db(self, changes: Mapping[NoiseSource, float]) -> float:
        """What a change wins at the outputs, in dB.

        Args:
            changes: Sources of noise -> their shares after the change, as
                :meth:`contribution_of_tensor` and :meth:`contribution_of_weight` give them.
        """
        saved = math.fsum(
            self.shares[item] - min(after * self._factors.get(item, 1.0), 1.0)
            for item, after in changes.items()
            if item in self.shares
        )
        total = self.total
        return gain_db(total, max(total - saved, total * 1e-6))

    def contribution_of_tensor(self, name: str, params: QuantParams) -> float:
        """The share of an activation if it had these parameters."""
        stats = self._stats[name]
        gains = self._gains.get(name)
        if gains is None:
            return 0.0
        as_it_is = params is self._quantized.params.get(name)
        local = (
            self.local(name) if as_it_is else consumed_error(stats, self._contexts[name], params)
        )
        powers, widths = channel_powers(stats), channel_widths(stats)
        if gains.size != powers.size or not widths.size:
            gains, powers = np.full(1, gains.sum()), np.full(1, local.signal_power)
            widths = np.zeros(1)
        # Rounding a small channel to zero costs no more than the channel.
        most = np.maximum(powers, _SPREAD * np.square(widths))
        rounding = float(gains @ np.minimum(local.rounding_mse, most))
        clipping = float(gains @ clipping_by_channel(stats, params, local, gains.size))
        # Clipping errs to one side, so it does not fade like noise: half of the way, in dB, to
        # keeping its ratio to the signal.
        signal = float(gains @ powers)
        lasting = clipping / signal if signal else 0.0
        return min(rounding + max(clipping, math.sqrt(clipping * lasting)), 1.0)

    def of_range(self, name: str, ends: tuple[float, float], spec: QuantSpec) -> float:
        """The share of an activation if it were quantized so over a range in real units."""
        return self.contribution_of_tensor(name, params_from_range(*ends, spec))

    def contribution_of_weight(self, name: str, params: QuantParams) -> float:
        """The share of a node's weight if it had these parameters."""
        node = self._quantized.plan.nodes[name].node
        array = self._array(name)
        error = fake_quantize(array, params) - array
        output = self._quantized.float_model.float_outputs(node)[0]
        gains = self._weight_gains.get(output)
        if gains is None:
            return 0.0
        source = self._stats.get(node.inputs[node.data[0]]) if node.data else None
        rows = weight_rows(node, error)
        if source is not None and rows is not None:
            squares = summed_squares(rows)
            powers = channel_powers(source)
            if fits(squares, powers.size) and gains.size == squares.shape[0]:
                return min(float(gains @ passed_on(squares, powers)), 1.0)
        signal = float(np.square(array, dtype=np.float64).sum())
        noise = float(np.square(error, dtype=np.float64).sum())
        after = self._stats.get(output)
        if after is None or not signal:
            return 0.0
        powers = channel_powers(after)
        arriving = float(gains @ powers) if gains.size == powers.size else float(gains.sum())
        return min(noise / signal * arriving, 1.0)

    def of_error(self, node: str, errors: Real) -> float:
        """The share of an error at a node's output.

        Args:
            node: The node.
            errors: float64, shape (C,): mean squared error of each channel, in squared real units.
        """
        output = self._quantized.plan.nodes[node].node.outputs[0]
        gains = self._weight_gains.get(output, np.zeros(1))
        fit = gains.size == errors.size
        return min(float(gains @ errors if fit else gains.sum() * errors.mean()), 1.0)

    def of_weight_spec(self, node: str, spec: QuantSpec) -> float:
        """The share of a node's weight if it were quantized so over its own range."""
        return self.contribution_of_weight(node, weight_params(self._array(node), spec))

    def _array(self, node: str) -> NDArray[np.float32]:
        item = self._quantized.plan.nodes[node].node
        assert item.weight is not None
        return self._quantized.float_model.constant(item.weight.name)

    def _moved(self, name: str) -> bool:
        """Whether the tensor only holds codes of another one, so that it adds no noise."""
        producer = self._quantized.float_model.producers.get(name)
        if producer is None or producer.kind is not Kind.SAME_SCALE:
            return False
        return self._quantized.plan.nodes[producer.name].quantized

    def _fitted(
        self, shares: Mapping[NoiseSource, float], measured: Mapping[str, Measured]
    ) -> dict[NoiseSource, float]:
        """Factors that make the shares of each measured unit add up to what was measured."""
        nodes = self._quantized.plan.nodes
        factors: dict[NoiseSource, list[float]] = {}
        for effect in measured.values():
            items: list[NoiseSource] = []
            for name in effect.nodes:
                node = nodes[name].node
                own = [node.inputs[i] for i in node.data]
                own += self._quantized.float_model.float_outputs(node)
                items += [weight(name), *(tensor(t) for t in own)]
            items = [item for item in dict.fromkeys(items) if item in shares]
            estimated = math.fsum(shares[item] for item in items)
            if estimated > 0 and not math.isnan(effect.sqnr_db):
                factor = min(10 ** (-effect.sqnr_db / 10), 1.0) / estimated
                for item in items:
                    factors.setdefault(item, []).append(factor)
        return {item: float(np.mean(found)) for item, found in factors.items()}
