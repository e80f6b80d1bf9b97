"""Really apply a recipe and measure it, on samples that its statistics have not seen."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from analysis.recovery.scores import Scores, pooled
from analysis.recovery.scoring import Scorer
from analysis.recovery.trail import Trail
from analysis.sweep.unit_effects import UnitEffect, unit_effects
from quant.ablation import QuantUnit, units
from quant.execution.progress import Progress
from quant.model.model import Model
from quant.pipeline import QuantizedModel, quantize
from quant.recipe.recipe import Recipe
from quant.statistics.calibration import Calibration

NOISE = 1e-6
"""Relative noise on the inputs that no user could tell from the real ones."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Statistics, and samples that they were not made of.

    Attributes:
        name: What to call it in keys.
        calibration: The statistics.
        scorer: Scores int8 models on the other samples.
    """

    name: str
    calibration: Calibration
    scorer: Scorer


@dataclass(eq=False)
class Trials:
    """Measures recipes, each once, by all folds: every sample counts, none was fitted to.

    Attributes:
        model: The float model.
        folds: The folds.
        trail: What is known by now.
        heartbeat: Called at least every quarter of a second; it may raise to stop.
    """

    model: Model
    folds: tuple[Fold, ...]
    trail: Trail
    heartbeat: Callable[[], None]

    def scores(self, recipe: Recipe) -> Scores:
        """The scores of a recipe over the samples of all folds."""
        return self._measured(f"recipe {recipe.content_key}", recipe, 0.0)

    def floor_db(self, recipe: Recipe) -> float:
        """By how much output sqnr changes where nothing did but the last digits of the inputs."""
        shaken = self._measured(f"shaken {recipe.content_key}", recipe, NOISE)
        return abs(shaken.sqnr_db - self.scores(recipe).sqnr_db)

    def effects(self, recipe: Recipe) -> dict[str, UnitEffect]:
        """The outputs with only one unit quantized, for every unit, by the first fold."""
        fold = self.folds[0]
        quantized = quantize(self.model, fold.calibration, recipe)
        key = f"alone {recipe.content_key} "
        known: dict[str, UnitEffect] = {}
        for unit in units(quantized):
            effect = self.trail.known(key + unit.name, UnitEffect)
            if effect is not None:
                known[unit.name] = effect
        before = time.monotonic()

        def keep(effect: UnitEffect) -> None:
            nonlocal before
            now = time.monotonic()
            self.trail.keep(key + effect.unit, effect, now - before)
            before = now

        def beat(_: Progress) -> None:
            self.heartbeat()

        return unit_effects(
            "sensitivity",
            quantized,
            fold.calibration,
            fold.scorer.data,
            known=known,
            on_effect=keep,
            progress=beat,
        )

    def units(self, recipe: Recipe) -> tuple[QuantUnit, ...]:
        """The units under a recipe."""
        return units(self.quantized(recipe))

    def quantized(self, recipe: Recipe) -> QuantizedModel:
        """The int8 model of a recipe by the first fold."""
        return quantize(self.model, self.folds[0].calibration, recipe)

    def _measured(self, key: str, recipe: Recipe, noise: float) -> Scores:
        found = self.trail.known(key, Scores)
        if found is None:
            before = time.monotonic()
            parts: list[Scores] = []
            for fold in self.folds:
                self.heartbeat()
                content = quantize(self.model, fold.calibration, recipe).to_bytes()
                parts.append(fold.scorer.scores(content, noise=noise))
            found = pooled(parts)
            self.trail.keep(key, found, time.monotonic() - before)
        return found
