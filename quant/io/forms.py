"""What JSON values must be, and how one says that they are not."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from quant.errors import did_you_mean

_KINDS: Mapping[object, tuple[tuple[type, ...], str]] = {
    float: ((int, float), "a number"),
    int: ((int,), "a whole number"),
    bool: ((bool,), "true or false"),
    str: ((str,), "a text"),
}
_SHOWN = 50


class Misfit(ValueError):
    """A value that is not what its place takes; the message goes behind the place's name."""


Reader = Callable[..., Any]
"""Reads an object of a dataclass's fields: the class, the value and, where the caller took it out
of a field by itself, the name of that."""


class OwnForm:
    """A dataclass that is not written as the object of all its fields."""

    def document(self) -> dict[str, Any]:
        """What it is written as; the values in it are written in turn."""
        raise NotImplementedError

    @classmethod
    def from_document(cls, document: object, read: Reader) -> Any:
        """Read it again, from any JSON value.

        Raises:
            Misfit: A value is not what its place takes.
            QuantError: Values make no sense together.
        """
        return read(cls, document)


def strict(kind: object, value: object) -> Any:
    """``value``, which must be of the kind ``float``, ``int``, ``bool`` or ``str``.

    Nothing is converted: true is no number and "3" neither. A whole number where any number may
    stand remains one, and so is written again as it was read.

    Raises:
        Misfit: It is not.
    """
    accepted, words = _KINDS[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise misfit(words, value)
    return value


def strict_choice(allowed: Collection[str], value: object) -> Any:
    """``value``, which must be one of some texts.

    Raises:
        Misfit: It is not.
    """
    if not isinstance(value, str) or value not in allowed:
        raise misfit(f"one of {', '.join(allowed)}", value)
    return value


def as_object(value: object) -> Mapping[str, Any]:
    """``value``, which must be a JSON object.

    Raises:
        Misfit: It is not.
    """
    if not isinstance(value, dict):
        raise misfit("an object", value)
    return cast("dict[str, Any]", value)


def misfit(expected: str, found: object) -> Misfit:
    """What to raise where something else was expected."""
    return Misfit(f"expected {expected}, found {short(found)}; correct it")


def check_fields(document: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse a field that nothing knows.

    Raises:
        Misfit: A field is none of those allowed.
    """
    for name in document:
        if name not in allowed:
            meant = did_you_mean(name[:_SHOWN], allowed)
            known = f"one of {', '.join(sorted(allowed))}" if allowed else "none"
            raise Misfit(f"unknown field {short(name)}{meant}; expected {known}")


def short(value: object) -> str:
    """A value as a sentence shows it: as written, cut where it goes on."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or lists without end
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
