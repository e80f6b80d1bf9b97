"""What a metric is, the registry, and how it is taken batch by batch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quant.errors import QuantError, did_you_mean

Array = NDArray[Any]
Outputs = Mapping[str, Array]


class MetricError(QuantError):
    """The metric cannot be read, or cannot be taken of these outputs."""


class Metric(Protocol):
    """One number for how good a model's outputs are."""

    @property
    def name(self) -> str:
        """Identifier, such as ``top1``."""
        ...

    @property
    def key(self) -> str:
        """What results are filed under: two metrics that may differ have different keys."""
        ...

    @property
    def label(self) -> str:
        """What a person reads."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the value: ``%`` means a share of 0 to 1 that is shown in percent."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        ...

    @property
    def needs_labels(self) -> bool:
        """Whether the data must have labels."""
        ...

    def __call__(
        self, outputs: Outputs, labels: NDArray[np.int64] | None, reference: Outputs, /
    ) -> float:
        """Judge the outputs of a model.

        Args:
            outputs: Output name -> its values for all samples along axis 0.
            labels: The class of each sample, int64 of shape (samples,), or None.
            reference: The outputs of the float model for the same samples.

        Returns:
            The value.

        Raises:
            MetricError: If it cannot be taken of these outputs.
        """
        ...


class SampleMetric(ABC):
    """A metric that is the mean of one number for each sample, so no output needs to be kept."""

    name: str
    label: str
    unit: str
    higher_is_better: bool
    needs_labels: bool

    @property
    def key(self) -> str:
        """The name: a built-in metric is always the same."""
        return self.name

    @abstractmethod
    def each(
        self, outputs: Outputs, labels: NDArray[np.int64] | None, reference: Outputs, /
    ) -> NDArray[np.float64]:
        """The number of each sample, float64 of shape (samples,); arguments as for a metric."""

    def __call__(
        self, outputs: Outputs, labels: NDArray[np.int64] | None, reference: Outputs, /
    ) -> float:
        """The mean over the samples."""
        return float(self.each(outputs, labels, reference).mean())


METRICS: dict[str, Metric] = {}
"""Every built-in metric by name."""

_M = TypeVar("_M", bound=SampleMetric)


def register(cls: type[_M]) -> type[_M]:
    """Class decorator: make a metric known by its name.

    Raises:
        ValueError: Another metric has that name.
    """
    if cls.name in METRICS:
        raise ValueError(f"a metric named {cls.name!r} is registered already")
    METRICS[cls.name] = cls()
    return cls


def metric_named(name: str) -> Metric:
    """The built-in metric of that name.

    Raises:
        MetricError: There is none.
    """
    if name not in METRICS:
        raise MetricError(
            f"metric: unknown name {name!r}{did_you_mean(name, METRICS)}; choose one of "
            f"{', '.join(sorted(METRICS))} or name a Python file"
        )
    return METRICS[name]


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


class MetricTally:
    """Takes a metric batch by batch.

    Of a :class:`SampleMetric` one number for each sample is kept; any other metric has to see all
    outputs at once, so all are kept.

    Args:
        metric: The metric.
        labels: The class of each sample, or None; more than there are samples may be given.
    """

    def __init__(self, metric: Metric, labels: NDArray[np.int64] | None) -> None:
        check_labels(metric, labels)
        self._metric = metric
        self._labels = labels
        self._each: list[NDArray[np.float64]] = []
        self._outputs: list[Outputs] = []
        self._reference: list[Outputs] = []
        self._samples = 0

    def add(self, outputs: Outputs, reference: Outputs) -> None:
        """Add a batch.

        Args:
            outputs: Output name -> its values, the samples of the batch along axis 0.
            reference: The outputs of the float model for the same samples.
        """
        if isinstance(self._metric, SampleMetric):
            first = next(iter(outputs.values()))
            rows = slice(self._samples, self._samples + len(first) if first.ndim else None)
            labels = None if self._labels is None else self._labels[rows]
            self._each.append(self._metric.each(outputs, labels, reference))
            self._samples += self._each[-1].size
        else:
            self._outputs.append(dict(outputs))
            self._reference.append(dict(reference))

    @property
    def each(self) -> NDArray[np.float64] | None:
        """The number of each sample so far, or None where the metric has no such numbers."""
        if not isinstance(self._metric, SampleMetric):
            return None
        return np.concatenate(self._each) if self._each else np.zeros(0)

    def gathered(self) -> tuple[Outputs, NDArray[np.int64] | None, Outputs]:
        """Outputs, labels and float outputs of all samples, for a metric that sees them whole.

        Raises:
            MetricError: If the outputs of the samples differ in shape.
        """
        outputs, reference = joined(self._outputs), joined(self._reference)
        samples = len(next(iter(outputs.values())))
        labels = self._labels
        if labels is not None and samples < len(labels):
            labels = labels[:samples]
        return outputs, labels, reference

    def result(self) -> float:
        """The metric of everything added.

        Raises:
            MetricError: If it cannot be taken of these outputs.
        """
        each = self.each
        return float(each.mean()) if each is not None else self._metric(*self.gathered())


def joined(batches: list[Outputs]) -> Outputs:
    """The outputs of several batches along axis 0.

    Raises:
        MetricError: If they differ in shape.
    """
    found: dict[str, Array] = {}
    for name in batches[0]:
        arrays = [batch[name] for batch in batches]
        shapes = {array.shape[1:] for array in arrays}
        if len(shapes) > 1 or not arrays[0].ndim:
            raise MetricError(
                f"output {name!r}: a metric needs the samples along axis 0 and one shape for all, "
                f"found {', '.join(map(str, sorted(array.shape for array in arrays)[:3]))}; "
                "evaluate samples of one shape or leave the metric out"
            )
        found[name] = np.concatenate(arrays)
    return found
