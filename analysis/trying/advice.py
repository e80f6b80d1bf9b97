"""What to change next: suspects and cures for the whole model, each by what it really gave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from analysis.findings.base import QUIET_DB, by_gain
from analysis.findings.finding import Finding, Fix, Tried, severity_of
from analysis.metrics import Metric
from analysis.trying.cures import CURES
from analysis.trying.scores import Scores
from quant.recipe.difference import difference, in_a_line
from quant.recipe.recipe import Recipe

SUSPECTS: Final = 8
"""Suspects whose fixes are tried, the most promising by estimate first."""

Known = Callable[[Recipe], Scores | None]
"""From a recipe to its scores; None where they are not known, or it cannot be made."""


def to_try(recipe: Recipe, suspects: Sequence[Finding]) -> Mapping[str, Recipe]:
    """Everything worth trying on a recipe.

    Args:
        recipe: The recipe as it stands.
        suspects: What was found, most promising first.

    Returns:
        Content key -> recipe: those of the cures, then those of the most promising suspects.
    """
    fixed = [found for found in suspects if found.fix is not None][:SUSPECTS]
    recipes = [found.fix.recipe for found in (*_cures(recipe), *fixed) if found.fix is not None]
    return {other.content_key: other for other in recipes if other != recipe}


def advised(
    recipe: Recipe,
    suspects: Sequence[Finding],
    known: Known,
    metric: Metric | None,
    floor_db: float = 0.0,
) -> tuple[Finding, ...]:
    """The suspects and the cures that help, by what was measured where something was.

    Args:
        recipe: The recipe as it stands.
        suspects: What was found.
        known: The scores of recipes.
        metric: The metric that the scores have.
        floor_db: What the last digits of the inputs change, in dB.

    Returns:
        Every suspect, with what its fix gave; and of each kind of cure the best, where it helps
        and no suspect has the same fix.
    """
    base = known(recipe)
    if base is None:
        return tuple(suspects)

    def measured(finding: Finding) -> Finding:
        scores = None if finding.fix is None else known(finding.fix.recipe)
        if scores is None:
            return finding
        return _measured(finding, tried(base, scores, metric, floor_db))

    found = [measured(finding) for finding in suspects]
    taken = {finding.fix.recipe.content_key for finding in suspects if finding.fix is not None}
    best: dict[str, Finding] = {}
    for cure in map(_offered, map(measured, _cures(recipe))):
        helps = cure.tried is not None and cure.tried.helps
        new = cure.fix is not None and cure.fix.recipe.content_key not in taken
        if helps and new and (cure.kind not in best or cure.gain_db > best[cure.kind].gain_db):
            best[cure.kind] = cure
    return by_gain((*found, *best.values()))


def _offered(cure: Finding) -> Finding:
    """A cure that costs speed is an offer: without it nothing is wrong."""
    costs = cure.fix is not None and cure.fix.costs
    return replace(cure, severity="info") if costs else cure


def _cures(recipe: Recipe) -> list[Finding]:
    """Each recipe of each cure, as a finding about the whole model."""
    return [
        Finding(
            kind=cure.step,
            severity="info",
            title=cure.cause,
            node="",
            tensor="",
            evidence=f"Changes: {in_a_line(difference(recipe, other), 6)}.",
            fix=Fix(f"{words[0].upper()}{words[1:]}", other, costs=cure.costs),
        )
        for cure in CURES
        if not cure.slow
        for words, other in cure.recipes(recipe).items()
    ]


def tried(base: Scores, scores: Scores, metric: Metric | None, floor_db: float) -> Tried:
    """What one recipe gains over another, in pairs over the samples of both.

    Args:
        base: The scores without the change.
        scores: The scores with it, of the same samples.
        metric: The metric that the scores have, or None.
        floor_db: What the last digits of the inputs change, in dB.
    """
    low, high = scores.gain_interval_db(base)
    gain = None
    if metric is not None and base.loss is not None and scores.loss is not None:
        gain = base.loss - scores.loss
    return Tried(
        before_db=base.sqnr_db,
        after_db=scores.sqnr_db,
        low_db=low,
        high_db=high,
        samples=base.samples,
        metric_gain=gain,
        metric="" if metric is None else metric.label,
        metric_unit="" if metric is None else metric.unit,
        floor_db=floor_db,
    )


def _measured(finding: Finding, gave: Tried) -> Finding:
    """The finding by what its fix gave: that decides how severe it is."""
    gain = gave.gain_db if gave.helps else 0.0
    severity = "info" if gave.before_db >= QUIET_DB else severity_of(gain)
    return replace(finding, tried=gave, gain_db=gain, severity=severity)
