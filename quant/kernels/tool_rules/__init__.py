"""The compiled parts of the tools' rules, each named as the module in quant/tools that calls it.

Only :func:`quant.tool_rules.streamed.compute.kernel` imports these, and late: importing one
compiles it, or reads what was compiled before from ``__pycache__``.
"""
