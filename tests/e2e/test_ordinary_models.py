"""Ordinary models of other people, opened, analyzed and exported in the browser.

A fixed batch with a state, a transformer with padded sentences, a detector that finds nothing: each
goes from the file to an int8 file that another session runs on the same samples.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App, save_as
from tests.models import from_text

pytestmark = pytest.mark.e2e

PATIENCE = 90_000
RNG = np.random.default_rng(77)


def normal(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
    return (scale * RNG.standard_normal(shape)).astype(np.float32)


def weight(*shape: int) -> NDArray[np.float32]:
    fan_in = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
    return normal(*shape, scale=fan_in**-0.5)


@dataclass(frozen=True)
class Case:
    """A model with its data.

    Attributes:
        model: The model.
        data: Its samples.
        group: How many of them it takes at once.
        outputs: The outputs that hold numbers, and the least sqnr of each in dB.
    """

    model: onnx.ModelProto
    data: dict[str, NDArray[np.generic]]
    group: int
    outputs: dict[str, float]


def _net(graph: str, **arrays: NDArray[np.generic]) -> onnx.ModelProto:
    return from_text(f'<ir_version: 8, opset_import: ["" : 17]> {graph}', **arrays)


def state_in_a_fixed_batch() -> Case:
    model = _net(
        "step (float[4, 16] x, float[4, 8] state) => (float[4, 4] y, float[4, 8] next) { "
        "a = Gemm (x, w1, b1) r = Relu (a) s = MatMul (state, w2) t = Add (r, s) "
        "next = Tanh (t) y = MatMul (next, w3) }",
        w1=weight(16, 8), b1=normal(8, scale=0.1), w2=weight(8, 8), w3=weight(8, 4),
    )  # fmt: skip
    data = {"x": normal(22, 16), "state": normal(22, 8, scale=0.5)}
    return Case(model, data, 4, {"y": 25, "next": 25})


def masked_transformer() -> Case:
    lowest = np.float32(np.finfo(np.float32).min)
    model = _net(
        "encoder (int64[N, T] ids, int64[N, T] mask) => (float[N, T, 16] y) { "
        "e = Gather (table, ids) q = MatMul (e, wq) k = MatMul (e, wk) v = MatMul (e, wv) "
        "kt = Transpose <perm = [0, 2, 1]> (k) p = MatMul (q, kt) s = Mul (p, quarter) "
        "f = Cast <to = 1> (mask) i = Sub (one, f) j = Mul (i, lowest) "
        "u = Unsqueeze (j, first) m = Add (s, u) a = Softmax <axis = -1> (m) c = MatMul (a, v) "
        "o = MatMul (c, wo) d = Add (o, e) "
        "y = LayerNormalization <axis = -1> (d, gain, shift) }",
        table=normal(50, 16), wq=weight(16, 16), wk=weight(16, 16), wv=weight(16, 16),
        wo=weight(16, 16), quarter=np.float32(0.25), one=np.float32(1), lowest=lowest,
        first=np.int64([1]), gain=np.ones(16, np.float32), shift=np.zeros(16, np.float32),
    )  # fmt: skip
    lengths = RNG.integers(3, 11, 20)
    mask = (np.arange(10) < lengths[:, None]).astype(np.int64)
    return Case(model, {"ids": RNG.integers(0, 50, (20, 10)) * mask, "mask": mask}, 1, {"y": 20})


def detector_of_nothing() -> Case:
    model = _net(
        "detector (float[1, 3, 16, 16] image) => (float[M, 4] found, float[1, 4, 16, 16] map) { "
        "c = Conv <pads = [1, 1, 1, 1]> (image, w1, b1) r = Relu (c) "
        "map = Conv <pads = [1, 1, 1, 1]> (r, w2) t = Transpose <perm = [0, 2, 3, 1]> (map) "
        "boxes = Reshape (t, rows) score = ReduceMax <axes = [1], keepdims = 0> (boxes) "
        "sure = Greater (score, limit) found = Compress <axis = 0> (boxes, sure) }",
        w1=weight(8, 3, 3, 3), b1=normal(8, scale=0.1), w2=weight(4, 8, 3, 3),
        rows=np.int64([-1, 4]), limit=np.float32(1000),
    )  # fmt: skip
    return Case(model, {"image": normal(12, 3, 16, 16)}, 1, {"map": 25})


CASES: dict[str, Callable[[], Case]] = {
    "fixed batch with a state": state_in_a_fixed_batch,
    "masked transformer": masked_transformer,
    "detector with empty outputs": detector_of_nothing,
}


def no_error(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize("name", CASES)
def test_opened_analyzed_and_exported(
    page: Page, start_app: Callable[..., App], tmp_path: Path, name: str
):
    case = CASES[name]()
    model, data, target = (tmp_path / n for n in ("net.onnx", "data.npz", "int8.onnx"))
    model.write_bytes(case.model.SerializeToString())
    np.savez(data, **case.data)
    app = start_app(model=str(model), data=str(data))
    page.goto(app.address)
    expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
    no_error(page)

    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.get_by_text(re.compile("output sqnr")).last).to_be_visible(timeout=PATIENCE)
    no_error(page)
    for where in ("Graph", "Setup", "Layers"):
        page.get_by_role("link", name=where, exact=True).click()
        no_error(page)

    page.get_by_role("link", name="Export", exact=True).click()
    save_as(page, target)
    expect(page.get_by_text(f"Wrote {target}")).to_be_visible(timeout=PATIENCE)
    no_error(page)

    first, second = (ort.InferenceSession(str(p)) for p in (model, target))
    feeds = {key: array[: case.group] for key, array in case.data.items()}
    outputs = [value.name for value in first.get_outputs()]
    expected, found = (
        dict(zip(outputs, s.run(outputs, feeds), strict=True)) for s in (first, second)
    )
    assert any(n.op_type == "QuantizeLinear" for n in onnx.load(target).graph.node)
    for output in outputs:
        assert found[output].shape == expected[output].shape
        assert np.isfinite(found[output]).all()
    for output, least in case.outputs.items():
        noise = float(np.square(found[output] - expected[output]).sum())
        assert noise <= float(np.square(expected[output]).sum()) * 10 ** (-least / 10)
