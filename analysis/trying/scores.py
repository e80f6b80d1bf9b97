"""The outputs of an int8 model against the float model's, sample by sample.

Whoever searches compares many variants on few samples, so each number comes with what it is worth:
an interval over the samples.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quant.error_model.sqnr import sqnr_db

ROUNDS: Final = 1000
"""Resamplings of the samples."""

_Z95: Final = 1.959964
"""Quantile of the normal distribution that leaves 2.5 % above."""


@dataclass(frozen=True)
class Scores:
    """Energies and answers of each sample.

    Attributes:
        signal: Output -> sum of the squares of the float model's values, for each sample.
        noise: Output -> sum of the squares of int8 less float, for each sample.
        alike: Whether both models predict the same, for each sample; None where the first output
            is no row of scores.
        loss: How much worse the metric is than float's; None without a metric.
    """

    signal: Mapping[str, tuple[float, ...]]
    noise: Mapping[str, tuple[float, ...]]
    alike: tuple[bool, ...] | None
    loss: float | None = None

    def __add__(self, other: "Scores") -> "Scores":
        """The scores over the samples of both; the loss is their mean, weighed by samples."""
        both = (self.alike, other.alike)
        alike = None if both[0] is None or both[1] is None else both[0] + both[1]
        losses = (self.loss, other.loss)
        loss = None
        if losses[0] is not None and losses[1] is not None:
            total = self.samples + other.samples
            loss = (losses[0] * self.samples + losses[1] * other.samples) / total
        return Scores(
            {name: values + other.signal[name] for name, values in self.signal.items()},
            {name: values + other.noise[name] for name, values in self.noise.items()},
            alike,
            loss,
        )

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(next(iter(self.signal.values()), ()))

    @cached_property
    def outputs_db(self) -> Mapping[str, float]:
        """Sqnr of each output in dB."""
        return {
            name: sqnr_db(sum(self.signal[name]), sum(self.noise[name])) for name in self.signal
        }

    @property
    def sqnr_db(self) -> float:
        """The least over the outputs in dB; NaN where none could be compared."""
        return min(self.outputs_db.values(), default=math.nan)

    @property
    def agreement(self) -> float | None:
        """Share of samples that both models predict alike."""
        return None if self.alike is None else sum(self.alike) / len(self.alike)

    def sqnr_interval(self, seed: int = 0) -> tuple[float, float]:
        """The 95 % percentile bootstrap interval of ``sqnr_db`` over the samples, in dB.

        Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13.
        """
        if not self.samples:
            return math.nan, math.nan
        low, high = np.quantile(self._resampled(seed), (0.025, 0.975), method="nearest")
        return float(low), float(high)

    def least_gain_db(self, other: "Scores", seed: int = 0) -> float:
        """What ``sqnr_db`` gains over that of other scores of the same samples at least, in dB.

        It gains less in 5 % of the resamplings, in each of which both have the same samples.
        """
        return float(np.quantile(self._gains_db(other, seed), 0.05, method="nearest"))

    def gain_interval_db(self, other: "Scores", seed: int = 0) -> tuple[float, float]:
        """The 95 % interval of what ``sqnr_db`` gains over that of other scores, in dB.

        Source: as of :meth:`sqnr_interval`, in pairs: both have the same samples in each
        resampling.
        """
        low, high = np.quantile(self._gains_db(other, seed), (0.025, 0.975), method="nearest")
        return float(low), float(high)

    def _gains_db(self, other: "Scores", seed: int) -> NDArray[np.float64]:
        """What each resampling gains; nothing where both are equal to float."""
        with np.errstate(invalid="ignore"):
            gains = self._resampled(seed) - other._resampled(seed)
        return np.nan_to_num(gains, nan=0.0, posinf=np.inf, neginf=-np.inf)

    def _resampled(self, seed: int) -> NDArray[np.float64]:
        """``sqnr_db`` of each resampling; equal outputs are +inf."""
        drawn = np.random.default_rng(seed).integers(0, self.samples, (ROUNDS, self.samples))
        signal: NDArray[np.float64] = _table(self.signal)[:, drawn].sum(axis=2)
        noise: NDArray[np.float64] = _table(self.noise)[:, drawn].sum(axis=2)
        return sqnr_db(signal, noise).min(axis=0)

    def agreement_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of ``agreement``, which says something of 20 in 20 too.

        Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
        Inference" (1927).
        """
        share = self.agreement
        if share is None:
            return None
        n, z2 = self.samples, _Z95**2
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Repeatability:
    """What the last digits of the inputs change: noise of 1e-6 that no user could tell.

    Attributes:
        outputs_db: Sqnr of the int8 model's outputs against its own without that noise, in dB, the
            least of the outputs.
        floor_db: By how much its sqnr against the float model changes, in dB. A smaller difference
            between two recipes is none.
    """

    outputs_db: float
    floor_db: float


def pooled(parts: Iterable[Scores]) -> Scores:
    """The scores over the samples of all parts, which are at least one."""
    return reduce(add, parts)


def _table(of: Mapping[str, Sequence[float]]) -> NDArray[np.float64]:
    """Float64 of shape (outputs, samples)."""
    return np.array([list(values) for values in of.values()], np.float64)
