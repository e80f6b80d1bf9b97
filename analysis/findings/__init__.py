"""Why an int8 model loses accuracy: causes found from what is measured, each with its fix.

Every module in this folder is imported here, so a new kind of finding is one new file.
"""

import importlib
import pkgutil

from analysis.findings.base import (
    REGISTRY,
    SEVERITIES,
    Finding,
    Fix,
    Measurements,
    find,
    register,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "SEVERITIES", "Finding", "Fix", "Measurements", "find", "register"]
