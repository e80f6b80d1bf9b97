"""How long one inference takes and how large the file is, float against int8.

The models run in turns, so that a machine that gets busier or hotter meanwhile slows both. Medians
and quartiles are told, because a single run that was interrupted says nothing about the model.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from quant.execution.progress import OnProgress, Reporter
from quant.io.show import counted
from quant.model.model import Model
from quant.pipeline import QuantizedModel
from quant.runtime.session import InferenceSession

RUNS = 100
WARM_UP = 5
BUDGET_S = 10.0


@dataclass(frozen=True)
class Latency:
    """The times of one model's runs.

    Attributes:
        times_ms: Wall time of each run in ms, in their order.
    """

    times_ms: tuple[float, ...]

    def __repr__(self) -> str:
        """The median and the number of runs, in one line."""
        return f"<Latency: median {self.median_ms:.3g} ms of {counted(self.runs, 'run')}>"

    @property
    def runs(self) -> int:
        """How many runs were timed."""
        return len(self.times_ms)

    @property
    def min_ms(self) -> float:
        """The quickest run."""
        return min(self.times_ms)

    @property
    def median_ms(self) -> float:
        """The middle of the runs."""
        return float(np.median(self.times_ms))

    @property
    def quartiles_ms(self) -> tuple[float, float]:
        """The times that a quarter and three quarters of the runs stay below."""
        low, high = np.percentile(self.times_ms, (25, 75))
        return float(low), float(high)


@dataclass(frozen=True)
class LatencyComparison:
    """Float and int8 on one sample, in turns on one machine.

    Attributes:
        of_float: The float model.
        of_int8: The int8 model.
    """

    of_float: Latency
    of_int8: Latency

    def __repr__(self) -> str:
        """Both medians and their ratio, in one line."""
        medians = f"float {self.of_float.median_ms:.3g} ms, int8 {self.of_int8.median_ms:.3g} ms"
        return f"<LatencyComparison: {medians}, int8 {self.speedup:.2f} x as quick as float>"

    @property
    def speedup(self) -> float:
        """Median of float over median of int8: above 1 where int8 is quicker."""
        return self.of_float.median_ms / self.of_int8.median_ms


@dataclass(frozen=True)
class ModelSize:
    """The size of both files.

    Attributes:
        float_bytes: The file of the float model with its external data.
        int8_bytes: The file of the int8 model, were it written now.
    """

    float_bytes: int
    int8_bytes: int

    @property
    def ratio(self) -> float:
        """Int8 over float."""
        return self.int8_bytes / self.float_bytes


def latency(
    quantized: QuantizedModel,
    *,
    runs: int = RUNS,
    warm_up: int = WARM_UP,
    budget_s: float = BUDGET_S,
    threads: int | None = None,
    progress: OnProgress | None = None,
) -> LatencyComparison:
    """Run the float model and the int8 model in turns on one real sample.

    Both run in ONNX Runtime on the CPU with all optimizations, as a deployed file would there.

    Args:
        quantized: The int8 model; the float model and the sample are its own.
        runs: How often to time each.
        warm_up: Runs of each before, which are not timed.
        budget_s: Seconds after which no further turn begins, warm-up counted in; each model is
            timed once in any case.
        threads: Threads that work on one run; None leaves it to ONNX Runtime.
        progress: Called after each turn; it may raise ``Cancelled``.

    Raises:
        ModelError: If a model does not run.
    """
    sessions = [
        InferenceSession(content, threads=threads)
        for content in (quantized.float_model.to_bytes(), quantized.to_bytes())
    ]
    work = [partial(session.run, quantized.probe) for session in sessions]
    floats, int8s = in_turns(work, runs=runs, warm_up=warm_up, budget_s=budget_s, progress=progress)
    return LatencyComparison(floats, int8s)


def in_turns(
    work: Sequence[Callable[[], object]],
    *,
    runs: int,
    warm_up: int = 0,
    budget_s: float = BUDGET_S,
    progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Latency, ...]:
    """Time several pieces of work in turns: A B A B.

    Args:
        work: What to time.
        runs: Turns, at least 1.
        warm_up: Turns before that are not timed.
        budget_s: Seconds after which no further turn begins; one is always timed.
        progress: Called after each turn, those of the warm-up included.
        clock: Seconds from any start.

    Returns:
        The times of each piece, as many of one as of another.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}; it must be at least 1")
    report = Reporter(warm_up + runs, progress)
    started = clock()
    times: list[list[float]] = [[] for _ in work]
    for _ in range(warm_up):
        if clock() - started < budget_s:
            for piece in work:
                piece()
        report.advance(1)
    for turn in range(runs):
        if turn and clock() - started >= budget_s:
            break
        for piece, found in zip(work, times, strict=True):
            before = clock()
            piece()
            found.append(1e3 * (clock() - before))
        report.advance(1)
    return tuple(Latency(tuple(found)) for found in times)


def model_size(quantized: QuantizedModel) -> ModelSize:
    """The size of the float file and of the int8 file."""
    return ModelSize(float_bytes(quantized.float_model), len(quantized.to_bytes()))


def float_bytes(model: Model) -> int:
    """The file as it was opened; weights outside of it count as inside."""
    if model.path is not None and model.path.is_file() and not model.external_data:
        return model.path.stat().st_size
    return len(model.to_bytes()) + model.mapped_bytes
