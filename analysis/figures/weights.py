"""The channels of a weight, sorted: their widths, and what one scale for all of them costs each."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.base import register
from analysis.figures.theme import GROUNDS, Ground, Mode, layout, style, with_title
from analysis.figures.weight_strip import HOVER, MARKS, hover_numbers, marked
from analysis.ranges.weight_channels import WeightChannels

_CEILING_DB = 120.0
_FEW = 48
_COUNTED = 10


@register(
    "weights",
    of=WeightChannels,
    title="Channels and their error",
    about="Channels from the widest to the narrowest, and what one scale for all costs each.",
)
def _of_weight(weights: WeightChannels, mode: Mode) -> go.Figure:
    return weights_figure(weights, mode=mode)


def weights_figure(
    weights: WeightChannels, *, title: str = "", height: int = 420, mode: Mode = "light"
) -> go.Figure:
    """Widths of the channels, the widest first, above their sqnr with one scale and with one each.

    Widths are on a log scale, because channels differ by factors. What lies below half a step of
    the one scale becomes zero.

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
    low, high = _decades(weights)
    shape |= {
        "hovermode": "x",
        "dragmode": "zoom",
        "yaxis2": {**lower, "nticks": 6},
        "legend2": {**shape["legend"], "y": 0.4},
    }
    shape["xaxis"] |= {"anchor": "y2", "range": [-0.5, order.size - 0.5]}
    shape["xaxis"] |= {"zeroline": False, "dtick": 1 if order.size <= _COUNTED else None}
    shape["yaxis"] |= {
        "domain": [0.54, 1.0],
        "type": "log",
        "range": [low, high],
        "dtick": max(1, round((high - low) / 5)),
        "exponentformat": "power",
    }
    figure = go.Figure(layout=with_title(shape, title))
    _widths(figure, weights, order, GROUNDS[mode])
    _marks(figure, weights, order, 10.0**low, GROUNDS[mode])
    _errors(figure, weights, order, mode)
    return figure


def _decades(weights: WeightChannels) -> tuple[float, float]:
    """The ends of the log axis: every width and half a step lie between them."""
    live = weights.widths[weights.widths > 0]
    if not live.size:
        return -1.0, 1.0
    low, high = min(float(live.min()), weights.step / 2), float(live.max())
    return math.log10(low) - 0.15, math.log10(high) + 0.2


def _widths(
    figure: go.Figure, weights: WeightChannels, order: NDArray[np.intp], ground: Ground
) -> None:
    """The largest magnitude of each channel and that of the other sign; the median; half a step."""
    other = np.minimum(np.maximum(-weights.low, 0), np.maximum(weights.high, 0))
    for values, colour, dash, name in (
        (weights.widths, ground.line, "solid", "max |w|"),
        (other, ground.muted, "dot", "other sign"),
    ):
        figure.add_scatter(
            x=np.arange(order.size, dtype=np.float32),
            y=np.where(values > 0, values, np.nan)[order].astype(np.float32),
            customdata=hover_numbers(weights, order),
            mode="lines+markers" if order.size <= _FEW else "lines",
            marker={"size": 4},
            line={"width": 1.0 if dash == "dot" else 1.8, "color": colour, "dash": dash},
            name=name,
            hovertemplate=f"{HOVER}<extra></extra>" if dash == "solid" else None,
            hoverinfo=None if dash == "solid" else "skip",
            showlegend=True,
        )
    for value, dash, name in (
        (weights.median_width, "dash", "median"),
        (
            weights.step / 2 if weights.median_width else 0.0,
            "longdashdot",
            "half a step, one scale",
        ),
    ):
        figure.add_scatter(
            x=np.array([-0.5, order.size - 0.5], np.float32),
            y=np.full(2, value or np.nan, np.float32),
            mode="lines",
            name=name,
            line={"width": 1.2, "dash": dash, "color": ground.text},
            hoverinfo="skip",
            showlegend=True,
        )


def _marks(
    figure: go.Figure,
    weights: WeightChannels,
    order: NDArray[np.intp],
    floor: float,
    ground: Ground,
) -> None:
    """The channels that stand out; those of zeros lie on the floor."""
    place = np.empty(order.size, np.float32)
    place[order] = np.arange(order.size)
    for kind, channels in marked(weights).items():
        mark = MARKS[kind]
        colour = getattr(ground, mark.colour)
        figure.add_scatter(
            x=place[channels],
            y=np.maximum(weights.widths[channels], floor).astype(np.float32),
            customdata=hover_numbers(weights, channels),
            mode="markers",
            name=mark.label,
            marker={
                "symbol": mark.symbol,
                "size": 8,
                "color": colour,
                "line": {"color": colour, "width": 1.5},
            },
            cliponaxis=False,
            hoverinfo="skip",  # the line below it tells
            showlegend=False,
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
