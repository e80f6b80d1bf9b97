"""Calibration algorithms: statistics of a tensor in, a range of real numbers out.

Every module in this folder is found by itself, so a new algorithm is one new file.
"""

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

REGISTRY.discover(__name__)

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
