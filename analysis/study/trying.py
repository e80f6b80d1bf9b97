"""Fixes as a stage: each is really applied and measured on some samples, and kept at once."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from analysis.findings import Finding
from analysis.findings.finding import Tried
from analysis.study.evidence import findings_of
from analysis.study.keys import MEASURED, SCORED, Result
from analysis.study.study import Stage, Study
from analysis.trying.advice import Known, advised, to_try, tried
from analysis.trying.scores import Repeatability, Scores
from analysis.trying.scoring import Scorer
from quant.data.dataset import Dataset
from quant.data.folds import thinned
from quant.errors import DataError, ModelError, RecipeError
from quant.execution.lru import LruStore
from quant.execution.progress import OnProgress, Progress
from quant.pipeline import quantize
from quant.recipe.recipe import Recipe

LEAST, MOST = 32, 256
"""Samples that fixes are tried on, spread over the evaluation data: more of a small model."""

_VALUES: Final = 1e8
"""Activations that one trial computes, roughly: some seconds for a score of trials."""

_FEW: Final = LruStore[Dataset](4)
"""Kept, because pages ask at every draw, and a digest reads all of the data."""


@dataclass(frozen=True)
class Trial:
    """What came of a recipe.

    Attributes:
        scores: Its scores; None where it cannot be made, run or compared.
    """

    scores: Scores | None


TRIALS: Final = Result[Trial]("trials", SCORED, keep=512)

REPEATABILITY: Final = Result[Repeatability]("repeatability", MEASURED)
"""Of the recipe as it stands, on the samples that fixes are tried on."""


def repeatability_of(study: Study) -> Repeatability | None:
    """What the last digits of the inputs change; None while that is not known."""
    return on_few_samples(study).known(REPEATABILITY)


def advice_of(study: Study, ranked: Study) -> tuple[Finding, ...]:
    """What to change next, by what was tried where something was.

    Args:
        study: What was measured.
        ranked: The same on the samples that units are ranked on.
    """
    suspects = findings_of(study, ranked)
    return advised(study.recipe, suspects, _known(study), study.metric, _floor_db(study))


def _floor_db(study: Study) -> float:
    found = repeatability_of(study)
    return 0.0 if found is None else found.floor_db


def tries(study: Study, ranked: Study) -> tuple[int, int]:
    """How many fixes were tried by now, and how many there are to try."""
    wanted, on = to_try(study.recipe, findings_of(study, ranked)).values(), on_few_samples(study)
    return sum(on.with_recipe(other).known(TRIALS) is not None for other in wanted), len(wanted)


def trying(rank_samples: int | None) -> Stage:
    """The stage that tries every fix.

    Args:
        rank_samples: Units are ranked on the first so many samples; None for as many as everything
            else is measured on.
    """
    return Stage("trying", SCORED, "fixes", partial(_try, rank_samples))


def _try(rank_samples: int | None, study: Study, progress: OnProgress | None) -> None:
    ranked = study if rank_samples is None else study.on(rank_samples)
    others = to_try(study.recipe, findings_of(study, ranked)).values()
    scorer = _score(study, (study.recipe, *others), progress)
    if scorer is None:
        return
    on = on_few_samples(study)
    if on.known(REPEATABILITY) is None and _known(study)(study.recipe) is not None:
        on.keep(REPEATABILITY, scorer.repeatability(study.quantized.to_bytes()))


def _score(study: Study, recipes: Iterable[Recipe], progress: OnProgress | None) -> Scorer | None:
    """Try those recipes that were not, and keep what came of each; None where all were."""
    on, started, done = on_few_samples(study), time.monotonic(), 0
    missing = [recipe for recipe in recipes if on.with_recipe(recipe).known(TRIALS) is None]
    if not missing:
        return None

    def beat() -> None:
        if progress is not None:
            progress(Progress(done, len(missing), time.monotonic() - started))

    scorer = Scorer(study.model, on.evaluation, study.metric, frozenset(), beat)
    for recipe in missing:
        beat()
        on.with_recipe(recipe).keep(TRIALS, _trial(scorer, study, recipe))
        done += 1
    beat()
    return scorer


def tried_against(study: Study, before: Recipe, progress: OnProgress | None = None) -> Tried | None:
    """What the recipe of a study gains over another one, on the samples that fixes are tried on.

    Args:
        study: The study.
        before: The other recipe.
        progress: Called while a recipe that was not tried yet is.

    Returns:
        The gain with its interval; None where a recipe cannot be made, run or compared.
    """
    both = (before, study.recipe)
    _score(study, both, progress)
    base, scores = map(_known(study), both)
    if base is None or scores is None:
        return None
    return tried(base, scores, study.metric, _floor_db(study))


def _trial(scorer: Scorer, study: Study, recipe: Recipe) -> Trial:
    try:
        return Trial(scorer.scores(quantize(study.model, study.calibration, recipe).to_bytes()))
    except (DataError, ModelError, RecipeError):
        return Trial(None)


def _known(study: Study) -> Known:
    on = on_few_samples(study)

    def scores(recipe: Recipe) -> Scores | None:
        found = on.with_recipe(recipe).known(TRIALS)
        return None if found is None else found.scores

    return scores


def on_few_samples(study: Study) -> Study:
    """The study on the samples that fixes are tried on."""
    data, calibration = study.evaluation, study.calibration
    values = sum(stats.count for stats in calibration.tensors.values())
    most = int(_VALUES * calibration.samples / max(values, 1))
    most = max(min(max(most, LEAST), MOST, study.count), 1)
    key = f"{data.digest}/{most}"
    few = _FEW.get(key)
    if few is None:
        few = thinned(data, most)
        _FEW.put(key, few)
    return replace(study, evaluation=few, samples=None)
