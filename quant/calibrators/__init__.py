"""Calibration algorithms: statistics of a tensor in, a range of real numbers out.

Every module in this folder is imported here, so a new algorithm is one new file.
"""

import importlib
import pkgutil

from quant.calibrators.base import (
    REGISTRY,
    Calibrator,
    CostCurve,
    ThresholdSearchCalibrator,
    calibrator_from_json,
    calibrator_names,
    chosen_range,
    own_calibrators,
    register,
)
from quant.calibrators.tool_rule import Tool, calibrator_named

for _module in pkgutil.iter_modules(__path__):
    if not _module.ispkg:
        importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "REGISTRY",
    "Calibrator",
    "CostCurve",
    "ThresholdSearchCalibrator",
    "Tool",
    "calibrator_from_json",
    "calibrator_named",
    "calibrator_names",
    "chosen_range",
    "own_calibrators",
    "register",
]
