import math

import numpy as np
import pytest

import quant
from analysis.depth import Depths, tensor_depths
from analysis.error import ErrorStats
from analysis.figures.branches import branches_figure
from analysis.figures.bundle import plotly_js
from analysis.figures.units import ROWS, units_figure
from tests import nets


def error(sqnr_db):
    return ErrorStats(sqnr_db, 1, 0, 0, 1)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_both_branches_are_drawn_between_the_points_they_join(mode):
    model = quant.load(nets.convnet())
    tensors = {"r1": error(30), "c2": error(20), "a": error(math.inf)}
    figure = branches_figure(tensors, tensor_depths(model, tensors), selected="c2", mode=mode)
    lines, points, chosen = figure.data
    assert list(points.customdata) == list(tensors)
    assert list(points.y) == [30, 20, 80]
    strokes = np.stack([lines.x, lines.y], axis=1).reshape(-1, 3, 2)
    assert np.isnan(strokes[:, 2]).all()
    assert {tuple(map(tuple, stroke[:2])) for stroke in strokes.tolist()} == {
        ((2, 30), (3, 20)),
        ((2, 30), (4, 80)),
        ((3, 20), (4, 80)),
    }
    assert (chosen.x[0], chosen.y[0]) == (3, 20)


def test_without_tensors_there_is_an_empty_figure():
    assert len(branches_figure({}, Depths({}, ())).data[1].x) == 0


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_units_are_drawn_from_the_top_with_one_column_for_each_error(mode):
    names = [f"unit{number}" for number in range(ROWS + 5)]
    sensitivity = {name: 10.0 + number for number, name in enumerate(names)}
    figure = units_figure(names, sensitivity, {"unit0": 3.0, "unit1": -math.inf}, mode=mode)
    left, right = figure.data
    assert list(left.customdata) == names[:ROWS]
    assert left.x[0] == 10
    assert list(right.x[:2]) == [3, -80]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert "Sensitivity" in figure.layout.xaxis.title.text
    assert "Benefit" in figure.layout.xaxis2.title.text
    assert len(units_figure(names, {}, {"unit0": 3.0}, mode=mode).data) == 1


def test_the_bundle_is_plotly_and_cannot_end_the_script_it_is_put_in():
    text = plotly_js()
    assert "Plotly" in text[:3_000_000]
    assert "</script" not in text.lower()
