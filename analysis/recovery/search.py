"""The order in which a good engineer asks, each answer measured before the next question.

Global cures first, cheapest first; then ranges of the noisiest tensors; then units in float, as few
multiply-adds as the target allows. What turns out needless goes back to int8.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from analysis.recovery.candidates import Step, float_order
from analysis.recovery.parts import Parts, measured_parts
from analysis.recovery.ranges import chosen_ranges
from analysis.recovery.story import Attempt, Scored
from analysis.recovery.target import Target
from analysis.recovery.trials import Trials
from analysis.recovery.ways import Way, reason
from analysis.runtime.multiply_adds import MultiplyAdds
from analysis.trying.cures import CURES, Cure, slow_repairs, wider
from analysis.trying.scores import Scores
from quant.ablation import without_unit
from quant.errors import ModelError, RecipeError
from quant.recipe.recipe import Recipe

LEAST_DB: Final = 0.1
"""A gain below this is none, however small the floor is."""

SHARES: Final = (0.99, 0.97, 0.95, 0.9, 0.8, 0.6)
"""Shares of multiply-adds in int8 that are shown where the target is not reached at once."""

Say = Callable[[str, Scores], None]
"""Told what is tried next, and the best scores so far."""


@dataclass(eq=False)
class Search:
    """A search for the recipe that reaches a target with the most multiply-adds in int8.

    Attributes:
        trials: Measures recipes.
        counts: Multiply-adds of the nodes.
        target: What to reach.
        int8_share: Share of multiply-adds that must stay in int8.
        seconds: Seconds after which nothing new is begun.
        say: Told where the search stands.
        attempts: What was tried.
        ways: The recipes worth judging, most integers first.
        scored: Every way that was measured.
        floor_db: A gain below this is none.
    """

    trials: Trials
    counts: MultiplyAdds
    target: Target
    int8_share: float
    seconds: float
    say: Say
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    ways: list[Way] = field(default_factory=list[Way])
    scored: list[Scored] = field(default_factory=list[Scored])
    floor_db: float = LEAST_DB

    def run(self, start: Recipe) -> tuple[Way, str]:
        """Search.

        Args:
            start: The recipe to begin with.

        Returns:
            The way that is best, and why the search ended, as a sentence.

        Raises:
            Cancelled: If the trials' heartbeat raised it.
        """
        best = self._way(start.name, start)
        self.ways.append(best)
        self.floor_db = max(LEAST_DB, self.trials.floor_db(start))
        best = self._cured(best)
        if best is not self.ways[0]:
            self.ways.append(best)
        if not self.reached(best):
            self.say("each weight and each activation alone", best.scores)
            parts = measured_parts(self.trials, best.recipe, best.scores)
            best, parts = self._with_ranges(best, parts)
            if not self.reached(best):
                best = self._with_floats(best, parts)
        self.attempts[:] = [self._settled(attempt, best) for attempt in self.attempts]
        return best, self._ending(best)

    def reached(self, way: Way) -> bool:
        """Whether a way reaches the target on the samples that choose."""
        return self.target.missing(way.scores) <= 0

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.trials.trail.seconds >= self.seconds

    def _ending(self, best: Way) -> str:
        if self.reached(best):
            return f"The target of {self.target} is reached on the samples that choose."
        if self.over:
            return f"The search took its {self.seconds:.0f} s; more may be possible with more time."
        least = min(self.int8_share, best.share)
        return (
            f"{self.target} is out of reach with {least:.0%} of the multiply-adds in int8: the "
            "points below tell what is left to trade."
        )

    def _way(self, name: str, recipe: Recipe) -> Way:
        scores = self.trials.scores(recipe)
        share = self.counts.nominal(self.trials.plan(recipe))
        self.scored.append(Scored(name, scores.sqnr_db, *scores.sqnr_interval(), share))
        return Way(name, recipe, scores, share)

    def _tried(self, step: str, name: str, recipe: Recipe, best: Way) -> Way | None:
        """A recipe measured beside the best one so far; None where it cannot be made."""
        self.say(name, best.scores)
        try:
            return self._way(name, recipe)
        except (ModelError, RecipeError) as error:
            self.attempts.append(
                Attempt(step, name, None, best.scores.sqnr_db, 0.0, kept=False, why=str(error))
            )
            return None

    def _loses(self, step: str, name: str, recipe: Recipe, best: Way) -> bool:
        """Whether a recipe loses already by the first of several folds, beyond what samples vary.

        Then the others need not be asked, which is most of what a search takes.
        """
        if len(self.trials.folds) == 1:
            return False
        self.say(name, best.scores)
        try:
            first = self.trials.first_scores(recipe)
        except (ModelError, RecipeError):
            return False  # whoever measures it all says why
        before = self.trials.first_scores(best.recipe)
        if first.gain_interval_db(before)[1] >= 0:
            return False
        gain = first.sqnr_db - before.sqnr_db
        why = "loses on the first part of the samples, so the others were not asked"
        self.attempts.append(Attempt(step, name, None, first.sqnr_db, gain, kept=False, why=why))
        return True

    def _gain(self, way: Way, best: Way) -> float:
        """What a way gains over the best in dB; none where the target's own number gets worse."""
        gain = way.scores.sqnr_db - best.scores.sqnr_db
        worse = self.target.missing(way.scores) > self.target.missing(best.scores)
        return min(gain, 0.0) if worse and self.target.goal != "sqnr" else gain

    def _sure(self, way: Way, best: Way) -> bool:
        """Whether a way gains over the best, and not by a few samples only."""
        return self._gain(way, best) > self.floor_db and (way.scores.least_gain_db(best.scores) > 0)

    def _cured(self, best: Way) -> Way:
        for cure in (cure for cure in CURES if not cure.costs):
            if self.over or self.reached(best):
                break
            best = self._best_of(cure, best)
        return best

    def _best_of(self, cure: Cure, best: Way) -> Way:
        found: list[tuple[float, Way]] = []
        for words, recipe in cure.recipes(best.recipe).items():
            if self.over:
                break
            if not cure.pays_in_time and self._loses(cure.step, words, recipe, best):
                continue
            way = self._tried(cure.step, words, recipe, best)
            if way is not None:
                found.append((self._gain(way, best), way))
        top = max((gain for gain, _ in found), default=0.0)
        winner = best
        for gain, way in found:
            free = cure.pays_in_time and gain > -self.floor_db
            kept = winner is best and gain == top and (free or self._sure(way, best))
            self._note(cure.step, way, best, None, kept=kept)
            winner = way if kept else winner
        return winner

    def _with_ranges(self, best: Way, parts: Parts) -> tuple[Way, Parts]:
        """The ranges of the noisiest activations by the rule that is measured best for each."""
        self.say("ranges of the noisiest activations", best.scores)
        chosen = chosen_ranges(self.trials, best.recipe, parts)
        if not chosen.rules:
            return best, parts
        recipe = best.recipe
        for rule in chosen.rules:
            recipe = recipe.with_rule(rule)
        promised = parts.db_of((*parts.weights.values(), *chosen.groups.values()))
        plural = "s" if len(chosen.rules) > 1 else ""
        name = f"best ranges of {len(chosen.rules)} activation{plural}"
        way = self._tried("range", name, recipe, best)
        if way is None:
            return best, parts
        kept = self._sure(way, best)
        self._note("range", way, best, promised, kept=kept)
        better = replace(parts, groups=chosen.groups, scores=way.scores)
        return (way, better) if kept else (best, parts)

    def _with_floats(self, best: Way, parts: Parts) -> Way:
        """Units in float, as few as the target takes."""
        self.ways.append(best)
        units = self.trials.units(best.recipe)
        steps = float_order(units, parts, self.counts, best.share)
        least = min(self.int8_share, best.share)
        allowed = sum(step.int8_share >= least for step in steps)
        most = self._with_first(best, steps, allowed)
        reached = most is not None and self.reached(most)
        low, high, found = 0, allowed, most
        while reached and high - low > 1 and not self.over:
            middle = (low + high) // 2
            way = self._with_first(best, steps, middle)
            if way is not None and self.reached(way):
                high, found = middle, way
            else:
                low = middle
        known = [way for way in (best, found) if way is not None and way.share >= least]
        if reached and found is not None:
            found = self._pruned(found, steps[:high], best)
            self.ways.append(found)
            return found
        counts = [sum(step.int8_share >= share for step in steps) for share in SHARES]
        for count in dict.fromkeys(counts):
            if self.over:
                break
            way = most if count == allowed else self._with_first(best, steps, count)
            if way is not None:
                self.ways.append(way)
                known += [way] if way.share >= least else []
        self._wider(best)
        return min(known, key=lambda way: (self.target.missing(way.scores), -way.share))

    def _with_first(self, best: Way, steps: tuple[Step, ...], count: int) -> Way | None:
        """The best way with the first so many units in float."""
        if not 0 < count <= len(steps):
            return None
        recipe = best.recipe
        units = [unit for step in steps[:count] for unit in step.units]
        for unit in units:
            recipe = without_unit(recipe, unit)
        name = f"{len(units)} unit{'s' if len(units) > 1 else ''} in float"
        way = self._tried("float", name, recipe, best)
        if way is not None:
            self._note("float", way, best, steps[count - 1].promised_db, kept=False)
        return way

    def _pruned(self, found: Way, steps: tuple[Step, ...], best: Way) -> Way:
        """What turned out needless goes back to int8, the most multiply-adds first."""
        kept = [unit for step in steps for unit in step.units]
        for unit in sorted(kept, key=lambda unit: -self.counts.share(unit.nodes)):
            if self.over:
                break
            fewer = [other for other in kept if other is not unit]
            recipe = best.recipe
            for other in fewer:
                recipe = without_unit(recipe, other)
            way = self._tried("back to int8", f"{unit.name} back to int8", recipe, found)
            if way is None:
                continue
            ok = self.reached(way)
            self._note("back to int8", way, found, None, kept=ok)
            if ok:
                kept, found = fewer, replace(way, name=f"{len(fewer)} units in float")
        return found

    def _wider(self, best: Way) -> None:
        """The limit of 8 bits, shown by 16-bit data, with weights rounded as well as can be."""
        name = "16-bit data"
        for recipe in wider(best.recipe).values():
            exact = slow_repairs(recipe).items()
            tried = {name: recipe, **{f"{name}, {words}": other for words, other in exact}}
            for words, other in tried.items():
                way = None if self.over else self._tried("16 bits", words, other, best)
                if way is not None:
                    self._note("16 bits", way, best, None, kept=False)
                    self.ways.append(way)

    def _settled(self, attempt: Attempt, best: Way) -> Attempt:
        """A point among others, once it is known which one was chosen."""
        if attempt.step == "float" and attempt.what == best.name:
            return replace(attempt, kept=True, why="the best within what was asked")
        return attempt

    def _note(
        self, step: str, way: Way, best: Way, promised_db: float | None, *, kept: bool
    ) -> None:
        gain = way.scores.sqnr_db - best.scores.sqnr_db
        why = reason(step, way, best, self.floor_db, kept=kept)
        delivered = way.scores.sqnr_db
        self.attempts.append(Attempt(step, way.name, promised_db, delivered, gain, kept, why))
