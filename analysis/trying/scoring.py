"""Run int8 models on samples and score them against the float model, whose outputs are kept."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import Metric, MetricAccumulator
from analysis.metrics.scores import predictions
from analysis.trying.scores import Repeatability, Scores
from quant.data.dataset import Dataset
from quant.error_model.differences import at_places_of, differences
from quant.errors import DataError
from quant.execution.execution import Execution
from quant.model.model import Model
from quant.runtime.session import InferenceSession
from quant.runtime.shaking import NOISE, shaken

Array = NDArray[np.generic]


@dataclass(eq=False)
class Scorer:
    """Scores int8 versions of one model on the same samples, one by one as a user runs them.

    Attributes:
        model: The float model.
        data: The samples, matched to it.
        metric: Metric of the outputs beside their error, or None.
        ignored: Outputs that do not count.
        heartbeat: Called at least every quarter of a second; it may raise to stop within a second.
    """

    model: Model
    data: Dataset
    metric: Metric | None
    ignored: frozenset[str]
    heartbeat: Callable[[], None]
    _known: list[Mapping[str, Array]] = field(default_factory=list[Mapping[str, Array]])

    def scores(self, content: bytes, *, noise: float = 0.0) -> Scores:
        """Score an int8 model as ONNX Runtime runs it at its default level.

        Args:
            content: Content of its ``.onnx`` file.
            noise: Relative noise on the float inputs, of a fixed seed.

        Raises:
            DataError: If no output can be compared.
            ModelError: If it cannot be run.
            Cancelled: If the heartbeat raised it.
        """
        outputs = self.outputs(content, noise=noise)
        found = score(self.reference, outputs, self.data.labels, self.metric, self.ignored)
        if not found.samples:
            raise DataError(
                f"{self.model.name}: expected an output of real numbers whose shape int8 shares, "
                "found none; cut the model before the operator that picks or counts its results"
            )
        return found

    def repeatability(self, content: bytes) -> Repeatability:
        """What the last digits of the inputs change in the outputs of an int8 model.

        Args:
            content: Content of its ``.onnx`` file.

        Raises:
            ModelError: If it cannot be run.
            Cancelled: If the heartbeat raised it.
        """
        still, moved = self.outputs(content), self.outputs(content, noise=NOISE)
        apart = score(still, moved, ignored=self.ignored).sqnr_db
        scores = [score(self.reference, found, ignored=self.ignored) for found in (still, moved)]
        change = abs(scores[0].sqnr_db - scores[1].sqnr_db)
        return Repeatability(apart, change if math.isfinite(change) else 0.0)

    @property
    def reference(self) -> Sequence[Mapping[str, Array]]:
        """The float model's outputs of each sample."""
        if not self._known:
            self._known = self.outputs(self.model.to_bytes())
        return self._known

    def outputs(self, content: bytes, *, noise: float = 0.0) -> list[Mapping[str, Array]]:
        """What a model gives for each sample."""
        opened: list[InferenceSession] = []

        def run() -> list[Mapping[str, Array]]:
            session = InferenceSession(content)
            opened.append(session)
            rng = np.random.default_rng(0)
            found: list[Mapping[str, Array]] = []
            for batch in self.data.batches(1):
                feeds = shaken(batch.feeds, noise, rng) if noise else batch.feeds
                results = batch.own(session.run(feeds))
                found += [batch.sample(results, row) for row in range(batch.size)]
            return found

        def stop() -> None:
            for session in opened:
                session.stop()

        return Execution(self.heartbeat, stop).run(run)


def score(
    reference: Sequence[Mapping[str, Array]],
    outputs: Sequence[Mapping[str, Array]],
    labels: NDArray[np.int64] | None = None,
    metric: Metric | None = None,
    ignored: frozenset[str] = frozenset(),
) -> Scores:
    """Compare two models' outputs sample by sample.

    Args:
        reference: The float model's outputs, one mapping a sample.
        outputs: The other model's.
        labels: The class of each sample, or None.
        metric: Metric of the outputs beside their error, or None.
        ignored: Outputs that do not count.
    """
    signal: dict[str, list[float]] = {}
    noise: dict[str, list[float]] = {}
    alike: list[bool] | None = []
    meters = [] if metric is None else [MetricAccumulator(metric, labels) for _ in range(2)]
    first = next(iter(reference[0]), None)
    if first is None:
        return Scores({}, {}, None)
    for a, b in zip(reference, outputs, strict=True):
        for name, expected in a.items():
            given = at_places_of(expected, b[name])
            if name in ignored or expected.dtype.kind != "f" or given is None:
                continue
            exact, difference = differences(expected, given)
            signal.setdefault(name, []).append(float(np.vdot(exact, exact)))
            noise.setdefault(name, []).append(float(np.vdot(difference, difference)))
        rows = (predictions(a[first], 1), predictions(b[first], 1))
        if alike is not None and rows[0] is not None and rows[1] is not None:
            alike.append(bool(rows[0][0] == rows[1][0]))
        else:
            alike = None
        for meter, found in zip(meters, (a, b), strict=False):
            meter.add(found, a, samples=1)
    whole = [name for name, values in signal.items() if len(values) == len(reference)]
    return Scores(
        {name: tuple(signal[name]) for name in whole},
        {name: tuple(noise[name]) for name in whole},
        None if alike is None else tuple(alike),
        _loss(meters),
    )


def _loss(meters: Sequence[MetricAccumulator]) -> float | None:
    if not meters:
        return None
    change = meters[0].result() - meters[1].result()
    return change if meters[0].metric.higher_is_better else -change
