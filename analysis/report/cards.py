"""The cards of the four variants, and what the metric tells of them."""

from dataclasses import dataclass

from analysis.errors.output_scores import OutputScores
from analysis.latency import model_size
from analysis.report.format import decibels, metric_value, shown
from analysis.study.analysis import Analysis
from quant.io.show import size


@dataclass(frozen=True)
class Card:
    """What is known of one variant: one large number, and others by name."""

    title: str
    large: str
    facts: tuple[tuple[str, str], ...]


def cards(analysis: Analysis) -> tuple[Card, ...]:
    """Float, weights only, activations only and all int8."""
    ablation = analysis.ablation
    files = model_size(analysis.quantized)
    sizes = {"Float": files.float_bytes, "All int8": files.int8_bytes}
    variants = {
        "Float": ablation.float,
        "Weights only": ablation.weights_only,
        "Activations only": ablation.activations_only,
        "All int8": ablation.all,
    }
    return tuple(
        _card(name, scores, analysis, sizes.get(name)) for name, scores in variants.items()
    )


def change_sentence(analysis: Analysis) -> str:
    """How far float and int8 are apart in the metric, or nothing where there is no metric."""
    change = analysis.metric
    if change is None:
        return ""
    low, high = metric_value(change.low, change), metric_value(change.high, change)
    text = (
        f"{change.label}: float minus int8 lies between {low} and {high} with 95 % confidence "
        f"(bootstrap over {change.samples:,} samples)."
    )
    if change.is_flat:
        text += " That holds zero: the samples cannot tell the two apart."
    return text


def _card(name: str, scores: OutputScores, analysis: Analysis, count: int | None) -> Card:
    facts: list[tuple[str, str]] = []
    large = decibels(scores.sqnr_db)
    if analysis.metric is not None:
        large = metric_value(scores.metric, analysis.metric)
        facts.append(("Output sqnr", decibels(scores.sqnr_db)))
        name = f"{name} · {analysis.metric.label}"
    if scores.agreement is not None:
        facts.append(("Top-1 like float", f"{100 * scores.agreement:.2f} %"))
    if scores.softmax_kl is not None:
        facts.append(("Softmax KL", f"{shown(scores.softmax_kl)} nats"))
    if count is not None:
        facts.append(("Size", size(count)))
    return Card(name, large, tuple(facts))
