"""Arrays that calibration must survive, by name."""

import numpy as np

_rng = np.random.default_rng(7)
_normal = _rng.standard_normal(20_000).astype(np.float32)

AWKWARD: dict[str, np.ndarray] = {
    "normal": _normal,
    "after relu": np.maximum(_normal, 0),
    "relu6": np.clip(3 * _normal, 0, 6),
    "gelu": _normal * (1 / (1 + np.exp(-1.702 * _normal))),
    "negative": -np.abs(_normal),
    "all zero": np.zeros(50),
    "constant": np.full(50, 3.3),
    "negative constant": np.full(50, -0.1),
    "one value": np.asarray([7.0]),
    "two values": np.repeat([1.0, -7.0], 50),
    "one outlier": np.append(_normal, 1000.0),
    "zero spike": np.append(_normal, np.zeros(200_000)),
    "offset": 5 + 0.1 * _normal,
    "negative offset": -300 - _normal,
    "lopsided": np.append(1e-6 * np.abs(_normal), -1e3),
    "huge": 1e30 * _normal,
    "mask of the least float32": np.where(_normal < -0.5, np.finfo(np.float32).min, _normal),
    "tiny": 1e-30 * _normal,
    "subnormal": np.asarray([1e-40, -1e-41, 0.0]),
    "a few values": np.asarray([0.1, -0.5, 0.25, 2.0, 0.0]),
}
AWKWARD = {name: np.asarray(values, np.float32) for name, values in AWKWARD.items()}

_most = np.finfo(np.float32).max
DEGENERATE: dict[str, np.ndarray] = {
    "only zeros": np.zeros(50),
    "one constant": np.full(50, 3.3),
    "one negative constant": np.full(50, -0.1),
    "one value": np.asarray([7.0]),
    "the least float32": np.asarray([1e-45]),
    "all the least float32": np.full(50, 1e-45),
    "all the least below zero": np.full(50, -1e-45),
    "a few least float32": np.asarray([1e-45, -1e-45, 0.0, 3e-45]),
    "only subnormals": np.linspace(-1e-40, 1e-39, 300),
    "subnormals among others": np.append(np.full(20, 1e-41), np.linspace(-1, 1, 500)),
    "the largest float32": np.asarray([_most]),
    "both largest": np.asarray([_most, -_most]),
    "all the largest": np.full(50, _most),
    "a far outlier": np.append(np.full(1000, 0.01), 1e6),
}
"""Arrays at the limits of float32 or of variety, by name."""
DEGENERATE = {name: np.asarray(values, np.float32) for name, values in DEGENERATE.items()}
