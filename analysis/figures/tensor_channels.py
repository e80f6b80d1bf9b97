"""The channels of an activation beside the one range that they share."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from analysis.figures.base import CalibratedTensor, register
from analysis.figures.theme import GROUNDS, Mode, layout, with_title
from quant.error_model.channels import channel_widths
from quant.statistics.tensor_stats import TensorStats


@register(
    "tensor_channels",
    of=CalibratedTensor,
    title="Channels of the activation",
    about="What each channel reached, the widest first, and the one range that all share: a "
    "channel that is much narrower than the range gets few codes.",
)
def _of_tensor(tensor: CalibratedTensor, mode: Mode) -> go.Figure | None:
    if channel_widths(tensor.stats).size < 2:
        return None
    found = tensor.range
    return tensor_channels_figure(tensor.stats, chosen=found.ends if found else None, mode=mode)


def tensor_channels_figure(
    stats: TensorStats,
    *,
    chosen: tuple[float, float] | None = None,
    title: str = "",
    height: int = 260,
    mode: Mode = "light",
) -> go.Figure:
    """The least and the greatest value of each channel, the widest channel first.

    Args:
        stats: A tensor whose channels are known.
        chosen: The range in use, marked by lines.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure with a trace for the least values and one for the greatest; without channels both
        are empty.
    """
    ground = GROUNDS[mode]
    order = np.argsort(-channel_widths(stats), kind="stable")
    shape = layout(
        mode, height=height, x_title="Channels, the widest first", y_title="Value (real units)"
    )
    shape |= {"hovermode": "x", "dragmode": "zoom"}
    shape["xaxis"] |= {"range": [-0.5, max(order.size, 1) - 0.5], "zeroline": False}
    shape["yaxis"] |= {"zeroline": True, "hoverformat": ".4g"}
    figure = go.Figure(layout=with_title(shape, title))
    for name, ends in (("least", stats.channel_min), ("greatest", stats.channel_max)):
        line: dict[str, Any] = {"shape": "hvh", "width": 1.2, "color": ground.line}
        figure.add_scatter(
            x=np.arange(order.size, dtype=np.float32),
            y=np.zeros(0, np.float32) if ends is None else ends[order].astype(np.float32),
            customdata=order.astype(np.float32),
            mode="lines",
            line=line,
            fill="tozeroy",
            fillcolor=ground.fill,
            hovertemplate=f"channel %{{customdata}}: {name} %{{y:.4g}}<extra></extra>",
            showlegend=False,
        )
    for end in chosen or ():
        figure.add_hline(end, line={"color": ground.accent, "width": 2})
    return figure
