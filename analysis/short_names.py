"""Names of layers where there is little room for them."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

SHARE: Final = 0.75
"""Share of the names from which on a start that they have in common tells nothing."""

FEWEST: Final = 4
"""Names of which such a start can be said; with fewer each is shown whole."""

_ENDS: Final = re.compile(r"[/_.:-](?=[^/_.:-])")
"""Where a part of a name ends and the next begins."""


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Each name without the start that most names of the model share.

    Exporters write the path of the module into each name, so that a column of them looks all the
    same. What is left out is whole parts, ``…`` stands for it, and no two names become equal.

    Args:
        names: All names of a model.

    Returns:
        Name -> what to show for it, in the order given.
    """
    counts = Counter(name[: end.end()] for name in set(names) for end in _ENDS.finditer(name))
    enough = max(SHARE * len(set(names)), FEWEST)
    shared = max((start for start, n in counts.items() if n >= enough), key=len, default="")
    return {
        name: f"…{name[len(shared) :]}" if len(shared) > 1 and name.startswith(shared) else name
        for name in names
    }


def cut_middle(text: str, most: int) -> str:
    """A long text without its middle: names differ at both ends.

    Args:
        text: Any text.
        most: Characters that there is room for, at least 3.

    Returns:
        The text, or its ends around ``…``, more of the last one.
    """
    if len(text) <= most:
        return text
    tail = math.ceil(0.6 * (most - 1))
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def end_parts(name: str, most: int) -> str:
    """The last parts of a long name that there is room for, where the other names are not known.

    Args:
        name: A name.
        most: Characters that there is room for.

    Returns:
        The name, or ``…`` and as many whole parts of its end as fit; of a part that is longer than
        that, its end.
    """
    if len(name) <= most:
        return name
    starts = [end.end() for end in _ENDS.finditer(name)]
    fitting = next((at for at in starts if len(name) - at < most), len(name) - most + 1)
    return f"…{name[fitting:]}"
