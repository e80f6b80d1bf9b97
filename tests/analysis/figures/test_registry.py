"""The figures that are shown by themselves: what they are drawn of, and where there are none."""

import numpy as np
import plotly.graph_objects as go
import pytest

import quant
from analysis.errors.tensor_error import ErrorStats
from analysis.figures import FIGURES, CalibratedTensor, Figure, MeasuredModel, figures_of
from analysis.ranges.weight_channels import WeightChannels, weight_channels
from analysis.recovery.recovering import Standing
from analysis.recovery.story import Recovery, Scored
from analysis.recovery.target import Target
from analysis.runtime.truth import RuntimeTruth, runtime_truth
from tests import nets
from tests.analysis.recovery.points import recovery
from tests.quant.statistics.statistics_of import statistics_of


@pytest.fixture(scope="module")
def model() -> MeasuredModel:
    """A model of which everything is known."""
    net = quant.load(nets.convnet())
    calibration = quant.calibrate(net, quant.open_data({"x": nets.images(6)}, net))
    quantized = quant.quantize(net, calibration, quant.preset("everything"))
    names = [name for node in net.nodes for name in net.float_outputs(node)]
    return MeasuredModel(
        quantized,
        calibration,
        tensors={n: ErrorStats(30.0 - i, 1.0, 0.0, 0.0, 1) for i, n in enumerate(names)},
        units=("u", "v"),
        sensitivity_db={"u": 10.0, "v": 20.0},
        benefit_db={"u": 3.0},
        selected=names[0],
    )


SCORED = (Scored("as it was", 12.0, 11.0, 13.0, 1.0), Scored("better", 20.0, 18.0, 22.0, 0.9))


def subjects(model: MeasuredModel) -> dict[type, object]:
    """One of each kind."""
    net = model.quantized.float_model
    node = next(node for node in net.nodes if node.weight is not None)
    stats = model.calibration.tensors[net.float_outputs(node)[0]]
    return {
        MeasuredModel: model,
        CalibratedTensor: CalibratedTensor(model.quantized, stats),
        WeightChannels: weight_channels(net, node),
        Recovery: recovery(model.quantized),
        RuntimeTruth: runtime_truth(model.quantized, runs=1),
        Standing: Standing("ranges", 20.0, 3.0, (), SCORED, Target("sqnr", 30.0)),
    }


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_registered_figure_is_drawn_of_its_subject_and_says_what_it_shows(model, name, mode):
    figure = FIGURES[name]
    drawn = figure.draw(subjects(model)[figure.of], mode)
    assert isinstance(drawn, go.Figure)
    assert drawn.data
    assert figure.name == name
    assert figure.title
    assert not figure.title.endswith(".")
    assert figure.about.endswith(".")
    assert figure.missing == "" or figure.missing.endswith(".")


def test_each_kind_of_subject_has_figures_and_every_figure_a_kind(model):
    found = [figures_of(kind) for kind in subjects(model)]
    assert all(found)
    assert {figure.name for figures in found for figure in figures} == set(FIGURES)


def test_nothing_is_drawn_of_a_model_that_is_not_measured_and_it_is_said_what_to_do(model):
    bare = MeasuredModel(model.quantized, model.calibration)
    for figure in figures_of(MeasuredModel):
        assert figure.draw(bare, "light") is None
        assert figure.missing


def test_a_tensor_without_channels_has_no_figure_of_them(model):
    stats = model.calibration.tensors["x"]
    flat = statistics_of(np.ones(3))
    (figure,) = figures_of(CalibratedTensor)
    assert figure.draw(CalibratedTensor(model.quantized, stats), "light") is not None
    assert figure.draw(CalibratedTensor(model.quantized, flat), "light") is None


def test_the_range_of_a_tensor_is_marked_and_one_that_stays_float_has_none(model):
    quantized = model.quantized
    (figure,) = figures_of(CalibratedTensor)
    for name, stats in model.calibration.tensors.items():
        tensor = CalibratedTensor(quantized, stats)
        drawn = figure.draw(tensor, "light")
        lines = [] if drawn is None else [shape.y0 for shape in drawn.layout.shapes]
        if name not in quantized.tensor_map:
            assert tensor.range is None
            assert lines == []
        elif drawn is not None:
            assert lines == list(quantized.range_of(name).ends)


def test_a_name_is_given_to_one_figure_only():
    with pytest.raises(ValueError, match="a figure named 'depth' is registered already"):
        FIGURES.add("depth", Figure("depth", "", "", MeasuredModel, lambda *_: None))
