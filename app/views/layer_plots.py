"""The picture of the selected layer's activation: the range picker."""

import streamlit as st

from analysis.figures.histogram import histogram_figure
from app import state
from app.components.range_picker import Choice, Commit, range_picker
from app.edits import with_layer, without_layer
from app.views.controls import calibrator_label
from app.views.gate import apply
from app.views.layer_settings import Layer
from quant.calibrators import calibrator_from_json
from quant.plan import INPUT_OP_TYPE
from quant.quantize import calibrated_range

KEY = "range picker"


def range_plots(layer: Layer) -> None:
    """The distribution with the range in use, and the divergence curves."""
    bench, row = layer.bench, layer.row
    stats = bench.calibration.tensors.get(row.tensor)
    if stats is None:
        st.info("Calibration saw no values of this layer's output.", icon=":material/info:")
        return
    if not row.owner:
        histogram = stats.histogram
        counts = histogram.counts().astype(float)
        counts[histogram.negative.size] -= histogram.zeros
        st.plotly_chart(
            histogram_figure(
                histogram.edges(), counts, title="Not quantized: read in float", mode=mode()
            ),
            key="plain histogram",
            theme=None,
            config={"displaylogo": False, "displayModeBar": False},
            alt=f"Distribution of {row.tensor}",
        )
        return
    owner = bench.quantized.plan.tensors[row.owner]
    group = bench.quantized.plan.groups[row.owner]
    chosen = [
        calibrated_range(bench.calibration.tensors[name], bench.quantized.plan.tensors[name])
        for name in group.ranges_from
    ]
    shape = bench.shape(row.tensor)
    assert shape is not None  # it has statistics and a plan
    choice = Choice(
        range=bench.quantized.ranges[row.tensor],
        fixed=owner.settings.range is not None,
        calibrator=calibrator_label(owner.settings.calibrator.name),
        calibrated=(min(low for low, _ in chosen), max(high for _, high in chosen)),
    )
    range_picker(shape, choice, key=KEY, on_commit=lambda commit: _commit(layer, commit))


def _commit(layer: Layer, commit: Commit) -> None:
    """Write what was decided on the plots into the recipe, for the tensor that owns the range."""
    model, plan = layer.bench.opened.model, layer.bench.quantized.plan
    if commit.tensor not in plan.tensors:
        return
    tensor = plan.tensors[commit.tensor].group
    producer = model.producers.get(tensor)
    name, op_type = (producer.name, producer.op_type) if producer else (tensor, INPUT_OP_TYPE)
    recipe = state.current().recipe
    if commit.pick is not None:
        picked = calibrator_from_json({"name": commit.pick})
        recipe = with_layer(recipe, name, op_type, tensor, calibrator=picked)
    elif commit.range is not None:
        recipe = with_layer(recipe, name, op_type, tensor, range=commit.range)
    else:
        recipe = without_layer(recipe, name, tensor, "range")
    apply(recipe)


def mode():
    """The ground that the browser shows the page on."""
    return "dark" if st.context.theme.type == "dark" else "light"
