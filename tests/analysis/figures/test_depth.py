"""The error by depth: lines that follow the graph, and the falls that stand out."""

import math

import numpy as np
import pytest

from analysis.errors.tensor_error import ErrorStats
from analysis.figures.depth import depth_figure, largest_falls

EDGES = (("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"))


def errors(**sqnr_db: float) -> dict[str, ErrorStats]:
    return {name: ErrorStats(value, 1.0, 0.0, 0.0, 1) for name, value in sqnr_db.items()}


TENSORS = errors(a=40, b=38, c=20, d=19, e=9)


def test_a_fall_is_measured_from_the_worst_that_is_read():
    falls = largest_falls(TENSORS, EDGES)
    assert [(fall.source, fall.tensor, fall.db) for fall in falls] == [
        ("a", "c", 20),
        ("d", "e", 10),
    ]


def test_at_most_three_falls_are_told_and_none_below_3_db():
    chain = errors(**{f"t{i}": 75.0 - 4 * i - i**2 / 10 for i in range(8)})
    edges = [(f"t{i}", f"t{i + 1}") for i in range(7)]
    assert len(largest_falls(chain, edges)) == 3
    assert largest_falls(errors(a=10, b=7.5), [("a", "b")]) == ()


def test_equal_tensors_fall_from_80_db():
    falls = largest_falls(errors(a=math.inf, b=30), [("a", "b")])
    assert falls[0].db == 50


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_edge_is_a_line_and_the_points_come_first(mode):
    figure = depth_figure(TENSORS, edges=EDGES, selected="d", mode=mode)
    points, *lines = figure.data
    assert list(points.customdata) == list(TENSORS)
    place = {name: (index, TENSORS[name].sqnr_db) for index, name in enumerate(TENSORS)}
    drawn = {
        tuple(zip(xs[:2], ys[:2], strict=True))
        for line in lines
        if line.mode == "lines"
        for xs, ys in zip(np.reshape(line.x, (-1, 3)), np.reshape(line.y, (-1, 3)), strict=True)
    }
    assert drawn == {(place[a], place[b]) for a, b in EDGES}
    assert [note.text for note in figure.layout.annotations] == ["−20.0 dB", "−10.0 dB"]


def test_no_tensors_are_a_figure_too():
    assert len(depth_figure({}, edges=()).data[0].x) == 0
    assert not largest_falls({}, EDGES)


def test_names_are_text_where_plotly_would_read_links_and_lines():
    name = '<a href="http://links.example">y</a><br>'
    points = depth_figure(errors(**{name: 20.0})).data[0]
    assert "<" not in points.hovertext[0]
    assert points.customdata[0] == name  # what a click tells
