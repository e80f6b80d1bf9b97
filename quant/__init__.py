"""QuantLens core: a float ONNX model and real data in, a verified int8 model out."""

from quant.calibrate import Calibration, calibrate
from quant.data import Dataset, open_data
from quant.errors import (
    Cancelled,
    DataError,
    ExportError,
    ModelError,
    QuantError,
    RecipeError,
)
from quant.model import Model, load
from quant.plan import Plan, plan
from quant.presets import preset, preset_names
from quant.progress import Progress
from quant.quantize import QuantizedModel, quantize
from quant.recipe import Recipe, Rule, Settings
from quant.types import PerChannel, PerTensor, QType, QuantParams, QuantSpec

__all__ = [
    "Calibration",
    "Cancelled",
    "DataError",
    "Dataset",
    "ExportError",
    "Model",
    "ModelError",
    "PerChannel",
    "PerTensor",
    "Plan",
    "Progress",
    "QType",
    "QuantError",
    "QuantParams",
    "QuantSpec",
    "QuantizedModel",
    "Recipe",
    "RecipeError",
    "Rule",
    "Settings",
    "calibrate",
    "load",
    "open_data",
    "plan",
    "preset",
    "preset_names",
    "quantize",
]
