"""Names of version 0.1 that have a better one now. They work for one release, with a warning."""

import importlib
import warnings
from collections.abc import Mapping
from typing import Final

RENAMED: Final[Mapping[str, tuple[str, str]]] = {
    "ChoiceRow": ("RangeCandidate", "analysis:RangeCandidate"),
    "Effect": ("UnitEffect", "analysis:UnitEffect"),
    "Evidence": ("Measurements", "analysis:Measurements"),
    "Scores": ("OutputScores", "analysis:OutputScores"),
    "Split": ("AblationResult", "analysis:AblationResult"),
    "choice_rows": (
        "range_candidates(quantized, tensor)",
        "analysis.ranges.candidates:candidates_from_stats",
    ),
    "disagreement_db": ("range_disagreement_db", "analysis:range_disagreement_db"),
    "find": ("find_causes", "analysis:find_causes"),
    "judge_samples": ("sample_errors", "analysis:sample_errors"),
    "split": ("weights_vs_activations", "analysis:weights_vs_activations"),
}
"""What ``analysis`` called it -> what to write now, and the module and name of what it gives."""


def resolved(module: str, name: str) -> object:
    """What an old name of ``analysis`` stands for.

    Args:
        module: The module that was asked.
        name: What it was asked for.

    Raises:
        AttributeError: If it never had the name.
    """
    if name not in RENAMED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new, where = RENAMED[name]
    warn(f"{module}.{name}", f"{module}.{new}", stacklevel=4)
    place, attribute = where.split(":")
    found: object = getattr(importlib.import_module(place), attribute)
    return found


def warn(old: str, new: str, *, stacklevel: int) -> None:
    """Say that a name is old, and what to write.

    Args:
        old: The old name.
        new: The new one.
        stacklevel: How many calls up the line is that has the old name, this call being 1.
    """
    warnings.warn(
        f"{old} is now called {new}; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
