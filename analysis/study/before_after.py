"""An int8 model beside the one it came of: what was changed, and what that gave."""

from dataclasses import dataclass
from functools import cached_property, partial

from analysis.findings import Finding
from analysis.findings.finding import Tried
from analysis.study.analysis import Analysis, ErrorName, analysis_of, stages_of
from analysis.study.study import OnStage, Study
from analysis.study.trying import tried_against
from analysis.sweep.unit_effects import KINDS
from quant.recipe.difference import difference
from quant.recipe.recipe import Recipe


@dataclass(frozen=True)
class TensorGain:
    """The cumulative error of a tensor under both recipes.

    Attributes:
        tensor: The float model's tensor.
        before_db: Its sqnr before, in dB.
        after_db: Its sqnr after, in dB.
    """

    tensor: str
    before_db: float
    after_db: float

    @property
    def gain_db(self) -> float:
        """What it gains, in dB; 0 where both are the same."""
        return 0.0 if self.before_db == self.after_db else self.after_db - self.before_db


@dataclass(frozen=True)
class BeforeAfter:
    """Two analyses of one model on the same samples.

    Attributes:
        before: Of the recipe to begin with.
        after: Of the recipe that came of it.
        gain: What the outputs gain, with its interval; None where a recipe cannot be compared.
    """

    before: Analysis
    after: Analysis
    gain: Tried | None

    @property
    def changes(self) -> tuple[str, ...]:
        """What was changed, a few words for each setting."""
        return difference(self.before.quantized.recipe, self.after.quantized.recipe)

    @property
    def in_words(self) -> str:
        """What the outputs gain, with its interval."""
        if self.gain is None:
            return "the two cannot be compared on the same samples"
        return self.gain.in_words

    @cached_property
    def gone(self) -> tuple[Finding, ...]:
        """What was found before and is not found any more."""
        left = {_about(finding) for finding in self.after.findings}
        return tuple(found for found in self.before.findings if _about(found) not in left)

    @cached_property
    def tensors(self) -> tuple[TensorGain, ...]:
        """Tensors whose cumulative error is known of both, those that gain most first."""
        before, after = self.before.comparison.tensors, self.after.comparison.tensors
        both = (
            TensorGain(name, before[name].sqnr_db, after[name].sqnr_db)
            for name in after
            if name in before
        )
        return tuple(sorted(both, key=lambda item: -item.gain_db))


def before_after(
    study: Study,
    before: Recipe,
    after: Analysis,
    progress: OnStage | None = None,
) -> BeforeAfter:
    """Measure the recipe that one began with on the samples of a study that has run.

    Args:
        study: A study that has run.
        before: The recipe to begin with.
        after: What the study tells. The same is measured of ``before``, without the sweeps.
        progress: Called at least every quarter of a second.

    Returns:
        Both, side by side.

    Raises:
        RecipeError: If ``before`` does not fit the model.
        ModelError: If the model cannot be run.
        Cancelled: If ``progress`` raised it.
    """
    measured: tuple[ErrorName, ...] = tuple(name for name in after.errors if name not in KINDS)
    first = study.with_recipe(before)
    measuring, *_ = stages_of(measured)
    first.run([measuring], progress)
    trials = None if progress is None else partial(progress, "trying")
    return BeforeAfter(
        before=analysis_of(first, measured),
        after=after,
        gain=tried_against(study, before, trials),
    )


def _about(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.node, finding.tensor
