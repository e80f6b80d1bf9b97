"""Numbers and names as the pages write them."""

import math
import re

from quant.error_model.sqnr import decibels
from quant.types import QType

DASH = "–"
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#!|~$:]|^(?=[-+])")
"""What means something in Markdown, Streamlit's colours and icons among it."""

_FOUND_LATE = re.compile(r"https?(?=://)|www(?=\.)|(?<=\w)(?=@)|:(?=[\w+-]+[:/])", re.IGNORECASE)
"""Where an address, a mail address, an icon or an emoji begins, which are found escaped or not."""

_JOINER = "\N{WORD JOINER}"
"""Has no width, and breaks such words for who looks for them."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """A real number with a few significant digits."""
    if value is None:
        return DASH
    digits_there, _, power = f"{value:.{digits}g}".partition("e")
    ten = f"×10{str(int(power)).translate(_RAISED)}" if power else ""
    return f"{digits_there}{ten}".replace("-", "\N{MINUS SIGN}")


def as_text(name: str) -> str:
    """A name out of a file as Markdown that shows it and does nothing else."""
    return _MARKDOWN.sub(r"\\\g<0>", _FOUND_LATE.sub(f"\\g<0>{_JOINER}", name))


def end_of(name: str, most: int) -> str:
    """The end of a long name, which tells layers apart better than the start that they share."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def db(value: float | None) -> str:
    """A ratio in dB, as :func:`quant.error_model.sqnr.decibels` with a minus sign."""
    if value is None or math.isnan(value):
        return DASH
    return decibels(value).replace("-", "\N{MINUS SIGN}")


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 in percent; what would round to nothing is less than the last digit."""
    if share is None:
        return DASH
    least = 10.0**-digits
    if 0 < 100 * share < least / 2:
        return f"<{least:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def points(change: float) -> str:
    """A change of accuracy in percentage points, with its sign as ``st.metric`` reads it."""
    return f"{100 * change:+.2f} points"


def seconds(value: float) -> str:
    """A time span in seconds, coarse."""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min"


def about(value: float) -> str:
    """An estimated time span."""
    return "less than 1 s" if value < 1 else f"about {seconds(value)}"


def plural(count: int, word: str) -> str:
    """A count with its noun."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def activation_type(qtype: QType, symmetric: bool) -> str:
    """An activation type in words."""
    return f"{qtype.value}, {'symmetric' if symmetric else 'asymmetric'}"
