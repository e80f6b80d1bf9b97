"""Values as JSON and back: one way for settings, recipes, findings, scores and effects.

A dataclass is written as the object of its fields; what has another form is an
:class:`quant.io.forms.OwnForm`.
"""

import importlib
import math
from typing import Any, TypeVar, cast

from quant.errors import DataError, QuantError
from quant.io.forms import Misfit, short

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """A value as JSON values, exactly: a number that is not finite is a text such as ``"-inf"``."""
    return _exact(plain(value))


def plain(value: Any) -> Any:
    """A value as dicts, lists, texts and numbers; those that are not finite stay as they are."""
    return _converter().unstructure(value)


def from_json(cls: type[T], document: object, what: str, error: type[QuantError] = DataError) -> T:
    """Read what :func:`to_json` gave, or what somebody wrote by hand.

    Args:
        cls: What to read: a dataclass, or a type made of some.
        document: Any JSON value.
        what: What it is, for the sentence that refuses it.
        error: What to raise.

    Raises:
        QuantError: Of the kind asked for: it names the first field that is not understood, what
            was expected there and what was found.
    """
    try:
        return _converter().structure(document, cls)
    except (Misfit, QuantError, ExceptionGroup) as caught:
        path, reason = _first(caught)
        if not isinstance(reason, Misfit | QuantError):
            raise reason from caught
        place = f"{what}: {path}: " if path else f"{what}: "
        # What refuses the whole names it in its own words.
        whole = isinstance(reason, QuantError) and not path
        raise error(str(reason) if whole else f"{place}{reason}") from caught


def _converter() -> Any:
    """The converter, once something needs it: cattrs takes 50 ms to load."""
    return importlib.import_module("quant.io.converter").CONVERTER


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_exact(item) for item in cast("list[Any]", value)]
    return str(float(value)) if isinstance(value, float) and not math.isfinite(value) else value


def _first(caught: Any) -> tuple[str, Exception]:
    """The fields that lead to the first cause in a tree of errors of cattrs, and that cause."""
    path = _noted(caught)
    while isinstance(caught, ExceptionGroup):
        places, others = cast("Any", caught).group_exceptions()
        caught, place = places[0] if places else (others[0], None)
        if place is not None:
            path += f".{place.name}" if hasattr(place, "name") else f"[{short(place.index)}]"
        path += _noted(caught)
    return path.removeprefix("."), caught


def _noted(caught: BaseException) -> str:
    """The field that a :class:`quant.io.forms.Reader` was told; notes of cattrs are no mere str."""
    return "".join(f".{at}" for at in getattr(caught, "__notes__", ()) if type(at) is str)
