"""Figures of the numbers in :mod:`analysis`: each function returns a Plotly figure."""

from analysis.figures.cost_curves import CostCurve, divergence_figure
from analysis.figures.depth import depth_figure
from analysis.figures.histogram import Pick, histogram_figure
from analysis.figures.unit_effects import units_figure
from analysis.figures.weight_strip import weight_strip_figure
from analysis.figures.weights import weights_figure

__all__ = [
    "CostCurve",
    "Pick",
    "depth_figure",
    "divergence_figure",
    "histogram_figure",
    "units_figure",
    "weight_strip_figure",
    "weights_figure",
]
