"""Every tool's choice for every tensor of a large model, on two threads."""

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

import quant
from analysis.ranges.candidates import candidates_from_stats
from quant.error_model.context import tensor_contexts
from quant.planning.resolve import tensor_spec

TENSORS = 300
THREADS = 2


@dataclass(frozen=True)
class FullTable:
    """The time of all rows of all tensors.

    Attributes:
        seconds: Wall time.
        processor_s: Processor time of all threads.
        tensors: How many tensors.
        rows: Rows of one tensor.
    """

    seconds: float
    processor_s: float
    tensors: int
    rows: int


def full_table(
    model: quant.Model, calibration: quant.Calibration, tensors: int = TENSORS
) -> FullTable:
    """Compute all rows of as many tensors, those of the model over and over.

    Each is a copy, so that nothing that was kept of another is of use. What is compiled or set up
    once in a process is not timed.

    Args:
        model: The float model.
        calibration: Its statistics.
        tensors: How many tensors.
    """
    recipe = quant.preset("onnxruntime-default")
    contexts = tensor_contexts(model, calibration)
    named = [
        (stats, tensor_spec(model, recipe, name), contexts[name])
        for name, stats in calibration.tensors.items()
    ]
    rows = len(candidates_from_stats(*copy.deepcopy(named[0])))
    work = [copy.deepcopy(item) for item in islice(cycle(named), tensors)]
    before, started = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda item: candidates_from_stats(*item), work):
            pass
    return FullTable(time.perf_counter() - started, time.process_time() - before, len(work), rows)
