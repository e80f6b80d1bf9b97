"""ONNX Runtime's ``quantize_static``: its arguments and ``extra_options`` by the same names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from quant.calibrators.tool_rule import Tool
from quant.errors import RecipeError
from quant.foreign.configs.base import FileRecipe, Keys, all_but, repairs_of, skipped
from quant.foreign.parameter_readers import of_json
from quant.foreign.parameters import rules_of
from quant.model.model import Model
from quant.planning.resolve import plan
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType

ARGUMENTS: Final = (
    "quant_format",
    "op_types_to_quantize",
    "per_channel",
    "reduce_range",
    "activation_type",
    "weight_type",
    "nodes_to_quantize",
    "nodes_to_exclude",
    "use_external_data_format",
    "calibrate_method",
    "calibration_providers",
    "calibration_cache_path",
    "extra_options",
)
OPTIONS: Final = (
    "ActivationSymmetric",
    "WeightSymmetric",
    "ActivationRestrictedAsymmetric",
    "EnableSubgraph",
    "ForceQuantizeNoInputCheck",
    "MatMulConstBOnly",
    "AddQDQPairToWeight",
    "OpTypesToExcludeOutputQuantization",
    "DedicatedQDQPair",
    "QDQOpTypePerChannelSupportToAxis",
    "CalibTensorRangeSymmetric",
    "CalibStridedMinMax",
    "CalibMovingAverage",
    "CalibMovingAverageConstant",
    "CalibMaxIntermediateOutputs",
    "CalibPercentile",
    "QuantizeBias",
    "SmoothQuant",
    "SmoothQuantAlpha",
    "SmoothQuantFolding",
    "UseQDQContribOps",
    "MinimumRealRange",
    "QDQKeepRemovableActivations",
    "QDQDisableWeightAdjustForInt32Bias",
    "BlockSize",
    "TensorQuantOverrides",
    "extra.Sigmoid.nnapi",
)
_HANDLED: Final = frozenset(
    {
        "ActivationSymmetric",
        "OpTypesToExcludeOutputQuantization",
        "CalibMovingAverage",
        "CalibPercentile",
        "QuantizeBias",
        "SmoothQuant",
        "QDQKeepRemovableActivations",
        "TensorQuantOverrides",
    }
)
_SILENT: Final = frozenset({"UseQDQContribOps", "EnableSubgraph", "ForceQuantizeNoInputCheck"})
_TYPES: Final = {
    "QInt8": QType.INT8,
    "QUInt8": QType.UINT8,
    "QInt16": QType.INT16,
    "QUInt16": QType.UINT16,
}
_WEIGHTS: Final = {**_TYPES, "QInt4": QType.INT4, "QUInt4": QType.INT4}
_METHODS: Final = ("MinMax", "Entropy", "Percentile", "Distribution")


def onnxruntime_recipe(name: str, document: Mapping[str, Any], model: Model) -> FileRecipe:
    """The recipe that arguments of ``quantize_static`` ask for.

    Source: onnxruntime/python/tools/quantization/quantize.py.

    Args:
        name: The file's name.
        document: Argument -> value; enums by their names.
        model: The float model.

    Raises:
        RecipeError: If an argument or option is unknown or no value of it.
    """
    notes: list[str] = []
    keys = Keys(name, document, notes)
    keys.known(ARGUMENTS)
    extra = document.get("extra_options", {})
    if not isinstance(extra, Mapping):
        raise RecipeError(f"{name}: extra_options: expected an object")
    options = Keys(f"{name}, extra_options", extra, notes)  # pyright: ignore[reportUnknownArgumentType]
    options.known(OPTIONS)
    settings = _settings(keys, options)
    rules = _rules(keys, options, model)
    repairs = repairs_of(smooth=options.flag("SmoothQuant", default=False))
    recipe = Recipe(f"like {name}", settings, rules, repairs=repairs)
    overrides = options.values.get("TensorQuantOverrides")
    if overrides:
        parameters = replace(of_json(overrides), name=name)
        found = rules_of(parameters, plan(model, recipe), settings)
        recipe = replace(recipe, rules=(*recipe.rules, *found))
    if keys.flag("reduce_range", default=False):
        keys.no_equal("reduce_range")
    keys.no_equal("calibration_cache_path", "nodes_to_quantize")
    options.no_equal(*(o for o in OPTIONS if o not in _HANDLED | _SILENT))
    return FileRecipe(recipe, tuple(notes))


def _settings(keys: Keys, options: Keys) -> Settings:
    activation = _TYPES[_enum(keys, "activation_type", "QInt8", tuple(_TYPES))]
    weight = _WEIGHTS[_enum(keys, "weight_type", "QInt8", tuple(_WEIGHTS))]
    if not weight.signed:
        signed = {8: QType.INT8, 16: QType.INT16}[weight.bits]
        keys.notes.append(f"weight_type = {weight.value}: here weights are {signed.value}.")
        weight = signed
    return Settings(
        activation_type=activation,
        activation_symmetric=options.flag("ActivationSymmetric", default=False)
        and activation.signed,
        weight_type=weight,
        per_channel=keys.flag("per_channel", default=False),
        calibrator=_calibrator(keys, options),
        drop_activation="never"
        if options.flag("QDQKeepRemovableActivations", default=False)
        else "lossless",
        quantize_bias=options.flag("QuantizeBias", default=True),
    )


def _calibrator(keys: Keys, options: Keys) -> Tool:
    method = _enum(keys, "calibrate_method", "MinMax", _METHODS)
    if method == "Entropy":
        return Tool("onnxruntime.entropy_default_128")
    if method == "MinMax":
        moving = options.flag("CalibMovingAverage", default=False)
        return Tool("onnxruntime.minmax_moving_average" if moving else "onnxruntime.minmax")
    if method == "Distribution":
        keys.notes.append(
            "calibrate_method = Distribution is for float 8; here Percentile is used."
        )
    share = options.number("CalibPercentile", 99.999)
    if share != 99.999:
        options.notes.append(f"CalibPercentile = {share:g}: here the rule cuts at 99.999.")
    return Tool("onnxruntime.percentile_99.999")


def _enum(keys: Keys, name: str, default: str, choices: tuple[str, ...]) -> str:
    """A member of one of ONNX Runtime's enums, with the enum's name before it or without."""

    def read(value: Any) -> str:
        word = str(value).rpartition(".")[2]
        if word not in choices:
            raise ValueError(word)
        return word

    return keys.get(name, default, read, ", ".join(choices))


def _rules(keys: Keys, options: Keys, model: Model) -> tuple[Rule, ...]:
    types = frozenset(keys.names("op_types_to_quantize"))
    kept = all_but(types, model) if types else ()
    excluded = skipped(keys.names("nodes_to_exclude"), model, keys.notes)
    outputs = options.names("OpTypesToExcludeOutputQuantization")
    free = tuple(Rule("op_type", name, {"quantize_activation": False}) for name in outputs)
    return (*kept, *free, *excluded)
