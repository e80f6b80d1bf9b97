"""Share of samples whose label is among the largest scores."""

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.base import MetricError, Outputs, SampleMetric, register
from analysis.metrics.scores import score_rows


class _Top(SampleMetric):
    """A hit is a sample whose label is among the ``_most`` largest scores of the first output.

    Of equal scores the one of the lower class counts as larger, as ``argmax`` has it.
    """

    _most: int
    unit = "%"
    higher_is_better = True
    needs_labels = True

    def each(
        self,
        outputs: Outputs,
        labels: NDArray[np.int64] | None,
        _reference: Outputs,
        samples: int,
        /,
    ) -> NDArray[np.float64]:
        """1 for a hit, 0 for a miss."""
        name, scores = next(iter(outputs.items()))
        if labels is None or len(labels) != samples:
            found = "none" if labels is None else f"{len(labels)}"
            raise MetricError(
                f"metric {self.name}: expected {samples} labels for the samples, found {found}; "
                "add them, or choose cosine or mse"
            )
        rows = score_rows(scores, samples)
        if rows is None:
            raise MetricError(
                f"metric {self.name}: expected {samples} rows of scores in output {name!r}, found "
                f"shape {scores.shape}; choose cosine, mse or a metric of your own"
            )
        classes = np.arange(rows.shape[1], dtype=np.int64)
        known = (labels >= 0) & (labels < rows.shape[1])
        place = np.where(known, labels, 0)[:, None]
        own = np.take_along_axis(rows, place, axis=1)
        before = (rows > own) | ((rows == own) & (classes < place))
        return (known & (before.sum(axis=1) < self._most)).astype(np.float64)


@register
class Top1(_Top):
    """The label has the largest score."""

    name = "top1"
    label = "Top-1"
    _most = 1


@register
class Top5(_Top):
    """The label is among the five largest scores."""

    name = "top5"
    label = "Top-5"
    _most = 5
