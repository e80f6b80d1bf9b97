"""Samples that calibration keeps."""

import numpy as np
import pytest

import quant
from quant.data.dataset import Batch
from quant.statistics import examples
from quant.statistics.examples import MOST, Example, Examples, kept
from tests.nets import convnet, images


def found(values):
    return [Example({"x": np.full((1, 4), value, np.float32)}) for value in values]


def contents(chosen):
    return [float(example.feeds["x"].flat[0]) for example in chosen]


def test_which_are_kept_depends_on_content_alone():
    whole = contents(kept(found(range(100))))
    assert len(whole) == MOST
    assert contents(kept(found(reversed(range(100))))) == whole
    assert contents(kept([*kept(found(range(40))), *kept(found(range(40, 100)))])) == whole
    assert max(whole) - min(whole) > 30  # spread over the data


def test_each_is_kept_once():
    assert len(kept(found([1, 1, 1, 2]))) == 2


def test_few_are_kept_where_samples_are_large(monkeypatch):
    monkeypatch.setattr(examples, "MOST_BYTES", 40)
    assert len(kept(found(range(50)))) == 2
    monkeypatch.setattr(examples, "MOST_BYTES", 1)
    assert len(kept(found(range(50)))) == 1


def test_batches_of_any_size_keep_the_same():
    x = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    sizes = (1, 7, 30)
    chosen = []
    for size in sizes:
        sketch = Examples(None)
        for first in range(0, 30, size):
            part = x[first : first + size]
            sketch.add(Batch({"x": part}, first, len(part), len(part)))
        chosen.append([example.digest for example in sketch.result()])
    assert chosen[0] == chosen[1] == chosen[2]


def test_a_model_of_fixed_size_is_fed_a_sample_as_often_as_it_takes():
    sketch = Examples(4)
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    sketch.add(Batch({"x": x}, 0, 3, 4))
    assert len(sketch.result()) == 3
    for example in sketch.result():
        assert example.feeds["x"].shape == (4, 2)
        assert (example.feeds["x"] == example.feeds["x"][0]).all()


def test_what_is_kept_holds_nothing_of_its_batch():
    sketch = Examples(None)
    x = np.zeros((20, 4), np.float32) + np.arange(20, dtype=np.float32)[:, None]
    sketch.add(Batch({"x": x}, 0, 20, 20))
    before = contents(sketch.result())
    x[:] = -1
    assert contents(sketch.result()) == before


@pytest.mark.parametrize("batch", ["N", "3"])
def test_calibrations_of_parts_keep_what_one_of_all_does(batch, tmp_path):
    model, x = quant.load(convnet(batch)), images(12)
    parts = [quant.calibrate(model, quant.open_data({"x": part}, model)) for part in (x[:6], x[6:])]
    whole = quant.calibrate(model, quant.open_data({"x": x}, model))
    merged = parts[0] + parts[1]
    assert [e.digest for e in merged.examples] == [e.digest for e in whole.examples]
    assert merged.digest == whole.digest
    whole.save(tmp_path / "c.npz")
    loaded = quant.Calibration.load(tmp_path / "c.npz")
    assert [e.digest for e in loaded.examples] == [e.digest for e in whole.examples]
    assert loaded.digest == whole.digest
