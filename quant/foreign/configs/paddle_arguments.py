"""Paddle's and PaddleSlim's post-training quantization: arguments by the same names."""

from collections.abc import Mapping
from typing import Any, Final

from quant.calibrators.tool_rule import Tool
from quant.errors import RecipeError
from quant.foreign.configs.base import FileRecipe, Keys, all_but, repairs_of
from quant.model.model import Model
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType

ARGUMENTS: Final = (
    "algo",
    "hist_percent",
    "quantizable_op_type",
    "round_type",
    "learning_rate",
    "is_full_quantize",
    "bias_correction",
    "activation_bits",
    "weight_bits",
    "activation_quantize_type",
    "weight_quantize_type",
    "onnx_format",
    "freeze_model",
    "optimize_model",
    "skip_tensor_list",
    "same_scale_tensor_list",
    "deploy_backend",
    "batch_size",
    "batch_nums",
    "model_dir",
    "model_filename",
    "params_filename",
    "save_model_path",
    "quantize_model_path",
)
_ALGORITHMS: Final = {
    "KL": Tool("paddle.kl"),
    "hist": Tool("paddle.hist"),
    "avg": Tool("paddle.avg"),
    "mse": Tool("paddle.mse"),
    "emd": Tool("paddle.emd"),
    "abs_max": Tool("paddle.abs_max"),
    "min_max": Tool("onnxruntime.minmax"),
    "ptf": Tool("paddle.ptf"),
}
_OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "conv2d": ("Conv",),
    "depthwise_conv2d": ("Conv",),
    "conv2d_transpose": ("ConvTranspose",),
    "mul": ("Gemm", "MatMul"),
    "matmul": ("Gemm", "MatMul"),
    "matmul_v2": ("Gemm", "MatMul"),
    "pool2d": ("MaxPool", "AveragePool", "GlobalAveragePool"),
    "elementwise_add": ("Add",),
    "elementwise_sub": ("Sub",),
    "elementwise_mul": ("Mul",),
    "concat": ("Concat",),
    "softmax": ("Softmax",),
    "relu": ("Relu",),
    "relu6": ("Clip",),
    "leaky_relu": ("LeakyRelu",),
    "sigmoid": ("Sigmoid",),
    "tanh": ("Tanh",),
    "hard_swish": ("HardSwish",),
    "hard_sigmoid": ("HardSigmoid",),
    "gelu": ("Gelu",),
}
"""Paddle's operator -> what paddle2onnx writes for it."""

_SLIM: Final = ("conv2d", "depthwise_conv2d", "conv2d_transpose", "mul", "matmul", "matmul_v2")


def is_paddle(document: Mapping[str, Any]) -> bool:
    """Whether arguments are those of Paddle."""
    return bool({"algo", "quantizable_op_type", "weight_quantize_type"} & set(document))


def paddle_recipe(name: str, document: Mapping[str, Any], model: Model) -> FileRecipe:
    """The recipe that arguments of Paddle's ``PostTrainingQuantization`` ask for.

    Source: python/paddle/static/quantization/post_training_quantization.py.

    Args:
        name: The file's name.
        document: Argument -> value.
        model: The float model, exported to ONNX.

    Raises:
        RecipeError: If an argument is unknown or no value of it.
    """
    notes: list[str] = []
    keys = Keys(name, document, notes)
    keys.known(ARGUMENTS)
    bits = {round(keys.number(f"{what}_bits", 8)) for what in ("activation", "weight")}
    if len(bits) != 1 or not bits <= {8, 16}:
        raise RecipeError(
            f"{name}: activation_bits and weight_bits: expected both 8 or both 16, found "
            f"{', '.join(map(str, sorted(bits)))}"
        )
    kind = QType.INT8 if bits == {8} else QType.INT16
    settings = Settings(
        activation_type=kind,
        activation_symmetric=True,
        weight_type=kind,
        per_channel=keys.choice(
            "weight_quantize_type",
            "channel_wise_abs_max",
            ("channel_wise_abs_max", "abs_max"),
        )
        == "channel_wise_abs_max",
        calibrator=_ALGORITHMS[keys.choice("algo", "KL", tuple(_ALGORITHMS))],
    )
    if keys.number("hist_percent", 0.99999) != 0.99999 and keys.values.get("algo") == "hist":
        notes.append(
            f"hist_percent = {keys.values['hist_percent']}: here the rule keeps 0.99999 of the "
            "values."
        )
    rounded = keys.choice("round_type", "round", ("round", "adaround")) == "adaround"
    if rounded:
        notes.append("round_type = adaround: here weights are rounded by their inputs (gptq).")
    corrected = keys.flag("bias_correction", default=False)
    repairs = repairs_of(gptq=rounded, bias_correction=corrected)
    skipped = keys.names("skip_tensor_list")
    rules = (*_types(keys, model), *_tensors(skipped, model, notes))
    keys.no_equal("same_scale_tensor_list", "deploy_backend")
    return FileRecipe(Recipe(f"like {name}", settings, rules, repairs=repairs), tuple(notes))


def _types(keys: Keys, model: Model) -> tuple[Rule, ...]:
    """What is not quantized: all but the operators that are listed, or that are by default."""
    if keys.flag("is_full_quantize", default=False):
        return ()
    names = keys.names("quantizable_op_type") or _SLIM
    for name in names:
        if name not in _OPERATORS:
            keys.notes.append(f"quantizable_op_type: {name} is not known here and is left out.")
    types = {kind for name in names for kind in _OPERATORS.get(name, ())}
    return all_but(frozenset(types), model)


def _tensors(names: tuple[str, ...], model: Model, notes: list[str]) -> tuple[Rule, ...]:
    lost = [name for name in names if name not in model.tensors]
    if lost:
        notes.append(f"skip_tensor_list: the model has no tensor {lost[0]!r}.")
    known = [name for name in names if name in model.tensors]
    return tuple(Rule("tensor", name, {"quantize_activation": False}) for name in known)
