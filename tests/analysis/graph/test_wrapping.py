"""A drawing in columns: nothing lost, nothing on top of another, as wide as a screen."""

import itertools

import pytest
from hypothesis import given

from analysis.graph.layout import BOX, GAP, graph_layout
from analysis.graph.wrapping import ASPECT, GUTTER, MOST_CUT, wrapped
from tests.analysis.graph.test_layout import graphs, residual
from tests.hypothesis_profile import examples

ROW = BOX[1] + GAP[1]


def chain(count):
    return [(i, i + 1) for i in range(count - 1)]


def path(layout, index):
    """An edge from the foot of its source to the head of its target."""
    source, target = layout.edges[index]
    (x0, y0), (x1, y1) = layout.places[source], layout.places[target]
    return [(x0, y0 + BOX[1] / 2), *layout.bends[index], (x1, y1 - BOX[1] / 2)]


def through(piece, centre):
    """Whether a line, as the browser draws it, runs through a box."""
    (x0, y0), (x1, y1) = piece
    (x, y), (wide, high) = centre, (BOX[0] / 2 - 1, BOX[1] / 2 - 1)
    apart = max(x0, x1) <= x - wide or min(x0, x1) >= x + wide
    return not apart and min(y0, y1) < y + high and max(y0, y1) > y - high


@examples(60)
@given(graphs())
def test_nothing_is_lost_and_nothing_overlaps(graph):
    count, edges = graph
    before = graph_layout(count, edges)
    layout = wrapped(before)
    assert (layout.layers, layout.edges) == (before.layers, before.edges)
    width, height = layout.size
    for (x, y), (u, v) in itertools.combinations(layout.places, 2):
        assert abs(x - u) >= BOX[0] - 1e-6 or abs(y - v) >= BOX[1]
    for x, y in layout.places:
        assert BOX[0] / 2 - 1e-6 <= x <= width - BOX[0] / 2 + 1e-6
        assert BOX[1] / 2 <= y <= height - BOX[1] / 2 + 1e-6
    for index in range(len(layout.edges)):
        assert all(-1e-6 <= x <= width and 0 <= y <= height for x, y in path(layout, index))


@pytest.mark.parametrize("count", [30, 103, 500])
def test_a_chain_is_about_as_wide_as_a_screen(count):
    layout = wrapped(graph_layout(count, chain(count)))
    assert layout.columns > 1
    width, height = layout.size
    assert ASPECT / 2 < width / height < 2 * ASPECT


@pytest.mark.parametrize("count", [40, 101])
def test_no_edge_runs_through_a_node(count):
    layout = wrapped(graph_layout(count, residual(count)))
    assert layout.columns > 1
    for index, edge in enumerate(layout.edges):
        others = [place for item, place in enumerate(layout.places) if item not in edge]
        for piece in itertools.pairwise(path(layout, index)):
            if piece[0][0] == piece[1][0]:
                assert not any(through(piece, place) for place in others)


def test_an_edge_goes_up_between_two_columns_and_nowhere_else():
    layout = wrapped(graph_layout(60, residual(60)))
    lefts = sorted({place[0] for place in layout.places})
    for index in range(len(layout.edges)):
        for (x0, y0), (x1, y1) in itertools.pairwise(path(layout, index)):
            if y1 < y0 - 1e-6:
                assert x0 == x1
                assert all(abs(x0 - x) >= BOX[0] / 2 + GUTTER / 4 for x in lefts)


def test_it_breaks_where_few_edges_pass_or_not_at_all():
    wide = [(i, j) for i in range(0, 200, 4) for j in range(i + 1, min(i + 12, 200))]
    before = graph_layout(200, [*chain(200), *wide])
    assert wrapped(before) is before  # ten edges pass everywhere
    layout = wrapped(graph_layout(101, residual(101)))
    tops = {}
    for layer, (x, y) in zip(layout.layers, layout.places, strict=True):
        if y == pytest.approx(BOX[1] / 2 + GAP[1] / 2):
            tops[layer] = x
    for first in sorted(tops)[1:]:
        cut = [e for e in layout.edges if layout.layers[e[0]] < first <= layout.layers[e[1]]]
        assert len(cut) <= MOST_CUT


def test_a_small_graph_and_none_stay_as_they_are():
    for count in (0, 1, 5):
        layout = graph_layout(count, chain(count))
        assert wrapped(layout) is layout
