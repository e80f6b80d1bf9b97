"""Recipes to start from, each what a known target or tool would do."""

from quant.calibrators.balanced import Balanced
from quant.calibrators.kl import Kl
from quant.calibrators.mse import Mse
from quant.errors import RecipeError
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.types import QType

_PRESETS: dict[str, tuple[str, Recipe]] = {
    "recommended": (
        "multiply-adds and what stands between them in integers: uint8 asymmetric activations, "
        "int8 weights per channel, biases corrected for the rounding of weights",
        Recipe(
            "recommended",
            Settings(
                activation_type=QType.UINT8,
                per_channel=True,
                calibrator=Balanced(),
                placement="integer_kernels",
            ),
            repairs=(
                "channel_scales",
                "split_outliers",
                "equalize",
                "row_scales",
                "bias_correction",
            ),
        ),
    ),
    "everything": (
        "every operator that has a quantized form, as recommended until version 0.1: uint8 "
        "asymmetric activations, int8 weights per channel, least expected squared error, weighted "
        "by effect on the next layer",
        Recipe(
            "everything",
            Settings(
                activation_type=QType.UINT8,
                per_channel=True,
                calibrator=Mse(importance_weighted=True),
            ),
        ),
    ),
    "onnxruntime-default": (
        "what ONNX Runtime's quantize_static does when no option is given: int8 asymmetric "
        "activations, int8 weights per tensor, observed ranges",
        Recipe(
            "onnxruntime-default",
            Settings(activation_type=QType.INT8, per_channel=False),
        ),
    ),
    "tensorrt": (
        "what TensorRT expects: int8 symmetric activations by KL divergence, int8 weights per "
        "channel",
        Recipe(
            "tensorrt",
            Settings(
                activation_type=QType.INT8,
                activation_symmetric=True,
                per_channel=True,
                calibrator=Kl(),
                quantize_bias=False,
            ),
        ),
    ),
}


def preset_names() -> tuple[str, ...]:
    """Names of the presets, the recommended one first."""
    return tuple(_PRESETS)


def preset_summary(name: str) -> str:
    """What the preset does, in a line."""
    return _PRESETS[name][0]


def preset(name: str) -> Recipe:
    """The recipe of a preset.

    Raises:
        RecipeError: If there is no preset of that name.
    """
    if name not in _PRESETS:
        raise RecipeError(
            f"preset: expected one of {', '.join(_PRESETS)}, found {name!r}; choose one of them"
        )
    return _PRESETS[name][1]
