"""Win accuracy back in one call: split the data, search, judge, choose."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.metrics import Metric, check_labels
from analysis.recovery.fairness import unfair
from analysis.recovery.judging import Judge
from analysis.recovery.search import Search
from analysis.recovery.story import Attempt, Recovery, Scored
from analysis.recovery.target import Target
from analysis.recovery.trail import Trail, TrailFile
from analysis.recovery.trials import Fold, Trials
from analysis.recovery.ways import distinct
from analysis.runtime.multiply_adds import multiply_adds
from analysis.study.keys import VERSIONS, Keyed
from analysis.study.study import CalibrationData, Study
from analysis.trying.scores import Scores
from analysis.trying.scoring import Scorer
from quant.data.dataset import Dataset
from quant.data.folds import folds, thinned
from quant.data.opening import match_inputs
from quant.errors import DataError, did_you_mean
from quant.model.model import Model
from quant.pipeline import quantize
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe
from quant.statistics.collect import calibrate

DEFAULT_TARGET: Final = Target("sqnr", 30.0)
PARTS: Final = 4
"""Parts that data is dealt out in: a recipe is fitted to all but one and scored on that one."""

CHOOSING: Final = 256
JUDGING: Final = 1024
SWEPT: Final = 16
"""Samples that choose, that judge, and that weights and activations are looked at alone on, at
most; they are spread over the data."""

RECOVERED: Final = Keyed("recovery", ("model", "calibration data", "data"))
"""A recovery is of a model and its data: it changes the recipe, and stays."""

MEASURED_ANEW: Final = Keyed("trail", (*RECOVERED.depends_on, "metric", *VERSIONS))
"""With any of these, what a trail holds is of something else."""

SEARCH_SHARE: Final = 0.7
"""Share of the time that the search may take; the rest calibrates and judges."""


@dataclass(frozen=True)
class Standing:
    """Where a recovery stands.

    Attributes:
        doing: What is tried now, in words.
        best_db: Output sqnr of the best way so far, in dB; None before the first.
        seconds: What measuring took by now, in seconds.
        attempts: What was tried by now.
        scored: The ways that were measured by now, in this order.
        target: What to reach.
    """

    doing: str
    best_db: float | None
    seconds: float
    attempts: tuple[Attempt, ...]
    scored: tuple[Scored, ...]
    target: Target


OnStanding = Callable[[Standing], None]
"""Called at least every quarter of a second; it may raise :class:`quant.errors.Cancelled`."""


def recover(
    model: Model,
    data: Dataset,
    *,
    evaluation: Dataset | None = None,
    metric: Metric | None = None,
    target: Target = DEFAULT_TARGET,
    int8_share: float = 0.9,
    seconds: float = 120.0,
    start: Recipe | None = None,
    ignored: Collection[str] = (),
    trail: Path | None = None,
    progress: OnStanding | None = None,
) -> Recovery:
    """Search for the recipe that reaches a target with the most multiply-adds in int8.

    ``data`` is dealt out in four parts. Each recipe is fitted to three and scored on the fourth, in
    all four ways, so all its samples choose and none was fitted to. What is found is fitted to all
    of it and judged on ``evaluation``, which chooses nothing; without it, or if it is the same
    data, a fourth is kept back.

    Args:
        model: The float model.
        data: What to fit and choose by.
        evaluation: What to judge by.
        metric: Metric of the outputs beside their error, or None. Where it needs labels that only
            ``evaluation`` has, it judges and does not choose.
        target: What to reach.
        int8_share: Share of multiply-adds that must stay in int8, 0 to 1.
        seconds: What it may take, roughly. The search begins nothing new after 0.7 of it.
        start: The recipe to begin with; the recommended preset without.
        ignored: Outputs that do not count.
        trail: File that keeps what was measured; a later call with the same inputs goes on from it
            and ends like one that was never interrupted.
        progress: Told where it stands.

    Returns:
        The chosen int8 model, what was tried, and the ways to trade accuracy for integers.

    Raises:
        DataError: If there are too few samples, or the data does not fit.
        MetricError: If the metric needs labels that the data to judge by does not have, or, for a
            target of the metric, ``data``.
        ModelError: If the model cannot be run.
        Cancelled: If ``progress`` raised it; the trail keeps what was measured.
    """
    start = preset("recommended") if start is None else start
    data = match_inputs(data, model.inputs)
    _check(model, ignored, int8_share)
    if evaluation is None or evaluation.digest == data.digest:
        judging, *others = folds(data, PARTS)
    else:
        judging, others = (
            match_inputs(evaluation, model.inputs),
            folds(data, min(PARTS, max(len(data), 2))),
        )
    study = Study(model, CalibrationData(data), judging, start, metric)
    chooses = metric
    if metric is not None:
        check_labels(metric, judging.labels)
        if target.goal == "metric":
            check_labels(metric, data.labels)
        elif metric.needs_labels and data.labels is None:
            chooses = None
    about = dict(study.key(MEASURED_ANEW).values()) | {
        "ignored outputs": ", ".join(sorted(ignored))
    }
    kept = Trail() if trail is None else TrailFile(path=trail, about=about)
    teller = _Teller(kept, target, progress)
    fitted = [calibrate(model, part, progress=lambda _: teller.heartbeat()) for part in others]
    calibration = sum(fitted[1:], fitted[0])

    def scorer(of: Dataset, most: int, metric: Metric | None = chooses) -> Scorer:
        return Scorer(model, thinned(of, most), metric, frozenset(ignored), teller.heartbeat)

    def fold(place: int) -> Fold:
        """What all other parts were fitted to, scored on this one."""
        rest = [found for other, found in enumerate(fitted) if other != place]
        return Fold(sum(rest[1:], rest[0]), scorer(others[place], CHOOSING // len(others)))

    trials = Trials(
        model,
        tuple(fold(place) for place in range(len(others))),
        Fold(calibration, scorer(data, SWEPT)),
        kept,
        teller.heartbeat,
    )
    counts = multiply_adds(model, data.probe)
    search = Search(
        trials,
        counts,
        target,
        int8_share,
        SEARCH_SHARE * seconds,
        teller.say,
        attempts=teller.attempts,
        scored=teller.scored,
    )
    best, ended = search.run(start)
    ways = distinct([best, *search.ways], start)
    best = ways[0]
    names = {way.recipe.content_key: way.name for way in ways}
    judge = scorer(judging, JUDGING, metric)
    teller.say("judging on samples that chose nothing", best.scores)
    points = Judge(judge, calibration, counts, kept).judged(ways, best)
    scores = next(scores for point, scores in points if point.chosen)
    return Recovery(
        quantized=quantize(model, calibration, best.recipe),
        before=next(point for point, _ in points if point.name == names[start.content_key]),
        target=target,
        reached=target.missing(scores) <= 0,
        ended=ended,
        attempts=tuple(search.attempts),
        points=tuple(point for point, _ in points),
        recipes={way.name: way.recipe for way in ways},
        samples=(sum(len(part) for part in others), len(judge.data)),
        floor_db=search.floor_db,
        notes=(*_unlabelled(metric, chooses), *unfair(judge.reference, scores)),
        seconds=kept.seconds,
    )


class _Teller:
    """Tells the caller where the work stands."""

    def __init__(self, trail: Trail, target: Target, progress: OnStanding | None) -> None:
        self._trail, self._target, self._progress = trail, target, progress
        self._doing, self._best = "calibrating", None
        self.attempts: list[Attempt] = []
        self.scored: list[Scored] = []

    def say(self, doing: str, scores: Scores) -> None:
        """Something new is tried."""
        self._doing, self._best = doing, scores.sqnr_db
        self.heartbeat()

    def heartbeat(self) -> None:
        """Tell the caller; what it raises stops the work."""
        if self._progress is not None:
            standing = Standing(
                self._doing,
                self._best,
                self._trail.seconds,
                tuple(self.attempts),
                tuple(self.scored),
                self._target,
            )
            self._progress(standing)


def _unlabelled(metric: Metric | None, chooses: Metric | None) -> tuple[str, ...]:
    """What to know about a metric that chose nothing."""
    if metric is chooses or metric is None:
        return ()
    return (f"The data to choose by has no labels, so {metric.label} only judges.",)


def _check(model: Model, ignored: Collection[str], int8_share: float) -> None:
    names = [info.name for info in model.outputs]
    for name in ignored:
        if name not in names:
            raise DataError(
                f"ignored output: expected an output of {model.name}, found {name!r}"
                f"{did_you_mean(name, names)}"
            )
    if len(set(ignored)) == len(names):
        raise DataError("ignored outputs: expected one output to be left at least, found none")
    if not 0 <= int8_share <= 1:
        raise DataError(f"int8 share: expected 0 to 1, found {int8_share:g}")
