"""What other tools would choose for a tensor, each by its own rule, known faults included.

Every module in this folder is found by itself, so a new tool is one new file.
"""

from quant.tool_rules.base import (
    TOOL_RULES,
    TOOLS,
    Batches,
    ResultForm,
    RuleFails,
    RuleResult,
    ToolRule,
    register,
)

TOOL_RULES.discover(__name__)

__all__ = [
    "TOOLS",
    "TOOL_RULES",
    "Batches",
    "ResultForm",
    "RuleFails",
    "RuleResult",
    "ToolRule",
    "register",
]
