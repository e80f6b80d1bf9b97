import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.graph.layout import BEND, BOX, graph_layout
from analysis.graph.model_graph import model_graph
from quant.opening.loading import load
from sample_models import samples
from tests.hypothesis_profile import examples


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 40))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    return count, [(min(p), max(p)) for p in draw(st.lists(pairs, max_size=80)) if p[0] != p[1]]


def residual(count):
    """Blocks of four nodes, each with an edge around it, and one edge around everything."""
    edges = [(0, count - 1)]
    for start in range(0, count - 4, 4):
        edges += [(start + i, start + i + 1) for i in range(4)] + [(start, start + 4)]
    return edges


@examples(60)
@given(graphs())
def test_every_edge_goes_down_and_nothing_in_a_layer_overlaps(graph):
    count, edges = graph
    layout = graph_layout(count, edges)
    for source, target in edges:
        assert layout.layers[source] < layout.layers[target]
        assert layout.places[source][1] + BOX[1] < layout.places[target][1]
    spans = {}
    for (x, _), layer in zip(layout.places, layout.layers, strict=True):
        spans.setdefault(layer, []).append((x - BOX[0] / 2, x + BOX[0] / 2))
    for (source, target), bends in zip(layout.edges, layout.bends, strict=True):
        ends = [layout.places[source][1], *(y for _, y in bends), layout.places[target][1]]
        assert ends == sorted(ends)
        for layer in range(layout.layers[source] + 1, layout.layers[target]):
            x = x_at(bends, layer, layout)
            spans[layer].append((x - BEND / 2, x + BEND / 2))
    for layer in spans.values():
        for left, right in itertools.pairwise(sorted(layer)):
            assert left[1] <= right[0] + 1e-6
    width, height = layout.size
    assert all(
        x - BOX[0] / 2 + 1e-6 >= 0 and x + BOX[0] / 2 <= width + 1e-6 for x, _ in layout.places
    )
    assert all(BOX[1] / 2 <= y <= height - BOX[1] / 2 for _, y in layout.places)


def x_at(bends, layer, layout):
    """Where an edge passes the middle of a layer: it is vertical there."""
    middle = next(y for (_, y), at in zip(layout.places, layout.layers, strict=True) if at == layer)
    return next(
        x0
        for (x0, y0), (x1, y1) in itertools.pairwise(bends)
        if y0 <= middle <= y1 and x0 == pytest.approx(x1, abs=0.6)
    )


def test_a_node_lies_below_its_longest_path():
    layout = graph_layout(5, [(0, 1), (1, 2), (0, 2), (2, 4), (3, 4)])
    assert layout.layers == (0, 1, 2, 2, 3)


def test_a_chain_is_a_straight_line():
    layout = graph_layout(6, [(i, i + 1) for i in range(5)])
    assert {x for x, _ in layout.places} == {BOX[0] / 2}


def test_two_crossed_pairs_are_uncrossed():
    layout = graph_layout(6, [(0, 3), (0, 5), (1, 4), (2, 3), (1, 5), (2, 5)])
    order = sorted(range(6), key=lambda i: (layout.layers[i], layout.places[i][0]))
    x = {item: place for place, item in enumerate(order)}
    crossed = [
        (a, b)
        for a, b in itertools.combinations(layout.edges, 2)
        if (x[a[0]] - x[b[0]]) * (x[a[1]] - x[b[1]]) < 0
    ]
    least = min(
        sum(
            (p[a[0]] - p[b[0]]) * (q[a[1] - 3] - q[b[1] - 3]) < 0
            for a, b in itertools.combinations(layout.edges, 2)
        )
        for p in itertools.permutations(range(3))
        for q in itertools.permutations(range(3))
    )
    assert len(crossed) == least


@examples(10)
@given(graphs())
def test_the_same_graph_always_looks_the_same(graph):
    count, edges = graph
    assert graph_layout(count, edges) == graph_layout(count, list(reversed(edges)) * 2)


def test_no_nodes_take_no_room():
    assert graph_layout(0, []).size == (0.0, 0.0)


def test_an_edge_that_goes_back_is_refused():
    with pytest.raises(ValueError, match="earlier nodes to later ones"):
        graph_layout(2, [(1, 0)])


def test_a_thousand_nodes_are_laid_out_at_once():
    edges = residual(1001)
    rng = np.random.default_rng(3)
    wide = sorted({(int(max(0, t - rng.integers(1, 12))), t) for t in range(1, 1000) for _ in "ab"})
    for name, count, pairs in (("residual", 1001, edges), ("wide", 1000, wide)):
        best = min(_seconds(count, pairs) for _ in range(3))
        print(f"{name}: {count} nodes, {len(pairs)} edges laid out in {1000 * best:.1f} ms")
        assert best < 2


def _seconds(count, edges):
    start = time.perf_counter()
    graph_layout(count, edges)
    return time.perf_counter() - start


@pytest.mark.parametrize("sample", samples(), ids=lambda s: s.name)
def test_the_graph_of_a_model_holds_each_input_and_node_and_what_leads_where(sample):
    model = load(sample.model_path)
    graph = model_graph(model)
    inputs = [info.name for info in model.inputs]
    assert list(graph.names) == inputs + [node.name for node in model.nodes]
    first = len(inputs)
    for source, target in graph.layout.edges:
        given = {inputs[source]} if source < first else {*model.nodes[source - first].outputs}
        assert given & set(model.nodes[target - first].inputs)
    read = sum(
        len(
            {
                model.producers[n].name if n in model.producers else n
                for n in node.inputs
                if n in model.producers or n in inputs
            }
        )
        for node in model.nodes
    )
    assert len(graph.layout.edges) == read
    assert {name for text in graph.outputs for name in text.split(", ") if name} == {
        info.name for info in model.outputs
    }
