"""Ways to win accuracy or bytes back that change weights, biases or scales, one a file.

Each is used alone from a recipe, which lists their names under ``repairs`` in the order of work. A
module that a plug-in brings is one more of these.
"""

from quant.repairs.draft import (
    REPAIRS,
    SLOW,
    SMALLER,
    Draft,
    FloatConstant,
    Repair,
    Shift,
    register,
    repaired,
)

REPAIRS.discover(__name__)

__all__ = [
    "REPAIRS",
    "SLOW",
    "SMALLER",
    "Draft",
    "FloatConstant",
    "Repair",
    "Shift",
    "register",
    "repaired",
]
