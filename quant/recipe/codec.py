"""Settings as JSON values, and what is understood of JSON that somebody wrote by hand."""

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np

from quant.calibrators import Calibrator, calibrator_from_json
from quant.errors import RecipeError
from quant.recipe.settings import SETTING_NAMES, Align, Drop, Fuse, Placement
from quant.types import QType

_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "fuse_activation": get_args(Fuse),
    "drop_activation": get_args(Drop),
    "align": get_args(Align),
    "placement": get_args(Placement),
}
"""The texts that a setting may be; all others that are neither numbers nor types are switches."""

_LARGEST = float(np.finfo(np.float32).max)
"""What a range may reach: the arithmetic of a model is float32."""

_SHOWN = 60


def short(value: Any) -> str:
    """A value as a sentence shows it: as written, cut where it goes on."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or lists without end
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def settings_to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name as JSON values."""

    def plain(value: Any) -> Any:
        if isinstance(value, QType):
            return value.value
        if isinstance(value, Calibrator):
            return value.to_json()
        return list(cast("tuple[float, float]", value)) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in values.items()}


def settings_from_json(document: object, where: str) -> dict[str, Any]:
    """Settings by name out of a JSON object.

    Args:
        document: What stands in the recipe.
        where: Whose settings they are, for the sentence that refuses them.

    Raises:
        RecipeError: An unknown setting, or a value of the wrong kind.
    """
    if not isinstance(document, dict):
        raise RecipeError(f"{where}: expected an object of settings, found {short(document)}")
    found = cast("dict[str, Any]", document)
    return {name: _setting_from_json(name, value, where) for name, value in found.items()}


def _setting_from_json(name: str, value: Any, where: str) -> Any:
    known(name, SETTING_NAMES, where)
    if name in {"activation_type", "weight_type"}:
        types = {qtype.value: qtype for qtype in QType}
        _known_value(value, tuple(types), f"{where}: {name}")
        return types[value]
    if name == "calibrator":
        return calibrator_from_json(value)
    if name == "range":
        return _range_from_json(value, where)
    _known_value(value, _CHOICES.get(name, (True, False)), f"{where}: {name}")
    return value


def _range_from_json(value: Any, where: str) -> tuple[float, float] | None:
    if value is None:
        return None
    found = short(value)
    pair = cast("list[Any]", value) if isinstance(value, list) else []
    if len(pair) != 2 or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in pair
    ):
        raise RecipeError(f"{where}: range: expected [rmin, rmax] in real units, found {found}")
    if not -_LARGEST <= pair[0] <= 0 <= pair[1] <= _LARGEST:
        raise RecipeError(f"{where}: range: expected rmin <= 0 <= rmax, found {found}")
    return float(pair[0]), float(pair[1])


def known(name: str, allowed: tuple[str, ...], where: str) -> None:
    """Refuse a field that nothing knows.

    Raises:
        RecipeError: ``name`` is none of those allowed.
    """
    if name not in allowed:
        raise RecipeError(
            f"{where}: unknown field {name!r}; expected one of {', '.join(sorted(allowed))}"
        )


def _known_value(value: Any, allowed: tuple[Any, ...], where: str) -> None:
    if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
        listed = ", ".join(json.dumps(a) for a in allowed)
        raise RecipeError(f"{where}: expected one of {listed}, found {short(value)}")
