"""Whatever another tool made of a float model, and the recipe like it."""

from pathlib import Path

from quant.foreign.as_recipe import FileRecipe, recipe_of
from quant.foreign.matching import Match, matched
from quant.foreign.parameters import read_parameters, recipe_from
from quant.foreign.reading import read_int8
from quant.model.model import Model


def open_foreign(path: Path, model: Model) -> tuple[Match | None, FileRecipe]:
    """Read an int8 model, which ends in ``.onnx``, or a parameter file.

    Args:
        path: The file.
        model: The float model that it was made of.

    Returns:
        An int8 model beside the float one, None for a parameter file; and the recipe like it.

    Raises:
        ModelError: If an int8 model cannot be read, or nothing in it is quantized.
        RecipeError: If a parameter file cannot be read, or is of another model.
    """
    if path.suffix != ".onnx":
        return None, recipe_from(read_parameters(path), model)
    match = matched(read_int8(path), model)
    return match, recipe_of(match)
