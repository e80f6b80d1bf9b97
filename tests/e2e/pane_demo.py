"""A model and data whose tensors are of the kinds that calibrators disagree about."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.nets import network, weight

SEED = 11
SAMPLES = 64
OUTLIER = 60.0
TENSORS = {
    "stem": "relu_output",
    "gelu": "gelu_output",
    "project": "project_output",
    "read": "read_relu_output",
    "head": "scores",
}
RELU, GELU, SYMMETRIC, OUTLIERS = "stem", "gelu", "project", "sensor"
KINDS = {"relu": RELU, "outlier": OUTLIERS, "symmetric": SYMMETRIC, "gelu": GELU}


def write(folder: Path) -> tuple[Path, Path]:
    """Write ``pane.onnx`` and ``pane.npz`` into ``folder``: the paths of the two.

    ``relu`` is one-sided with a long tail, ``gelu`` reaches -0.17 on one side, ``project`` is as
    wide on both sides of zero, and ``sensor`` is an input with one value of 60.
    """
    model, data = folder / "pane.onnx", folder / "pane.npz"
    model.write_bytes(
        network(
            """(float[N, 3, 16, 16] image, float[N, 512] sensor) => (float[N, 10] scores) {
                [stem] s = Conv <pads = [1, 1, 1, 1]> (image, w1, b1)
                [relu] relu_output = Relu (s)
                [expand] e = Conv <pads = [1, 1, 1, 1]> (relu_output, w2)
                [gelu] gelu_output = Gelu (e)
                [project] project_output = Conv (gelu_output, w3)
                [act] a = Tanh (project_output)
                [pool] q = GlobalAveragePool (a)
                [flat] f = Flatten (q)
                [read] m = Gemm (sensor, w4)
                [read_relu] read_relu_output = Relu (m)
                [join] j = Concat <axis = 1> (f, read_relu_output)
                [head] scores = Gemm (j, w5)
            }""",
            opset=20,
            w1=weight(16, 3, 3, 3),
            b1=weight(16, seed=6),
            w2=weight(24, 16, 3, 3, seed=7) * 2,
            w3=weight(16, 24, 1, 1, seed=8),
            w4=weight(512, 16, seed=9),
            w5=weight(32, 10, seed=10),
        )
    )
    rng = np.random.default_rng(SEED)
    contrast = rng.uniform(0.4, 2.5, (SAMPLES, 1, 1, 1))
    image = rng.standard_normal((SAMPLES, 3, 16, 16)) * contrast
    sensor = rng.standard_normal((SAMPLES, 512))
    sensor[17, 200] = OUTLIER
    np.savez(
        data,
        image=image.astype(np.float32),
        sensor=sensor.astype(np.float32),
        labels=rng.integers(0, 10, SAMPLES),
    )
    return model, data


def choose(page: Page, layer: str) -> None:
    """Select a layer on the Layers page by its name, and wait until its pane is drawn."""
    search = page.get_by_role("searchbox").or_(page.get_by_placeholder("Search layers")).first
    search.fill(layer)
    expect(page.get_by_text(re.compile(r"^\d+ layers?, \d+ filtered out"))).to_be_visible()
    page.locator(f'.ql-table tr[data-row="{layer}"]').click()
    expect(page.get_by_text(re.compile(rf"^{layer} "))).to_be_visible()
    tensor = TENSORS.get(layer, layer)
    expect(page.locator(f'[data-drawn="{tensor}"]')).to_be_visible()
