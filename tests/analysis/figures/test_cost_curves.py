from dataclasses import replace

import numpy as np
import pytest

from analysis.figures.cost_curves import POINTS, CostCurve, divergence_figure


def curve(name="kl", n=1921, cost=None):
    thresholds = np.linspace(1, 10, n)
    cost = (thresholds - 4.0) ** 2 + 0.5 if cost is None else cost
    best = float(thresholds[np.nanargmin(np.where(np.isfinite(cost), cost, np.nan))])
    return CostCurve(name, name.upper(), thresholds, cost, best, "nats")


def both_ends(figure, axis):
    """The least and greatest height that an axis shows."""
    low, high = getattr(figure.layout, axis).range
    return 10**low, 10**high


def test_a_cost_is_drawn_in_its_own_unit_whatever_the_others_are():
    kl = curve("kl")
    mse = replace(curve("mse"), cost=kl.cost * 1e-9, unit="real units²")
    figure = divergence_figure([kl, mse])
    lines = figure.data[::2]
    assert [line.yaxis for line in lines] == ["y", "y2"]
    for line, given, axis in zip(lines, (kl, mse), ("yaxis", "yaxis2"), strict=True):
        np.testing.assert_allclose(np.nanmin(line.y), given.cost.min(), rtol=1e-6)
        low, high = both_ends(figure, axis)
        assert low < given.cost.min() < given.cost.max() < high
    assert figure.layout.yaxis.title.text == "Divergence (nats)"
    assert figure.layout.yaxis2.title.text == "MSE (real units²)"


def test_all_curves_stay_in_the_figure_where_one_touches_zero():
    touching = curve("kl", n=5, cost=np.array([3.0, 1e-3, 0.0, 1e-3, 2.0]))
    other = curve("js", n=5, cost=np.array([1.0, 0.5, 0.2, 0.3, 0.4]))
    figure = divergence_figure([touching, other])
    low, high = both_ends(figure, "yaxis")
    for trace in figure.data:
        heights = np.asarray(trace.y)
        assert (heights >= low).all()
        assert (heights <= high).all()
    assert figure.data[0].customdata[2] == 0  # what is told when it is pointed at


def test_a_cost_that_is_defined_here_and_there_is_dots_and_all_of_them():
    cost = np.full(1921, np.inf)
    cost[[7, 500, 501, 1200]] = [0.4, 0.3, 0.2, 0.1]
    line = divergence_figure([curve(cost=cost)]).data[0]
    known = np.isfinite(line.y)
    np.testing.assert_allclose(line.y[known], [0.4, 0.3, 0.2, 0.1], rtol=1e-6)
    assert [bool(size) for size in np.asarray(line.marker.size)[known]] == [
        True,
        False,
        False,
        True,
    ]
    assert "defined at 4 thresholds" in line.name


def test_each_curve_has_its_line_its_least_cost_and_its_label():
    figure = divergence_figure([curve("kl"), curve("mse")])
    lines = [t for t in figure.data if t.mode == "lines+markers"]
    marks = [t for t in figure.data if t.mode == "markers"]
    assert [t.line.dash for t in lines] == ["solid", "dashdot"]
    assert [t.marker.symbol for t in marks] == ["circle", "triangle-up"]
    assert lines[0].name.startswith("KL: least at 4")
    assert marks[0].x[0] == pytest.approx(4.0, abs=0.01)


def test_a_thinned_curve_keeps_its_ends_and_its_least():
    kept = divergence_figure([curve()]).data[0]
    assert len(kept.x) <= 2 * POINTS + 2
    assert (kept.x[0], kept.x[-1]) == (1, 10)
    assert kept.y.min() == pytest.approx(0.5, abs=1e-4)


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
