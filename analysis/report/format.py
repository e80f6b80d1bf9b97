"""Numbers as a person reads them."""

import math

from analysis.metrics import MetricChange
from quant.error_model import sqnr


def shown(value: float | str | None) -> str:
    """A number with four digits, a text as it is, nothing for None."""
    if value is None or isinstance(value, str):
        return value or ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−")


def decibels(value: float) -> str:
    """A ratio in dB, as :func:`quant.error_model.sqnr.decibels` with a minus sign."""
    return sqnr.decibels(value).replace("-", "−")


def metric_value(value: float | None, change: MetricChange) -> str:
    """A metric with its unit; nothing for None."""
    return "" if value is None else change.written(value)
