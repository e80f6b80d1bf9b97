"""Where along the network the error builds up."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from analysis.error import ErrorStats
from analysis.figures.theme import GROUNDS, Mode, layout

_CEILING_DB = 80.0


def depth_figure(
    tensors: Mapping[str, ErrorStats],
    *,
    selected: str | None = None,
    title: str = "",
    height: int = 300,
    mode: Mode = "light",
) -> go.Figure:
    """Cumulative sqnr_db of each tensor in topological order; more is better.

    Args:
        tensors: Tensor -> cumulative error, in topological order, as :func:`analysis.compare`
            measures it.
        selected: A tensor to point out.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure of one line; equal tensors are drawn at 80 dB.
    """
    ground = GROUNDS[mode]
    names = list(tensors)
    measured = np.array([error.sqnr_db for error in tensors.values()], np.float64)
    shown = np.clip(measured, -_CEILING_DB, _CEILING_DB).astype(np.float32)
    place = np.arange(len(names), dtype=np.float32)
    figure = go.Figure(
        layout=layout(
            mode,
            height=height,
            x_title="Tensors, from input to output",
            y_title="Cumulative sqnr (dB)",
        )
    )
    figure.add_scatter(
        x=place,
        y=shown,
        customdata=np.array(names, dtype=object),
        mode="lines+markers",
        line={"color": ground.line, "width": 1.4},
        marker={"size": 5, "color": ground.line},
        hovertemplate="%{customdata}: %{y:.1f} dB<extra></extra>",
        showlegend=False,
    )
    if selected is not None and selected in tensors:
        index = names.index(selected)
        figure.add_scatter(
            x=place[index : index + 1],
            y=shown[index : index + 1],
            mode="markers",
            marker={
                "size": 12,
                "symbol": "circle-open",
                "color": ground.accent,
                "line": {"width": 2},
            },
            hovertemplate=f"{selected}: %{{y:.1f}} dB<extra></extra>",
            showlegend=False,
        )
    figure.update_layout(title={"text": title, "font": {"size": 14}} if title else None)
    return figure
