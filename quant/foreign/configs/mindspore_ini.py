"""MindSpore Lite's converter: sections of an INI file, as ``--configFile`` takes it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from quant.calibrators.tool_rule import Tool
from quant.data.images.preprocessing import Colour, Preprocessing
from quant.data.images.resizing import Interpolation
from quant.errors import RecipeError
from quant.foreign.configs.base import Feeding, FileRecipe, Keys, repairs_of, skipped
from quant.model.model import Model
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType

SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "common_quant_param": (
        "quant_type",
        "bit_num",
        "min_quant_weight_size",
        "min_quant_weight_channel",
        "skip_quant_node",
        "debug_info_save_path",
        "enable_encode",
        "workspace",
    ),
    "weight_quant_param": (
        "dequant_strategy",
        "quant_strategy",
        "per_channel",
        "bias_correction",
        "update_mindir",
        "max_segments",
    ),
    "mixed_bit_weight_quant_param": (
        "init_scale",
        "auto_tune",
        "use_cv_data",
        "max_iterations",
    ),
    "full_quant_param": (
        "activation_quant_method",
        "bias_correction",
        "per_channel",
        "target_device",
        "smooth_alpha",
        "enable_smooth_shift",
        "enable_all_ops",
    ),
    "dynamic_quant_param": ("quant_strategy",),
    "data_preprocess_param": (
        "calibrate_path",
        "calibrate_size",
        "input_type",
        "image_to_format",
        "normalize_mean",
        "normalize_std",
        "resize_width",
        "resize_height",
        "resize_method",
        "center_crop_width",
        "center_crop_height",
    ),
}
"""Section -> its settings. MindSpore ignores other sections."""

_METHODS: Final = {
    "MAX_MIN": Tool("mindspore.max_min"),
    "KL": Tool("mindspore.kl"),
    "REMOVAL_OUTLIER": Tool("mindspore.removal_outlier"),
}
_DEVICES: Final = ("CPU", "KIRIN", "NVGPU", "DSP", "ASCEND")
_RESIZES: Final[dict[str, Interpolation]] = {
    "LINEAR": "linear",
    "NEAREST": "nearest",
    "CUBIC": "cubic",
}
_CONVS: Final = frozenset({"Conv", "ConvTranspose"})


def mindspore_recipe(
    name: str, sections: Mapping[str, Mapping[str, str]], model: Model
) -> FileRecipe:
    """The recipe and the data that a converter's configuration asks for.

    Source: the parsers of MindSpore Lite's converter.

    Args:
        name: The file's name.
        sections: Section -> setting -> what is written.
        model: The float model.

    Raises:
        RecipeError: If a setting is unknown or out of range.
    """
    notes: list[str] = []
    keys = {s: Keys(f"{name}, [{s}]", sections.get(s, {}), notes) for s in SECTIONS}
    for section, found in keys.items():
        found.known(SECTIONS[section])
    common = keys["common_quant_param"]
    if "quant_type" not in common.values:
        raise RecipeError(
            f"{name}: expected quant_type = WEIGHT_QUANT, FULL_QUANT or DYNAMIC_QUANT in "
            "[common_quant_param], found none"
        )
    kinds = ("WEIGHT_QUANT", "FULL_QUANT", "DYNAMIC_QUANT")
    kind = common.choice("quant_type", "", kinds)
    if kind == "FULL_QUANT":
        recipe = _full(common, keys["full_quant_param"])
    elif kind == "WEIGHT_QUANT":
        recipe = _weights(common, keys["weight_quant_param"], model)
    else:
        recipe = _dynamic(keys["dynamic_quant_param"], notes)
    if kind != "WEIGHT_QUANT" and common.number("bit_num", 8) != 8:
        raise RecipeError(f"{name}: bit_num: expected 8 for {kind}")
    keys["mixed_bit_weight_quant_param"].no_equal(*SECTIONS["mixed_bit_weight_quant_param"])
    common.no_equal("debug_info_save_path", "workspace")
    wanted = tuple(_cut(node) for node in common.names("skip_quant_node"))
    rules = (*recipe.rules, *skipped(wanted, model, notes))
    feeding = _feeding(keys["data_preprocess_param"], model, notes)
    return FileRecipe(replace(recipe, name=f"like {name}", rules=rules), tuple(notes), feeding)


def _cut(node: str) -> str:
    """A node's name as it is matched: without what a fusion added to it."""
    return node.partition("_fusion")[0]


def _full(common: Keys, keys: Keys) -> Recipe:
    method = keys.choice("activation_quant_method", "MAX_MIN", tuple(_METHODS))
    device = keys.choice("target_device", "CPU", _DEVICES)
    every = keys.flag("enable_all_ops", default=False) or device == "DSP"
    settings = Settings(
        activation_type=QType.UINT8 if device == "KIRIN" else QType.INT8,
        activation_symmetric=device == "NVGPU",
        per_channel=keys.flag("per_channel", default=True) and device != "ASCEND",
        calibrator=_METHODS[method],
        placement="everything" if every else "integer_kernels",
        quantize_weight=device != "NVGPU",
    )
    corrected = keys.flag("bias_correction", default=True) and device not in {"KIRIN", "NVGPU"}
    if corrected:
        keys.notes.append(
            "bias_correction: MindSpore corrects by what its int8 nodes give on samples; here "
            "biases take back the mean error of rounded weights."
        )
    if device == "NVGPU":
        keys.notes.append("target_device = NVGPU leaves weights in float for TensorRT.")
    if keys.number("smooth_alpha", 0.5) != 0.5 or "enable_smooth_shift" in keys.values:
        keys.no_equal("smooth_alpha", "enable_smooth_shift")
    keys.notes.append("MindSpore never quantizes LeakyRelu; here the recipe decides.")
    _ignored_sizes(common, "FULL_QUANT")
    repairs = repairs_of(bias_correction=corrected)
    return Recipe("", settings, (Rule("op_type", "LeakyRelu", {"skip": True}),), repairs=repairs)


