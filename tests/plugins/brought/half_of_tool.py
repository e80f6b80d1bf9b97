"""A rule of a tool that nobody else knows."""

import numpy as np

from quant.tool_rules import ResultForm, RuleResult, ToolRule, register


@register
class HalfOfTool(ToolRule[float]):
    """Half of the largest magnitude."""

    tool = "halver"
    key = "half"
    label = "Halver"
    summary = "Half of the largest magnitude."
    form = ResultForm.THRESHOLD

    def from_batches(self, batches):
        """The largest magnitude of all batches."""
        return max(float(np.abs(batch).max()) for batch in batches)

    def from_stats(self, stats):
        """The same from statistics."""
        return stats.abs_max

    def pick(self, prepared):
        """Half of it."""
        return RuleResult(self.form, (prepared / 2,))
