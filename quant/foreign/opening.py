"""Whatever another tool made of a float model, and the recipe like it."""

from pathlib import Path

from quant.foreign.as_recipe import recipe_of
from quant.foreign.configs.base import FileRecipe
from quant.foreign.configs.opening import config_recipe
from quant.foreign.matching import Match, matched
from quant.foreign.parameters import read_parameters, recipe_from
from quant.foreign.reading import read_int8
from quant.model.model import Model


def open_foreign(path: Path, model: Model) -> tuple[Match | None, FileRecipe]:
    """Read an int8 model, which ends in ``.onnx``, a parameter file or a configuration.

    Args:
        path: The file.
        model: The float model that it was made of.

    Returns:
        An int8 model beside the float one, None for another file; and the recipe like it.

    Raises:
        ModelError: If an int8 model cannot be read, or nothing in it is quantized.
        RecipeError: If another file cannot be read, is of another model, or has a setting that
            its tool does not.
    """
    if path.suffix != ".onnx":
        found = config_recipe(path, model)
        if found is not None:
            return None, found
        return None, recipe_from(read_parameters(path), model)
    match = matched(read_int8(path), model)
    return match, recipe_of(match)
