"""Why an int8 model loses accuracy: causes found from what is measured, each with its fix.

Every module in this folder is found by itself, so a new kind of finding is one new file.
"""

from analysis.findings.base import REGISTRY, Measurements, find_causes, register
from analysis.findings.finding import SEVERITIES, Finding, Fix, Tried

REGISTRY.discover(__name__)

__all__ = [
    "REGISTRY",
    "SEVERITIES",
    "Finding",
    "Fix",
    "Measurements",
    "Tried",
    "find_causes",
    "register",
]
