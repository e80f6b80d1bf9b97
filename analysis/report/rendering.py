"""How pages are made: the templates, and what every page carries."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.figures.plotly_bundle import plotly_js

_FOLDER = Path(__file__).parent

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


def rendered(template: str, **content: Any) -> str:
    """A page that needs no other file.

    Args:
        template: Its template's file name.
        content: What the template names.
    """
    return _TEMPLATES.get_template(template).render(
        policy=_POLICY,
        style=_text("report.css"),
        script=_text("report.js"),
        plotly=plotly_js(),
        **content,
    )


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
