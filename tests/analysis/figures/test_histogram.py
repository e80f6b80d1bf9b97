import numpy as np
import plotly.graph_objects as go
import pytest

from analysis.figures.histogram import BINS, Pick, histogram_figure, histogram_spec
from analysis.figures.theme import TEMPLATE


@pytest.fixture
def bins():
    x = np.random.default_rng(0).normal(size=10_000)
    counts, edges = np.histogram(x, bins=np.linspace(-8, 8, 4097))
    return edges, counts.astype(float)


def test_the_figure_is_one_filled_line_of_few_points(bins):
    figure = histogram_figure(*bins)
    (trace,) = figure.data
    assert trace.line.shape == "hvh"
    assert len(trace.x) == BINS
    assert trace.x.dtype == trace.y.dtype == np.float32


def test_the_counts_are_all_there_on_a_linear_axis(bins):
    figure = histogram_figure(*bins, log=False)
    assert figure.data[0].y.sum() == pytest.approx(10_000)


def test_empty_bins_lie_below_a_logarithmic_axis(bins):
    figure = histogram_figure(*bins, limits=(-8.0, 8.0))
    bottom = 10 ** figure.layout.yaxis.range[0]
    assert figure.data[0].y.min() < bottom
    assert figure.data[0].y.min() > 0


def test_the_range_and_every_pick_are_marked(bins):
    picks = [Pick("kl", "KL", -2.0, 2.0), Pick("mse", "MSE", 0.0, 3.0)]
    figure = histogram_figure(*bins, chosen=(-2.5, 2.5), picks=picks)
    labels = [a.text for a in figure.layout.annotations]
    assert sorted(labels) == ["KL", "KL", "MSE"]
    lines = {s.x0 for s in figure.layout.shapes if s.type == "line"}
    assert lines == {-2.5, 2.5, -2.0, 2.0, 3.0}
    shaded = [s for s in figure.layout.shapes if s.type == "rect"]
    assert len(shaded) == 2


@pytest.mark.parametrize("counts", [[0.0, 0.0], [0.0, 5.0], [1.0, 0.0]])
@pytest.mark.parametrize("log", [True, False])
def test_awkward_distributions_give_a_figure(counts, log):
    figure = histogram_figure(np.array([0.0, 1e-30, 2e-30]), np.array(counts), log=log)
    assert np.isfinite(figure.layout.yaxis.range).all()
    assert np.isfinite(figure.data[0].y).all()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_spec_is_what_the_figure_is_made_of(bins, mode):
    figure = go.Figure(histogram_spec(*bins, mode=mode)).update_layout(template=TEMPLATE)
    assert figure.to_dict() == histogram_figure(*bins, mode=mode).to_dict()
