"""The compiled parts of the tools' rules, named as the modules of quant/tool_rules."""
