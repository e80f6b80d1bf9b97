"""What leads from tensor to tensor in the float graph."""

import pytest

import quant
from analysis.graph.model_graph import measured_edges
from tests import nets


@pytest.fixture(scope="module")
def model():
    return quant.load(nets.convnet())


def test_a_branch_joins_where_both_its_ways_are_read(model):
    edges = measured_edges(model, ["r1", "c2", "a", "y"])
    assert set(edges) == {("r1", "c2"), ("r1", "a"), ("c2", "a"), ("a", "y")}


def test_tensors_that_are_left_out_are_passed_over(model):
    assert measured_edges(model, ["x", "a"]) == (("x", "a"),)
    assert measured_edges(model, []) == ()


def test_every_edge_leads_on(model):
    place = {name: index for index, name in enumerate(model.tensors)}
    edges = measured_edges(model, model.tensors)
    assert {end for _, end in edges} == set(model.producers)
    assert all(place[start] < place[end] for start, end in edges)
