"""Calibrate: one streamed pass over the data, which finds the statistics of every tensor.

What a Relu gives, and what only rearranges values, is not looked at: its statistics follow exactly
from those of its input. Each worker thread runs a batch and then measures it, so one batch is
measured while the next one runs. Everything that workers add up is exact whatever the order; what
is not (means of real numbers) is added in the order of the samples.
"""

import math
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quant import kernels
from quant.data.dataset import Batch, Dataset
from quant.errors import DataError
from quant.execution.ordered_map import map_ordered, run_cancellable
from quant.execution.progress import OnProgress, Reporter
from quant.model.model import Model
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession, Runner, cores
from quant.statistics.calibration import Calibration
from quant.statistics.histogram import HistogramBuilder
from quant.statistics.observe import no_channels, reals
from quant.statistics.range_accumulator import Ends, Measured
from quant.statistics.sample_histogram import QuietestSample, SampleHistogram, sample_histogram
from quant.statistics.tensor_stats import TensorStats

__all__ = ["Calibration", "calibrate"]

MAX_WORKERS = 8
_IN_FLIGHT_BYTES = 1 << 30


def calibrate(
    model: Model,
    data: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> Calibration:
    """Find the statistics of every tensor that a recipe could quantize.

    Memory does not depend on the number of samples, and the result does not depend on how samples
    are grouped into batches.

    Args:
        model: The model.
        data: Its inputs.
        samples: Use the first so many samples; None for all.
        progress: Called before the work, after every batch and at least every quarter of a
            second; it may raise :class:`quant.errors.Cancelled` to stop within a second.

    Returns:
        The calibration.

    Raises:
        DataError: If the data does not fit the model, or an input or a tensor holds NaN or Inf.
        ModelError: If ONNX Runtime cannot run the model.
        Cancelled: If ``progress`` raised it.
    """
    data = data.matched(model)
    total = len(data) if samples is None else min(samples, len(data))
    if total < 1:
        raise DataError(f"calibration needs at least 1 sample, found {total} asked for")
    report = Reporter(total, progress)
    report()
    sources = _sources(model)
    rectified = {source.base for source in sources.values() if source.rectified}
    tallies = tuple(
        _Tally(name, model.channel_axis(name))
        for name in dict.fromkeys(source.base for source in sources.values())
    )
    inputs = {info.name for info in model.inputs}
    taps = [tally.name for tally in tallies if tally.name not in inputs]
    open_session = partial(InferenceSession, model.to_bytes(), taps=taps)
    kernels.warm_up()
    session = run_cancellable(partial(open_session, threads=1), heartbeat=report)
    size, sample_bytes = run_cancellable(
        partial(batch_size, [session], data), heartbeat=report, stop=session.stop
    )
    workers = _workers(size * sample_bytes)
    if workers < cores():
        session = run_cancellable(
            partial(open_session, threads=cores() // workers), heartbeat=report
        )
    ends = Ends(len(tallies))
    quietest = QuietestSample([tally.name in rectified for tally in tallies])
    results = map_ordered(
        partial(_measure, _Runners(session), tallies, quietest, total),
        data.batches(size, total),
        workers=workers,
        heartbeat=report,
        stop=session.stop,
    )
    with closing(results):
        for batch, found in results:
            _refuse_non_finite(found, tallies, batch)
            ends.add(found, batch.first_index)
            report.advance(batch.size)
    rows = {tally.name: row for row, tally in enumerate(tallies)}

    def stats_of(name: str, source: _Source) -> TensorStats | None:
        row = rows[source.base]
        return _stats(name, source, tallies[row], ends, quietest, row=row)

    tensors = {
        name: stats
        for name, source in sources.items()
        if (stats := stats_of(name, source)) is not None
    }
    probe = next(data.samples(1))
    return Calibration(model.fingerprint, MappingProxyType(tensors), total, probe)


@dataclass(frozen=True)
class _Source:
    """Where the statistics of a tensor come from.

    Attributes:
        base: The tensor that is measured.
        rectified: Whether a Relu lies between.
        moved: Whether values were rearranged between, so that channels are not known.
    """

    base: str
    rectified: bool
    moved: bool


def _sources(model: Model) -> dict[str, _Source]:
    targets = set(model.calibration_targets)
    found: dict[str, _Source] = {}
    for name in model.calibration_targets:
        base, rectified, moved = name, False, False
        while True:
            if model.relu_of.get(base) in targets:
                base, rectified = model.relu_of[base], True
            elif model.same_values.get(base) in targets:
                base, moved = model.same_values[base], True
            else:
                break
        found[name] = _Source(base, rectified, moved)
    return found


def _workers(batch_bytes: int) -> int:
    """How many batches may be in memory at once: two where there are cores, more if they fit."""
    most = min(cores(), MAX_WORKERS)
    return max(min(most, 2), min(most, _IN_FLIGHT_BYTES // max(batch_bytes, 1)))


class _Tally:
    """What workers add up for one tensor; the same for every order of batches."""

    def __init__(self, name: str, axis: int | None) -> None:
        self.name = name
        self.axis = axis or None
        self.builder = HistogramBuilder()
        self.last: SampleHistogram | None = None
        self._channels: NDArray[np.int32] | None = None
        self._lock = threading.Lock()

    def add(self, x: NDArray[np.float32], spans: NDArray[np.int32]) -> None:
        """Count a batch.

        Args:
            x: At least one element for each sample.
            spans: Out; see :func:`quant.statistics.observe.scan`.
        """
        with self._lock:
            channels, inner = self._channels_of(x.shape)
            self.builder.scan(x, spans, channels, inner)

    @property
    def channels(self) -> NDArray[np.float32] | None:
        """Least and greatest value of each channel, float32 of shape (2, C), where known."""
        return None if self._channels is None else reals(self._channels)

    def _channels_of(self, shape: tuple[int, ...]) -> tuple[NDArray[np.int32], int]:
        """The channels' ranges so far, and how many neighbours are of one channel.

        Where their number varies they are forgotten for good.
        """
        if self.axis is not None:
            count = shape[self.axis] if self.axis < len(shape) else None
            if self._channels is None and count is not None:
                self._channels = no_channels(count)
            if self._channels is not None and self._channels.shape[1] == count:
                return self._channels, math.prod(shape[self.axis + 1 :])
        self.axis = self._channels = None
        return no_channels(), 1


class _Runners(threading.local):
    """One for each worker thread, which measures its results before they are overwritten."""

    def __init__(self, session: InferenceSession) -> None:
        self.runner = Runner(session) if session.taps else None


def _measure(
    runners: _Runners, tallies: tuple[_Tally, ...], quietest: QuietestSample, end: int, batch: Batch
) -> tuple[Batch, Measured]:
    values = dict(batch.feeds)
    if runners.runner is not None:
        values.update(runners.runner.run(batch.feeds))
    spans = np.zeros((len(tallies), 4, batch.size), np.int32)
    present = np.zeros(len(tallies), np.bool_)
    arrays: list[NDArray[np.float32] | None] = []
    for row, tally in enumerate(tallies):
        x = np.ascontiguousarray(values.pop(tally.name), np.float32)
        present[row] = x.size > 0
        arrays.append(x if x.size else None)
        if x.size:
            tally.add(x, spans[row])
    found = Measured(reals(spans).astype(np.float64), present)
    if np.isfinite(found.spans).all():
        quietest.add(arrays, spans[:, :2], batch.first_index)
        if batch.first_index + batch.size == end:
            for x, tally, span in zip(arrays, tallies, spans, strict=True):
                if x is not None:
                    last = x.reshape(batch.size, -1)[-1]
                    tally.last = sample_histogram(last, span[:2, -1], end - 1)
    return batch, found


def _refuse_non_finite(found: Measured, tallies: tuple[_Tally, ...], batch: Batch) -> None:
    bad = np.any(~np.isfinite(found.spans), axis=1)
    if bad.any():
        sample = int(np.argmax(np.any(bad, axis=0)))
        name = tallies[int(np.argmax(bad[:, sample]))].name
        raise DataError(
            f"tensor {name!r} holds NaN or Inf for sample {batch.first_index + sample}; look at "
            "that sample, or repair the node that computes the tensor"
        )


def _stats(
    name: str, source: _Source, tally: _Tally, ends: Ends, quietest: QuietestSample, *, row: int
) -> TensorStats | None:
    """The statistics of one tensor, derived from those of its source; None without values."""
    samples = int(ends.counted[row])
    if not samples:
        return None
    histogram = tally.builder.build()
    low, high = ends.range(row, source.rectified)
    min_sample, max_sample = ends.first(row, source.rectified)
    last = tally.last
    channels = None if source.moved else tally.channels
    if source.rectified:
        histogram = histogram.rectified()
        last = last.rectified() if last else None
        channels = None if channels is None else np.maximum(channels, np.float32(0))
    sample_min, sample_max, abs_max, low_quantile, high_quantile = ends.of(row, source.rectified)
    return TensorStats(
        name=name,
        min=low,
        max=high,
        count=histogram.count,
        zeros=histogram.zeros,
        histogram=histogram,
        samples=samples,
        channel_axis=None if channels is None else tally.axis,
        channel_min=None if channels is None else channels[0],
        channel_max=None if channels is None else channels[1],
        mean_sample_min=sample_min,
        mean_sample_max=sample_max,
        mean_sample_abs_max=abs_max,
        mean_low_quantile=low_quantile,
        mean_high_quantile=high_quantile,
        growth=ends.growth(row, source.rectified),
        min_sample=min_sample,
        max_sample=max_sample,
        quietest=quietest.of(row, rectified=source.rectified),
        last=last,
    )
