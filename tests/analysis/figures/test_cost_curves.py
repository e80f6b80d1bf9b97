import numpy as np
import pytest

from analysis.figures.cost_curves import POINTS, CostCurve, divergence_figure, relative_cost


def curve(name="kl", n=1921, cost=None):
    thresholds = np.linspace(1, 10, n)
    cost = (thresholds - 4.0) ** 2 + 0.5 if cost is None else cost
    best = float(thresholds[np.nanargmin(np.where(np.isfinite(cost), cost, np.nan))])
    return CostCurve(name, name.upper(), thresholds, cost, best, "nats")


def test_a_relative_cost_is_one_at_the_least():
    cost = np.array([4.0, 2.0, 6.0])
    np.testing.assert_allclose(relative_cost(cost), [2, 1, 3])


def test_a_least_cost_of_nothing_divides_by_nothing():
    relative = relative_cost(np.array([0.0, 1.0, 1e-9]))
    assert np.isfinite(relative).all()
    assert relative.min() == 1
    np.testing.assert_array_equal(relative_cost(np.zeros(3)), 1)


def test_an_undefined_cost_leaves_a_gap():
    relative = relative_cost(np.array([np.inf, 2.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(relative), [True, False, True])


def test_each_curve_has_its_line_its_least_cost_and_its_label():
    figure = divergence_figure([curve("kl"), curve("mse")])
    lines = [t for t in figure.data if t.mode == "lines"]
    marks = [t for t in figure.data if t.mode == "markers"]
    assert [t.line.dash for t in lines] == ["solid", "dashdot"]
    assert [t.marker.symbol for t in marks] == ["circle", "triangle-up"]
    assert lines[0].name.startswith("KL: least at 4")
    assert marks[0].x[0] == pytest.approx(4.0, abs=0.01)


def test_a_thinned_curve_keeps_its_ends_and_its_least():
    kept = divergence_figure([curve()]).data[0]
    assert len(kept.x) <= POINTS + 2
    assert (kept.x[0], kept.x[-1]) == (1, 10)
    assert kept.y.min() == 1


def test_the_chosen_threshold_is_a_line():
    figure = divergence_figure([curve()], chosen=3.5)
    assert [s.x0 for s in figure.layout.shapes] == [3.5]


@pytest.mark.parametrize(
    "curves",
    [
        [],
        [curve(n=1)],
        [curve(n=5, cost=np.array([np.inf, 1.0, 1.0, np.nan, 2.0]))],
    ],
)
def test_awkward_curves_give_a_figure(curves):
    figure = divergence_figure(curves)
    assert np.isfinite(figure.layout.yaxis.range).all()
