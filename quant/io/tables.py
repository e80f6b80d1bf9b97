"""Values as JSON and CSV take them."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes a cell for a formula by."""


def finite(value: Any) -> Any:
    """JSON values with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [finite(item) for item in cast("list[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of equal columns as CSV; numbers are exact, what is not known is empty.

    A text that a spreadsheet would take for a formula, as a name in a model can be, gets an
    apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _inert(value: object) -> object:
    formula = isinstance(value, str) and value.startswith(_FORMULAS)
    return f"'{value}" if formula else value
