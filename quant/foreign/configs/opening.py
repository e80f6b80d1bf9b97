"""Which tool's configuration a file is, and the recipe that it asks for."""

import configparser
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from quant.errors import RecipeError
from quant.foreign.configs.base import FileRecipe
from quant.foreign.configs.mindspore_ini import mindspore_recipe
from quant.foreign.configs.onnxruntime_options import ARGUMENTS, OPTIONS, onnxruntime_recipe
from quant.foreign.configs.paddle_arguments import is_paddle, paddle_recipe
from quant.model.model import Model

INI: Final = frozenset({".ini", ".cfg", ".config", ".conf"})
MOST_BYTES: Final = 1 << 20
"""A configuration is no larger; files of parameters may be."""


def config_recipe(path: Path, model: Model) -> FileRecipe | None:
    """The recipe that a configuration asks for; None where the file is none.

    Args:
        path: MindSpore Lite's INI, or JSON or TOML with arguments of ONNX Runtime's
            ``quantize_static`` or Paddle's ``PostTrainingQuantization`` by their names.
        model: The float model.

    Raises:
        RecipeError: If it cannot be read, or a setting in it is unknown.
    """
    if path.suffix in INI:
        return mindspore_recipe(path.name, _sections(path), model)
    document = _document(path) if path.suffix in {".json", ".toml"} else None
    if document is None:
        return None
    found = None
    if is_paddle(document):
        found = paddle_recipe(path.name, document, model)
    elif set(document) & set(ARGUMENTS):
        found = onnxruntime_recipe(path.name, document, model)
    elif set(document) & set(OPTIONS):
        found = onnxruntime_recipe(path.name, {"extra_options": document}, model)
    elif path.suffix == ".toml":
        raise RecipeError(
            f"{path.name}: expected arguments of ONNX Runtime's quantize_static or of Paddle's "
            "post-training quantization, found neither"
        )
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: the configuration cannot be read ({error})") from error


def _sections(path: Path) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=("#", ";"))
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue] - names keep their case
    try:
        parser.read_string(_text(path))
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise RecipeError(f"{path.name}: expected sections of settings ({reason})") from error
    return {name: dict(parser[name]) for name in parser.sections()}


def _document(path: Path) -> Mapping[str, Any] | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
    except OSError as error:
        raise RecipeError(f"{path}: the configuration cannot be read ({error})") from error
    text = _text(path)
    try:
        found: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        if path.suffix == ".json":
            return None  # whoever reads it as parameters says what is wrong
        raise RecipeError(f"{path.name}: it cannot be read as TOML ({error})") from error
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None
