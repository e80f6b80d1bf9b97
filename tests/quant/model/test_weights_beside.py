"""Weights in files beside a model: read, left there where they are many, refused where not safe."""

import os

import numpy as np
import onnx
import pytest

import quant
from analysis.errors.cumulative import compare
from analysis.errors.local import local_errors
from quant.errors import ModelError
from quant.model import weights_beside
from quant.recipe.edits import with_defaults
from quant.runtime.session import InferenceSession
from tests.models import conv_relu, images


def stored(folder, model=None, **changes):
    """A model with all weights in ``weights.bin``, with entries of the first weight changed."""
    path = folder / "net.onnx"
    onnx.save(
        model or conv_relu(channels=64), path,
        save_as_external_data=True, location="weights.bin", size_threshold=0,
    )  # fmt: skip
    proto = onnx.load(path, load_external_data=False)
    first = proto.graph.initializer[0]
    info = {entry.key: entry.value for entry in first.external_data}
    first.ClearField("external_data")
    for key, value in {**info, **changes}.items():
        first.external_data.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.fixture
def many(monkeypatch):
    """A few hundred bytes of weights are many."""
    monkeypatch.setattr(weights_beside, "LARGE_BYTES", 100)


def whole_road(path, recipe="recommended"):
    model = quant.load(path)
    data = quant.open_data(images(16), model)
    return model, data, quant.quantize(model, quant.calibrate(model, data), quant.preset(recipe))


@pytest.mark.parametrize("recipe", ["recommended", "everything", "onnxruntime-default"])
def test_weights_that_stay_in_files_give_the_same_model(tmp_path, many, monkeypatch, recipe):
    path = stored(tmp_path)
    model, data, made = whole_road(path, recipe)
    assert model.mapped_bytes > 0
    assert len(model.to_bytes()) < model.mapped_bytes
    report = made.save(tmp_path / "out.onnx")
    left_there = InferenceSession(report.path).run(data.probe)
    kept = {p.name: p.read_bytes() for p in tmp_path.glob("out*")}

    monkeypatch.setattr(weights_beside, "LARGE_BYTES", 1 << 30)
    model, data, made = whole_road(path, recipe)
    assert model.mapped_bytes == 0
    made.save(tmp_path / "out.onnx")
    assert {p.name: p.read_bytes() for p in tmp_path.glob("out*")} == kept
    read = InferenceSession(made.to_bytes()).run(data.probe)
    assert all(np.array_equal(read[name], left_there[name]) for name in read)


def test_float_weights_that_stay_are_in_the_written_file(tmp_path, many):
    path = stored(tmp_path)
    model = quant.load(path)
    data = quant.open_data(images(16), model)
    recipe = with_defaults(quant.preset("recommended"), quantize_weight=False)
    made = quant.quantize(model, quant.calibrate(model, data), recipe)
    (tmp_path / "elsewhere").mkdir()
    report = made.save(tmp_path / "elsewhere" / "out.onnx")
    (tmp_path / "weights.bin").unlink()
    expected = InferenceSession(conv_relu(channels=64).SerializeToString()).run(data.probe)
    found = InferenceSession(report.path).run(data.probe)
    assert all(
        np.abs(found[n] - expected[n]).max() < 0.1 * np.abs(expected[n]).max() for n in found
    )


def test_what_is_measured_is_the_same_where_weights_stay(tmp_path, many, monkeypatch):
    path = stored(tmp_path)
    _, data, made = whole_road(path)
    here = compare(made.float_model, made, data).outputs
    local = local_errors(made, data)
    monkeypatch.setattr(weights_beside, "LARGE_BYTES", 1 << 30)
    _, data, made = whole_road(path)
    assert compare(made.float_model, made, data).outputs == here
    assert local_errors(made, data) == local


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"length": str(1 << 40)}, "found 1,099,511,627,776 from byte 0"),
        ({"length": "8"}, "found 8 from byte 0"),
        ({"offset": "-64"}, "from byte -64"),
        ({"offset": str(1 << 62)}, "the file is cut short"),
        ({"offset": "9" * 5000}, "cannot be read"),
        ({"offset": "many"}, "cannot be read"),
        ({"location": "a\0b"}, "cannot be read"),
        ({"location": "x" * 5000}, "cannot be read"),
        ({"location": ""}, "outside"),
        ({"location": "."}, "outside"),
        ({"location": "loop"}, "cannot be read"),
        ({"location": "pipe"}, "cannot be read"),
        ({"location": "folder"}, "cannot be read"),
    ],
)
def test_what_is_not_safe_is_refused_in_a_sentence(tmp_path, changes, sentence):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match=sentence) as raised:
        quant.load(stored(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_a_shape_larger_than_its_file_is_refused_before_memory_is_taken(tmp_path):
    path = stored(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="expected 4,835,703,278,458,516,698,824,704 bytes"):
        quant.load(path)


def test_a_range_that_many_weights_share_is_left_in_its_file(tmp_path, many):
    path = stored(tmp_path)
    proto = onnx.load(path, load_external_data=False)
    for index in range(30):
        copy = proto.graph.initializer.add()
        copy.CopyFrom(proto.graph.initializer[0])
        copy.name = f"copy{index}"
        proto.graph.output.add().name = copy.name
        proto.graph.output[-1].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    path.write_bytes(proto.SerializeToString())
    assert quant.load(path).mapped_bytes > 30 * proto.graph.initializer[0].ByteSize()


def test_a_pipe_for_a_model_is_refused(tmp_path):
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="found a pipe or a device"):
        quant.load(tmp_path / "net.onnx")
