"""The cost of every candidate threshold, as each divergence sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.figures.theme import GROUNDS, Mode, layout, style, with_title

POINTS: Final = 400
"""Points drawn of a curve at most, and as many of those where it is defined."""

RIGHT_PX: Final = 56
"""Room for the numbers of the right axis."""

NATS: Final = "nats"
_DECADES: Final = 7.0
"""Powers of ten that an axis shows at most, below the greatest cost."""


@dataclass(frozen=True, eq=False)
class CostCurve:
    """One curve to draw.

    Attributes:
        name: The calibrator's name, which decides the style.
        label: What a person reads.
        thresholds: float64, shape (n,), ascending, in real units.
        cost: float64, shape (n,); infinite or NaN where it is undefined.
        best: The threshold of least cost.
        unit: Unit of the cost: ``nats`` on the left axis, any other on the right.
    """

    name: str
    label: str
    thresholds: NDArray[np.float64]
    cost: NDArray[np.float64]
    best: float
    unit: str = ""

    @property
    def defined(self) -> int:
        """At how many thresholds the cost is defined."""
        return int(np.isfinite(self.cost).sum())


def divergence_figure(
    curves: Sequence[CostCurve],
    *,
    chosen: float | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
    height: int = 240,
    mode: Mode = "light",
) -> go.Figure:
    """The curves over the threshold, each in its own unit, with the minima marked.

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

    Divergences share the left axis, the squared error has the right one; both are logarithmic and
    hold all curves whole, so that none leaves the figure. A cost of zero lies on the lower edge.

    Args:
        curves: What to draw.
        limits: What to show of the horizontal axis; by default from 0 to the last threshold.
        height: Height in pixels.
        mode: The ground.
    """
    left = [curve for curve in curves if curve.unit == NATS]
    right = [curve for curve in curves if curve.unit != NATS]
    if not left:
        left, right = right, []
    ends = {id(c): _ends(same) for same in (left, right) for c in same}
    traces: list[dict[str, Any]] = []
    for curve in curves:
        axis = "y2" if any(curve is other for other in right) else "y"
        traces += _traces(curve, ends[id(curve)], axis, mode)
    last = max((float(c.thresholds[-1]) for c in curves if c.thresholds.size), default=1.0)
    shape = layout(
        mode, height=height, x_title="Threshold |x| (real units)", y_title=_axis_title(left)
    )
    shape |= {"hovermode": "x unified", "dragmode": "zoom"}
    shape["xaxis"] |= {"range": list(limits or (0.0, last * 1.03)), "hoverformat": ".4g"}
    shape["yaxis"] |= _axis(_ends(left))
    shape["yaxis2"] = {**shape["yaxis"], "title": {**shape["yaxis"]["title"]}}
    shape["yaxis2"] |= _axis(_ends(right)) | {
        "overlaying": "y",
        "side": "right",
        "showgrid": False,
        "visible": bool(right),
    }
    if right:
        shape["margin"] |= {"r": RIGHT_PX}
    shape["yaxis2"]["title"]["text"] = _axis_title(right)
    return {"data": traces, "layout": shape}


def _axis_title(curves: Sequence[CostCurve]) -> str:
    if not curves:
        return ""
    unit = curves[0].unit
    if unit == NATS:
        return "Divergence (nats)"
    what = curves[0].label if len(curves) == 1 else "Cost"
    return f"{what} ({unit})" if unit else what


def _ends(curves: Sequence[CostCurve]) -> tuple[float, float]:
    """The least and greatest cost that an axis shows, above 0."""
    costs = [curve.cost[np.isfinite(curve.cost) & (curve.cost > 0)] for curve in curves]
    known = np.concatenate([np.ones(0), *costs])
    if not known.size:
        return 0.1, 1.0
    top = float(known.max())
    return max(float(known.min()), top * 10**-_DECADES), top


def _axis(ends: tuple[float, float]) -> dict[str, Any]:
    low, high = np.log10(ends)
    room = 0.06 * max(high - low, 0.5)
    return {
        "type": "log",
        "range": [float(low - room), float(high + room)],
        "fixedrange": True,
        "dtick": 1 if high - low >= 1 else "D2",
        "exponentformat": "power",
    }


def _traces(
    curve: CostCurve, ends: tuple[float, float], axis: str, mode: Mode
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The line of a curve and its minimum."""
    kind, colour = style(curve.name), style(curve.name).colour(mode)
    shown = _thinned(curve.cost)
    cost = np.where(np.isfinite(curve.cost), curve.cost, np.nan)[shown]
    height = np.clip(cost, *ends)
    unit = f" {curve.unit}" if curve.unit else ""
    common = {
        "type": "scatter",
        "legendgroup": curve.name,
        "meta": {"role": curve.name},
        "yaxis": axis,
    }
    count = "" if curve.defined == curve.cost.size else f", defined at {curve.defined:,} thresholds"
    line = {
        **common,
        "x": curve.thresholds[shown].astype(np.float32),
        "y": height.astype(np.float32),
        "customdata": cost.astype(np.float32),
        "name": f"{curve.label}: least at {curve.best:.4g}{count}",
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.8, "dash": kind.dash},
        # Between two gaps a line has no length: there a dot shows the cost.
        "marker": {"color": colour, "size": np.where(_alone(height), 4, 0).astype(np.float32)},
        "hovertemplate": f"{curve.label} %{{customdata:.4g}}{unit}<extra></extra>",
    }
    least = {
        **common,
        "x": np.asarray([curve.best], np.float32),
        "y": np.asarray([np.nanmin(height) if np.isfinite(height).any() else ends[0]], np.float32),
        "mode": "markers",
        "marker": {"color": colour, "size": 10, "symbol": kind.symbol},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return line, least


def _alone(height: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points that are defined while their neighbours are not."""
    known = np.isfinite(np.concatenate([[np.nan], height, [np.nan]]))
    return known[1:-1] & ~known[:-2] & ~known[2:]


def _thinned(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indices from first to last, about 400 of all and of those that are defined, the least too."""
    every, known = np.arange(cost.size), np.flatnonzero(np.isfinite(cost))
    least = known[cost[known] == cost[known].min()] if known.size else known
    return np.unique(np.concatenate([_some(every), _some(known), least[:1], least[-1:]]))


def _some(indices: NDArray[np.intp]) -> NDArray[np.intp]:
    if indices.size <= POINTS:
        return indices
    return indices[np.linspace(0, indices.size - 1, POINTS).round().astype(np.intp)]
