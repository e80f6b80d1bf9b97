import threading

import numpy as np
import onnxruntime as ort
import pytest

import quant
from analysis.errors.cumulative import ComparisonAccumulator, compare
from analysis.errors.measuring import measure
from analysis.errors.runs import FileRuns
from analysis.errors.tensor_error import ErrorAccumulator
from analysis.figures.depth import depth_figure
from quant.errors import Cancelled, DataError, ModelError
from tests import nets


@pytest.fixture(scope="module")
def model():
    return quant.load(nets.convnet())


@pytest.fixture(scope="module")
def data():
    x = nets.images(13, seed=1)
    return quant.open_data({"x": x, "labels": np.arange(13) % 4})


@pytest.fixture(scope="module")
def quantized(model, data):
    calibration = quant.calibrate(model, data)
    return quant.quantize(model, calibration, quant.preset("everything"))


def test_outputs_and_top1_are_what_plain_onnx_runtime_gives(model, quantized, data):
    found = compare(model, quantized, data)
    x = np.concatenate([s["x"] for s in data.samples()])
    outputs = [
        ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        for content in (model.to_bytes(), quantized.to_bytes())
    ]
    expected = ErrorAccumulator()
    expected.add(*outputs)
    assert found.outputs["y"].sqnr_db == pytest.approx(expected.result().sqnr_db, abs=0.5)
    predictions = [o.argmax(axis=1) for o in outputs]
    assert np.array_equal(found.float_predictions, predictions[0])
    assert np.array_equal(found.int8_predictions, predictions[1])
    assert found.float_top1 == np.mean(predictions[0] == data.labels)
    assert found.int8_top1 == np.mean(predictions[1] == data.labels)
    assert found.agreement == np.mean(predictions[0] == predictions[1])
    assert found.samples == 13


def test_every_quantized_tensor_has_an_error_and_more_bits_have_less(model, quantized, data):
    found = compare(model, quantized, data)
    assert set(found.tensors) >= {"c2", "r2", "p"} & set(quantized.tensor_map)
    assert all(5 < e.sqnr_db < 80 for e in found.tensors.values())
    assert not found.left_out


def test_a_model_against_itself_has_no_error(model, tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(model.to_bytes())
    found = compare(path, str(path), data, tensors="all")
    assert {e.mse for e in (*found.outputs.values(), *found.tensors.values())} == {0}
    assert found.float_top1 == found.int8_top1
    assert found.agreement == 1


def test_two_files_give_what_the_models_in_memory_give(model, quantized, data, tmp_path):
    paths = tmp_path / "f.onnx", tmp_path / "q.onnx"
    for path, m in zip(paths, (model, quantized), strict=True):
        path.write_bytes(m.to_bytes())
    a, b = compare(*paths, data), compare(model, quantized, data)
    assert a.outputs == b.outputs
    assert a.tensors == b.tensors


def test_every_batch_size_gives_the_same_predictions(model, quantized, data):
    found = []
    for size in (1, 5, 32):
        observer = ComparisonAccumulator(data.labels)
        measure(FileRuns(model, quantized), data, [observer], batch=size)
        found.append(observer.result())
    for other in found[1:]:
        assert np.array_equal(other.int8_predictions, found[0].int8_predictions)
        for name, error in other.tensors.items():
            assert error.sqnr_db == pytest.approx(found[0].tensors[name].sqnr_db, abs=0.5)


def test_only_outputs_and_the_first_samples_when_asked(model, quantized, data):
    found = compare(model, quantized, data, samples=5, tensors="outputs")
    assert (found.samples, len(found.float_predictions), found.tensors) == (5, 5, {})
    with pytest.raises(DataError, match="at least 1 sample"):
        compare(model, quantized, data, samples=0)


def test_without_labels_there_is_no_top1(model, quantized):
    found = compare(model, quantized, quant.open_data({"x": nets.images(3)}))
    assert (found.float_top1, found.int8_top1) == (None, None)
    assert found.agreement is not None


def test_models_that_do_not_belong_together_are_one_sentence(model, data, tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(nets.network("(float[N, 3, H, W] x) => (float[N, 3, H, W] z) {z = Relu (x)}"))
    with pytest.raises(ModelError, match="same outputs, found y in the float model and z"):
        compare(model, path, data)


def test_data_for_another_input_is_refused(model, quantized):
    with pytest.raises(DataError, match="'x'"):
        compare(model, quantized, quant.open_data({"z": nets.images(2)}))


def test_cancel_leaves_no_thread(model, quantized, data):
    before = threading.active_count()

    def cancel(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        compare(model, quantized, data, progress=cancel)
    assert threading.active_count() == before


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_depth_figure_draws_every_tensor_in_order(model, quantized, data, mode):
    tensors = compare(model, quantized, data).tensors
    name = list(tensors)[-1]
    figure = depth_figure(tensors, selected=name, title="Depth", mode=mode)
    assert list(figure.data[0].customdata) == list(tensors)
    assert figure.data[1].y[0] == pytest.approx(tensors[name].sqnr_db, rel=1e-5)
    assert len(depth_figure({}).data[0].x) == 0
