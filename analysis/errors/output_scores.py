"""How good an int8 model's outputs are beside the float model's, over any number of batches."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors.tensor_error import ErrorAccumulator, ErrorStats
from analysis.metrics import Metric, MetricAccumulator
from analysis.metrics.scores import predictions
from quant.error_model.differences import at_places_of

_FLOOR = 1e-7
"""The least probability: a row that ends in an int8 Softmax holds exact zeros."""

Array = NDArray[np.generic]


@dataclass(frozen=True)
class OutputScores:
    """The outputs of one int8 variant against the float model's, over the same samples.

    Attributes:
        samples: Number of samples.
        outputs: Error at each output of the model that could be compared.
        softmax_kl: Mean of KL(softmax(float) || softmax(int8)) over the samples' first output, in
            nats. Rows that are probabilities already are taken as they are. None where the first
            output is no row of scores.
        agreement: Share of samples that both predict alike; None like above.
        metric: The user's metric of the int8 outputs, in its unit; None without one.
    """

    samples: int
    outputs: Mapping[str, ErrorStats]
    softmax_kl: float | None
    agreement: float | None
    metric: float | None

    @property
    def sqnr_db(self) -> float:
        """The least over the outputs in dB; NaN where no output could be compared."""
        return min((stats.sqnr_db for stats in self.outputs.values()), default=math.nan)


class ScoreAccumulator:
    """Adds up the batches of one variant. Only a metric of the user's own makes it keep outputs."""

    def __init__(
        self, metric: Metric | None = None, labels: NDArray[np.int64] | None = None
    ) -> None:
        """Start with nothing.

        Args:
            metric: The user's metric, or None.
            labels: The classes of the samples in the order they will be added, or None; more than
                there are samples will do.
        """
        self._metric = None if metric is None else MetricAccumulator(metric, labels)
        self._samples = 0
        self._errors: dict[str, ErrorAccumulator] = {}
        self._left_out: set[str] = set()
        self._rows = True
        self._alike = 0
        self._kl = 0.0

    def add(
        self,
        reference: Mapping[str, Array],
        test: Mapping[str, Array],
        *,
        samples: int | None = None,
    ) -> None:
        """Add a batch.

        Args:
            reference: The float model's outputs by name.
            test: The variant's.
            samples: Samples in the batch; None where axis 0 of the first output counts them.
        """
        first = next(iter(reference), None)
        counted = 0 if first is None else len(reference[first])
        size = counted if samples is None else samples
        self._samples += size
        for name, expected in reference.items():
            found = at_places_of(expected, test[name])
            numbers = expected.dtype.kind in "biuf" and test[name].dtype.kind in "biuf"
            if numbers and found is not None:
                self._errors.setdefault(name, ErrorAccumulator()).add(expected, found)
            else:
                self._left_out.add(name)
        if first is None:
            self._rows = False
        else:
            self._add_rows(reference[first], test[first], size)
        if self._metric is not None:
            self._metric.add(test, reference, samples=size)

    def _add_rows(self, reference: Array, test: Array, size: int) -> None:
        a, b = predictions(reference, size), predictions(test, size)
        if not self._rows or a is None or b is None or reference.shape != test.shape:
            self._rows = False
            return
        self._alike += int(np.count_nonzero(a == b))
        rows = (array.reshape(size, -1).astype(np.float64) for array in (reference, test))
        self._kl += float(_softmax_kl(*rows).sum())

    def result(self) -> OutputScores:
        """The scores of everything added, which is at least one batch."""
        return OutputScores(
            samples=self._samples,
            outputs={n: e.result() for n, e in self._errors.items() if n not in self._left_out},
            softmax_kl=self._kl / self._samples if self._rows else None,
            agreement=self._alike / self._samples if self._rows else None,
            metric=None if self._metric is None else self._metric.result(),
        )


def share_equal(a: NDArray[np.integer], b: NDArray[np.integer]) -> float:
    """The share of places where both hold the same number."""
    return int(np.count_nonzero(np.equal(a, b))) / len(a)


def _softmax_kl(reference: NDArray[np.float64], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(P || Q) in nats of each row, P and Q being what the rows are as probabilities."""
    given = (reference >= 0).all(axis=1) & (np.abs(reference.sum(axis=1) - 1) < 1e-3)
    # A Softmax's own logarithm is a row of scores again, so both kinds go the same way from here.
    scores = [
        np.where(given[:, None], np.log(np.maximum(rows, _FLOOR)), rows)
        for rows in (reference, test)
    ]
    p, q = (_log_softmax(rows) for rows in scores)
    shares = np.exp(p)
    # What has no share, as behind a mask of minus infinity, adds nothing whatever q is there.
    lost = np.subtract(p, q, out=np.zeros_like(p), where=shares > 0)
    return (shares * lost).sum(axis=1)


def _log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
