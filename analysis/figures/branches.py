"""Where along the network the error builds up, with its branches."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from analysis.depth import Depths
from analysis.error import ErrorStats
from analysis.figures.theme import GROUNDS, Mode, layout, with_title

_CEILING_DB = 80.0


def branches_figure(
    tensors: Mapping[str, ErrorStats],
    depths: Depths,
    *,
    selected: str | None = None,
    title: str = "",
    height: int = 340,
    mode: Mode = "light",
) -> go.Figure:
    """Cumulative sqnr_db of each tensor over its depth; more is better.

    Args:
        tensors: Tensor -> cumulative error, as :func:`analysis.compare` measures it.
        depths: Where these tensors are, and which is computed from which.
        selected: A tensor to point out.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure of one line with a stroke for each way between two tensors, and one of their
        points; equal tensors are drawn at 80 dB.
    """
    ground = GROUNDS[mode]
    names = [name for name in tensors if name in depths.depth]
    places = {name: (depths.depth[name], _shown(tensors[name])) for name in names}
    strokes = [
        (*places[start], *places[end])
        for start, end in depths.edges
        if start in places and end in places
    ]
    ways = np.full((len(strokes), 3, 2), np.nan, np.float32)
    if strokes:
        ways[:, :2] = np.array(strokes, np.float32).reshape(-1, 2, 2)
    points = np.array([places[name] for name in names], np.float32).reshape(-1, 2)
    figure = go.Figure(
        layout=with_title(
            layout(
                mode,
                height=height,
                x_title="Depth (nodes from the input)",
                y_title="Cumulative sqnr (dB)",
            ),
            title,
        )
    )
    figure.add_scatter(
        x=ways[..., 0].ravel(),
        y=ways[..., 1].ravel(),
        mode="lines",
        line={"color": ground.line, "width": 1.2},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=points[:, 0],
        y=points[:, 1],
        customdata=np.array(names, dtype=object),
        mode="markers",
        marker={"size": 7, "color": ground.line},
        hovertemplate="%{customdata}: %{y:.1f} dB<extra></extra>",
        showlegend=False,
    )
    if selected in places:
        x, y = places[selected]
        figure.add_scatter(
            x=np.array([x], np.float32),
            y=np.array([y], np.float32),
            mode="markers",
            marker={
                "size": 14,
                "symbol": "circle-open",
                "color": ground.accent,
                "line": {"width": 2},
            },
            hovertemplate=f"{selected}: %{{y:.1f}} dB<extra></extra>",
            showlegend=False,
        )
    return figure


def _shown(error: ErrorStats) -> float:
    return min(max(error.sqnr_db, -_CEILING_DB), _CEILING_DB)
