"""What other tools would choose for a tensor, each by its own rule, known faults included.

Every module in this folder is imported here, so a new tool is one new file.
"""

import importlib
import pkgutil

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

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")

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
