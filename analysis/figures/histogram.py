"""The distribution of a tensor, with the range that was chosen and what each calibrator picks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.theme import GROUNDS, Mode, layout, style, with_title
from quant.statistics.cumulative import CumulativeCounts

BINS = 512
"""Bins drawn at most; a browser draws one filled line of that many at once."""

_LANE_PX = 13


@dataclass(frozen=True)
class Pick:
    """The range that one calibrator would choose.

    Attributes:
        name: The calibrator's name, which decides its style.
        label: What a person reads.
        rmin: Lower end, in real units.
        rmax: Upper end, in real units.
    """

    name: str
    label: str
    rmin: float
    rmax: float


def histogram_figure(
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    limits: tuple[float, float] | None = None,
    chosen: tuple[float, float] | None = None,
    picks: Sequence[Pick] = (),
    log: bool = True,
    title: str = "",
    height: int = 300,
    mode: Mode = "light",
) -> go.Figure:
    """The histogram as one filled line of at most 512 bins.

    Args:
        edges: float64, shape (n + 1,), increasing, in real units.
        counts: Values in each bin, shape (n,); leave out exact zeros, which every range keeps.
        limits: What to show of the horizontal axis; by default where there are counts.
        chosen: The range in use; what lies outside is shaded.
        picks: Ranges to mark, one line an end, labelled at the top.
        log: Whether the vertical axis is logarithmic.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure whose only trace is the distribution.
    """
    low, high = limits or _occupied(edges, counts)
    spec = histogram_spec(edges, counts, limits=(low, high), log=log, height=height, mode=mode)
    shape: dict[str, Any] = spec["layout"]
    if picks:
        shape["margin"]["t"] = 12 + _LANE_PX * len(picks)
    figure = go.Figure(spec["data"], with_title(shape, title))
    _mark(figure, (low, high), chosen, picks, mode)
    return figure


def histogram_spec(
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    limits: tuple[float, float] | None = None,
    log: bool = True,
    height: int = 300,
    mode: Mode = "light",
) -> dict[str, Any]:
    """The same figure without marks, as the ``data`` and ``layout`` that Plotly takes.

    A component that draws it itself is spared the 10 ms that Plotly's Python takes to validate.

    Args:
        edges: float64, shape (n + 1,), increasing, in real units.
        counts: Values in each bin, shape (n,), without exact zeros.
        limits: What to show of the horizontal axis; by default where there are counts.
        log: Whether the vertical axis is logarithmic.
        height: Height in pixels.
        mode: The ground.
    """
    counts = np.asarray(counts, np.float64)
    low, high = limits or _occupied(edges, counts)
    drawn = CumulativeCounts.of(edges, counts).rebinned(np.linspace(low, high, BINS + 1))
    width = (high - low) / BINS
    centres = low + width * (np.arange(BINS) + 0.5)
    positive = drawn[drawn > 0]
    floor = float(positive.min()) if positive.size else 1.0
    top = float(positive.max()) if positive.size else 1.0
    ground = GROUNDS[mode]
    trace = {
        "type": "scatter",
        "x": centres.astype(np.float32),
        "y": (np.where(drawn > 0, drawn, floor / 100) if log else drawn).astype(np.float32),
        "mode": "lines",
        "line": {"shape": "hvh", "width": 1, "color": ground.line},
        "fill": "tozeroy",
        "fillcolor": ground.fill,
        "hovertemplate": "%{y:.3s} values<extra></extra>",
        "showlegend": False,
        "meta": {"role": "distribution"},
    }
    shape = layout(mode, height=height, x_title="Value (real units)", y_title="Values per bin")
    shape |= {"dragmode": "zoom", "hovermode": "x"}
    shape["xaxis"] |= {"range": [low, high], "hoverformat": ".4g"}
    shape["yaxis"] |= {
        "type": "log" if log else "linear",
        "range": [np.log10(floor) - 0.2, np.log10(top) + 0.15] if log else [0, top * 1.05],
        "fixedrange": True,
        "exponentformat": "power" if log else "SI",
        "dtick": 1 if log and top / floor < 1e6 else None,
        "nticks": 6,
    }
    return {"data": [trace], "layout": shape}


def _occupied(edges: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[float, float]:
    """Where there are counts, with zero in it and a little room on both sides."""
    found = np.flatnonzero(counts)
    low = min(0.0, float(edges[found[0]])) if found.size else -1.0
    high = max(0.0, float(edges[found[-1] + 1])) if found.size else 1.0
    room = 0.03 * (high - low)
    return low - room, high + room


def _mark(
    figure: go.Figure,
    limits: tuple[float, float],
    chosen: tuple[float, float] | None,
    picks: Sequence[Pick],
    mode: Mode,
) -> None:
    """Shade what the chosen range clips, and draw the picks."""
    ground = GROUNDS[mode]
    if chosen is not None:
        for start, end in ((limits[0], chosen[0]), (chosen[1], limits[1])):
            if start < end:
                figure.add_vrect(
                    start, end, fillcolor=ground.accent, opacity=0.12, line_width=0, layer="below"
                )
        for end in chosen:
            figure.add_vline(end, line={"color": ground.accent, "width": 2})
    for row, pick in enumerate(picks):
        kind = style(pick.name)
        line = {"color": kind.colour(mode), "width": 1.3, "dash": kind.dash}
        for end in {pick.rmin, pick.rmax} - {0.0}:
            figure.add_vline(end, line=line)
            figure.add_annotation(
                x=end,
                y=1,
                yref="paper",
                yanchor="bottom",
                yshift=2 + _LANE_PX * row,
                text=pick.label,
                showarrow=False,
                font={"size": 11, "color": kind.colour(mode)},
            )
