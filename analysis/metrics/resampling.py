"""What int8 does to a metric, and whether there are enough samples to tell.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13 (percentile
intervals).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.base import Metric, MetricAccumulator, Outputs, WholeMetric

ROUNDS = 1000
"""Resamplings of a metric that is a mean over samples."""

WHOLE_ROUNDS = 200
"""Resamplings of any other metric, which is taken anew each time."""

_ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class MetricChange:
    """A metric of the float model and of the int8 model over the same samples.

    Attributes:
        name: The metric's name.
        label: What a person reads.
        unit: Unit of the values; ``%`` means a share of 0 to 1 that is shown in percent.
        higher_is_better: Whether more is better.
        samples: Number of samples.
        float_value: The metric of the float model.
        int8_value: The metric of the int8 model.
        low: Lower end of the 95 % interval of float minus int8.
        high: Upper end.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool
    samples: int
    float_value: float
    int8_value: float
    low: float
    high: float

    @property
    def loss(self) -> float:
        """How much worse int8 is; negative where it is better."""
        change = self.float_value - self.int8_value
        return change if self.higher_is_better else -change

    @property
    def is_flat(self) -> bool:
        """Whether the samples are too few to tell the two models apart by this metric."""
        return self.low <= 0 <= self.high

    def written(self, value: float) -> str:
        """A value of the metric with its unit, such as ``92.35 %``."""
        percent = self.unit == "%"
        number = f"{100 * value:.2f}" if percent else f"{value:.4g}".replace("inf", "∞")
        return f"{number} {self.unit}".strip().replace("-", "−")


def metric_change(
    reference: MetricAccumulator, test: MetricAccumulator, *, seed: int = 0
) -> MetricChange:
    """Compare two models by a metric, with a percentile bootstrap over the samples.

    The same samples are drawn for both models.

    Args:
        reference: The float model's accumulated outputs.
        test: The int8 model's, of the same metric.
        seed: Of the random draws.

    Returns:
        Both values, and the interval of their difference.

    Raises:
        MetricError: If the metric cannot be taken of these outputs.
    """
    metric = reference.metric
    if isinstance(metric, WholeMetric):
        floats, ints = reference.gathered(), test.gathered()
        low, high = _interval(
            lambda rows: metric(*_drawn(floats, rows)) - metric(*_drawn(ints, rows)),
            _count(floats[0]),
            seed,
            WHOLE_ROUNDS,
        )
    else:
        a, b = reference.each, test.each
        change = a - b if a is not None and b is not None else np.zeros(1)
        low, high = _interval(lambda rows: float(change[rows].mean()), change.size, seed, ROUNDS)
    return MetricChange(
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        samples=reference.samples,
        float_value=reference.result(),
        int8_value=test.result(),
        low=low,
        high=high,
    )


def bootstrap(
    metric: Metric,
    outputs: Outputs,
    labels: NDArray[np.int64] | None,
    reference: Outputs,
    *,
    seed: int,
) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a metric of one model.

    Args:
        metric: The metric.
        outputs: Output name -> its values for all samples along axis 0.
        labels: The class of each sample, or None.
        reference: The outputs of the float model for the same samples.
        seed: Of the random draws.

    Returns:
        Lower and upper end.

    Raises:
        MetricError: If the metric cannot be taken of these outputs.
    """
    if isinstance(metric, WholeMetric):
        whole = (outputs, labels)
        return _interval(
            lambda rows: metric(*_drawn(whole, rows)), _count(outputs), seed, WHOLE_ROUNDS
        )
    accumulator = MetricAccumulator(metric, labels)
    accumulator.add(outputs, reference)
    each = accumulator.each
    values = np.zeros(1) if each is None else each
    return _interval(lambda rows: float(values[rows].mean()), values.size, seed, ROUNDS)


def _interval(
    value: Callable[[NDArray[np.intp]], float], samples: int, seed: int, rounds: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    found = [value(rng.integers(0, samples, samples)) for _ in range(rounds)]
    low, high = np.percentile(found, _ENDS)
    return float(low), float(high)


def _drawn(
    whole: tuple[Outputs, NDArray[np.int64] | None], rows: NDArray[np.intp]
) -> tuple[Outputs, NDArray[np.int64] | None]:
    outputs, labels = whole
    drawn = {name: array[rows] for name, array in outputs.items()}
    return drawn, None if labels is None else labels[rows]


def _count(outputs: Outputs) -> int:
    return min(len(array) for array in outputs.values())
