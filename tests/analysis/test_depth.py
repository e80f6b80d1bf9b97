import pytest

import quant
from analysis.depth import tensor_depths
from tests import nets


@pytest.fixture(scope="module")
def model():
    return quant.load(nets.convnet())


def test_a_branch_joins_where_both_its_ways_are_read(model):
    found = tensor_depths(model, ["r1", "c2", "a", "y"])
    assert found.depth == {"r1": 2, "c2": 3, "a": 4, "y": 8}
    assert set(found.edges) == {("r1", "c2"), ("r1", "a"), ("c2", "a"), ("a", "y")}


def test_tensors_that_are_left_out_are_passed_over(model):
    found = tensor_depths(model, ["x", "a"])
    assert found.edges == (("x", "a"),)
    assert tensor_depths(model, []).depth == {}


def test_every_way_leads_deeper(model):
    found = tensor_depths(model, model.tensors)
    assert len(found.depth) == len(model.tensors)
    assert all(found.depth[start] < found.depth[end] for start, end in found.edges)
