"""Batches of made-up tensors, the same ones the recorded choices of the real tools belong to.

The seed of each tensor comes from its name, so every one can be made alone. Batches are float32 of
shape (4, 16, 16, 16): four samples each.
"""

from collections.abc import Callable

import numpy as np

SHAPE = (4, 16, 16, 16)
Draw = Callable[[np.random.Generator], np.ndarray]


def _gelu(x: np.ndarray) -> np.ndarray:
    """The tanh form of Gelu."""
    return x * 0.5 * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def _normal(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(SHAPE)


def _with_outlier(rng: np.random.Generator) -> np.ndarray:
    index = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return np.where(index == 77, 40.0, _normal(rng))


_DRAWS: dict[str, list[Draw]] = {
    "normal": [_normal] * 4,
    "relu": [lambda rng: np.maximum(_normal(rng), 0)] * 4,
    "relu6": [lambda rng: np.clip(_normal(rng) * 3, 0, 6)] * 4,
    "laplace": [lambda rng: rng.laplace(size=SHAPE)] * 4,
    "one_outlier": [_with_outlier] * 2,
    "offset": [lambda rng: 5 + 0.1 * _normal(rng)] * 3,
    "gelu": [lambda rng: _gelu(2 * _normal(rng))] * 4,
    "quiet_then_loud": [lambda rng: 0.2 * _normal(rng), _normal, lambda rng: 3 * _normal(rng)],
    "uniform": [lambda rng: rng.uniform(-1, 3, size=SHAPE)] * 2,
    "sigmoid": [lambda rng: 1 / (1 + np.exp(-2 * _normal(rng)))] * 2,
}

NAMES = list(_DRAWS)


def batches(name: str) -> list[np.ndarray]:
    """The batches of one tensor, in order."""
    seed = sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 2**32
    rng = np.random.default_rng(seed)
    return [np.asarray(draw(rng), np.float32) for draw in _DRAWS[name]]
