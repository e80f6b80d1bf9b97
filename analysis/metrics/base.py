"""What a metric is, the registry, and how it is taken batch by batch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quant.errors import QuantError
from quant.registry import Registry

Array = NDArray[Any]
Outputs = Mapping[str, Array]


class MetricError(QuantError):
    """The metric cannot be read, or cannot be taken of these outputs."""


class Metric:
    """One number for how good a model's outputs are: a :class:`SampleMetric` or `WholeMetric`.

    Attributes:
        name: Identifier, such as ``top1``.
        key: What results are filed under: two metrics that may differ have different keys.
        label: What a person reads.
        unit: Unit of the value: ``%`` means a share of 0 to 1 that is shown in percent.
        higher_is_better: Whether more is better.
        needs_labels: Whether the data must have labels.
    """

    name: str
    key: str
    label: str
    unit: str
    higher_is_better: bool
    needs_labels: bool


class SampleMetric(Metric, ABC):
    """A metric that is the mean of one number for each sample, so no output needs to be kept."""

    @abstractmethod
    def each(
        self,
        outputs: Outputs,
        labels: NDArray[np.int64] | None,
        reference: Outputs,
        samples: int,
        /,
    ) -> NDArray[np.float64]:
        """Evaluate the outputs of a model.

        Args:
            outputs: Output name -> its values for some samples, one after the other along axis 0.
            labels: The class of each of these samples, int64 of shape (samples,), or None.
            reference: The outputs of the float model for the same samples.
            samples: Number of samples.

        Returns:
            The number of each sample, float64 of shape (samples,).

        Raises:
            MetricError: If it cannot be taken of these outputs.
        """


class WholeMetric(Metric, ABC):
    """A metric that needs the outputs of all samples at once."""

    @abstractmethod
    def __call__(self, outputs: Outputs, labels: NDArray[np.int64] | None) -> float:
        """Evaluate the outputs of a model.

        Args:
            outputs: Output name -> its values for all samples along axis 0.
            labels: The class of each sample, int64 of shape (samples,), or None.

        Returns:
            The value.

        Raises:
            MetricError: If it cannot be taken of these outputs.
        """


METRICS: Registry[Metric] = Registry("metric", "metrics", MetricError)
"""Every metric that is no file of the user's, by name."""

_M = TypeVar("_M", bound=SampleMetric)


def register(cls: type[_M]) -> type[_M]:
    """Class decorator: make a metric known by its name, which is its key too.

    Raises:
        ValueError: Another metric has that name.
    """
    METRICS.add(cls.name, cls())
    cls.key = cls.name
    return cls


def metric_named(name: str) -> Metric:
    """The built-in metric of that name.

    Raises:
        MetricError: There is none.
    """
    return METRICS.named(name, hint=" or name a Python file")


def check_labels(metric: Metric, labels: NDArray[np.int64] | None) -> None:
    """Refuse a metric that needs labels where there are none.

    Raises:
        MetricError: There are none.
    """
    if metric.needs_labels and labels is None:
        raise MetricError(
            f"metric {metric.name}: expected an array 'labels' in the data, found none; add it or "
            "choose cosine or mse, which compare with the float outputs"
        )


class MetricAccumulator:
    """Takes a metric batch by batch.

    Of a :class:`SampleMetric` one number for each sample is kept, of a :class:`WholeMetric` all
    outputs.

    Args:
        metric: The metric.
        labels: The class of each sample, or None; more than there are samples may be given.
    """

    def __init__(self, metric: Metric, labels: NDArray[np.int64] | None) -> None:
        check_labels(metric, labels)
        self.metric = metric
        self._labels = labels
        self._each: list[NDArray[np.float64]] = []
        self._outputs: list[Outputs] = []
        self._samples = 0

    def add(self, outputs: Outputs, reference: Outputs, *, samples: int | None = None) -> None:
        """Add a batch.

        Args:
            outputs: Output name -> its values, the samples of the batch along axis 0.
            reference: The outputs of the float model for the same samples.
            samples: Samples in the batch; None where axis 0 of the first output counts them.
        """
        size = len(next(iter(outputs.values()))) if samples is None else samples
        rows = slice(self._samples, self._samples + size)
        self._samples += size
        if isinstance(self.metric, SampleMetric):
            labels = None if self._labels is None else self._labels[rows]
            self._each.append(self.metric.each(outputs, labels, reference, size))
        else:
            # Copies: whoever computed the outputs may use their memory again.
            self._outputs.append({name: np.array(array) for name, array in outputs.items()})

    @property
    def samples(self) -> int:
        """Number of samples added."""
        return self._samples

    @property
    def each(self) -> NDArray[np.float64] | None:
        """The number of each sample so far, or None where the metric has no such numbers."""
        return np.concatenate(self._each) if self._each else None

    def gathered(self) -> tuple[Outputs, NDArray[np.int64] | None]:
        """Outputs and labels of all samples, for a :class:`WholeMetric`.

        Raises:
            MetricError: If the outputs of the samples differ in shape.
        """
        labels = None if self._labels is None else self._labels[: self._samples]
        return _joined(self._outputs), labels

    def result(self) -> float:
        """The metric of everything added, which is at least one batch.

        Raises:
            MetricError: If it cannot be taken of these outputs.
        """
        if isinstance(self.metric, WholeMetric):
            return self.metric(*self.gathered())
        return float(np.concatenate(self._each).mean())


def _joined(batches: list[Outputs]) -> Outputs:
    """The outputs of several batches along axis 0.

    Raises:
        MetricError: If they differ in shape.
    """
    found: dict[str, Array] = {}
    for name in batches[0]:
        arrays = [batch[name] for batch in batches]
        if len({array.shape[1:] for array in arrays}) > 1 or not arrays[0].ndim:
            shapes = sorted({array.shape for array in arrays})[:3]
            raise MetricError(
                f"output {name!r}: a metric needs the samples along axis 0 and one shape for all, "
                f"found {', '.join(map(str, shapes))}; evaluate samples of one shape or leave the "
                "metric out"
            )
        found[name] = np.concatenate(arrays)
    return found
