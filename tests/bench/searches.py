"""What one search of a tensor's threshold takes: ours, and the real code of two other tools.

All of them look at the same streamed statistics, each on the grid that its tool would use; filling
the grids of the other tools is not timed. Times are processor time on one core. Each run of ours
has a copy of the statistics, so that nothing that was kept of another run is of use.
"""

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from onnxruntime.quantization.calibrate import HistogramCollector

import analysis
import quant
from analysis.ranges.cost_curves import ORDER
from quant.calibrators import REGISTRY
from quant.planning.resolve import tensor_spec
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules import TOOL_RULES
from quant.types import QuantSpec
from tests.bench import paddle_peer, peer
from tests.bench.measure import cpu_seconds, one_core, spread

LEVELS = 128
"""Levels of ONNX Runtime's entropy, its default."""


@dataclass(frozen=True)
class Search:
    """One search on some tensors.

    Attributes:
        name: Which search.
        candidates: Median number of thresholds it scores.
        median_ms: Median over the tensors, in ms.
        worst_ms: The slowest tensor.
        off: Largest relative difference of what the real code chose from what we say it
            chooses; None where there is nothing to compare.
        note: Why there is no time, or an empty text.
    """

    name: str
    candidates: int = 0
    median_ms: float = 0.0
    worst_ms: float = 0.0
    off: float | None = None
    note: str = ""


def searches(
    model: quant.Model, calibration: quant.Calibration, count: int, repeats: int
) -> tuple[Search, ...]:
    """Time every search on the same tensors.

    Args:
        model: The float model.
        calibration: Its statistics.
        count: How many tensors, spread evenly over the model.
        repeats: How often to search; the best of each tensor counts.
    """
    recipe = quant.preset("onnxruntime-default")
    live = [
        (stats, tensor_spec(model, recipe, name))
        for name, stats in calibration.tensors.items()
        if stats.abs_max > 0
    ]
    tensors = spread(live, count)
    with one_core():
        ours = [_curve(name, tensors, 3 * repeats) for name in ORDER]
        ours.append(
            _search("all four", tensors, analysis.divergence_curves, 3 * repeats, candidates=0)
        )
        theirs = [
            _entropy("ONNX Runtime entropy, 2048 bins", "entropy_2048", tensors, repeats),
            _entropy("ONNX Runtime entropy, default", "entropy_default_128", tensors, repeats),
        ]
    return (*ours, *theirs, _paddle(tensors, repeats))


def _curve(name: str, tensors: Sequence[tuple[TensorStats, QuantSpec]], repeats: int) -> Search:
    """One of our curves by itself, every candidate of it."""
    calibrator: Any = REGISTRY[name]()
    scored = [calibrator.curve(stats, spec).cost.size for stats, spec in tensors]
    candidates = int(statistics.median(scored))
    return _search(f"ours: {name}", tensors, calibrator.curve, repeats, candidates=candidates)


def _search(
    name: str,
    tensors: Sequence[tuple[TensorStats, QuantSpec]],
    work: Callable[[TensorStats, QuantSpec], object],
    repeats: int,
    *,
    candidates: int,
) -> Search:
    times = [
        1e3 * min(cpu_seconds(partial(work, copy.deepcopy(stats), spec)) for _ in range(repeats))
        for stats, spec in tensors
    ]
    return Search(name, candidates, statistics.median(times), max(times))


def _entropy(
    name: str, key: str, tensors: Sequence[tuple[TensorStats, QuantSpec]], repeats: int
) -> Search:
    """ONNX Runtime's own search on the histogram that it would have collected."""
    choice: Any = TOOL_RULES[f"onnxruntime.{key}"]
    collector = HistogramCollector("entropy", False, choice.bins, LEVELS, 99.999, "same")
    times, off = [], []
    for stats, _ in tensors:
        grid = choice.from_stats(stats)
        edges = grid.edges.astype(np.float32)
        ends = (np.float32(stats.min), np.float32(stats.max), np.float32(stats.abs_max))
        histogram = (grid.counts, edges, *ends)
        found: list[tuple[Any, Any]] = []

        def work(histogram: Any = histogram, found: list[tuple[Any, Any]] = found) -> None:
            found.append(collector.get_entropy_threshold(histogram, LEVELS))

        with peer.quiet():
            times.append(_best_ms(work, repeats))
        off += [_apart(a, b) for a, b in zip(found[0], choice.pick(grid).values, strict=True)]
    candidates = choice.bins // 2 - LEVELS // 2 + 1
    return Search(name, candidates, statistics.median(times), max(times), max(off))


def _paddle(tensors: Sequence[tuple[TensorStats, QuantSpec]], repeats: int) -> Search:
    """Paddle's own search on the histogram that it would have collected."""
    name = "Paddle KL"
    choice: Any = TOOL_RULES["paddle.kl"]
    grids = [choice.from_stats(stats) for stats, _ in tensors]
    histograms = [(grid.counts, float(grid.edges[1] - grid.edges[0])) for grid in grids]
    try:
        found = paddle_peer.search(histograms, repeats)
    except paddle_peer.NotThereError as error:
        return Search(name, note=f"not there: {error}")
    off = [_apart(f.threshold, *choice.pick(g).values) for f, g in zip(found, grids, strict=True)]
    scored = [choice.curve(grid) for grid in grids]
    times = [1e3 * each.seconds for each in found]
    candidates = int(statistics.median([curve.cost.size if curve else 0 for curve in scored]))
    return Search(name, candidates, statistics.median(times), max(times), max(off))


def _apart(real: float, ours: float) -> float:
    """Relative difference of two thresholds."""
    largest = max(abs(float(real)), abs(ours))
    return abs(float(real) - ours) / largest if largest else 0.0


def _best_ms(work: Callable[[], object], repeats: int) -> float:
    return 1e3 * min(cpu_seconds(work) for _ in range(repeats))
