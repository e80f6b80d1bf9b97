"""What a finding is: a cause of error with its proof, a fix, and what the fix really gave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from analysis.deprecated import warn
from analysis.findings.words import real, with_minus
from quant.io.show import card, counted, one_line, paragraph, table
from quant.recipe.recipe import Recipe

Severity = Literal["critical", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")

CRITICAL_DB: Final = 10.0
"""From here a change takes away nine tenths of the noise of the outputs."""
WARNING_DB: Final = 3.0
"""From here it takes away half of it. Below, nothing is wrong, only improvable."""
LEAST_DB: Final = 0.5
"""A smaller gain is not worth a line."""


@dataclass(frozen=True)
class Fix:
    """A change of the recipe.

    Attributes:
        label: What it does, short enough for a button.
        recipe: The recipe with the change.
        costs: Whether the int8 model gets slower by it: 16 bits, or nodes in float.
    """

    label: str
    recipe: Recipe
    costs: bool = False


@dataclass(frozen=True)
class Tried:
    """What a fix gave when it was really applied, on the samples it was tried on.

    Attributes:
        before_db: Output sqnr without it, in dB.
        after_db: Output sqnr with it, in dB.
        low_db: Lower end of the 95 % interval over the samples of what it gains, in dB.
        high_db: Upper end.
        samples: Number of samples.
        metric_gain: What the metric gains, more is better, in its unit; a share of 0 to 1 where
            that is ``%``; None without a metric.
        metric: The metric in words, such as ``Top-1``.
        metric_unit: Its unit.
        floor_db: What the last digits of the inputs change, in dB: less is no gain.
    """

    before_db: float
    after_db: float
    low_db: float
    high_db: float
    samples: int
    metric_gain: float | None = None
    metric: str = ""
    metric_unit: str = ""
    floor_db: float = 0.0

    @property
    def gain_db(self) -> float:
        """What the output sqnr gains, in dB; 0 where both are the same."""
        return 0.0 if self.before_db == self.after_db else self.after_db - self.before_db

    @property
    def helps(self) -> bool:
        """Whether it gains, and not by a few samples or by chance only."""
        return self.gain_db > max(LEAST_DB, self.floor_db) and self.low_db > 0

    @property
    def in_words(self) -> str:
        """The gain with its interval, such as ``+6.9 dB (6.1 to 7.6) on 20 samples``."""
        on = f"on {counted(self.samples, 'sample')}"
        gain = with_minus(f"{self.gain_db + 0:+.1f} dB")
        if not self.helps:
            return f"{gain}, no gain that can be told {on}"
        if math.isinf(self.gain_db):
            return f"nothing is left of the error {on}"
        return f"{gain} ({self.low_db:.1f} to {self.high_db:.1f}){self._of_metric} {on}"

    @property
    def _of_metric(self) -> str:
        if self.metric_gain is None:
            return ""
        if self.metric_unit == "%":
            gain = with_minus(f"{100 * self.metric_gain + 0:+.1f}")
            return f", {gain} points of {self.metric}"
        gain = with_minus(f"{self.metric_gain + 0:+.3g}")
        return f", {gain} {self.metric_unit}".rstrip() + f" of {self.metric}"


@dataclass(frozen=True)
class Finding:
    """One cause of error, with its proof and what to do.

    Attributes:
        kind: The name it is registered under.
        severity: How much there is to win; see :func:`severity_of`.
        title: What is wrong, and what to do where there is no fix.
        node: The node it is about; empty where it is about the whole model.
        tensor: The tensor it is about, or empty.
        evidence: The measured numbers in a sentence or two.
        numbers: The numbers that made it fire, keys with unit suffixes.
        gain_db: Estimated dB to win at the outputs; what it is ranked by until it is tried.
        fix: The change of the recipe, or None where a recipe cannot help.
        tried: What the fix gave when it was applied; None while it was not.
    """

    kind: str
    severity: Severity
    title: str
    node: str
    tensor: str
    evidence: str
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    gain_db: float = 0.0
    fix: Fix | None = None
    tried: Tried | None = None

    def __repr__(self) -> str:
        """Severity, title and gain, in one line."""
        ending = f" ({self.to_win})" if self.fix is not None else ""
        return f"<Finding, {self.severity}: {one_line(self.title, 120)}{ending}>"

    def _repr_html_(self) -> str:
        """The measurements, the fix and the numbers, for a notebook."""
        fix = "no recipe can help" if self.fix is None else f"{self.fix.label}, {self.to_win}"
        rows = [(name, real(value)) for name, value in self.numbers.items()]
        return card(
            repr(self),
            paragraph(self.evidence),
            paragraph(f"Fix: {fix}."),
            table(("Number", "Value"), rows, len(rows)),
        )

    @property
    def to_win(self) -> str:
        """What was measured with the fix; no number where nothing was.

        The estimate ranks what is not tried. It is no promise: it misses by several dB.
        """
        return "not tried" if self.tried is None else f"tried: {self.tried.in_words}"

    @property
    def figures(self) -> Mapping[str, float]:
        """The old name of ``numbers``."""
        warn("Finding.figures", "Finding.numbers", stacklevel=3)
        return self.numbers


def severity_of(gain_db: float) -> Severity:
    """Critical from 10 dB to win at the outputs, warning from 3 dB, else info."""
    if gain_db >= CRITICAL_DB:
        return "critical"
    return "warning" if gain_db >= WARNING_DB else "info"
