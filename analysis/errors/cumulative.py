"""Run a float model and its int8 version over the same samples and measure the difference.

What a user gets and what a tensor holds are measured on different sessions. A tapped tensor must be
computed as written, so ONNX Runtime cannot fuse across it: an int8 model with taps does not run the
integer kernels of the plain one. Outputs, predictions and top-1 therefore come from sessions
without taps at ONNX Runtime's default settings, and the error at each tensor from tapped ones at
the level "basic", where every QuantizeLinear and DequantizeLinear is computed as it is defined.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from analysis.errors.output_scores import predictions, share_equal
from analysis.errors.tensor_error import ErrorAccumulator, ErrorStats
from quant.data.dataset import Batch, Dataset, match_inputs
from quant.errors import DataError, ModelError
from quant.execution.ordered_map import map_ordered, run_cancellable
from quant.execution.progress import OnProgress, Reporter
from quant.model.model import Model
from quant.model.read import read_model
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession

Array = NDArray[np.generic]


class Quantized(Protocol):
    """What :func:`compare` needs of an int8 model in memory."""

    @property
    def tensor_map(self) -> Mapping[str, str]:
        """Float tensor -> the tensor of the int8 graph that stands for it."""
        ...

    def to_bytes(self) -> bytes:
        """The content of the ``.onnx`` file."""
        ...


@dataclass(frozen=True, eq=False)
class Comparison:
    """Float against int8 over the same samples. All errors are cumulative.

    Attributes:
        samples: Number of samples.
        outputs: Error at each output of the model, without taps.
        tensors: Error at each tensor that both graphs have, in topological order.
        float_top1: Share of samples whose largest value of the first output is at the label's
            place, float; None without labels or where the first output is no row of scores.
        int8_top1: The same of the int8 model.
        agreement: Share of samples that both models predict alike; None where the first output is
            no row of scores.
        float_predictions: int32, shape (samples,): place of the largest score; None like above.
        int8_predictions: The same of the int8 model.
        left_out: Tensors that could not be compared, with the reason, as sentences.
    """

    samples: int
    outputs: Mapping[str, ErrorStats]
    tensors: Mapping[str, ErrorStats]
    float_top1: float | None
    int8_top1: float | None
    agreement: float | None
    float_predictions: NDArray[np.int32] | None
    int8_predictions: NDArray[np.int32] | None
    left_out: tuple[str, ...]


def compare(
    float_model: Model | str | Path,
    int8: Quantized | str | Path,
    data: Dataset,
    *,
    samples: int | None = None,
    tensors: Literal["all", "outputs"] = "all",
    progress: OnProgress | None = None,
) -> Comparison:
    """Measure the cumulative error of an int8 model in one pass over the data.

    Memory does not depend on the number of samples.

    Args:
        float_model: The float model, or its file.
        int8: The int8 model, or its file; any file of QuantizeLinear and DequantizeLinear pairs
            whose tensors kept their names will do.
        data: What to feed both with; labels give top-1.
        samples: Use the first so many samples; None for all.
        tensors: "all" measures every tensor that both graphs have, "outputs" the outputs only,
            which is faster.
        progress: Called before the work, after every batch and at least every quarter of a
            second; it may raise :class:`quant.errors.Cancelled` to stop within a second.

    Returns:
        The comparison.

    Raises:
        DataError: If the data does not fit the float model.
        ModelError: If a model cannot be read or run, or they differ in inputs or outputs.
        Cancelled: If ``progress`` raised it.
    """
    total = len(data) if samples is None else min(samples, len(data))
    if total < 1:
        raise DataError(f"a comparison needs at least 1 sample, found {total} asked for")
    report = Reporter(total, progress)
    report()
    runs = run_cancellable(partial(_opened, float_model, int8, tensors), heartbeat=report)
    data = match_inputs(data, runs.plain[0].inputs)
    size, _ = run_cancellable(
        partial(batch_size, runs.sessions, data), heartbeat=report, stop=runs.stop
    )
    tally = _Tally()
    results = map_ordered(
        runs.run, data.batches(size, total), workers=1, heartbeat=report, stop=runs.stop
    )
    with closing(results):
        for batch, found in results:
            tally.add(batch, found)
            report.advance(batch.size)
    return tally.result(total, data.labels)


@dataclass(frozen=True, eq=False)
class _Found:
    """Values of both models on a batch: name -> (float, int8)."""

    outputs: Mapping[str, tuple[Array, Array]]
    tensors: Mapping[str, tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class _Runs:
    """The sessions: (float, int8) as a user runs them, and (float, int8) tapped."""

    plain: tuple[InferenceSession, InferenceSession]
    tapped: tuple[InferenceSession, InferenceSession] | None
    names: Mapping[str, str]

    @property
    def sessions(self) -> tuple[InferenceSession, ...]:
        return (*self.plain, *(self.tapped or ()))

    def run(self, batch: Batch) -> tuple[Batch, _Found]:
        reference, test = (session.run(batch.feeds) for session in self.plain)
        outputs = {name: (reference[name], test[name]) for name in reference}
        tensors: dict[str, tuple[Array, Array]] = {}
        if self.tapped is not None:
            reference, test = (session.run(batch.feeds) for session in self.tapped)
            tensors = {a: (reference[a], test[b]) for a, b in self.names.items()}
        return batch, _Found(outputs, tensors)

    def stop(self) -> None:
        for session in self.sessions:
            session.stop()


def _opened(
    float_model: Model | str | Path,
    int8: Quantized | str | Path,
    tensors: Literal["all", "outputs"],
) -> _Runs:
    """The sessions, once it is sure that the models belong together."""
    reference = float_model.to_bytes() if isinstance(float_model, Model) else _content(float_model)
    known: Mapping[str, str] = {}
    if isinstance(int8, str | Path):
        test = _content(int8)
    else:
        test, known = int8.to_bytes(), int8.tensor_map
    plain = (InferenceSession(reference), InferenceSession(test))
    for what in ("inputs", "outputs"):
        a, b = ({info.name for info in getattr(session, what)} for session in plain)
        if a != b:
            raise ModelError(
                f"expected two models with the same {what}, found {_listed(a)} in the float model "
                f"and {_listed(b)} in the int8 one; compare a model with its own int8 version"
            )
    names = _shared_tensors(reference, test, known) if tensors == "all" else {}
    tapped = None
    if names:
        tapped = (
            InferenceSession(reference, taps=tuple(names), level="basic"),
            InferenceSession(test, taps=tuple(dict.fromkeys(names.values())), level="basic"),
        )
    return _Runs(plain, tapped, names)


def _content(path: str | Path) -> bytes:
    return read_model(path).proto.SerializeToString()


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _shared_tensors(reference: bytes, test: bytes, known: Mapping[str, str]) -> dict[str, str]:
    """Float tensor -> the tensor of the int8 graph to compare it with, in topological order.

    Where the tensor of that name is quantized and dequantized in the int8 graph, the result of
    that is meant, which is what its quantized consumers read.
    """
    graph = onnx.load_model_from_string(test).graph
    made = {name for node in graph.node for name in node.output}
    quantized = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    dequantized = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    names: dict[str, str] = {}
    for node in onnx.load_model_from_string(reference).graph.node:
        for name in node.output:
            seen = known.get(name) or dequantized.get(quantized.get(name, ""), name)
            if name and seen in made:
                names[name] = seen
    return names


class _Tally:
    """Adds up batches."""

    def __init__(self) -> None:
        self._outputs: dict[str, ErrorAccumulator] = {}
        self._tensors: dict[str, ErrorAccumulator] = {}
        self._left_out: dict[str, str] = {}
        self._predictions: list[NDArray[np.int32]] | None = []

    def add(self, batch: Batch, found: _Found) -> None:
        """Add a batch."""
        if self._predictions is not None:
            first = next(iter(found.outputs.values()))
            rows = [predictions(array, batch.size) for array in first]
            pair = [row for row in rows if row is not None]
            self._predictions = [*self._predictions, np.stack(pair)] if len(pair) == 2 else None
        for accumulators, values in (
            (self._outputs, found.outputs),
            (self._tensors, found.tensors),
        ):
            for name, (reference, test) in values.items():
                self._add(accumulators, name, reference, test)

    def _add(
        self, accumulators: dict[str, ErrorAccumulator], name: str, reference: Array, test: Array
    ) -> None:
        if reference.dtype.kind not in "biuf" or test.dtype.kind not in "biuf":
            self._left_out[name] = f"{name}: it does not hold numbers"
        elif reference.shape != test.shape:
            self._left_out[name] = (
                f"{name}: its shape differs, {reference.shape} in float and {test.shape} in int8"
            )
        else:
            accumulators.setdefault(name, ErrorAccumulator()).add(reference, test)

    def result(self, samples: int, labels: NDArray[np.int64] | None) -> Comparison:
        """What all batches together gave."""
        float_top1 = int8_top1 = agreement = reference = test = None
        if self._predictions is not None:
            both = np.concatenate(self._predictions, axis=1)
            reference, test = both[0], both[1]
            agreement = share_equal(reference, test)
            if labels is not None:
                float_top1, int8_top1 = (
                    share_equal(row, labels[:samples]) for row in (reference, test)
                )
        return Comparison(
            samples=samples,
            outputs=self._results(self._outputs),
            tensors=self._results(self._tensors),
            float_top1=float_top1,
            int8_top1=int8_top1,
            agreement=agreement,
            float_predictions=reference,
            int8_predictions=test,
            left_out=tuple(self._left_out.values()),
        )

    def _results(self, accumulators: Mapping[str, ErrorAccumulator]) -> dict[str, ErrorStats]:
        return {n: a.result() for n, a in accumulators.items() if n not in self._left_out}
