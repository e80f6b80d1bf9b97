"""Where the time of an inference goes, float above int8."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import plotly.graph_objects as go

from analysis.figures.base import register
from analysis.figures.theme import GROUNDS, Mode, as_label, layout, style, with_title
from analysis.runtime.times import Times
from analysis.runtime.truth import RuntimeTruth

PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "Nodes on integers": ("kl", ""),
    "Nodes in float": ("percentile", "/"),
    "Between float and integers": ("outlier_removal", "x"),
    "Rearranging values": ("minmax", "."),
    "Added by repairs": ("js", "-"),
    "Beside the nodes": ("mse", "\\"),
}
"""What time is spent on -> whose colour it has, and its pattern."""


@register(
    "runtime",
    of=RuntimeTruth,
    title="Where the time goes",
    about="One inference on one thread, by ONNX Runtime's own profiler; medians. Beside the nodes "
    "is what the framework takes.",
)
def _of_truth(truth: RuntimeTruth, mode: Mode) -> go.Figure | None:
    if truth.times is None:
        return None
    integers = {row.name for row in truth.rows if row.runs == "integers"}
    bars = {
        "Int8": shares(truth.times.of_int8, integers),
        "Float": shares(truth.times.of_float, set()),
    }
    return time_figure(bars, mode=mode)


def shares(times: Times, integers: set[str]) -> dict[str, float]:
    """The parts of a run in ms, named as in :data:`PARTS`.

    Args:
        times: Where the time goes.
        integers: Nodes that run on integers.
    """
    done = sum(us for name, us in times.of_node.items() if name in integers)
    values = (
        done,
        sum(times.of_node.values()) - done,
        times.conversions,
        times.rearranging,
        times.other,
        times.framework,
    )
    return {name: value / 1000 for name, value in zip(PARTS, values, strict=True)}


def time_figure(
    bars: Mapping[str, Mapping[str, float]],
    *,
    title: str = "",
    height: int = 290,
    mode: Mode = "light",
) -> go.Figure:
    """A bar for each model, its parts in ms side by side.

    Args:
        bars: Model -> part -> ms; models from the lowest bar to the highest.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        The figure.
    """
    figure = go.Figure()
    for part, (colour, pattern) in PARTS.items():
        values = np.array([parts[part] for parts in bars.values()], np.float32)
        if not values.any():
            continue
        figure.add_bar(
            x=values,
            y=np.arange(len(bars), dtype=np.float32),
            customdata=list(bars),
            name=part,
            orientation="h",
            marker={
                "color": style(colour).colour(mode),
                "pattern": {"shape": pattern, "fgcolor": GROUNDS[mode].card, "size": 6},
            },
            hovertemplate=f"{part}: %{{x:.3g}} ms<extra>%{{customdata}}</extra>",
        )
    base = layout(mode, height=height, x_title="ms", y_title="")
    legend = {"orientation": "h", "yanchor": "top", "y": -0.28, "traceorder": "normal"}
    wanted = {
        **base,
        "barmode": "stack",
        "bargap": 0.35,
        "legend": {**base["legend"], **legend},
        "margin": {**base["margin"], "t": 8, "b": 118},
        "yaxis": {
            **base["yaxis"],
            "tickvals": [*range(len(bars))],
            "ticktext": [as_label(name) for name in bars],
            "range": (-0.5, max(len(bars), 1) - 0.5),
        },
    }
    figure.update_layout(**with_title(wanted, title))
    return figure
