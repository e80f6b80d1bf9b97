"""Which inputs suffer most from quantization, and which layers clip them more than others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.errors.measuring import measure
from analysis.errors.out_of_range import OutOfRange
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Run, RunResults
from analysis.metrics.scores import predictions
from quant.data.dataset import Batch, Dataset
from quant.error_model.differences import at_places_of, differences
from quant.error_model.sqnr import sqnr_db
from quant.execution.progress import OnProgress
from quant.pipeline import QuantizedModel
from quant.runtime.run import Results

MOST = 8
"""Worst samples that are kept whole."""

UNUSUAL = 2.0
"""A layer is unusual for a sample from this many times its mean clip rate."""

Array = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class SampleError:
    """One sample through the float and the int8 model.

    Attributes:
        index: Its position in the data.
        sqnr_db: Error of its outputs, the least over them, in dB.
        agrees: Whether both models predict alike; None where the first output is no row of scores.
        label: Its class; None without labels.
        inputs: Input name -> its values, axis 0 of size 1.
        float_outputs: Output name -> what the float model gives for it.
        int8_outputs: The same of the int8 model.
    """

    index: int
    sqnr_db: float
    agrees: bool | None
    label: int | None
    inputs: Mapping[str, Array]
    float_outputs: Mapping[str, Array]
    int8_outputs: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class SampleErrors:
    """The output error of every sample.

    Attributes:
        sqnr_db: float64, shape (samples,): as in :class:`SampleError`.
        agrees: bool, shape (samples,), or None.
        worst: The samples of least ``sqnr_db``, worst first.
    """

    sqnr_db: NDArray[np.float64]
    agrees: NDArray[np.bool_] | None
    worst: tuple[SampleError, ...]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.sqnr_db.size


@dataclass(frozen=True)
class UnusualLayer:
    """A tensor that clips one sample more than the others.

    Attributes:
        tensor: The tensor.
        clip_rate: Share of the sample's values outside the representable range, 0 to 1.
        mean_clip_rate: The mean of that over all samples.
    """

    tensor: str
    clip_rate: float
    mean_clip_rate: float

    @property
    def ratio(self) -> float:
        """How many times the mean."""
        return self.clip_rate / self.mean_clip_rate


def sample_errors(
    quantized: QuantizedModel,
    data: Dataset,
    *,
    samples: int | None = None,
    most: int = MOST,
    progress: OnProgress | None = None,
) -> SampleErrors:
    """Rank the samples by the error of their outputs, as a user runs both models.

    One pass; of all but the worst samples one number each is kept.

    Args:
        quantized: The int8 model.
        data: Evaluation data.
        samples: Use the first so many samples; None for all.
        most: How many of the worst to keep whole.
        progress: Called at least every quarter of a second; it may raise
            :class:`quant.errors.Cancelled`.

    Returns:
        The errors.

    Raises:
        DataError: If the data does not fit the model.
        ModelError: If a model cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    observer = SampleErrorAccumulator(data.labels, most)
    models = FileRuns(quantized.float_model, quantized)
    measure(models, data, [observer], samples=samples, progress=progress)
    return observer.result()


class SampleErrorAccumulator(Observer[Models, SampleErrors]):
    """Adds up :class:`SampleErrors`: of all but the worst samples one number each is kept.

    Args:
        labels: The class of each sample, or None; more than there are samples will do.
        most: How many of the worst to keep whole.
    """

    def __init__(self, labels: NDArray[np.int64] | None, most: int = MOST) -> None:
        self._labels = labels
        self._most = most
        self._ratios: list[NDArray[np.float64]] = []
        self._alike: list[NDArray[np.bool_]] = []
        self._worst: list[SampleError] = []

    def needs(self, models: Models) -> Needs:
        """Both models as a user runs them."""
        del models
        return {Run.FLOAT: (), Run.INT8: ()}

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        pair = results[Run.FLOAT], results[Run.INT8]
        errors = _least_sqnr_db(*pair, batch.size)
        agrees = _agrees(*pair, batch.size)
        self._ratios.append(errors)
        self._alike += [] if agrees is None else [agrees]
        full = len(self._worst) == self._most
        limit = self._worst[-1].sqnr_db if full and self._worst else math.inf
        found = [
            _sample(batch, int(row), pair, float(errors[row]), self._labels)
            for row in np.argsort(errors, kind="stable")[: self._most]
            if errors[row] < limit or not full
        ]
        ranked = sorted([*self._worst, *found], key=lambda item: (item.sqnr_db, item.index))
        self._worst = ranked[: self._most]

    def result(self) -> SampleErrors:
        """The errors of all samples."""
        known = len(self._alike) == len(self._ratios)
        return SampleErrors(
            np.concatenate(self._ratios),
            np.concatenate(self._alike) if known else None,
            tuple(self._worst),
        )


