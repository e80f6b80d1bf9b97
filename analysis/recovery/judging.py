"""Measure the ways that were found on samples that chose nothing, as a user would run them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis.latency import latency
from analysis.recovery.story import Point
from analysis.recovery.trail import Trail
from analysis.recovery.ways import Way
from analysis.runtime.multiply_adds import MultiplyAdds, as_run
from analysis.trying.scores import Scores
from analysis.trying.scoring import Scorer
from quant.execution.progress import Progress
from quant.pipeline import QuantizedModel, quantize
from quant.statistics.calibration import Calibration

RUNS: Final = 15
WARM_UP: Final = 3
BUDGET_S: Final = 3.0


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges recipes on samples that chose nothing.

    Attributes:
        scorer: Scores on the samples that judge.
        calibration: Statistics of all samples that were fitted to and chosen by.
        counts: Multiply-adds of the nodes.
        trail: What is known by now.
    """

    scorer: Scorer
    calibration: Calibration
    counts: MultiplyAdds
    trail: Trail

    def judged(self, ways: Sequence[Way], chosen: Way) -> tuple[tuple[Point, Scores], ...]:
        """Judge ways, most multiply-adds in int8 first.

        Args:
            ways: What the search found worth judging.
            chosen: The one to write.

        Raises:
            ModelError: If one cannot be run.
            Cancelled: If the scorer's heartbeat raised it.
        """
        order = sorted(ways, key=lambda way: (-way.share, way.scores.sqnr_db))
        return tuple(self._judged(way, chosen=way is chosen) for way in order)

    def _judged(self, way: Way, *, chosen: bool) -> tuple[Point, Scores]:
        key = f"{way.recipe.content_key} {self.scorer.data.digest}"
        scores = self.trail.known(f"judged {key}", Scores)
        point = self.trail.known(f"point {key}", Point)
        if scores is None or point is None:
            before = time.monotonic()
            self.scorer.heartbeat()
            quantized = quantize(self.scorer.model, self.calibration, way.recipe)
            scores = self.scorer.scores(quantized.to_bytes())
            self.trail.keep(f"judged {key}", scores, time.monotonic() - before)
            before = time.monotonic()
            point = self._point(way, quantized, scores)
            self.trail.keep(f"point {key}", point, time.monotonic() - before)
        return replace(point, name=way.name, chosen=chosen), scores

    def _point(self, way: Way, quantized: QuantizedModel, scores: Scores) -> Point:
        low, high = scores.sqnr_interval()
        between = scores.agreement_interval()
        nodes = quantized.plan.nodes.values()
        total, run = self.counts.total, as_run(quantized)
        return Point(
            name=way.name,
            chosen=False,
            sqnr_db=scores.sqnr_db,
            sqnr_low_db=low,
            sqnr_high_db=high,
            agreement=scores.agreement,
            agreement_low=None if between is None else between[0],
            agreement_high=None if between is None else between[1],
            loss=scores.loss,
            expected_db=way.scores.sqnr_db,
            int8_share=way.share,
            int8_share_real=run.integer_multiply_adds / total if total else 1.0,
            latency=_latency(quantized, self.scorer.heartbeat),
            size=len(quantized.to_bytes()),
            float_nodes=sum(item.node.quantizable and not item.quantized for item in nodes),
            crossings=run.crossings,
        )


def _latency(quantized: QuantizedModel, heartbeat: Callable[[], None]) -> float:
    """Median time of int8 over that of float, in turns, one thread."""

    def beat(_: Progress) -> None:
        heartbeat()

    found = latency(
        quantized, runs=RUNS, warm_up=WARM_UP, budget_s=BUDGET_S, threads=1, progress=beat
    )
    return 1 / found.speedup
