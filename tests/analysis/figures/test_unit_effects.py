import math

import pytest

from analysis.figures.unit_effects import ROWS, units_figure


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


def test_names_are_text_where_plotly_would_read_links_and_lines():
    name = '<a href="http://links.example">unit</a><br>'
    figure = units_figure([name], {name: 10.0}, {name: 1.0})
    shown = [*figure.layout.yaxis.ticktext, *(t for bar in figure.data for t in bar.hovertext)]
    assert shown
    assert not any("<" in text for text in shown)
    assert figure.data[0].customdata[0] == name  # what a click tells
