"""The cost of every candidate threshold, as each divergence sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.theme import GROUNDS, Mode, layout, style, with_title

POINTS = 400
"""Points drawn of a curve at most."""

_CEILING = 1e3
_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class CostCurve:
    """One curve to draw.

    Attributes:
        name: The calibrator's name, which decides the style.
        label: What a person reads.
        thresholds: float64, shape (n,), ascending, in real units.
        cost: float64, shape (n,); infinite or NaN where it is undefined.
        best: The threshold of least cost.
        unit: Unit of the cost, such as ``nats``; may be empty.
    """

    name: str
    label: str
    thresholds: NDArray[np.float64]
    cost: NDArray[np.float64]
    best: float
    unit: str = ""


def relative_cost(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cost as a multiple of the curve's least, so that four units share one axis.

    A least cost below a millionth of the greatest counts as a millionth: nothing is divided by 0.

    Args:
        cost: float64, shape (n,); infinite or NaN where it is undefined.

    Returns:
        float64, shape (n,): 1 or more, NaN where the cost is undefined.
    """
    finite = cost[np.isfinite(cost)]
    if not finite.size or finite.max() <= 0:
        return np.where(np.isfinite(cost), 1.0, np.nan)
    base = max(float(finite.min()), _FLOOR * float(finite.max()))
    return np.where(np.isfinite(cost), np.maximum(cost, base) / base, np.nan)


def divergence_figure(
    curves: Sequence[CostCurve],
    *,
    chosen: float | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
    height: int = 240,
    mode: Mode = "light",
) -> go.Figure:
    """The curves over the threshold, each relative to its least, with the minima marked.

    Args:
        curves: What to draw.
        chosen: The threshold in use, marked by a line.
        limits: What to show of the horizontal axis; by default from 0 to the last threshold.
        title: Heading, or nothing.
        height: Height in pixels.
        mode: The ground.

    Returns:
        A figure with two traces a curve: the line and its minimum.
    """
    spec = divergence_spec(curves, limits=limits, height=height, mode=mode)
    figure = go.Figure(spec["data"], with_title(spec["layout"], title))
    if chosen is not None:
        figure.add_vline(chosen, line={"color": GROUNDS[mode].accent, "width": 2})
    return figure


def divergence_spec(
    curves: Sequence[CostCurve],
    *,
    limits: tuple[float, float] | None = None,
    height: int = 240,
    mode: Mode = "light",
) -> dict[str, Any]:
    """The same figure without a chosen threshold, as the ``data`` and ``layout`` Plotly takes.

    Args:
        curves: What to draw.
        limits: What to show of the horizontal axis; by default from 0 to the last threshold.
        height: Height in pixels.
        mode: The ground.
    """
    traces: list[dict[str, Any]] = []
    top = 2.0
    for curve in curves:
        relative = relative_cost(curve.cost)
        traces += _traces(curve, relative, mode)
        if np.isfinite(relative).any():
            top = max(top, float(np.nanmax(relative)))
    last = max((float(c.thresholds[-1]) for c in curves if c.thresholds.size), default=1.0)
    ceiling = float(np.log10(min(top, _CEILING)))
    shape = layout(
        mode, height=height, x_title="Threshold |x| (real units)", y_title="Cost / least cost"
    )
    shape |= {"hovermode": "x unified", "dragmode": "zoom"}
    shape["xaxis"] |= {"range": list(limits or (0.0, last * 1.03)), "hoverformat": ".4g"}
    shape["yaxis"] |= {
        "type": "log",
        "range": [-0.08 * ceiling, 1.04 * ceiling],
        "fixedrange": True,
        "dtick": 1 if top >= 30 else "D2",
    }
    return {"data": traces, "layout": shape}


def _traces(
    curve: CostCurve, relative: NDArray[np.float64], mode: Mode
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The line of a curve and its minimum."""
    kind, colour = style(curve.name), style(curve.name).colour(mode)
    shown = _thinned(relative)
    unit = f" {curve.unit}" if curve.unit else ""
    common = {"type": "scatter", "legendgroup": curve.name, "meta": {"role": curve.name}}
    line = {
        **common,
        "x": curve.thresholds[shown].astype(np.float32),
        "y": relative[shown].astype(np.float32),
        "customdata": curve.cost[shown].astype(np.float32),
        "name": f"{curve.label}: least at {curve.best:.4g}",
        "mode": "lines",
        "line": {"color": colour, "width": 1.8, "dash": kind.dash},
        "hovertemplate": f"{curve.label} %{{customdata:.4g}}{unit}<extra></extra>",
    }
    least = {
        **common,
        "x": np.asarray([curve.best], np.float32),
        "y": np.ones(1, np.float32),
        "mode": "markers",
        "marker": {"color": colour, "size": 10, "symbol": kind.symbol},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return line, least


def _thinned(relative: NDArray[np.float64]) -> NDArray[np.intp]:
    """About 400 indices from first to last, the least among them."""
    if relative.size <= POINTS:
        return np.arange(relative.size)
    spread = np.linspace(0, relative.size - 1, POINTS).round().astype(np.intp)
    least = (
        np.flatnonzero(relative == np.nanmin(relative))
        if np.isfinite(relative).any()
        else spread[:0]
    )
    return np.unique(np.concatenate([spread, least[:1], least[-1:]]))
