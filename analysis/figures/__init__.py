"""Figures of the numbers in :mod:`analysis`: each function returns a Plotly figure."""

from analysis.figures.depth import depth_figure
from analysis.figures.divergence import CostCurve, divergence_figure
from analysis.figures.histogram import Pick, histogram_figure
from analysis.figures.weights import weights_figure

__all__ = [
    "CostCurve",
    "Pick",
    "depth_figure",
    "divergence_figure",
    "histogram_figure",
    "weights_figure",
]
