"""The page as a whole: what is in it, and in which order."""

import json
from html import escape
from pathlib import Path
from typing import Any

from analysis.figures.depth import depth_figure
from analysis.figures.plotly_bundle import plotly_js
from analysis.figures.theme import Mode
from analysis.figures.unit_effects import units_figure
from analysis.graph.model_graph import measured_edges
from analysis.report.cards import cards, finding
from analysis.report.samples import sample_cards
from analysis.report.tables import layers_table, suspects_table
from analysis.study.analysis import Analysis

_FOLDER = Path(__file__).parent
_MODES: tuple[Mode, ...] = ("light", "dark")

# The browser itself holds the page to asking for nothing outside.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def report_html(analysis: Analysis) -> str:
    """The analysis as one HTML page.

    The same analysis gives the same text: there are no dates in it.

    Args:
        analysis: What was measured and found.

    Returns:
        The content of the file.
    """
    title = f"{analysis.quantized.float_model.name} in int8"
    figures = _figures(analysis)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_text('report.css')}</style>",
            f"<script>{plotly_js()}</script>",
            "</head>",
            "<body>",
            *_body(analysis, title),
            f'<script id="figures" type="application/json">{_in_script(figures)}</script>',
            f"<script>{_text('report.js')}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _body(analysis: Analysis, title: str) -> list[str]:
    model = analysis.quantized.float_model
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="muted">Recipe “{escape(analysis.quantized.recipe.name)}”, calibrated on '
        f"{analysis.calibration.samples:,} samples, measured on {analysis.samples:,}. Model "
        f"{model.fingerprint[:12]}, {len(model.nodes)} nodes.</p>",
        cards(analysis),
        "<h2>What is wrong, and what to change</h2>",
        *(finding(item) for item in analysis.findings),
    ]
    if not analysis.findings:
        parts.append("<p>Nothing was found.</p>")
    if "cumulative" in analysis.errors:
        parts += [
            "<h2>Cumulative error by depth</h2>",
            '<p class="muted">Everything is quantized; each tensor against its float values. '
            "Lines follow the graph; the largest falls are marked.</p>",
            '<div class="figure" id="depth"></div>',
        ]
    if analysis.suspects:
        parts += [
            "<h2>Suspects</h2>",
            f'<p class="muted">{escape(analysis.ranking)} Sensitivity: only this unit is '
            "quantized. Benefit: everything is quantized but this unit. Both are measured at the "
            "model’s outputs.</p>",
            '<div class="figure" id="units"></div>',
            suspects_table(analysis),
        ]
    parts += [
        "<h2>Worst samples</h2>",
        '<p class="muted">The inputs whose outputs differ most from float, worst first. A layer is '
        "unusual for a sample that it clips at least twice as much as the mean.</p>",
        sample_cards(analysis),
        "<h2>Layers</h2>",
        '<p class="muted">Press a heading to sort. Local: only this layer is quantized, at its own '
        "output; cumulative: everything is. Shares run from 0 to 1; ranges are in real "
        "units.</p>",
        layers_table(analysis),
    ]
    return parts


def _figures(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """Element -> ground -> the figure as Plotly takes it."""
    found: dict[str, dict[str, Any]] = {}
    if "cumulative" in analysis.errors:
        tensors = analysis.comparison.tensors
        edges = measured_edges(analysis.quantized.float_model, tensors)
        found["depth"] = {
            mode: json.loads(depth_figure(tensors, edges=edges, mode=mode).to_json() or "")
            for mode in _MODES
        }
    if analysis.suspects:
        alone = analysis.sensitivity or {}
        sensitivity_db = {name: effect.sqnr_db for name, effect in alone.items()}
        gains = {name: analysis.gain_db(name) for name in analysis.benefit or {}}
        benefit_db = {name: gain for name, gain in gains.items() if gain is not None}
        found["units"] = {
            mode: json.loads(
                units_figure(analysis.suspects, sensitivity_db, benefit_db, mode=mode).to_json()
                or ""
            )
            for mode in _MODES
        }
    return found


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _in_script(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
