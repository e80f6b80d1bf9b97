"""The word for a metric. It is apart from the other words, because it loads what measures."""

import argparse

import quant
from analysis.metrics import METRICS, Metric, metric_from_file, metric_named
from analysis.metrics.usual import usual_metric


def metric_word(parser: argparse.ArgumentParser) -> None:
    """A metric of the outputs."""
    parser.add_argument(
        "--metric",
        help=f"a Python file with metric(outputs, labels), or one of {', '.join(METRICS.names())}",
    )


def metric_of(text: str | None, model: quant.Model, data: quant.Dataset) -> Metric | None:
    """The metric that is asked for, or the usual one.

    Raises:
        MetricError: There is none of that name, or the file holds none.
    """
    if text is None:
        return usual_metric(model, data.labels)
    if text in METRICS or ("/" not in text and not text.endswith(".py")):
        return metric_named(text)
    return metric_from_file(text)
