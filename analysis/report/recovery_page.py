"""The page of a recovery: the ways to trade accuracy for integers, and the story."""

from collections.abc import Mapping, Sequence

from analysis.recovery.documents import pareto_table
from analysis.recovery.story import Recovery
from analysis.report.documents import Value
from analysis.report.drawn import drawn_of
from analysis.report.format import decibels
from analysis.report.rendering import rendered
from analysis.report.tables import Heading, Table, cell
from quant.io.show import size

_POINTS: Mapping[str, str] = {
    "name": "Way",
    "int8_share": "In int8\n(share)",
    "int8_share_real": "Run in int8\n(share)",
    "sqnr_db": "Output sqnr\n(dB)",
    "sqnr_low_db": "95 % from\n(dB)",
    "sqnr_high_db": "to\n(dB)",
    "agreement": "Predicts like float\n(share)",
    "metric_loss": "Metric lost",
    "latency_over_float": "Latency\n(of float's)",
    "size_bytes": "Size\n(bytes)",
    "float_nodes": "Nodes in float",
    "crossings": "Conversions",
    "expected_sqnr_db": "Expected sqnr\n(dB)",
}
_ATTEMPTS: Mapping[str, str] = {
    "step": "Step",
    "what": "Tried",
    "promised_db": "Promised sqnr\n(dB)",
    "delivered_db": "Delivered sqnr\n(dB)",
    "gain_db": "Gain\n(dB)",
    "kept": "Kept",
    "why": "Why",
}
_TEXTS = frozenset({"name", "step", "what", "kept", "why"})


def recovery_html(recovery: Recovery) -> str:
    """A recovery as one HTML page. The same recovery gives the same text.

    Args:
        recovery: What was won back, and how.

    Returns:
        The content of the file.
    """
    point = recovery.point
    figures = drawn_of(recovery)
    attempts = [
        {**vars(attempt), "kept": "kept" if attempt.kept else ""} for attempt in recovery.attempts
    ]
    return rendered(
        "recovery.html",
        title=f"{recovery.quantized.float_model.name}: accuracy won back",
        recovery=recovery,
        point=point,
        size=size(point.size),
        result=decibels(point.sqnr_db),
        before=decibels(recovery.before.sqnr_db),
        figures=figures,
        versions={figure.name: figure.versions for figure in figures},
        points=_table(_POINTS, pareto_table(recovery)),
        attempts=_table(_ATTEMPTS, attempts),
    )


def _table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Value]]) -> Table:
    return Table(
        tuple(Heading(words, name in _TEXTS) for name, words in columns.items()),
        tuple(tuple(cell(row[name], text=name in _TEXTS) for name in columns) for row in rows),
    )
