"""Really apply a recipe and measure it, on samples that its statistics have not seen."""

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from analysis.recovery.trail import Trail
from analysis.sweep.runner import sweep
from analysis.sweep.subject import Subject
from analysis.sweep.unit_effects import BUDGET_BYTES, float_base
from analysis.trying.scores import Scores, pooled
from analysis.trying.scoring import Scorer
from quant.ablation import QuantUnit, units
from quant.execution.progress import Progress
from quant.model.model import Model
from quant.pipeline import quantize
from quant.planning.plan import Plan
from quant.planning.resolve import plan
from quant.recipe.recipe import Recipe
from quant.runtime.shaking import NOISE
from quant.statistics.calibration import Calibration


@dataclass(frozen=True)
class Noise:
    """What something does to the outputs.

    Attributes:
        of: Output -> power of the noise over that of the signal.
    """

    of: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Fold:
    """Statistics, and samples that they were not made of.

    Attributes:
        calibration: The statistics.
        scorer: Scores int8 models on the other samples.
    """

    calibration: Calibration
    scorer: Scorer


@dataclass(eq=False)
class Trials:
    """Measures recipes, each once, by all folds: every sample counts, none was fitted to.

    Attributes:
        model: The float model.
        folds: The folds.
        whole: Statistics of all samples, and some of these.
        trail: What is known by now.
        heartbeat: Called at least every quarter of a second; it may raise to stop.
    """

    model: Model
    folds: tuple[Fold, ...]
    whole: Fold
    trail: Trail
    heartbeat: Callable[[], None]
    _files: dict[tuple[int, bytes, float], Scores] = field(
        default_factory=dict[tuple[int, bytes, float], Scores]
    )

    def scores(self, recipe: Recipe) -> Scores:
        """The scores of a recipe over the samples of all folds."""
        return self._measured(_named(recipe), recipe, 0.0)

    def first_scores(self, recipe: Recipe) -> Scores:
        """The scores of a recipe over the samples of the first fold."""
        return self._by(self.folds[0], _named(recipe), recipe, 0.0)

    def floor_db(self, recipe: Recipe) -> float:
        """By how much output sqnr changes where nothing did but the last digits of the inputs."""
        shaken = self._measured(f"shaken {recipe.content_key}", recipe, NOISE)
        return abs(shaken.sqnr_db - self.scores(recipe).sqnr_db)

    def noises(self, recipe: Recipe, variants: Mapping[str, Recipe]) -> dict[str, Noise]:
        """What little is quantized by each variant of a recipe does alone, by all samples together.

        Only what depends on it is run again.

        Args:
            recipe: The recipe.
            variants: Name -> the recipe of a part of what it quantizes.

        Returns:
            Name -> output -> noise over signal.
        """
        fold = self.whole
        found: dict[str, Noise] = {}
        for name, variant in variants.items():
            kept = self.trail.known(f"alone {variant.content_key}", Noise)
            if kept is not None:
                found[name] = kept
        before = time.monotonic()

        def beat(_: Progress) -> None:
            self.heartbeat()

        quantized = quantize(self.model, fold.calibration, recipe)
        running = sweep(
            Subject(
                base=float_base(quantized),
                variant=lambda unit: (
                    quantize(self.model, fold.calibration, variants[unit.name]).graph
                ),
                float_model=self.model.to_bytes(),
                float_base=True,
                level="all",
            ),
            [QuantUnit(name, ()) for name in variants],
            fold.scorer.data,
            total=len(fold.scorer.data),
            metric=None,
            budget_bytes=BUDGET_BYTES,
            skip=tuple(found),
            progress=beat,
        )
        with closing(running) as results:
            for unit, scores in results:
                noise = found[unit.name] = Noise(
                    {name: 10 ** (-of.sqnr_db / 10) for name, of in scores.outputs.items()}
                )
                now = time.monotonic()
                key = f"alone {variants[unit.name].content_key}"
                self.trail.keep(key, noise, now - before)
                before = now
        return {name: found[name] for name in variants}

    def units(self, recipe: Recipe) -> tuple[QuantUnit, ...]:
        """The units under a recipe."""
        return units(quantize(self.model, self.whole.calibration, recipe))

    def plan(self, recipe: Recipe) -> Plan:
        """A recipe resolved on the model."""
        return plan(self.model, recipe, self.whole.calibration)

    def _scored(self, fold: Fold, content: bytes, noise: float) -> Scores:
        """The scores of a file, which several recipes may make."""
        key = (id(fold), hashlib.sha256(content).digest(), noise)
        if key not in self._files:
            self._files[key] = fold.scorer.scores(content, noise=noise)
        return self._files[key]

    def _measured(self, key: str, recipe: Recipe, noise: float) -> Scores:
        return pooled([self._by(fold, key, recipe, noise) for fold in self.folds])

    def _by(self, fold: Fold, key: str, recipe: Recipe, noise: float) -> Scores:
        """The scores of a recipe by one fold."""
        key = f"{key} by {fold.scorer.data.digest}"
        found = self.trail.known(key, Scores)
        if found is None:
            before = time.monotonic()
            self.heartbeat()
            content = quantize(self.model, fold.calibration, recipe).to_bytes()
            found = self._scored(fold, content, noise)
            self.trail.keep(key, found, time.monotonic() - before)
        return found


def _named(recipe: Recipe) -> str:
    return f"recipe {recipe.content_key}"
