"""Plotly's own JavaScript, from its wheel, for pages that draw figures without a network."""

from pathlib import Path

import plotly


def plotly_js() -> str:
    """The text of ``plotly.min.js``."""
    folder = Path(plotly.__file__).parent
    return (folder / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
