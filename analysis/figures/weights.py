"""The channels of a weight: their ranges, and what one scale for all of them costs each."""

import numpy as np
import plotly.graph_objects as go

from analysis.figures.theme import GROUNDS, Mode, layout, style
from analysis.weights import WeightChannels

_CEILING_DB = 80.0


def weights_figure(
    weights: WeightChannels, *, title: str = "", height: int = 460, mode: Mode = "light"
) -> go.Figure:
    """Ranges of the channels, the widest first, above their sqnr with one scale and with one each.

    Args:
        weights: The channels.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure of two plots that share the horizontal axis.
    """
    order = np.argsort(-weights.widths, kind="stable")
    rank = np.arange(order.size, dtype=np.float32)
    ground = GROUNDS[mode]
    figure = go.Figure(
        layout=layout(
            mode, height=height, x_title="Channels, the widest first", y_title="Weight (real units)"
        )
    )
    codes = weights.codes[order].astype(np.float32)
    for values, fill, name in (
        (weights.low, None, "least"),
        (weights.high, "tonexty", "greatest"),
    ):
        figure.add_scatter(
            x=rank,
            y=values[order].astype(np.float32),
            customdata=np.stack((order.astype(np.float32), codes), axis=1),
            mode="lines",
            line={"shape": "hvh", "width": 1, "color": ground.line},
            fill=fill,
            fillcolor=ground.fill,
            hovertemplate=f"channel %{{customdata[0]}}: {name} weight %{{y:.4g}}"
            ", with one scale up to code %{customdata[1]}<extra></extra>",
            showlegend=False,
        )
    for values, name, label in (
        (weights.per_tensor_db, "mse", "one scale for the weight"),
        (weights.per_channel_db, "kl", "a scale for each channel"),
    ):
        kind = style(name)
        figure.add_scatter(
            x=rank,
            y=np.minimum(values[order], _CEILING_DB).astype(np.float32),
            yaxis="y2",
            name=label,
            mode="lines+markers" if order.size <= 48 else "lines",
            line={"color": kind.colour(mode), "width": 1.8, "dash": kind.dash},
            marker={"symbol": kind.symbol, "size": 6},
            hovertemplate=f"{label}: %{{y:.1f}} dB<extra></extra>",
        )
    y_axis = figure.layout.yaxis.to_plotly_json()
    figure.update_layout(
        title={"text": title, "font": {"size": 14}} if title else None,
        hovermode="x",
        dragmode="zoom",
        xaxis={"anchor": "y2", "range": [-0.5, order.size - 0.5]},
        yaxis={"domain": [0.5, 0.92], "zeroline": True, "nticks": 6},
        yaxis2={
            **y_axis,
            "domain": [0.0, 0.4],
            "title": {**y_axis["title"], "text": "Weight sqnr (dB)"},
            "rangemode": "tozero",
            "nticks": 6,
        },
    )
    return figure
