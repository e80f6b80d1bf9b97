"""Figures of the numbers in :mod:`analysis`: each function returns a Plotly figure.

Every module in this folder is found by itself, so a new figure is one new file: what it registers
is shown in the report and on the pages, see :func:`register`.
"""

from analysis.figures.base import (
    FIGURES,
    CalibratedTensor,
    Figure,
    MeasuredModel,
    figures_of,
    register,
)
from analysis.figures.cost_curves import CostCurve, divergence_figure
from analysis.figures.depth import depth_figure
from analysis.figures.histogram import Pick, histogram_figure
from analysis.figures.pareto import pareto_figure
from analysis.figures.runtime import time_figure
from analysis.figures.tensor_channels import tensor_channels_figure
from analysis.figures.unit_effects import units_figure
from analysis.figures.weight_strip import weight_strip_figure
from analysis.figures.weights import weights_figure

FIGURES.discover(__name__)

__all__ = [
    "FIGURES",
    "CalibratedTensor",
    "CostCurve",
    "Figure",
    "MeasuredModel",
    "Pick",
    "depth_figure",
    "divergence_figure",
    "figures_of",
    "histogram_figure",
    "pareto_figure",
    "register",
    "tensor_channels_figure",
    "time_figure",
    "units_figure",
    "weight_strip_figure",
    "weights_figure",
]
