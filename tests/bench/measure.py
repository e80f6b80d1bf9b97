"""The five measurements, each a pure reading of the clock or of a process's memory."""

import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from onnxruntime.quantization.calibrate import HistogramCollector

import analysis
import quant
from quant.calibrators import calibrator_from_json
from quant.model.model import Node
from quant.planning.resolve import tensor_spec
from quant.runtime.batching import batch_size
from quant.runtime.session import InferenceSession
from tests.bench import peer

Item = TypeVar("Item")

NODES = 300
"""Size of model that the time of a recipe edit is scaled to."""


@dataclass(frozen=True)
class Overhead:
    """Calibration beside plain inference.

    Attributes:
        calibration_s: Median seconds of :func:`quant.calibrate`.
        inference_s: Median seconds of running the float model on the same batches.
        batch: Samples in a batch of both.
    """

    calibration_s: float
    inference_s: float
    batch: int

    @property
    def ratio(self) -> float:
        """Calibration over inference."""
        return self.calibration_s / self.inference_s


def overhead(model: quant.Model, data: quant.Dataset, samples: int, repeats: int) -> Overhead:
    """Calibrate, and run the same samples without looking at any tensor, in turns.

    Args:
        model: The float model.
        data: Its data.
        samples: How many samples to use.
        repeats: How often to do both; the medians count.
    """
    batch = calibration_batch(model, data)

    def infer() -> None:
        session = InferenceSession(model.to_bytes())
        for found in data.batches(batch, samples):
            session.run(found.feeds)

    pairs = [
        (_seconds(infer), _seconds(lambda: quant.calibrate(model, data, samples=samples)))
        for _ in range(repeats)
    ]
    inference, calibration = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Overhead(calibration, inference, batch)


def calibration_batch(model: quant.Model, data: quant.Dataset) -> int:
    """The batch size that calibration chooses."""
    inputs = {info.name for info in model.inputs}
    taps = [name for name in model.calibration_targets if name not in inputs]
    return batch_size([InferenceSession(model.to_bytes(), taps=taps)], data)[0]


@dataclass(frozen=True)
class Curves:
    """Processor time of all four divergence curves of one tensor, in ms, on one core.

    Attributes:
        median_ms: Over the model's tensors.
        worst_ms: The slowest tensor.
        tensors: How many tensors.
    """

    median_ms: float
    worst_ms: float
    tensors: int


def curves(model: quant.Model, calibration: quant.Calibration) -> Curves:
    """Score every candidate threshold of every tensor under all four measures.

    The best of three runs counts for each tensor.
    """
    recipe = quant.preset("onnxruntime-default")
    with one_core():
        times = [
            1e3
            * min(
                cpu_seconds(partial(analysis.divergence_curves, copy.deepcopy(stats), spec))
                for _ in range(3)
            )
            for name, stats in calibration.tensors.items()
            for spec in [tensor_spec(model, recipe, name)]
        ]
    return Curves(statistics.median(times), max(times), len(times))


@dataclass(frozen=True)
class Entropy:
    """Processor time of the KL threshold search of both tools on the same tensors.

    Attributes:
        ours_s: Mean seconds of a tensor.
        theirs_s: Mean seconds of a tensor.
        compared: How many tensors were searched by both.
        all_ours_s: Seconds of ours on every tensor.
    """

    ours_s: float
    theirs_s: float
    compared: int
    all_ours_s: float

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours_s / self.theirs_s


def entropy(
    model: quant.Model,
    data: quant.Dataset,
    calibration: quant.Calibration,
    samples: int,
    compared: int,
) -> Entropy:
    """Search KL thresholds from histograms; collecting them is not timed.

    Args:
        model: The float model.
        data: Its data.
        calibration: Statistics of the same samples.
        samples: How many samples the histograms hold.
        compared: How many tensors to compare on, spread evenly over the model.
    """
    recipe = quant.preset("onnxruntime-default")
    kl = calibrator_from_json({"name": "kl"})
    names = spread([n for n in model.calibration_targets if n in model.producers], compared)

    def ours(tensors: list[str]) -> float:
        # Copies, because what is kept of a tensor would be of use to a second search.
        asked = [
            (copy.deepcopy(calibration.tensors[n]), tensor_spec(model, recipe, n)) for n in tensors
        ]
        return cpu_seconds(lambda: [kl.range(stats, spec) for stats, spec in asked])

    session = InferenceSession(model.to_bytes(), taps=names)
    found = [session.run(batch.feeds) for batch in data.batches(1, samples)]
    collector = HistogramCollector("entropy", False, peer.BINS, 128, 99.999, "same")
    with peer.quiet():
        collector.collect({name: [part[name] for part in found] for name in names})
        theirs_s = cpu_seconds(collector.compute_collection_result)
    ours(names)
    return Entropy(
        ours(names) / len(names), theirs_s / len(names), len(names), ours(list(calibration.tensors))
    )


@dataclass(frozen=True)
class Edits:
    """Recipe edit -> int8 model in memory, its bytes included; processor time.

    Attributes:
        median_s: Median seconds of an edit.
        worst_s: The slowest edit.
        first_s: The first time, when no calibrator has run yet.
        nodes: Nodes of the model.
    """

    median_s: float
    worst_s: float
    first_s: float
    nodes: int

    @property
    def scaled_s(self) -> float:
        """The median, scaled to a model of :data:`NODES` nodes."""
        return self.median_s * NODES / self.nodes


def edits(model: quant.Model, calibration: quant.Calibration, count: int) -> Edits:
    """Skip nodes, change calibrators and set ranges, each on top of the recommended preset.

    Args:
        model: The float model.
        calibration: Its statistics; no recipe may have been applied to it before.
        count: How many nodes to edit, spread evenly over the model.
    """
    recipe = quant.preset("recommended")

    def made(edited: quant.Recipe) -> float:
        return cpu_seconds(lambda: quant.quantize(model, calibration, edited).to_bytes())

    first = made(recipe)
    nodes = spread([node for node in model.nodes if node.quantizable], count)
    times = [made(recipe.with_rule(rule)) for node in nodes for rule in _rules(node)]
    return Edits(statistics.median(times), max(times), first, len(model.nodes))


def _rules(node: Node) -> Iterator[quant.Rule]:
    yield quant.Rule("node", node.name, {"skip": True})
    yield quant.Rule("node", node.name, {"calibrator": calibrator_from_json({"name": "kl"})})
    yield quant.Rule("tensor", node.outputs[0], {"range": (-1.0, 1.0)})


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` items, evenly spaced, the first and the last among them."""
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of all threads: what a busy machine adds to the wall clock is left out."""
    started = time.process_time()
    work()
    return time.process_time() - started


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
