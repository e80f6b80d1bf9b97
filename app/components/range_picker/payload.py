"""What the range picker draws, as plain data, and the text it travels as."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.cost_curves import CostCurve, divergence_spec
from analysis.figures.histogram import histogram_spec
from analysis.figures.theme import GROUNDS, STYLES, TOOL_STYLES, Style, style
from quant.statistics.tensor_stats import TensorStats
from quant.types import QuantSpec

HISTOGRAM_PX = 300
CURVES_PX = 204
_TOP_PX = 66
_DASHES = {
    "solid": "none",
    "dot": "2 3",
    "dash": "7 4",
    "longdash": "10 4",
    "dashdot": "7 3 2 3",
    "longdashdot": "10 3 2 3",
}


@dataclass(frozen=True, eq=False)
class Bins:
    """The distribution of a tensor, on two grids that meet at zero.

    Attributes:
        negative: Counts, shape (n,): ``negative[k]`` is for values in ``[-(k+1)*wn, -k*wn)``.
        positive: Counts, shape (p,): ``positive[k]`` is for values in ``[k*wp, (k+1)*wp)``; exact
            zeros are in ``positive[0]``.
        negative_width: ``wn`` in real units.
        positive_width: ``wp`` in real units.
        zeros: Number of exact zeros.
        count: Number of values.
        min: The least value.
        max: The greatest value.
        signal_power: Mean of the squared values.
    """

    negative: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative_width: float
    positive_width: float
    zeros: int
    count: int
    min: float
    max: float
    signal_power: float

    @classmethod
    def of(cls, stats: TensorStats) -> "Bins":
        """The bins of a tensor's statistics."""
        histogram = stats.histogram
        return cls(
            negative=histogram.negative,
            positive=histogram.positive,
            negative_width=histogram.negative_width,
            positive_width=histogram.positive_width,
            zeros=stats.zeros,
            count=stats.count,
            min=stats.min,
            max=stats.max,
            signal_power=histogram.power(),
        )

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Edges of all bins from the most negative up, float64, shape (n + p + 1,)."""
        below = np.arange(self.negative.size, 0, -1, dtype=np.float64) * -self.negative_width
        above = np.arange(self.positive.size + 1, dtype=np.float64) * self.positive_width
        return np.concatenate([below, above])

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """Counts of all bins without the exact zeros, float64, shape (n + p,)."""
        counts = np.concatenate([self.negative[::-1], self.positive]).astype(np.float64)
        if self.positive.size:
            counts[self.negative.size] -= self.zeros
        return counts


@dataclass(frozen=True)
class Codes:
    """The integer codes of a tensor.

    Attributes:
        qmin: The least code.
        qmax: The greatest code.
        symmetric: Whether zero sits in the middle of the codes.
        signed: Whether the type has negative codes.
    """

    qmin: int
    qmax: int
    symmetric: bool
    signed: bool

    @classmethod
    def of(cls, spec: QuantSpec) -> "Codes":
        """The codes that a spec uses."""
        return cls(spec.qmin, spec.qmax, spec.symmetric, spec.qtype.signed)


@dataclass(frozen=True, eq=False)
class Shape:
    """All that does not change while a range is chosen.

    Attributes:
        tensor: The name of the tensor; zoom is kept while it stays the same.
        title: Heading.
        subtitle: A few words beside it, such as the type of the codes.
        bins: The distribution.
        codes: The codes to use; None for a tensor that stays in float, which has no range.
        curves: The cost of every candidate threshold; may be empty.
        no_curves: What to say where there are no curves.
    """

    tensor: str
    title: str
    subtitle: str
    bins: Bins
    codes: Codes | None
    curves: Sequence[CostCurve] = ()
    no_curves: str = "This tensor has no divergence curves."

    @cached_property
    def text(self) -> str:
        """This shape as JSON, with both figures in it."""
        histogram = histogram_spec(self.bins.edges, self.bins.counts, height=HISTOGRAM_PX)
        histogram["layout"]["margin"] |= {"t": _TOP_PX}
        divergence = divergence_spec(self.curves, height=CURVES_PX)
        divergence["layout"]["margin"] |= {"t": 6}
        names = {*STYLES, *(c.name for c in self.curves)}
        # Both as wide, so that a threshold stands under the value that it is.
        histogram["layout"]["margin"] |= {"r": divergence["layout"]["margin"]["r"]}
        for figure in (histogram, divergence):
            # The component has a legend and axis titles of its own, which fit a narrow pane.
            figure["layout"] |= {"showlegend": False}
            figure["layout"]["xaxis"]["title"]["text"] = ""
        document = {
            "tensor": self.tensor,
            "title": self.title,
            "subtitle": self.subtitle,
            "spec": asdict(self.codes) if self.codes else None,
            "histogram": _histogram(self.bins),
            "curves": [
                {
                    "name": c.name,
                    "label": c.label,
                    "best": c.best,
                    "symbol": style(c.name).symbol,
                    "undefined": c.cost.size - c.defined,
                    "candidates": c.cost.size,
                }
                for c in self.curves
            ],
            "noCurves": self.no_curves,
            "theme": {
                "grounds": {mode: asdict(ground) for mode, ground in GROUNDS.items()},
                "styles": {name: _style(style(name)) for name in sorted(names)},
                "tools": {name: _style(found) for name, found in TOOL_STYLES.items()},
            },
            "figures": {"histogram": histogram, "divergence": divergence},
        }
        return json.dumps(document, default=_plain)


def _style(found: Style) -> dict[str, str]:
    """A style as SVG takes it."""
    dashes = _DASHES.get(found.dash) or found.dash.replace("px", "").replace(",", " ")
    return {"light": found.light, "dark": found.dark, "dashes": dashes}


def _histogram(bins: Bins) -> dict[str, object]:
    return {
        "negative": _array(bins.negative),
        "positive": _array(bins.positive),
        "negativeWidth": bins.negative_width,
        "positiveWidth": bins.positive_width,
        "zeros": bins.zeros,
        "count": bins.count,
        "min": bins.min,
        "max": bins.max,
        "signalPower": bins.signal_power,
    }


def _array(counts: NDArray[np.int64]) -> dict[str, str]:
    """Counts up to the last that is not zero, in the narrowest type."""
    used = counts[: int(np.flatnonzero(counts)[-1]) + 1] if counts.any() else counts[:0]
    top = int(used.max(initial=0))
    widths = (("u1", 255), ("u2", 65535), ("u4", 2**32 - 1))
    return _encoded(used, next((kind for kind, most in widths if top <= most), "f8"))


def _plain(value: object) -> object:
    """A NumPy array or number as JSON can hold it, in the form that Plotly reads."""
    if isinstance(value, np.ndarray):
        return _encoded(value, "f4")
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not plain data")


def _encoded(values: NDArray[Any], kind: str) -> dict[str, str]:
    data = np.ascontiguousarray(values, np.dtype(f"<{kind}"))
    return {"dtype": kind, "bdata": base64.b64encode(data.tobytes()).decode()}
