"""What MindSpore Lite's converter writes down of each calibration round, by its own definitions.

Each tensor has two rows: what float has ("Origin") and what int8 has ("Dequant"). The definitions
are not ours: quartiles without interpolation, a "Var" that is a deviation, a "Clip" that counts
values beyond what int8 happened to reach.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.errors.cumulative import shared_tensors
from analysis.errors.measuring import measure
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Run, RunResults
from quant.data.dataset import Batch, Dataset
from quant.error_model.differences import at_places_of
from quant.execution.progress import OnProgress
from quant.model.model import Node
from quant.model.op_roles import INPUT_OP_TYPE
from quant.numerics import dequantize_linear, quantize_linear
from quant.pipeline import QuantizedModel
from quant.runtime.session import holds_numbers
from quant.types import PerChannel, QuantParams

Array = NDArray[np.generic]
Row = Mapping[str, object]
_Place = tuple[str, int]
"""A node, and which of its inputs."""

_NEAR_ZERO: Final = 2.2e-16
"""A product of squared lengths below this has no angle; so it is in MindSpore."""

_LARGEST_RATIO: Final = 10.0
"""A correction of the deviation beyond this is left out."""


@dataclass(frozen=True)
class _Statistics:
    """One row's numbers, named as its columns are."""

    Min: float
    Q1: float
    Median: float
    Q3: float
    Max: float
    Mean: float
    Var: float
    Sparsity: float


@dataclass(frozen=True)
class DebugReports:
    """The reports, each a table of rows with equal columns.

    Attributes:
        rounds: For each sample a row of float and a row of int8 for each tensor of each node.
        parameters: Scale and zero point of each tensor, a row a channel.
        outputs: For each sample and output how alike float and int8 are.
    """

    rounds: tuple[tuple[Row, ...], ...]
    parameters: tuple[Row, ...]
    outputs: tuple[Row, ...]


def debug_reports(
    quantized: QuantizedModel,
    data: Dataset,
    rounds: int,
    *,
    progress: OnProgress | None = None,
) -> DebugReports:
    """Measure the first samples as MindSpore Lite's converter reports its rounds.

    Args:
        quantized: The int8 model.
        data: What to feed both models with.
        rounds: How many samples; each is a round.
        progress: As for :func:`analysis.errors.measuring.measure`.

    Raises:
        DataError: If the data does not fit the float model.
        ModelError: If a model cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    observer = _Rounds(quantized)
    models = FileRuns(quantized.float_model, quantized)
    measure(models, data, [observer], samples=rounds, batch=1, progress=progress)
    return observer.result()


class _Rounds(Observer[Models, DebugReports]):
    """Writes the rows of each round down."""

    def __init__(self, quantized: QuantizedModel) -> None:
        self._quantized = quantized
        self._names: Mapping[str, str] = {}
        self._dequantized = {
            (item.node, item.index): dequantize_linear(item.codes, item.params)
            for item in quantized.constants
        }
        self._rounds: list[tuple[Row, ...]] = []
        self._outputs: list[Row] = []

    def needs(self, models: Models) -> Needs:
        """Every tensor that both have, and the outputs."""
        self._names = shared_tensors(models)
        return {
            Run.FLOAT: (),
            Run.INT8: (),
            Run.FLOAT_TENSORS: tuple(self._names),
            Run.INT8_TENSORS: tuple(self._names.values()),
        }

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a sample."""
        pairs: dict[str, tuple[Array, Array]] = {}
        for name, array in batch.feeds.items():
            params = self._quantized.params.get(name)
            if params is not None:
                codes = quantize_linear(np.asarray(array, np.float32), params)
                pairs[name] = (array, dequantize_linear(codes, params))
        reference, test = results[Run.FLOAT_TENSORS], results[Run.INT8_TENSORS]
        pairs |= {name: (reference[name], test[seen]) for name, seen in self._names.items()}
        rows: list[Row] = []
        for node in self._quantized.float_model.nodes:
            for row in self._of_node(node, pairs):
                rows.append({"": len(rows), **row})
        number = len(self._rounds)
        self._rounds.append(tuple(rows))
        for name, wanted in results[Run.FLOAT].items():
            found = at_places_of(wanted, results[Run.INT8][name])
            if holds_numbers(wanted) and found is not None:
                alike = _cosine(wanted, found)
                self._outputs.append(
                    {"Round": number, "TensorName": name, "CosineSimilarity": alike}
                )

    def _of_node(self, node: Node, pairs: Mapping[str, tuple[Array, Array]]) -> Iterator[Row]:
        for index, name in enumerate(node.inputs):
            dequantized = self._dequantized.get((node.name, index))
            if dequantized is not None:
                origin = self._quantized.float_model.constant(name)
                yield from _rows(node, name, "Input", "Weight", (origin, dequantized))
            elif name in pairs:
                yield from _rows(node, name, "Input", "Activation", pairs[name])
        for name in node.outputs:
            if name in pairs:
                yield from _rows(node, name, "Output", "Activation", pairs[name])

    def result(self) -> DebugReports:
        """The rows of all rounds."""
        parameters = (
            *_activation_rows(self._quantized),
            *_constant_rows(self._quantized, self._dequantized),
        )
        return DebugReports(tuple(self._rounds), parameters, tuple(self._outputs))


