"""How far the outputs are from those of the float model; no labels are needed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.base import MetricError, Outputs, SampleMetric, register
from quant.error_model.differences import at_places_of

Rows = NDArray[np.float64]


def _rows_of_each(
    outputs: Outputs,
    reference: Outputs,
    samples: int,
    measure: Callable[[Rows, Rows], NDArray[np.float64]],
) -> list[NDArray[np.float64]]:
    """``measure`` of each output's samples as rows, and of the float model's.

    Outputs that do not hold real numbers, or of other dimensions than in float, are passed over.
    """
    found: list[NDArray[np.float64]] = []
    for name, array in outputs.items():
        wanted = reference[name]
        test = at_places_of(wanted, array)
        if test is not None and test.dtype.kind == "f" and not test.size % samples:
            pair = (a.reshape(samples, -1).astype(np.float64) for a in (test, wanted))
            found.append(measure(*pair))
    if not found:
        shapes = ", ".join(f"{n!r} {a.shape} and {reference[n].shape}" for n, a in outputs.items())
        raise MetricError(
            "expected an output of real numbers with as many dimensions in int8 as in float, found "
            f"{shapes}; choose a metric of your own"
        )
    return found


@register
class MeanSquaredError(SampleMetric):
    """Mean squared difference to the float outputs, of the output where it is largest."""

    name = "mse"
    label = "Mean squared error"
    unit = ""
    higher_is_better = False
    needs_labels = False

    def each(
        self,
        outputs: Outputs,
        _labels: NDArray[np.int64] | None,
        reference: Outputs,
        samples: int,
        /,
    ) -> NDArray[np.float64]:
        """The mean squared difference of each sample, in squared units of the output."""
        return np.maximum.reduce(
            _rows_of_each(outputs, reference, samples, lambda a, b: np.square(a - b).mean(axis=1))
        )


@register
class Cosine(SampleMetric):
    """Cosine similarity to the float outputs, of the output where it is least."""

    name = "cosine"
    label = "Cosine"
    unit = ""
    higher_is_better = True
    needs_labels = False

    def each(
        self,
        outputs: Outputs,
        _labels: NDArray[np.int64] | None,
        reference: Outputs,
        samples: int,
        /,
    ) -> NDArray[np.float64]:
        """The cosine of each sample: 1 where both are all zero and 0 where one is."""
        return np.minimum.reduce(_rows_of_each(outputs, reference, samples, _cosine))


def _cosine(a: Rows, b: Rows) -> NDArray[np.float64]:
    norms = np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))
    product = (a * b).sum(axis=1) / np.where(norms > 0, norms, 1)
    same = (a == b).all(axis=1)
    return np.where(same, 1.0, np.clip(product, -1.0, 1.0))
