"""The cards of the four variants, and those of the findings."""

from html import escape

from analysis.errors.output_scores import OutputScores
from analysis.findings import Finding
from analysis.latency import model_size
from analysis.report.format import decibels, metric_value, shown
from analysis.study.analysis import Analysis


def cards(analysis: Analysis) -> str:
    """Float, weights only, activations only and all int8, and what the metric tells."""
    halves = analysis.split
    size = model_size(analysis.quantized)
    sizes = {"Float": size.float_bytes, "All int8": size.int8_bytes}
    variants = {
        "Float": halves.float,
        "Weights only": halves.weights_only,
        "Activations only": halves.activations_only,
        "All int8": halves.all,
    }
    parts = [_card(name, scores, analysis, sizes.get(name)) for name, scores in variants.items()]
    text = ""
    if (change := analysis.metric) is not None:
        low, high = metric_value(change.low, change), metric_value(change.high, change)
        text = (
            f"{change.label}: float minus int8 lies between {low} and {high} with 95 % confidence "
            f"(bootstrap over {change.samples:,} samples)."
        )
        if change.is_flat:
            text += " That holds zero: the samples cannot tell the two apart."
    return f'<div class="cards">{"".join(parts)}</div><p class="muted">{escape(text)}</p>'


def _card(name: str, scores: OutputScores, analysis: Analysis, size: int | None) -> str:
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
    if size is not None:
        facts.append(("Size", f"{size / 1e6:.2f} MB"))
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts)
    return (
        f'<div class="card"><h3>{escape(name)}</h3><div class="large">{escape(large)}</div>'
        f"<dl>{listed}</dl></div>"
    )


def finding(item: Finding) -> str:
    """One finding with its evidence and its fix."""
    gain = f" · about {item.gain_db:.1f} dB to win" if item.gain_db > 0 else ""
    fix = f"<p><b>Fix:</b> {escape(item.fix.label)}</p>" if item.fix is not None else ""
    return (
        f'<div class="finding {item.severity}"><span class="severity">{item.severity}</span>'
        f'<span class="muted">{gain}</span><h3>{escape(item.title)}</h3>'
        f"<p>{escape(item.evidence)}</p>{fix}</div>"
    )
