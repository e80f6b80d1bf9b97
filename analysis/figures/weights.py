"""The channels of a weight, sorted: their ranges, and what one scale for all of them costs each."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.theme import GROUNDS, Ground, Mode, layout, style, with_title
from analysis.figures.weight_strip import HOVER, MARKS, hover_numbers, marked
from analysis.weights import WeightChannels

_CEILING_DB = 120.0
_FEW = 48


def weights_figure(
    weights: WeightChannels, *, title: str = "", height: int = 420, mode: Mode = "light"
) -> go.Figure:
    """Ranges of the channels, the widest first, above their sqnr with one scale and with one each.

    Args:
        weights: The channels.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure of two plots that share the horizontal axis, each with a legend above it.
    """
    order = np.argsort(-weights.widths, kind="stable")
    shape = layout(
        mode, height=height, x_title="Channels, the widest first", y_title="Weight (real units)"
    )
    lower: dict[str, Any] = {**shape["yaxis"], "domain": [0.0, 0.4], "rangemode": "tozero"}
    lower["title"] = {**lower["title"], "text": "Weight sqnr (dB)"}
    shape |= {
        "hovermode": "closest",
        "dragmode": "zoom",
        "yaxis2": {**lower, "nticks": 6},
        "legend2": {**shape["legend"], "y": 0.4},
    }
    shape["xaxis"] |= {"anchor": "y2", "range": [-0.5, order.size - 0.5], "zeroline": False}
    shape["yaxis"] |= {"domain": [0.54, 1.0], "zeroline": True, "nticks": 6}
    figure = go.Figure(layout=with_title(shape, title))
    _ranges(figure, weights, order, GROUNDS[mode])
    _errors(figure, weights, order, mode)
    return figure


def _ranges(
    figure: go.Figure, weights: WeightChannels, order: NDArray[np.intp], ground: Ground
) -> None:
    """The least and the greatest weight of each channel, the median width, and the outliers."""
    rank = np.arange(order.size, dtype=np.float32)
    for values, fill in ((weights.low, None), (weights.high, "tonexty")):
        figure.add_scatter(
            x=rank,
            y=values[order].astype(np.float32),
            customdata=hover_numbers(weights, order),
            mode="lines",
            line={"shape": "hvh", "width": 1, "color": ground.line},
            fill=fill,
            fillcolor=ground.fill,
            hovertemplate=f"{HOVER}<extra></extra>",
            showlegend=False,
        )
    half = weights.median_width
    figure.add_scatter(
        x=np.array([-0.5, order.size - 0.5, np.nan, -0.5, order.size - 0.5], np.float32),
        y=np.array([half, half, np.nan, -half, -half], np.float32),
        mode="lines",
        name="median width",
        line={"width": 1.2, "dash": "dot", "color": ground.text},
        hoverinfo="skip",
        showlegend=True,
    )
    place = np.empty(order.size, np.float32)
    place[order] = rank
    for kind, channels in marked(weights).items():
        mark = MARKS[kind]
        colour = getattr(ground, mark.colour)
        figure.add_scatter(
            x=place[channels],
            y=np.maximum(weights.high[channels], 0).astype(np.float32),
            customdata=hover_numbers(weights, channels),
            mode="markers",
            name=mark.label,
            marker={
                "symbol": mark.symbol,
                "size": 8,
                "color": colour,
                "line": {"color": colour, "width": 1.5},
            },
            hovertemplate=f"{mark.label}: {HOVER}<extra></extra>",
            showlegend=True,
        )


def _errors(
    figure: go.Figure, weights: WeightChannels, order: NDArray[np.intp], mode: Mode
) -> None:
    """The sqnr of each channel both ways; a channel without error leaves a gap."""
    for values, name, label in (
        (weights.per_tensor_db, "mse", "one scale for the weight"),
        (weights.per_channel_db, "kl", "a scale for each channel"),
    ):
        kind = style(name)
        sqnr_db = values[order]
        drawn = np.where(np.isfinite(sqnr_db), np.minimum(sqnr_db, _CEILING_DB), np.nan)
        figure.add_scatter(
            x=np.arange(order.size, dtype=np.float32),
            y=drawn.astype(np.float32),
            yaxis="y2",
            customdata=np.stack((order.astype(np.float32), sqnr_db.astype(np.float32)), axis=1),
            name=label,
            legend="legend2",
            mode="lines+markers" if order.size <= _FEW else "lines",
            line={"color": kind.colour(mode), "width": 1.8, "dash": kind.dash},
            marker={"symbol": kind.symbol, "size": 6},
            hovertemplate=(
                f"channel %{{customdata[0]}}, {label}: %{{customdata[1]:.1f}} dB<extra></extra>"
            ),
            showlegend=True,
        )
