"""Float models of any batch and size, for tests that calibrate and compare."""

import numpy as np

from tests.models import from_text


def network(text: str, opset: int = 17, **weights: np.ndarray) -> bytes:
    """The content of a model file from ``inputs => outputs { nodes }`` in ONNX's text form."""
    header = f'<ir_version: 8, opset_import: ["" : {opset}]> net '
    return from_text(header + text, **weights).SerializeToString()


def weight(*shape: int, seed: int = 5) -> np.ndarray:
    """A random weight that keeps the signal's power."""
    rng = np.random.default_rng(seed)
    fan_in = max(1, int(np.prod(shape[1:])))
    return (rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


def convnet(batch: str = "N", channels: int = 6) -> bytes:
    """Conv, Relu, Conv, Add, Relu, pool, Flatten, Gemm, from (N, 3, H, W) to (N, 4)."""
    return network(
        f"""(float[{batch}, 3, H, W] x) => (float[{batch}, 4] y) {{
            c1 = Conv <pads = [1, 1, 1, 1]> (x, w1, b1)
            r1 = Relu (c1)
            c2 = Conv <pads = [1, 1, 1, 1]> (r1, w2)
            a = Add (c2, r1)
            r2 = Relu (a)
            p = GlobalAveragePool (r2)
            f = Flatten (p)
            y = Gemm (f, w3)
        }}""",
        w1=weight(channels, 3, 3, 3),
        b1=weight(channels),
        w2=weight(channels, channels, 3, 3, seed=6),
        w3=weight(channels, 4, seed=7),
    )


def images(count: int, size: int = 12, seed: int = 0) -> np.ndarray:
    """Inputs for :func:`convnet`, each of another contrast."""
    rng = np.random.default_rng(seed)
    contrast = rng.uniform(0.5, 4, (count, 1, 1, 1))
    return (rng.standard_normal((count, 3, size, size)) * contrast).astype(np.float32)
