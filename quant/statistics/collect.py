"""Calibrate: one streamed pass over the data, which finds the statistics of every tensor.

What a Relu gives, and what only rearranges values, is not looked at: its statistics follow exactly
from those of its input. Each worker thread runs a batch and then measures it, so one batch is
measured while the next one runs. Everything that is added up is exact, whatever the order.
"""

import threading
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from quant import kernels
from quant.data.dataset import Batch, Dataset
from quant.errors import DataError
from quant.execution.execution import Execution
from quant.execution.progress import OnProgress, Reporter
from quant.model.model import Model
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession, Runner, cores
from quant.statistics.accumulator import TensorAccumulator
from quant.statistics.calibration import Calibration
from quant.statistics.channel_means import ChannelMeans, multiplied_axes
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
    accumulators = tuple(
        TensorAccumulator(
            name, model.channel_axis(name), samples=total, rectified=name in rectified
        )
        for name in dict.fromkeys(source.base for source in sources.values())
    )
    means = tuple(
        _Means(name if sources[name].moved else sources[name].base, found)
        for name, axis in multiplied_axes(model).items()
        for found in [ChannelMeans(name, axis, rectified=sources[name].to_be_rectified)]
    )
    inputs = {info.name for info in model.inputs}
    looked_at = dict.fromkeys((*(a.name for a in accumulators), *(m.base for m in means)))
    taps = [name for name in looked_at if name not in inputs]
    open_session = partial(InferenceSession, model.to_bytes(), taps=taps)
    kernels.warm_up()
    session = Execution(report).run(partial(open_session, threads=1))
    size, sample_bytes = Execution(report, session.stop).run(partial(batch_size, [session], data))
    workers = _workers(size * sample_bytes)
    if workers < cores():
        session = Execution(report).run(partial(open_session, threads=cores() // workers))
    execution = Execution(report, session.stop, workers)
    measured_by = partial(_measure, _Runners(session), accumulators, means)
    with closing(execution.map(measured_by, data.batches(size, total))) as results:
        for batch, bad in results:
            if bad is not None:
                raise DataError(bad)
            report.advance(batch.size)
    measured = {
        found.name: (whole := found.result(), found.rectified(whole)) for found in accumulators
    }
    tensors = {
        name: stats
        for name, source in sources.items()
        if (stats := source.stats_of(name, *measured[source.base])) is not None
    }
    probe = next(data.samples(1))
    sums = {m.of.name: found for m in means if (found := m.of.result()) is not None}
    return Calibration(model.fingerprint, tensors, total, probe, sums)


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

    @property
    def to_be_rectified(self) -> bool:
        """Whether a Relu lies between what is measured of its channels and the tensor."""
        return self.rectified and not self.moved

    def stats_of(
        self, name: str, plain: TensorStats | None, rectified: TensorStats | None
    ) -> TensorStats | None:
        """The statistics of the tensor from those of its base and of a Relu of that."""
        stats = rectified if self.rectified else plain
        if stats is None:
            return None
        stats = replace(stats, name=name)
        if self.moved:
            return replace(stats, channel_axis=None, channel_min=None, channel_max=None)
        return stats


@dataclass(frozen=True)
class _Means:
    """Whose channels' means are added up.

    Attributes:
        base: The tensor whose values are looked at: the tensor itself, or what a Relu reads.
        of: Adds them up.
    """

    base: str
    of: ChannelMeans


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


class _Runners(threading.local):
    """One for each worker thread, which measures its results before they are overwritten."""

    def __init__(self, session: InferenceSession) -> None:
        self.runner = Runner(session) if session.taps else None


def _measure(
    runners: _Runners,
    accumulators: tuple[TensorAccumulator, ...],
    means: tuple[_Means, ...],
    batch: Batch,
) -> tuple[Batch, str | None]:
    """Run a batch and count it; the second is what is wrong with it."""
    values = dict(batch.feeds)
    if runners.runner is not None:
        values.update(runners.runner.run(batch.feeds))
    bad: list[tuple[int, str]] = []
    for accumulator in accumulators:
        x = np.ascontiguousarray(values[accumulator.name], np.float32)
        at = accumulator.add(x, batch.first_index, batch.size)
        if at is not None:
            bad.append((at, accumulator.name))
    if not bad:
        for item in means:
            item.of.add(np.asarray(values[item.base], np.float32), batch.size)
        return batch, None
    sample, name = min(bad, key=lambda found: found[0])
    return batch, (
        f"tensor {name!r} holds NaN or Inf for sample {sample}; look at that sample, or repair the "
        "node that computes the tensor"
    )
