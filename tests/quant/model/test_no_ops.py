"""Arithmetic is taken away only where it changes nothing at all."""

import numpy as np
import pytest

from quant.opening.loading import load
from quant.runtime.session import InferenceSession
from tests.models import from_text

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
SMALL = np.float32(1e-10)


def outputs(operator: str, constant: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """What the file and the prepared model give for values from 1e-12 to 1, and its operators."""
    graph = f"g (float[N,8] x) => (float[N,8] y) {{ s = {operator} l = Log(s) y = Add(l, x) }}"
    content = from_text(f"{HEADER} {graph}", c=np.float32(constant)).SerializeToString()
    model = load(content)
    feeds = {"x": np.logspace(-12, 0, 8, dtype=np.float32)[None]}
    first, second = (
        InferenceSession(held, level="disabled").run(feeds)["y"]
        for held in (content, model.to_bytes())
    )
    return first, second, [node.op_type for node in model.nodes]


@pytest.mark.parametrize("operator", ["Add(x, c)", "Add(c, x)", "Sub(x, c)"])
def test_what_keeps_a_logarithm_from_nothing_stays(operator: str):
    file, prepared, _ = outputs(operator, -SMALL if "Sub" in operator else SMALL)
    np.testing.assert_array_equal(prepared, file)


@pytest.mark.parametrize("operator", ["Mul(x, c)", "Mul(c, x)", "Div(x, c)"])
def test_a_factor_beside_one_stays(operator: str):
    file, prepared, _ = outputs(operator, 1 + 1e-6)
    np.testing.assert_array_equal(prepared, file)


@pytest.mark.parametrize("operator", ["Add(x, c)", "Add(c, x)", "Sub(x, c)"])
def test_nothing_added_is_taken_away(operator: str):
    file, prepared, left = outputs(operator, 0)
    np.testing.assert_array_equal(prepared, file)
    assert left == ["Log", "Add"]


@pytest.mark.parametrize("operator", ["Mul(x, c)", "Mul(c, x)", "Div(x, c)"])
def test_one_times_is_taken_away(operator: str):
    file, prepared, left = outputs(operator, 1)
    np.testing.assert_array_equal(prepared, file)
    assert left == ["Log", "Add"]
