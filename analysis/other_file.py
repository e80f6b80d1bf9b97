"""An int8 file that another tool made, beside its float model and beside the recipe like it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from analysis.errors.cumulative import Comparison, compare
from analysis.errors.tensor_error import ErrorStats
from analysis.graph.model_graph import measured_edges
from quant.data.dataset import Dataset
from quant.execution.progress import OnProgress
from quant.foreign.as_recipe import recipe_of
from quant.foreign.configs.base import FileRecipe
from quant.foreign.doubts import Doubt, doubts
from quant.foreign.matching import Match, matched
from quant.foreign.reading import read_int8
from quant.model.model import Model
from quant.pipeline import quantize
from quant.statistics.collect import calibrate


@dataclass(frozen=True, eq=False)
class OtherFile:
    """What is known of another tool's file.

    Attributes:
        match: Which of its tensors and nodes are which of the float model's.
        like: The recipe that asks for the same, and what it does otherwise.
        doubts: What in it cannot be right, in the order of the graph.
        file: The file against the float model.
        recipe: The recipe's own int8 model against the float model.
    """

    match: Match
    like: FileRecipe
    doubts: tuple[Doubt, ...]
    file: Comparison
    recipe: Comparison

    @cached_property
    def falls(self) -> tuple[tuple[str, ErrorStats, float], ...]:
        """Tensors of the file by how far the sqnr falls there, in dB, the farthest first.

        From the least of those that the node reads; the inputs of the model have no error.
        """
        model, tensors = self.match.model, self.file.tensors
        before = dict.fromkeys((name for name in tensors if name in model.producers), CLEAN_DB)
        for source, name in measured_edges(model, tensors):
            before[name] = min(before[name], tensors[source].sqnr_db)
        found = ((name, tensors[name], db - tensors[name].sqnr_db) for name, db in before.items())
        return tuple(sorted(found, key=lambda item: -item[2]))


CLEAN_DB = 60.0
"""What has less error than this, in dB, has none that int8 could tell."""


def other_file(
    model: Model,
    path: str | Path,
    data: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> OtherFile:
    """Compare an int8 file of another tool with its float model, and make a recipe like it.

    Args:
        model: The float model that it was made of.
        path: The file, in Q/DQ form or of ONNX Runtime's operators on codes.
        data: What to feed both with; ranges are judged by it.
        samples: Use the first so many samples; None for all.
        progress: As for :func:`quant.statistics.collect.calibrate`.

    Returns:
        What was matched, what is doubtful, and both errors.

    Raises:
        ModelError: If a file cannot be read or run, or nothing in it is quantized.
        DataError: If the data does not fit.
        Cancelled: If ``progress`` raised it.
    """
    match = matched(read_int8(path), model)
    calibration = calibrate(model, data, samples=samples, progress=progress)
    like = recipe_of(match)
    ours = quantize(model, calibration, like.recipe)
    return OtherFile(
        match,
        like,
        doubts(match, calibration),
        compare(model, path, data, samples=samples, progress=progress),
        compare(model, ours, data, samples=samples, tensors="outputs", progress=progress),
    )


@dataclass(frozen=True)
class TensorDifference:
    """How two int8 models differ at a tensor that both have.

    Attributes:
        tensor: The tensor.
        first_db: Cumulative sqnr of the first, in dB.
        second_db: Of the second.
    """

    tensor: str
    first_db: float
    second_db: float

    @property
    def gain_db(self) -> float:
        """By how much the second is better, in dB; none where both are equal to float."""
        if self.first_db == self.second_db:
            return 0.0
        return self.second_db - self.first_db


def side_by_side(first: Comparison, second: Comparison) -> tuple[TensorDifference, ...]:
    """Two int8 models of one float model, at each tensor that both have.

    Args:
        first: One against the float model.
        second: The other one, on the same samples.

    Returns:
        The tensors, the farthest apart first.
    """
    both = {**first.tensors, **first.outputs}
    other = {**second.tensors, **second.outputs}
    found = (
        TensorDifference(name, error.sqnr_db, other[name].sqnr_db)
        for name, error in both.items()
        if name in other
    )
    return tuple(sorted(found, key=lambda item: -abs(item.gain_db)))
