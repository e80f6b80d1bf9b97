"""Values as JSON and CSV take them."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast


def finite(value: Any) -> Any:
    """JSON values with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [finite(item) for item in cast("list[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of equal columns as CSV; numbers are exact, what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