def _ignored_sizes(common: Keys, kind: str) -> None:
    for name in ("min_quant_weight_size", "min_quant_weight_channel"):
        if name in common.values:
            common.notes.append(f"{name} means nothing for {kind}, in MindSpore too.")


def _dynamic(keys: Keys, notes: list[str]) -> Recipe:
    strategy = keys.choice("quant_strategy", "ALWC", ("ALWC", "ACWL"))
    if strategy == "ACWL":
        notes.append("quant_strategy = ACWL has no equal here: activations have one scale each.")
    notes.append(
        "DYNAMIC_QUANT finds the ranges of activations as the model runs; here they are fixed, as "
        "calibration saw them."
    )
    settings = Settings(
        activation_type=QType.INT8, per_channel=strategy == "ALWC", placement="integer_kernels"
    )
    return Recipe("", settings)


def _weights(common: Keys, keys: Keys, model: Model) -> Recipe:
    """Weights alone, those that are large enough."""
    bits = round(common.number("bit_num", 8))
    if not 0 <= bits <= 16:
        raise RecipeError(f"{common.where}: bit_num: expected 0 to 16, found {bits}")
    stored = QType.INT4 if 0 < bits <= 4 else QType.INT16 if bits > 8 else QType.INT8
    if bits == 0:
        keys.notes.append(
            "bit_num = 0 chooses the bits of each layer by the error it may make; here all have 8."
        )
    elif bits not in {4, 8, 16}:
        keys.notes.append(
            f"bit_num = {bits} has no type of its own in ONNX: weights are {stored.value}, which "
            "has more levels."
        )
    gptq = keys.choice("quant_strategy", "MAX_MIN", ("MAX_MIN", "GPTQ")) == "GPTQ"
    corrected = keys.flag("bias_correction", default=True)
    keys.no_equal("dequant_strategy", "update_mindir", "max_segments")
    settings = Settings(
        weight_type=stored,
        per_channel=keys.flag("per_channel", default=True),
        quantize_activation=False,
        quantize_bias=False,
    )
    size = common.number("min_quant_weight_size", 0)
    channels = common.number("min_quant_weight_channel", 16)
    rules: list[Rule] = []
    for node in model.nodes:
        weight = node.weight
        if weight is None:
            continue
        few = node.op_type in _CONVS and weight.shape[weight.channel_axis or 0] <= channels
        if few or math.prod(weight.shape) <= size:
            rules.append(Rule("node", node.name, {"skip": True}))
    repairs = repairs_of(gptq=gptq, bias_correction=corrected)
    return Recipe("", settings, tuple(rules), repairs=repairs)


def _feeding(keys: Keys, model: Model, notes: list[str]) -> Feeding | None:
    """The data to calibrate on."""
    text = keys.get("calibrate_path", "", str, "name:folder,name:folder")
    if not text:
        return None
    places: dict[str, Path] = {}
    inputs = [info.name for info in model.inputs]
    for part in text.split(","):
        name, _, folder = part.strip().strip("'").rpartition(":")
        if name not in inputs or not folder:
            raise RecipeError(
                f"{keys.where}: calibrate_path: expected an input of the model and a folder as "
                f"{inputs[0]}:FOLDER, found {part.strip()!r}"
            )
        places[name] = Path(folder)
    count = round(keys.number("calibrate_size", 0)) or None
    if keys.choice("input_type", "BIN", ("IMAGE", "BIN")) == "BIN":
        return Feeding(places, count)
    preprocessing = _preprocessing(keys)
    if preprocessing is not None:
        notes.append(
            "MindSpore normalises before it resizes, on floats; here levels are resized as whole "
            "numbers first, which differs by half a level at most."
        )
    return Feeding(places, count, preprocessing)


def _preprocessing(keys: Keys) -> Preprocessing | None:
    """How pictures are fed; None where they keep a size of their own."""

    def size(kind: str) -> tuple[int, int] | None:
        sides = [round(keys.number(f"{kind}_{side}", 0)) for side in ("height", "width")]
        return (sides[0], sides[1]) if all(sides) else None

    resized, cut = size("resize"), size("center_crop")
    if resized is None:
        keys.notes.append(
            "Without resize_width and resize_height pictures keep their own size, which has no "
            "equal here."
        )
        return None
    colours = ("RGB", "GRAY", "BGR")
    method = keys.choice("resize_method", "LINEAR", tuple(_RESIZES))

    def numbers(name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        return keys.get(name, default, _numbers, "numbers as [a, b, c]")

    return Preprocessing(
        cut or resized,
        colour=cast("Colour", keys.choice("image_to_format", "BGR", colours)),
        fit="stretch" if cut is None else "cut",
        stretched=resized if cut else (0, 0),
        interpolation=_RESIZES[method],
        antialias=False,
        scale=1.0,
        mean=numbers("normalize_mean", (0.0,)),
        std=numbers("normalize_std", (1.0,)),
        layout="NHWC",
    )


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(float(item) for item in str(value).strip().strip("[]").split(","))
