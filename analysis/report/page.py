"""The page as a whole: what is in it, and in which order."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.figures.depth import depth_figure
from analysis.figures.plotly_bundle import plotly_js
from analysis.figures.theme import Mode
from analysis.figures.unit_effects import units_figure
from analysis.graph.model_graph import measured_edges
from analysis.report.cards import cards, change_sentence
from analysis.report.samples import sample_cards
from analysis.report.tables import layers_table, suspects_table
from analysis.study.analysis import Analysis

_FOLDER = Path(__file__).parent
_MODES: tuple[Mode, ...] = ("light", "dark")

# The browser itself holds the page to asking for nothing outside.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)

# Whatever a template prints is escaped, but for the three texts of our own that it calls safe.
_TEMPLATES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.policies["json.dumps_kwargs"] = {"separators": (",", ":")}


def report_html(analysis: Analysis) -> str:
    """The analysis as one HTML page.

    The same analysis gives the same text: there are no dates in it.

    Args:
        analysis: What was measured and found.

    Returns:
        The content of the file.
    """
    model = analysis.quantized.float_model
    return _TEMPLATES.get_template("report.html").render(
        policy=_POLICY,
        style=_text("report.css"),
        script=_text("report.js"),
        plotly=plotly_js(),
        title=f"{model.name} in int8",
        recipe=analysis.quantized.recipe.name,
        calibration_samples=analysis.calibration.samples,
        samples=analysis.samples,
        fingerprint=model.fingerprint,
        nodes=len(model.nodes),
        cards=cards(analysis),
        change=change_sentence(analysis),
        findings=analysis.findings,
        figures=_figures(analysis),
        suspects=suspects_table(analysis) if analysis.suspects else None,
        ranking=analysis.ranking,
        worst=sample_cards(analysis),
        layers=layers_table(analysis),
    )


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
