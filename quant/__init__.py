"""QuantLens core: a float ONNX model and real data in, a verified int8 model out."""

from quant.data.dataset import Dataset
from quant.data.opening import open_data
from quant.errors import (
    Cancelled,
    DataError,
    ExportError,
    ModelError,
    QuantError,
    RecipeError,
)
from quant.execution.progress import Progress
from quant.model.model import Model
from quant.opening.feed_back import open_sequence
from quant.opening.loading import load
from quant.pipeline import QuantizedModel, quantize
from quant.planning.plan import Plan
from quant.planning.resolve import plan
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.statistics.calibration import Calibration
from quant.statistics.collect import calibrate
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
    "open_sequence",
    "plan",
    "preset",
    "preset_names",
    "quantize",
]
