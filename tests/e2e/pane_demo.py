"""A model and data whose tensors are of the kinds that calibrators disagree about."""

from pathlib import Path

import numpy as np

from tests.nets import network, weight

SEED = 11
SAMPLES = 64
OUTLIER = 60.0
RELU, GELU, SYMMETRIC, OUTLIERS = "relu", "gelu", "project", "sensor"


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
                [relu] r = Relu (s)
                [expand] e = Conv <pads = [1, 1, 1, 1]> (r, w2)
                [gelu] g = Gelu (e)
                [project] p = Conv (g, w3)
                [act] a = Tanh (p)
                [pool] q = GlobalAveragePool (a)
                [flat] f = Flatten (q)
                [read] m = Gemm (sensor, w4)
                [read_relu] n = Relu (m)
                [join] j = Concat <axis = 1> (f, n)
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
