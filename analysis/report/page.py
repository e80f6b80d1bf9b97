"""The page as a whole: what is in it, and in which order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.figures import MeasuredModel, figures_of
from analysis.figures.plotly_bundle import plotly_js
from analysis.figures.theme import Mode
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


@dataclass(frozen=True)
class Drawn:
    """A figure in the page: its name, its words, and ground -> the figure as Plotly takes it."""

    name: str
    title: str
    about: str
    versions: Mapping[str, Any]


def report_html(analysis: Analysis) -> str:
    """The analysis as one HTML page.

    The same analysis gives the same text: there are no dates in it.

    Args:
        analysis: What was measured and found.

    Returns:
        The content of the file.
    """
    model = analysis.quantized.float_model
    figures = _figures(analysis)
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
        figures=figures,
        versions={figure.name: figure.versions for figure in figures},
        suspects=suspects_table(analysis) if analysis.suspects else None,
        ranking=analysis.ranking,
        worst=sample_cards(analysis),
        layers=layers_table(analysis),
    )


def _figures(analysis: Analysis) -> tuple[Drawn, ...]:
    """The figures that there is something to see in, in their order."""
    model = _measured(analysis)
    found: list[Drawn] = []
    for figure in figures_of(MeasuredModel):
        versions = {mode: figure.draw(model, mode) for mode in _MODES}
        plain = {
            mode: json.loads(drawn.to_json() or "")
            for mode, drawn in versions.items()
            if drawn is not None
        }
        if plain:
            found.append(Drawn(figure.name, figure.title, figure.about, plain))
    return tuple(found)


def _measured(analysis: Analysis) -> MeasuredModel:
    """What figures are drawn from."""
    gains = {name: analysis.gain_db(name) for name in analysis.benefit or {}}
    alone = analysis.sensitivity or {}
    return MeasuredModel(
        analysis.quantized,
        analysis.calibration,
        tensors=analysis.comparison.tensors if "cumulative" in analysis.errors else {},
        units=analysis.suspects,
        sensitivity_db={name: effect.sqnr_db for name, effect in alone.items()},
        benefit_db={name: gain for name, gain in gains.items() if gain is not None},
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
