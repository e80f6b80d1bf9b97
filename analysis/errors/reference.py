"""Float and int8 against what another runtime gave: a framework, a converter, a device.

Whoever converted a model wants to know whether the float file is still the one that was trained,
before anything is quantized; and the first tensor that is not tells where to look.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors.cumulative import shared_tensors
from analysis.errors.measuring import measure
from analysis.errors.runs import FileRuns, Models, Needs, Observer, Quantized, Run, RunResults
from analysis.errors.tensor_error import ErrorAccumulator, ErrorStats
from quant.data.dataset import Batch, Dataset
from quant.data.npy import Array
from quant.errors import DataError, did_you_mean
from quant.execution.progress import OnProgress
from quant.model.model import Model
from quant.runtime.session import holds_numbers

SAME_DB: Final = 60.0
"""Two runtimes that compute the same in float32 are nearer to each other than this."""


@dataclass(frozen=True, eq=False)
class ReferenceErrors:
    """How far both models are from a reference.

    Attributes:
        samples: Number of samples.
        of_float: Tensor -> error of the float model, in topological order.
        of_int8: Tensor -> error of the int8 model, where it has that tensor.
        producers: Tensor -> the node that computes it.
        left_out: What could not be compared, as sentences.
    """

    samples: int
    of_float: Mapping[str, ErrorStats]
    of_int8: Mapping[str, ErrorStats]
    producers: Mapping[str, str]
    left_out: tuple[str, ...]

    @property
    def first_far(self) -> str:
        """The first tensor at which the float model is another one; "" where it is the same."""
        return next((n for n, error in self.of_float.items() if error.sqnr_db < SAME_DB), "")


def against_reference(
    float_model: Model,
    int8: Quantized | str | Path,
    data: Dataset,
    reference: Dataset,
    *,
    samples: int | None = None,
    progress: OnProgress | None = None,
) -> ReferenceErrors:
    """Compare both models with what another runtime gave for the same samples.

    Args:
        float_model: The float model.
        int8: The int8 model, or its file.
        data: What to feed both with.
        reference: Arrays named after outputs or inner tensors of the float model, a sample each
            along the first axis; one without a name is the only output.
        samples: Use the first so many samples; None for all.
        progress: As for :func:`analysis.errors.measuring.measure`.

    Raises:
        DataError: If the reference has fewer samples, or no tensor of the model.
        ModelError: If a model cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    wanted = len(data) if samples is None else min(samples, len(data))
    if len(reference) < wanted:
        raise DataError(
            f"reference: expected {wanted:,} samples as in the data, found {len(reference):,}; "
            "give what was computed for the same samples"
        )
    observer = _References(float_model, reference)
    measure(FileRuns(float_model, int8), data, [observer], samples=samples, progress=progress)
    return observer.result()


class _References(Observer[Models, ReferenceErrors]):
    """Goes through the reference beside the batches."""

    def __init__(self, model: Model, reference: Dataset) -> None:
        self._producers = {name: node.name for name, node in model.producers.items()}
        self._rows: Iterator[Mapping[str, Array]] = reference.samples()
        outputs = [info.name for info in model.outputs]
        self._names = {n: n or outputs[0] for n in reference.names if n or len(outputs) == 1}
        known = [name for name in self._producers if name in self._names.values()]
        if not known:
            first = next(iter(reference.names), "")
            raise DataError(
                f"reference: none of its arrays, such as {first!r}, is a tensor of {model.name}"
                f"{did_you_mean(first, self._producers)}; name them after its outputs"
            )
        self._order = known
        self._left_out = {
            name: f"{name}: {model.name} has no such tensor"
            for name in self._names.values()
            if name not in self._producers
        }
        self._int8: Mapping[str, str] = {}
        self._samples = 0
        self._errors: tuple[dict[str, ErrorAccumulator], dict[str, ErrorAccumulator]] = ({}, {})

    def needs(self, models: Models) -> Needs:
        """The tensors that the reference has."""
        shared = shared_tensors(models)
        self._int8 = {name: shared[name] for name in self._order if name in shared}
        return {
            Run.FLOAT_TENSORS: tuple(self._order),
            Run.INT8_TENSORS: tuple(self._int8.values()),
        }

    def add(self, batch: Batch, results: RunResults) -> None:
        """Add a batch."""
        found = [batch.own(results[run]) for run in (Run.FLOAT_TENSORS, Run.INT8_TENSORS)]
        for row in range(batch.size):
            given = next(self._rows)
            reference = {self._names[name]: array for name, array in given.items()}
            float_row, int8_row = (batch.sample(arrays, row) for arrays in found)
            for name in self._order:
                self._add(0, name, reference[name], float_row[name])
                if name in self._int8:
                    self._add(1, name, reference[name], int8_row[self._int8[name]])
            self._samples += 1

    def _add(self, place: int, name: str, reference: Array, found: Array) -> None:
        if not (holds_numbers(reference) and holds_numbers(found)):
            self._left_out[name] = f"{name}: it does not hold numbers"
        elif reference.size != found.size:
            self._left_out[name] = (
                f"{name}: the reference has shape {reference.shape}, the model gives {found.shape}"
            )
        else:
            errors = self._errors[place].setdefault(name, ErrorAccumulator())
            errors.add(reference.reshape(found.shape), found)

    def result(self) -> ReferenceErrors:
        """What all batches together gave."""
        of_float, of_int8 = (
            {n: errors[n].result() for n in self._order if n in errors and n not in self._left_out}
            for errors in self._errors
        )
        left_out = tuple(self._left_out.values())
        return ReferenceErrors(self._samples, of_float, of_int8, self._producers, left_out)
