"""Names, numbers and counts as the sentences of findings have them."""

from typing import Final

from analysis.short_names import end_parts

ROOM: Final = 32
"""Characters of a name in a sentence."""


def short(name: str) -> str:
    """A tensor's or node's name as a sentence has it: the last parts of a long one."""
    return end_parts(name, ROOM)


def times(ratio: float) -> str:
    """A ratio in words, such as ``12×``."""
    return f"{ratio:.1f}×" if ratio < 10 else f"{ratio:,.0f}×"


def real(value: float) -> str:
    """A number in real units with three digits that tell, and no power of ten below a million."""
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value + 0:.3g}"
    return with_minus(text)


def and_more(count: int, word: str = "tensor") -> str:
    """``""`` for one, else ``" and 3 more tensors"``."""
    if count <= 1:
        return ""
    return f" and {count - 1} more {word}{'s' if count > 2 else ''}"


def with_minus(text: str) -> str:
    """Numbers with a minus sign in place of the hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")
