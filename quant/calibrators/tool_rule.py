"""What another tool would choose, as a calibrator, and calibrators by one word."""

from dataclasses import dataclass, field
from typing import ClassVar

from quant.calibrators.base import REGISTRY, Calibrator, register
from quant.error_model.context import NO_CONTEXT, TensorContext
from quant.statistics.tensor_stats import TensorStats
from quant.tool_rules import TOOL_RULES, RuleFails
from quant.types import QuantSpec


@dataclass(frozen=True)
class Found:
    """The range that follows from a tool's choice for a tensor.

    Attributes:
        rmin: Lower end in real units, at most 0, within the observed range.
        rmax: Upper end, at least 0.
        why: Why it is the observed range and not the tool's choice, as a sentence; else empty.
    """

    rmin: float
    rmax: float
    why: str = ""


@register
@dataclass(frozen=True)
class Tool(Calibrator):
    """The range that another tool would choose, its known faults included."""

    name: ClassVar[str] = "tool"
    label: ClassVar[str] = "Another tool's choice"
    summary: ClassVar[str] = (
        "What a rule of another tool chooses from these statistics, its known faults included, cut "
        "to the observed range; the observed range where that tool fails."
    )

    choice: str = field(
        default="onnxruntime.minmax",
        metadata={
            "label": "Rule",
            "help": "The tool and its rule.",
            "choices": {name: choice.label for name, choice in TOOL_RULES.items()},
        },
    )

    @property
    def key(self) -> str:
        """The rule's name."""
        return self.choice

    @property
    def title(self) -> str:
        """The rule's label."""
        return TOOL_RULES[self.choice].label

    def find(self, stats: TensorStats) -> Found:
        """The range, and why it is not the tool's where it is not."""
        observed = stats.low, stats.high
        try:
            pick = TOOL_RULES[self.choice].streamed(stats)
        except RuleFails as reason:
            return Found(*observed, f"{str(reason).rstrip('.')}.")
        low, high = pick.range()
        rmin, rmax = min(max(low, stats.low), 0.0), max(min(high, stats.high), 0.0)
        if rmin < rmax or not stats.abs_max:
            return Found(rmin, rmax)
        return Found(
            *observed,
            f"Its range, {low:.6g} to {high:.6g}, keeps no value of the observed range.",
        )

    def range(
        self, stats: TensorStats, spec: QuantSpec, context: TensorContext = NO_CONTEXT
    ) -> tuple[float, float]:
        """The tool's range for its own type of code, widened to hold zero, cut to the observed."""
        del spec, context  # each rule is for one type
        found = self.find(stats)
        return found.rmin, found.rmax


def calibrator_named(name: str) -> Calibrator:
    """The calibrator with its default options that a name stands for.

    Args:
        name: One of ours (``"kl"``), or a tool's rule (``"paddle.kl"``); see
            :attr:`quant.calibrators.Calibrator.key`.

    Raises:
        RecipeError: Nothing has that name.
    """
    if name in TOOL_RULES:
        return Tool(choice=name)
    return REGISTRY.named(name, others=TOOL_RULES)()
