"""Figures of each subject: a bar of how much there is."""

import numpy as np
import plotly.graph_objects as go

from analysis.figures import CalibratedTensor, MeasuredModel, register
from analysis.figures.theme import layout, with_title
from analysis.ranges.weight_channels import WeightChannels


def bar(value, mode):
    shape = layout(mode, height=160, x_title="Bar", y_title="Count")
    bars = [go.Bar(x=np.zeros(1, np.float32), y=np.array([value], np.float32))]
    return go.Figure(bars, with_title(shape, ""))


@register("count_bar", of=MeasuredModel, title="How many nodes", about="A bar of all nodes.")
def of_model(model, mode):
    return bar(len(model.quantized.float_model.nodes), mode)


@register("value_bar", of=CalibratedTensor, title="How many values", about="A bar of all values.")
def of_tensor(tensor, mode):
    return bar(tensor.stats.count, mode)


@register("width_bar", of=WeightChannels, title="How many channels", about="A bar of the channels.")
def of_weight(weights, mode):
    return bar(weights.widths.size, mode)