def _rows(
    node: Node,
    name: str,
    side: Literal["Input", "Output"],
    kind: Literal["Activation", "Weight"],
    pair: tuple[Array, Array],
) -> Iterator[Row]:
    """The two rows of a tensor; none where it holds no numbers."""
    if not all(holds_numbers(array) and array.size for array in pair):
        return
    origin, dequant = (np.asarray(array, np.float64).reshape(-1) for array in pair)
    about = {
        "NodeName": node.name,
        "NodeType": node.op_type,
        "TensorName": name,
        "InOutFlag": side,
    }
    clip = float(((origin > dequant.max()) | (origin < dequant.min())).mean())
    alike = _cosine(origin, dequant) if origin.size == dequant.size else math.nan
    for flag, values, clipped in (("Origin", origin, 0.0), ("Dequant", dequant, clip)):
        yield {
            **about,
            "DataTypeFlag": flag,
            "TensorTypeFlag": kind,
            **asdict(_statistics(values)),
            "Clip": clipped,
            "CosineSimilarity": 1.0 if flag == "Origin" else alike,
        }


def _statistics(values: NDArray[np.float64]) -> _Statistics:
    places = [int(share * values.size) for share in (0.25, 0.5, 0.75)]
    parts = np.partition(values, places)
    first, middle, third = (float(parts[place]) for place in places)
    return _Statistics(
        float(values.min()),
        first,
        middle,
        third,
        float(values.max()),
        float(values.mean()),
        float(values.std()),
        float((values == 0).mean()),
    )


def _cosine(a: Array, b: Array) -> float:
    """The cosine of the angle between two tensors, where they have one."""
    first, second = (np.asarray(array, np.float64).reshape(-1) for array in (a, b))
    lengths = float(first @ first), float(second @ second)
    if max(lengths) < _NEAR_ZERO:
        return 1.0
    product = lengths[0] * lengths[1]
    return 0.0 if product < _NEAR_ZERO else float(first @ second) / math.sqrt(product)


def _activation_rows(quantized: QuantizedModel) -> Iterator[Row]:
    """The parameters of every activation, which have no corrections."""
    model = quantized.float_model
    for name, params in quantized.params.items():
        # Of one sample: what is open is 1.
        shape = [d if isinstance(d, int) else 1 for d in model.tensors[name].shape or ()]
        yield _parameters(model.producers.get(name), name, shape, params, at=0)


def _constant_rows(quantized: QuantizedModel, dequantized: Mapping[_Place, Array]) -> Iterator[Row]:
    """The parameters of every weight, constant and bias, a row a channel."""
    nodes = {node.name: node for node in quantized.float_model.nodes}
    for item in quantized.constants:
        origin = np.asarray(quantized.float_model.constant(item.name), np.float64)
        pair = origin, np.asarray(dequantized[item.node, item.index], np.float64)
        granularity = item.params.spec.granularity
        axis = granularity.axis if isinstance(granularity, PerChannel) else None
        raw, seen = (a[None] if axis is None else np.moveaxis(a, axis, 0) for a in pair)
        for at, channels in enumerate(zip(raw, seen, strict=True)):
            row = _parameters(nodes[item.node], item.name, origin.shape, item.params, at=at)
            var, mean = _corrections(*channels)
            yield {**row, "CorrectionVar": var, "CorrectionMean": mean}


def _parameters(
    node: Node | None, tensor: str, shape: Sequence[int], params: QuantParams, *, at: int
) -> Row:
    """A row of one channel, without corrections."""
    return {
        "NodeName": node.name if node else "",
        "NodeType": node.op_type if node else INPUT_OP_TYPE,
        "TensorName": tensor,
        "ElementsNum": math.prod(shape),
        "Dims": " ".join(map(str, shape)),
        "Scale": float(np.atleast_1d(params.scale)[at]),
        "ZeroPoint": int(np.atleast_1d(params.zero_point)[at]),
        "Bits": params.spec.qtype.bits,
        "CorrectionVar": 1.0,
        "CorrectionMean": 0.0,
    }


def _corrections(raw: NDArray[np.float64], seen: NDArray[np.float64]) -> tuple[float, float]:
    """What would give a rounded channel its deviation and its mean back."""
    deviation = float(seen.std())
    ratio = float(raw.std()) / deviation if deviation else 0.0
    var = ratio if 0 < ratio < _LARGEST_RATIO else 1.0
    return var, float(raw.mean()) - float(seen.mean()) * var
