"""The results of one pass over the evaluation data, each measured by an observer of its own.

A new measured error is an observer in :mod:`analysis.errors` and a line here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from analysis.errors.axis_slices import SliceErrorAccumulator, SliceErrors
from analysis.errors.cumulative import Comparison, ComparisonAccumulator
from analysis.errors.local import LocalErrorAccumulator
from analysis.errors.measuring import measure
from analysis.errors.out_of_range import OutOfRange, OutOfRangeAccumulator
from analysis.errors.per_sample import SampleErrorAccumulator, SampleErrors
from analysis.errors.runs import Observer, QuantizedRuns
from analysis.errors.tensor_error import ErrorStats
from analysis.errors.weights_vs_activations import AblationAccumulator, AblationResult
from analysis.metrics import MetricError
from analysis.study.keys import MEASURED, SCORED, Result
from analysis.study.study import Stage, Study
from quant.execution.progress import OnProgress

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class MeasuredResult(Result[T_co], Generic[T_co]):
    """A result of the pass.

    Attributes:
        observer: Makes what measures it.
    """

    observer: Callable[[Study], Observer[QuantizedRuns, T_co]]


COMPARISON: Final = MeasuredResult[Comparison](
    "comparison", MEASURED, observer=lambda s: ComparisonAccumulator(s.evaluation.labels, "all")
)
OUTPUT_COMPARISON: Final = MeasuredResult[Comparison](
    "comparison of the outputs",
    MEASURED,
    observer=lambda s: ComparisonAccumulator(s.evaluation.labels, "outputs"),
)
ABLATIONS: Final = MeasuredResult[AblationResult](
    "ablations",
    SCORED,
    keep=24,
    observer=lambda s: AblationAccumulator(s.metric, s.evaluation.labels),
)
LOCAL_ERRORS: Final = MeasuredResult[Mapping[str, ErrorStats]](
    "local errors", MEASURED, observer=lambda _: LocalErrorAccumulator()
)
# The worst samples are kept whole, with their outputs.
SAMPLE_ERRORS: Final = MeasuredResult[SampleErrors](
    "sample errors",
    MEASURED,
    keep=4,
    observer=lambda s: SampleErrorAccumulator(s.evaluation.labels),
)
OUT_OF_RANGE: Final = MeasuredResult[Mapping[str, OutOfRange]](
    "values out of range", MEASURED, observer=lambda s: OutOfRangeAccumulator(s.quantized)
)
SLICE_ERRORS: Final = MeasuredResult[Mapping[str, SliceErrors]](
    "slice errors", MEASURED, observer=lambda s: SliceErrorAccumulator(s.quantized)
)

SHOWN: Final = (COMPARISON, ABLATIONS, SAMPLE_ERRORS, OUT_OF_RANGE, SLICE_ERRORS)
"""What the pages show of a measurement."""


def measuring(*wanted: MeasuredResult[Any]) -> Stage:
    """The stage that measures some results in one pass over the evaluation data.

    Args:
        wanted: What to measure; what is known already is left out.
    """
    return Stage("measuring", SCORED, "samples", partial(_measure, wanted))


def _measure(
    wanted: Sequence[MeasuredResult[Any]], study: Study, progress: OnProgress | None
) -> None:
    missing = [result for result in wanted if study.known(result) is None]
    if not missing:
        return
    observers = [result.observer(study) for result in missing]
    runs, data = QuantizedRuns(study.quantized), study.evaluation
    measure(runs, data, observers, samples=study.samples, progress=progress)
    problem: MetricError | None = None
    for result, observer in zip(missing, observers, strict=True):
        try:
            study.keep(result, observer.result())
        except MetricError as error:  # of the user's own; what else was measured is kept
            problem = error
    if problem is not None:
        raise problem


MEASURING: Final = measuring(*SHOWN)
