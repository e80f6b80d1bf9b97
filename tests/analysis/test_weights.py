import numpy as np
import pytest
from onnx import helper, numpy_helper

from analysis.weights import weight_channels
from quant.constants import weight_params
from quant.model import load
from quant.numerics import fake_quantize
from quant.types import PerChannel, PerTensor, QType, QuantSpec
from tests.models import conv_relu, model_of


def conv(weight: np.ndarray):
    channels = weight.shape[1]
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv")
    size = [1, channels, 8, 8]
    model = model_of(
        [node],
        {"x": size},
        {"y": [1, weight.shape[0], 6, 6]},
        [numpy_helper.from_array(weight, "w")],
    )
    return load(model.SerializeToString())


def sqnr_db(weight: np.ndarray, granularity: PerTensor | PerChannel) -> float:
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=granularity, narrow_range=True)
    error = fake_quantize(weight, weight_params(weight, spec)).astype(np.float64) - weight
    return float(10 * np.log10((weight.astype(np.float64) ** 2).sum() / (error**2).sum()))


@pytest.fixture
def weight() -> np.ndarray:
    rng = np.random.default_rng(5)
    scales = np.geomspace(0.01, 2, 6)[:, None, None, None]
    return (rng.standard_normal((6, 3, 3, 3)) * scales).astype(np.float32)


def test_ranges_are_those_of_the_output_channels(weight: np.ndarray):
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert np.array_equal(found.low, weight.min(axis=(1, 2, 3)))
    assert np.array_equal(found.high, weight.max(axis=(1, 2, 3)))


def test_errors_are_those_of_the_quantization_that_the_core_does(weight: np.ndarray):
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.whole_per_tensor_db == pytest.approx(sqnr_db(weight, PerTensor()))
    assert found.whole_per_channel_db == pytest.approx(sqnr_db(weight, PerChannel(0)))


def test_a_scale_for_each_channel_helps_where_channels_differ(weight: np.ndarray):
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.ratio > 50
    assert found.median_gain_db > 10
    assert (found.per_channel_db >= found.per_tensor_db - 1).all()


def test_channels_of_zeros_do_not_count(weight: np.ndarray):
    weight[2] = 0
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert np.isfinite(found.ratio)
    assert np.isposinf(found.per_tensor_db[2])
    assert np.isfinite(found.median_gain_db)


def test_codes_say_how_much_of_the_type_a_channel_reaches(weight: np.ndarray):
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.codes.max() == 127
    assert found.codes[0] <= 2


def test_a_matmul_has_its_channels_in_the_last_axis():
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((4, 7)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")
    initializers = [numpy_helper.from_array(weight, "w")]
    model = load(model_of([node], {"x": [1, 4]}, {"y": [1, 7]}, initializers).SerializeToString())
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert np.array_equal(found.high, weight.max(axis=0))


def test_a_node_without_a_weight_has_no_channels():
    model = load(conv_relu().SerializeToString())
    relu = next(node for node in model.nodes if node.op_type == "Relu")
    assert weight_channels(model, relu) is None
