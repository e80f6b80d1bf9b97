"""How every figure looks: one template for light and dark, and colours that nobody mixes up.

The hues are those of M. Okabe and K. Ito, "Color Universal Design" (2008), lightened for a dark
ground. A series also has a dash and a marker, so that colour alone never carries meaning.
"""

import html
from dataclasses import dataclass
from typing import Any, Final, Literal

Mode = Literal["light", "dark"]
"""The ground a figure is shown on."""

FONT: Final = '"Source Sans", "Source Sans Pro", "Segoe UI", Roboto, Helvetica, Arial, sans-serif'


def as_label(name: str) -> str:
    """A name out of a file for Plotly, which would read ``<a href=...>`` and ``<br>`` in it."""
    return html.escape(name, quote=False)


@dataclass(frozen=True)
class Style:
    """How one series is drawn.

    Attributes:
        light: Colour on a light ground, ``#rrggbb``.
        dark: Colour on a dark ground.
        dash: Plotly line dash.
        symbol: Plotly marker symbol.
    """

    light: str
    dark: str
    dash: str
    symbol: str

    def colour(self, mode: Mode) -> str:
        """The colour on that ground."""
        return self.dark if mode == "dark" else self.light


@dataclass(frozen=True)
class Ground:
    """The colours around the series.

    Attributes:
        text: Titles and labels.
        muted: Ticks and notes.
        grid: Grid lines, half clear: they serve until a page hears that the ground changed.
        fill: The area of a distribution.
        line: Its outline.
        accent: What the user has chosen.
        card: What is behind a hover label.
    """

    text: str
    muted: str
    grid: str
    fill: str
    line: str
    accent: str
    card: str


GROUNDS: Final[dict[Mode, Ground]] = {
    "light": Ground(
        text="#0f1720",
        muted="#566374",
        grid="rgba(125, 142, 160, 0.21)",
        fill="rgba(70, 103, 138, 0.30)",
        line="#46678a",
        accent="#c23b00",
        card="#ffffff",
    ),
    "dark": Ground(
        text="#e4e9f0",
        muted="#9aa7b6",
        grid="rgba(125, 142, 160, 0.25)",
        fill="rgba(140, 173, 207, 0.30)",
        line="#9dbbd8",
        accent="#ff8f5e",
        card="#1a222d",
    ),
}

_BLUE = ("#0072b2", "#56b4e9")
_INK = ("#0f1720", "#e4e9f0")
_GREEN = ("#00805d", "#2fbf95")
_PURPLE = ("#a8487f", "#dc9cc0")
_ORANGE = ("#9a6a00", "#f0b93a")
_GREY = ("#566374", "#9aa7b6")
_SKY = ("#2483b8", "#8ccdf2")
_OLIVE = ("#6b6f00", "#d2d65a")
_RED = ("#a33a3a", "#f09a94")

STYLES: Final[dict[str, Style]] = {
    "kl": Style(*_BLUE, "solid", "circle"),
    "symmetric_kl": Style(*_GREEN, "dash", "square"),
    "js": Style(*_PURPLE, "dot", "diamond"),
    "mse": Style(*_INK, "dashdot", "triangle-up"),
    "minmax": Style(*_GREY, "solid", "cross"),
    "percentile": Style(*_ORANGE, "longdash", "x"),
    "outlier_removal": Style(*_SKY, "longdashdot", "star"),
    "best": Style(*_OLIVE, "solid", "hexagon"),
    "balanced": Style(*_RED, "dash", "pentagon"),
}
"""The style of each calibration algorithm, the same wherever it is drawn."""

TOOL_STYLES: Final[dict[str, Style]] = {
    "QuantLens": Style(*_INK, "solid", "circle"),
    "ONNX Runtime": Style(*_BLUE, "dash", "square"),
    "TensorRT": Style(*_GREEN, "dot", "diamond"),
    "Paddle": Style(*_PURPLE, "dashdot", "triangle-up"),
    "PPQ": Style(*_ORANGE, "longdash", "x"),
    "MindSpore Lite": Style(*_SKY, "longdashdot", "star"),
    "AIMET": Style(*_GREY, "1px,4px,1px,4px,9px,4px", "cross"),
}
"""The style of each tool whose choices are marked on a distribution."""

_SPARE: Final = tuple(STYLES.values())


def style(name: str) -> Style:
    """The style of a series; a name without one of its own always takes the same of the others."""
    return STYLES.get(name) or _SPARE[sum(map(ord, name)) % len(_SPARE)]


CEILING_DB: Final = 80.0
"""Where a ratio of an output or a tensor that has no or hardly any noise is drawn, in dB."""

TEMPLATE = "plotly"
"""Named, because a web framework in the same process may make its own the default."""


def layout(mode: Mode, *, height: int, x_title: str, y_title: str) -> dict[str, Any]:
    """The layout that all figures start from, as ``plotly.graph_objects.Figure`` takes it.

    Args:
        mode: The ground.
        height: Height in pixels.
        x_title: What the horizontal axis shows, with its unit.
        y_title: What the vertical axis shows, with its unit.
    """
    ground = GROUNDS[mode]
    axis = {
        "gridcolor": ground.grid,
        "zerolinecolor": ground.grid,
        "linecolor": ground.muted,
        "tickcolor": ground.muted,
        "tickfont": {"color": ground.muted, "size": 11},
        "ticks": "outside",
        "ticklen": 4,
        "automargin": False,
    }
    title = {"font": {"size": 12, "color": ground.muted}, "standoff": 6}
    return {
        "height": height,
        "margin": {"l": 62, "r": 16, "t": 32, "b": 44, "autoexpand": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": ground.text},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "xaxis": {**axis, "showline": True, "title": {**title, "text": x_title}, "zeroline": True},
        "yaxis": {
            **axis,
            "showline": False,
            "title": {**title, "text": y_title},
            "zeroline": False,
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 12, "color": ground.text},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "separators": ".\u2009",
    }


def with_title(layout: dict[str, Any], text: str) -> dict[str, Any]:
    """The layout of a figure: Plotly's own template, and a heading with room for it.

    Args:
        layout: What :func:`layout` gave, with whatever a figure adds.
        text: The heading, or nothing.
    """
    layout = {**layout, "template": TEMPLATE}
    if not text:
        return layout
    margin = layout["margin"]
    heading = {
        "text": text,
        "font": {"size": 14},
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "top",
        "yref": "container",
        "pad": {"t": 8, "l": margin["l"]},
    }
    return {**layout, "title": heading, "margin": {**margin, "t": margin["t"] + 24}}
