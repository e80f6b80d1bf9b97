"""Calibrate: one streamed pass over the data, which finds the statistics of every tensor.

What a Relu gives, and what only rearranges values, is not looked at: its statistics follow exactly
from those of its input. Each worker thread runs a batch and then measures it, so one batch is
measured while the next one runs. Everything that is added up is exact, whatever the order.
"""

import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from quant import kernels
from quant.data.dataset import Batch, Dataset
from quant.data.npy import Array
from quant.data.opening import match_inputs
from quant.errors import DataError
from quant.execution.execution import Execution
from quant.execution.progress import OnProgress, Reporter
from quant.model.model import Model
from quant.opening.truth import TruthCheck
from quant.runtime.batching import batch_size
from quant.runtime.runner import Runner
from quant.runtime.session import InferenceSession, cores
from quant.statistics.accumulator import TensorAccumulator
from quant.statistics.calibration import Calibration
from quant.statistics.channel_means import ChannelMeans, multiplied_axes
from quant.statistics.examples import Examples
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
        DataError: If the data does not fit the model, or an input or a tensor holds NaN.
        ModelError: If ONNX Runtime cannot run the model, or the prepared model computes something
            else than its file.
        Cancelled: If ``progress`` raised it.
    """
    data = match_inputs(data, model.inputs)
    total = len(data) if samples is None else min(samples, len(data))
    if total < 1:
        raise DataError(f"calibration needs at least 1 sample, found {total} asked for")
    report = Reporter(total, progress)
    report()
    checked = Execution(report).run(partial(TruthCheck, model, data.probe))
    try:
        return _calibrated(model, data, total, report, checked)
    finally:
        checked.stop()


def _calibrated(
    model: Model, data: Dataset, total: int, report: Reporter, checked: TruthCheck
) -> Calibration:
    sources = _sources(model)
    rectified = {source.base for source in sources.values() if source.rectified}
    accumulators = tuple(
        TensorAccumulator(
            name, model.channel_axis(name), samples=total, rectified=name in rectified
        )
        for name in dict.fromkeys(source.base for source in sources.values())
    )
    means = tuple(
        _Means(name if sources[name].moved else sources[name].base, sources[name].base, found)
        for name, axis in multiplied_axes(model).items()
        for found in [ChannelMeans(name, axis, rectified=sources[name].to_be_rectified)]
    )
    inputs = {info.name for info in model.inputs}
    looked_at = dict.fromkeys((*(a.name for a in accumulators), *(m.base for m in means)))
    taps = [name for name in looked_at if name not in inputs]
    open_session = partial(InferenceSession, model.to_bytes(), taps=taps, draws=model.draws)
    kernels.warm_up()
    session = Execution(report).run(partial(open_session, threads=1))
    probed = partial(_probed, session, data)
    first, (size, sample_bytes) = Execution(report, session.stop).run(probed)
    workers = _workers(size * sample_bytes)
    if workers < cores():
        session = Execution(report).run(partial(open_session, threads=cores() // workers))
    execution = Execution(report, session.stop, workers)
    examples = Examples(data.group)
    measured_by = partial(_measure, _Runners(session), accumulators, means, examples)
    unbounded: set[str] = set()
    judged = False
    with closing(execution.map(measured_by, data.batches(size, total))) as results:
        for batch, infinite in results:
            unbounded |= infinite
            report.advance(batch.size)
            if not judged and checked.ready:
                checked.judge(first)
                judged = True
    if not judged:
        Execution(report, session.stop).run(partial(checked.judge, first))
    measured = {
        found.name: (whole := found.result(), found.rectified(whole))
        for found in accumulators
        if found.name not in unbounded
    }
    tensors = {
        name: stats
        for name, source in sources.items()
        if source.base in measured
        and (stats := source.stats_of(name, *measured[source.base])) is not None
    }
    sums = {
        m.of.name: found
        for m in means
        if m.source not in unbounded and (found := m.of.result()) is not None
    }
    infinite = frozenset(name for name, source in sources.items() if source.base in unbounded)
    return Calibration(
        model.fingerprint, tensors, total, data.probe, sums, infinite, examples.result()
    )


def _probed(
    session: InferenceSession, data: Dataset
) -> tuple[Mapping[str, Array], tuple[int, int]]:
    """What the first sample gives, outputs too, and how many samples can be run at once."""
    found = session.run_all(data.probe)
    inner = {name: found[name] for name in session.taps} if session.taps else found
    return found, batch_size([session], data, [inner])


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
        source: The tensor that is measured and holds the same values before they are moved.
        of: Adds them up.
    """

    base: str
    source: str
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
    examples: Examples,
    batch: Batch,
) -> tuple[Batch, frozenset[str]]:
    """Run a batch and count it; the second are the tensors that hold infinite values."""
    values = dict(batch.feeds)
    examples.add(batch)
    if runners.runner is not None:
        values.update(runners.runner.run(batch.feeds))
    if batch.fed > 1:
        values = {name: _by_sample(array, batch) for name, array in batch.own(values).items()}
    infinite: set[str] = set()
    for accumulator in accumulators:
        x = np.ascontiguousarray(values[accumulator.name], np.float32)
        at = accumulator.add(x, batch.first_index, batch.size)
        if at is None:
            continue
        if np.isnan(x).any():
            _refuse_nan(accumulators, values, batch)
        infinite.add(accumulator.name)
    for item in means:
        if item.source not in infinite:
            item.of.add(np.asarray(values[item.base], np.float32), batch.size)
    return batch, frozenset(infinite)


def _by_sample(array: Array, batch: Batch) -> Array:
    """A tensor that samples share, once for each; others are theirs one after the other already."""
    divides = array.ndim > 0 and len(array) % batch.size == 0
    return array if divides else np.repeat(array[None], batch.size, axis=0)


def _refuse_nan(
    accumulators: tuple[TensorAccumulator, ...], values: Mapping[str, Array], batch: Batch
) -> None:
    """Name the first tensor, in the order of the graph, that holds NaN, and the sample."""
    for accumulator in accumulators:
        found = np.isnan(np.asarray(values[accumulator.name], np.float32))
        if found.any():
            rows = found.reshape(batch.size, -1).any(axis=1)
            raise DataError(
                f"tensor {accumulator.name!r} holds NaN for sample "
                f"{batch.first_index + int(np.argmax(rows))}, and no tensor before it that was "
                "looked at does; look at that sample, or repair the node that computes the tensor"
            )
