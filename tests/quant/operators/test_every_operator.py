"""No operator of ONNX ends in a traceback, in another float result or in an untold difference."""

import warnings
from collections.abc import Iterable

import pytest

from tests.quant.operators.road import NOT_RUN, QUANTIZED, WRONG, End
from tests.quant.operators.subjects import Subject, by_opset, node_tests, operators
from tests.quant.operators.table import TRACEBACK, ends


def walk(subjects: Iterable[Subject]) -> list[tuple[Subject, End]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(ends(subjects))
    bad = [(s.name, e.outcome, e.detail) for s, e in found if e.outcome in {WRONG, TRACEBACK}]
    assert not bad
    return found


def test_one_model_of_every_operator():
    first: dict[str, Subject] = {}
    for subject in node_tests():
        first.setdefault(subject.op_type, subject)
    found = walk(first.values())
    assert len(found) > 150
    assert sum(end.outcome == QUANTIZED for _, end in found) > 100


@pytest.mark.slow
def test_every_operator_under_every_opset_that_changed_it():
    found = walk(by_opset())
    seen = {subject.op_type for subject, end in found if end.outcome != NOT_RUN}
    assert len(seen) > 0.8 * len(operators())


@pytest.mark.slow
def test_every_node_test_of_onnx():
    assert len(walk(node_tests())) > 1500