def unusual_layers(
    index: int, outside: Mapping[str, OutOfRange], most: int = 3
) -> tuple[UnusualLayer, ...]:
    """The tensors that clip a sample at least twice as much as the mean, most clipped first.

    Args:
        index: The sample's position in the data.
        outside: What :func:`analysis.errors.out_of_range.out_of_range` found in that data.
        most: How many to give.

    Returns:
        The tensors.
    """
    found = [
        UnusualLayer(name, float(item.shares[index]), float(item.shares.mean()))
        for name, item in outside.items()
        if item.shares[index] > 0
    ]
    found = [layer for layer in found if layer.ratio >= UNUSUAL]
    return tuple(sorted(found, key=lambda layer: layer.mean_clip_rate - layer.clip_rate)[:most])


def samples_outside(outside: Mapping[str, OutOfRange]) -> NDArray[np.int64]:
    """In how many tensors each sample has a value outside the representable range.

    Args:
        outside: What :func:`analysis.errors.out_of_range.out_of_range` found, of at least one
            tensor.

    Returns:
        int64, shape (samples,).
    """
    counts = np.zeros(next(iter(outside.values())).shares.size, np.int64)
    for item in outside.values():
        counts += item.shares > 0
    return counts


def _least_sqnr_db(reference: Results, test: Results, samples: int) -> NDArray[np.float64]:
    """The least over the outputs, of each sample; infinite where nothing can be compared."""
    least: NDArray[np.float64] = np.full(samples, np.inf)
    for name, wanted in reference.items():
        found = at_places_of(wanted, test[name])
        if found is None or wanted.dtype.kind not in "biuf" or wanted.size % samples:
            continue
        exact, difference = differences(wanted, found)
        signal: NDArray[np.float64] = np.square(exact.reshape(samples, -1)).sum(axis=1)
        noise: NDArray[np.float64] = np.square(difference.reshape(samples, -1)).sum(axis=1)
        least = np.minimum(least, sqnr_db(signal, noise))
    return least


def _agrees(reference: Results, test: Results, samples: int) -> NDArray[np.bool_] | None:
    name = next(iter(reference), None)
    if name is None:
        return None
    a, b = predictions(reference[name], samples), predictions(test[name], samples)
    return None if a is None or b is None else np.equal(a, b)


def _sample(
    batch: Batch,
    row: int,
    results: tuple[Results, Results],
    sqnr_db: float,
    labels: NDArray[np.int64] | None,
) -> SampleError:
    """Copies of what belongs to one sample of a batch."""

    def own(arrays: Mapping[str, Array]) -> dict[str, Array]:
        # Copies, because a view would keep the whole batch in memory.
        return {name: array.copy() for name, array in batch.sample(arrays, row).items()}

    reference, test = (own(arrays) for arrays in results)
    agrees = _agrees(reference, test, 1)
    index = batch.first_index + row
    return SampleError(
        index=index,
        sqnr_db=sqnr_db,
        agrees=None if agrees is None else bool(agrees[0]),
        label=None if labels is None else int(labels[index]),
        inputs=own(batch.own(batch.feeds)),
        float_outputs=reference,
        int8_outputs=test,
    )
