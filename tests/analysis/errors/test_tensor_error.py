import math

import numpy as np
import pytest

from analysis.errors.tensor_error import ErrorAccumulator
from quant.io.codec import plain
from quant.io.tables import finite


def of(*pairs):
    accumulator = ErrorAccumulator()
    for reference, test in pairs:
        accumulator.add(np.asarray(reference, np.float32), np.asarray(test, np.float32))
    return accumulator.result()


def test_errors_equal_their_definitions_for_every_batching():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((40, 1000)).astype(np.float32)
    b = a + rng.standard_normal(a.shape).astype(np.float32) / 10
    x, y = a.astype(np.float64), b.astype(np.float64)
    for cuts in ([], [1], [7, 20], list(range(1, 40))):
        found = of(*zip(np.split(a, cuts), np.split(b, cuts), strict=True))
        assert found.sqnr_db == pytest.approx(
            10 * math.log10((x**2).sum() / ((x - y) ** 2).sum()), abs=1e-9
        )
        assert found.cosine == pytest.approx(
            (x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-12
        )
        assert found.mse == pytest.approx(((x - y) ** 2).mean())
        assert found.max_abs == np.abs(x - y).max()
        assert found.count == a.size


def test_equal_tensors_have_infinite_sqnr_and_cosine_one():
    for values in ([1, 2], [0, 0], [1e-30, 0]):
        found = of((values, values))
        assert (found.sqnr_db, found.cosine, found.mse, found.max_abs) == (math.inf, 1, 0, 0)


def test_a_zero_reference_is_no_signal():
    found = of(([0, 0], [1, 0]))
    assert (found.sqnr_db, found.cosine, found.mse) == (-math.inf, 0, 0.5)
    assert of(([1, 0], [0, 0])).sqnr_db == 0


def test_opposite_tensors_have_cosine_minus_one():
    assert of(([3, 4], [-3, -4])).cosine == -1


def test_json_holds_no_infinity():
    for pair in (([1], [1]), ([0], [1])):
        found = finite(plain(of(pair)))
        assert found["sqnr_db"] is None
        assert (found["mse"] == 0) == (pair[0] == pair[1])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        of(([1, 2], [1]))
