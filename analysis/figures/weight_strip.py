"""The widths of a weight's channels as a strip of colours, outliers marked.

The colours are those of J. Nuñez, C. Anderton and R. Renslow, "Optimizing colormaps with
consideration for color vision deficiency" (2018): their lightness grows evenly for every eye.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.base import register
from analysis.figures.theme import GROUNDS, Mode, layout, with_title
from analysis.ranges.weight_channels import WeightChannels

CELLS = 512
"""Colours drawn at most; where there are more channels, each stands for the widest of some."""

_COUNTED = 10


@dataclass(frozen=True)
class Mark:
    """How one kind of channel is marked, in every figure of a weight.

    Attributes:
        label: What a person reads.
        symbol: Plotly marker symbol.
        colour: Which colour of the ground it takes.
    """

    label: str
    symbol: str
    colour: Literal["accent", "text", "muted"]


MARKS: Final = {
    "wide": Mark("wide outlier", "triangle-down", "accent"),
    "narrow": Mark("narrow outlier", "diamond-open", "text"),
    "dead": Mark("only zeros", "x-thin-open", "muted"),
}
"""The kinds of channels that stand out, by the name of their attribute."""


def marked(weights: WeightChannels) -> dict[str, NDArray[np.intp]]:
    """The channels of each kind of :data:`MARKS` that the weight has."""
    found = {"wide": weights.wide, "narrow": weights.narrow, "dead": weights.dead}
    return {kind: channels for kind, channels in found.items() if channels.size}


def hover_numbers(weights: WeightChannels, channels: NDArray[np.intp]) -> NDArray[np.float32]:
    """What :data:`HOVER` shows of channels: float32, shape (n, 5)."""
    return np.stack(
        (
            channels.astype(np.float32),
            weights.low[channels],
            weights.high[channels],
            (weights.widths[channels] / (weights.median_width or 1.0)).astype(np.float32),
            weights.codes[channels].astype(np.float32),
        ),
        axis=1,
    ).astype(np.float32)


HOVER: Final = (
    "channel %{customdata[0]}: %{customdata[1]:.4g} to %{customdata[2]:.4g}"
    "<br>%{customdata[3]:.3g}× the median width"
    "<br>with one scale up to code %{customdata[4]}"
)


@register(
    "weight_strip",
    of=WeightChannels,
    title="Width of each channel",
    about="A colour for the largest magnitude of each channel, outliers marked.",
)
def _of_weight(weights: WeightChannels, mode: Mode) -> go.Figure:
    return weight_strip_figure(weights, mode=mode)


def weight_strip_figure(
    weights: WeightChannels, *, title: str = "", height: int = 150, mode: Mode = "light"
) -> go.Figure:
    """One colour for the width of each channel, in the order of the weight, on a log scale.

    Args:
        weights: The channels.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure whose first trace is the strip.
    """
    count = weights.widths.size
    each = -(-count // CELLS)
    shown = _widest(weights.widths, each)
    width = weights.widths[shown].astype(np.float64)
    logs = np.log10(width, where=width > 0, out=np.full(width.shape, np.nan))
    ground = GROUNDS[mode]
    shape = layout(mode, height=height, x_title="Channel, in the weight's order", y_title="")
    shape |= {"hovermode": "closest", "dragmode": "zoom"}
    shape["margin"] |= {"r": 108}
    shape["xaxis"] |= {"range": [-0.5, count - 0.5], "showgrid": False}
    shape["xaxis"] |= {"zeroline": False, "dtick": 1 if count <= _COUNTED else None}
    shape["yaxis"] |= {"visible": False, "fixedrange": True, "range": [-0.5, 1.3]}
    figure = go.Figure(layout=with_title(shape, title))
    low, high = _ends(logs)
    ticks = np.linspace(low, high, 3)
    lead = "" if each == 1 else f"the widest of {each} neighbours:<br>"
    figure.add_heatmap(
        x0=(each - 1) / 2,
        dx=each,
        y=np.zeros(1, np.float32),
        z=logs[None].astype(np.float32),
        customdata=hover_numbers(weights, shown)[None],
        zmin=low,
        zmax=high,
        colorscale="Cividis",
        hovertemplate=f"{lead}{HOVER}<extra></extra>",
        colorbar={
            "title": {
                "text": "max |w| (real units)",
                "side": "right",
                "font": {"size": 11, "color": ground.muted},
            },
            "tickvals": ticks,
            "ticktext": [_short(10.0**tick) for tick in ticks],
            "tickfont": {"size": 11, "color": ground.muted},
            "thickness": 10,
            "len": 1.5,
            "y": 0.5,
            "x": 1.02,
            "outlinewidth": 0,
        },
        showscale=True,
    )
    for kind, channels in marked(weights).items():
        mark = MARKS[kind]
        colour = getattr(ground, mark.colour)
        figure.add_scatter(
            x=channels.astype(np.float32),
            y=np.full(channels.size, 0.9, np.float32),
            customdata=hover_numbers(weights, channels),
            mode="markers",
            name=f"{mark.label} ({channels.size})",
            marker={
                "symbol": mark.symbol,
                "size": 9,
                "color": colour,
                "line": {"color": colour, "width": 1.5},
            },
            hovertemplate=f"{mark.label}: {HOVER}<extra></extra>",
            showlegend=True,
        )
    return figure


def _widest(widths: NDArray[np.float32], each: int) -> NDArray[np.intp]:
    """The widest channel of every ``each`` neighbours."""
    if each == 1:
        return np.arange(widths.size)
    padded = np.concatenate((widths, np.full(-widths.size % each, -1, np.float32)))
    rows = padded.reshape(-1, each)
    return rows.argmax(axis=1) + np.arange(len(rows)) * each


def _ends(logs: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of the colour scale, at least a little apart."""
    live = logs[np.isfinite(logs)]
    if not live.size:
        return -1.0, 0.0
    low, high = float(live.min()), float(live.max())
    return (low, high) if high - low > 0.05 else (low - 0.05, high + 0.05)


def _short(value: float) -> str:
    """Two significant digits, without an exponent where there is a plain way."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:.0f}" if 10 <= rounded < 1e5 else f"{rounded:g}"
