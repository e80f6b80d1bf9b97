"""The worst samples: the input, what both models say, and the layers that clip it unusually."""

import base64
from html import escape

import numpy as np

from analysis.errors.per_sample import SampleError, unusual_layers
from analysis.report.format import decibels, shown
from analysis.report.image import picture
from analysis.study.analysis import Analysis

_CLASSES = 4


def sample_cards(analysis: Analysis) -> str:
    """A card for each of the worst samples."""
    parts = [_card(sample, analysis) for sample in analysis.judged.worst]
    return f'<div class="samples">{"".join(parts)}</div>'


def _card(sample: SampleError, analysis: Analysis) -> str:
    label = f" · label {sample.label}" if sample.label is not None else ""
    layers = [
        f"{escape(layer.tensor)}: {100 * layer.clip_rate:.2f} % clipped, "
        f"{layer.ratio:.1f} times the mean"
        for layer in unusual_layers(sample.index, analysis.outside)
    ]
    clipped = "<br>".join(layers) or "No layer clips it unusually."
    return (
        f'<div class="sample"><h3>Sample {sample.index}{label} · '
        f"{decibels(sample.sqnr_db)}</h3>"
        f'<div class="beside">{_pictures(sample)}{_outputs(sample)}</div>'
        f'<p class="muted">{clipped}</p></div>'
    )


def _pictures(sample: SampleError) -> str:
    parts: list[str] = []
    for name, array in sample.inputs.items():
        seen = picture(array)
        if seen is not None:
            content = base64.b64encode(seen.png()).decode()
            parts.append(
                f'<img src="data:image/png;base64,{content}" alt="{escape(name)} of sample '
                f'{sample.index}" title="{escape(seen.scaling)}">'
            )
    return "".join(parts)


def _outputs(sample: SampleError) -> str:
    """The largest scores of the first output in float and int8, side by side."""
    name = next(iter(sample.float_outputs))
    reference, test = sample.float_outputs[name], sample.int8_outputs[name]
    if sample.agrees is None:
        return f"<p>Output {escape(name)} of shape {escape(str(reference.shape))}.</p>"
    a, b = (array.astype(np.float64).ravel() for array in (reference, test))
    places = dict.fromkeys(
        int(place)
        for both in zip(np.argsort(-a, kind="stable"), np.argsort(-b, kind="stable"), strict=True)
        for place in both
    )
    rows = "".join(
        f"<tr><td>{place}</td><td>{shown(float(a[place]))}</td><td>{shown(float(b[place]))}</td>"
        "</tr>"
        for place in list(places)[:_CLASSES]
    )
    return (
        "<table><thead><tr><th>Class</th><th>Float</th><th>int8</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
