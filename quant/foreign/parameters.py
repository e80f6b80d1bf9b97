"""The recipe that a parameter file of another tool asks for: a cache, encodings, thresholds."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from quant.calibrators.minmax import MinMax
from quant.errors import RecipeError
from quant.foreign.as_recipe import tensor_rule
from quant.foreign.configs.base import FileRecipe
from quant.foreign.parameter_readers import Parameters, of_json, tensorrt_cache
from quant.io.show import counted
from quant.model.model import Model
from quant.planning.plan import Plan
from quant.planning.resolve import plan
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings

MOST_BYTES: Final = 256 << 20
"""A parameter file is no larger."""


def read_parameters(path: str | Path) -> Parameters:
    """Read a parameter file; which tool's it is, is seen by its content.

    TensorRT's calibration cache, ONNX Runtime's calibration cache and TensorQuantOverrides, AIMET's
    encodings 0.6.1, 1.0.0 and 2.0.0, and Paddle's thresholds.

    Args:
        path: The file.

    Raises:
        RecipeError: It cannot be read, or is none of these.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise RecipeError(f"{file.name}: expected a parameter file, found more than 256 MB")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file}: the parameter file cannot be read ({error})") from error
    try:
        cache = text.startswith("TRT-")
        found = tensorrt_cache(text) if cache else of_json(json.loads(text))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise RecipeError(
            f"{file.name}: expected a calibration cache of TensorRT or ONNX Runtime, "
            "TensorQuantOverrides, AIMET encodings or Paddle thresholds, found none of them "
            f"({type(error).__name__}: {' '.join(str(error).split()[:20])})"
        ) from error
    if not found.activations:
        raise RecipeError(f"{file.name}: expected ranges of tensors, found none")
    return replace(found, name=file.name)


def recipe_from(parameters: Parameters, model: Model) -> FileRecipe:
    """The recipe with the ranges and types of a parameter file; its tool decides the rest itself.

    Args:
        parameters: What the file says.
        model: The float model that it is for.

    Raises:
        RecipeError: The model has none of its tensors.
    """
    known = {n: codes for n, codes in parameters.activations.items() if n in model.tensors}
    if not known:
        raise RecipeError(
            f"{parameters.name}: none of its {len(parameters.activations):,} tensors, such as "
            f"{next(iter(parameters.activations))!r}, is one of {model.name}; give the file that "
            "was made for it"
        )
    kinds = Counter((codes.qtype, codes.symmetric) for codes in known.values())
    (qtype, symmetric), _ = kinds.most_common(1)[0]
    defaults = Settings(
        activation_type=qtype,
        activation_symmetric=symmetric and qtype.signed,
        per_channel=parameters.per_channel,
        calibrator=MinMax(),
    )
    base = Recipe(f"like {parameters.name}", defaults)
    planned = plan(model, base)
    rules = rules_of(parameters, planned, defaults)
    left = len(planned.groups) - len(rules)
    lost = len(parameters.activations) - len(known)
    notes: list[str] = []
    if lost:
        notes.append(f"{counted(lost, 'tensor')} of the file cannot be found in the float model.")
    if left:
        notes.append(
            f"{counted(left, 'tensor')} without a range in the file have what calibration saw."
        )
    notes.append(f"{parameters.tool} decides by itself which nodes it quantizes; here all are.")
    return FileRecipe(replace(base, rules=rules), tuple(notes))


def rules_of(parameters: Parameters, planned: Plan, defaults: Settings) -> tuple[Rule, ...]:
    """A rule for each group of tensors of which the file has one.

    Args:
        parameters: What the file says.
        planned: The plan of the recipe that the rules are for.
        defaults: What needs no rule.
    """
    rules: list[Rule] = []
    for group in planned.groups.values():
        name = next((member for member in group.members if member in parameters.activations), None)
        if name is not None:
            codes = parameters.activations[name]
            symmetric = codes.symmetric and codes.qtype.signed
            rules.append(
                tensor_rule(name, codes.range, codes.qtype, symmetric=symmetric, defaults=defaults)
            )
    return tuple(rules)
