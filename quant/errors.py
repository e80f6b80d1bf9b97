"""The one family of errors: each message is a sentence a person can act on."""

import difflib
from collections.abc import Iterable
from typing import Final

LONGEST: Final = 1000
"""Letters of a sentence. Names come from files, where they may have any length."""


def printable(text: str) -> str:
    """Control characters, which a terminal would obey, as escapes; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class QuantError(Exception):
    """Something the user can put right; the message says what was found and what to do.

    The message is one line of printable letters, whatever the names in it hold.
    """

    def __init__(self, message: str = "") -> None:
        """Say what was found and what to do."""
        plain = printable(message.replace("\n", " "))
        if len(plain) > LONGEST:
            plain = f"{plain[: LONGEST // 2 - 1]}…{plain[-LONGEST // 2 :]}"
        super().__init__(plain)


class ModelError(QuantError):
    """The model cannot be read or cannot be quantized."""


class DataError(QuantError):
    """The calibration or evaluation data does not fit the model."""


class RecipeError(QuantError):
    """The recipe asks for something unknown or contradictory."""


class ExportError(QuantError):
    """The model could not be written, or the written file does not verify."""


class Cancelled(QuantError):
    """Raised by a progress callback to stop the work in hand."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'conv1'?)`` with the closest known name, or nothing, for a message."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
