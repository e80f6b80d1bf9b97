import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

import quant
from analysis.ranges.weight_channels import TYPES, WeightChannels, weight_channels, weight_options
from quant.numerics import fake_quantize
from quant.opening.loading import load
from quant.params.constants import weight_params
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings
from quant.types import PerChannel, PerTensor, QType, QuantSpec
from tests.models import conv_relu, from_text, model_of


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


def loop_sqnr_db(weight: np.ndarray, axis: int, qtype: QType, *, per_channel: bool) -> float:
    """The same by plain loops over channels and elements."""
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    signal = noise = 0.0
    for row in rows:
        width = np.abs(row if per_channel else rows).max()
        scale = np.float32(float(width) / qtype.qmax)
        for value in row:
            code = max(-qtype.qmax, min(qtype.qmax, round(float(value / scale)))) if scale else 0
            signal += float(value) ** 2
            noise += (float(np.float32(code) * scale) - float(value)) ** 2
    return 10 * np.log10(signal / noise)


def runtime_sqnr_db(weight: np.ndarray, axis: int, qtype: QType, *, per_channel: bool) -> float:
    """The same by ONNX Runtime's QuantizeLinear and DequantizeLinear."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    width = np.abs(weight).max(axis=others if per_channel else None)
    scale = (width.astype(np.float64) / qtype.qmax).astype(np.float32)
    attributes = {"axis": axis} if per_channel else {}
    zero = helper.make_tensor(
        "zero", qtype.onnx_type, scale.shape, np.zeros(scale.size, np.int8).tolist()
    )
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], **attributes),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], **attributes),
    ]
    shape = list(weight.shape)
    initializers = [numpy_helper.from_array(scale, "scale"), zero]
    model = model_of(nodes, {"x": shape}, {"y": shape}, initializers, opset=21, ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    error = session.run(None, {"x": weight})[0].astype(np.float64) - weight
    return float(10 * np.log10((weight.astype(np.float64) ** 2).sum() / (error**2).sum()))


OPTIONS = [(qtype, per_channel) for qtype in TYPES for per_channel in (False, True)]


@pytest.mark.parametrize("independent", [loop_sqnr_db, runtime_sqnr_db])
def test_every_option_has_the_error_of_loops_and_of_onnx_runtime(weight: np.ndarray, independent):
    model = conv(weight)
    options = weight_options(model, model.nodes[0])
    assert [(option.qtype, option.per_channel) for option in options] == OPTIONS
    for option in options:
        expected = independent(weight, 0, option.qtype, per_channel=option.per_channel)
        assert option.sqnr_db == pytest.approx(expected, abs=1e-6)


def matmul(weight: np.ndarray):
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")
    shapes = {"x": [1, weight.shape[0]]}, {"y": [1, weight.shape[1]]}
    return load(
        model_of([node], *shapes, [numpy_helper.from_array(weight, "w")]).SerializeToString()
    )


def test_channels_in_the_last_axis_have_the_same_errors():
    weight = np.random.default_rng(2).standard_normal((5, 9)).astype(np.float32)
    model = matmul(weight)
    for option in weight_options(model, model.nodes[0]):
        expected = loop_sqnr_db(weight, 1, option.qtype, per_channel=option.per_channel)
        assert option.sqnr_db == pytest.approx(expected, abs=1e-6)


def test_the_size_of_an_option_is_what_the_exported_file_holds(weight: np.ndarray):
    model = conv(weight)
    calibration = quant.calibrate(model, quant.open_data({"x": np.zeros((1, 3, 8, 8), "f4")}))
    for option in weight_options(model, model.nodes[0]):
        settings = Settings(weight_type=option.qtype, per_channel=option.per_channel)
        made = quant.quantize(model, calibration, Recipe(defaults=settings)).to_bytes()
        held = [t for t in onnx.load_from_string(made).graph.initializer if t.name.startswith("w_")]
        assert len(held) == 3
        assert sum(len(t.raw_data) for t in held) == option.size_bytes


def test_a_weight_with_one_channel_gains_nothing_from_a_scale_of_its_own():
    weight = np.random.default_rng(3).standard_normal((1, 1, 3, 3)).astype(np.float32)
    model = conv(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.median_gain_db == 0
    assert not found.wide.size
    assert not found.narrow.size
    one, many = (o.sqnr_db for o in weight_options(model, model.nodes[0]) if o.qtype is QType.INT8)
    assert one == many


def test_a_depthwise_weight_has_a_channel_for_each_filter():
    weight = np.random.default_rng(4).standard_normal((6, 1, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", group=6)
    proto = model_of(
        [node],
        {"x": [1, 6, 8, 8]},
        {"y": [1, 6, 6, 6]},
        [numpy_helper.from_array(weight, "w")],
    )
    model = load(proto.SerializeToString())
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert np.array_equal(found.widths, np.abs(weight).max(axis=(1, 2, 3)))


def test_a_weight_of_zeros_has_no_error_and_no_outlier():
    model = conv(np.zeros((4, 3, 3, 3), np.float32))
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.dead.tolist() == [0, 1, 2, 3]
    assert not found.wide.size
    assert not found.narrow.size
    assert found.median_width == 0
    assert all(np.isposinf(o.sqnr_db) for o in weight_options(model, model.nodes[0]))


def test_int4_with_one_scale_loses_whole_channels_but_not_their_meaning():
    weight = np.full((3, 1, 1, 1), 1.0, np.float32)
    weight[1] = 0.01  # less than half a step of 1/7: becomes 0, an error as large as the signal
    model = conv(weight)
    found = weight_channels(model, model.nodes[0], QType.INT4)
    assert found is not None
    assert found.per_tensor_db[1] == pytest.approx(0)
    assert found.codes.tolist() == [7, 0, 7]
    assert found.per_channel_db[1] > 100


def of_widths(widths: list[float]) -> WeightChannels:
    model = matmul(np.array([widths], np.float32))
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    return found


def test_a_channel_far_above_or_below_the_others_is_an_outlier():
    rng = np.random.default_rng(0)
    widths = rng.uniform(0.8, 1.2, 64).tolist()
    widths[7], widths[20], widths[21], widths[50] = 30.0, 0.001, 0.0, 90.0
    found = of_widths(widths)
    assert found.wide.tolist() == [50, 7]
    assert found.narrow.tolist() == [20]
    assert found.dead.tolist() == [21]


def test_widths_that_differ_evenly_have_no_outlier():
    found = of_widths(np.geomspace(0.01, 10, 40).tolist())
    assert not found.wide.size
    assert not found.narrow.size


def test_less_than_one_bit_from_equal_channels_is_no_outlier():
    assert not of_widths([1.0] * 9 + [1.9]).wide.size
    assert of_widths([1.0] * 9 + [2.1]).wide.tolist() == [9]
    assert of_widths([1.0] * 9 + [0.4]).narrow.tolist() == [9]


def test_outliers_do_not_depend_on_the_unit_of_the_weights():
    widths = np.random.default_rng(1).lognormal(0, 0.3, 100)
    widths[3] *= 40
    one, other = of_widths(widths.tolist()), of_widths((widths * 1e-4).tolist())
    assert one.wide.tolist() == other.wide.tolist()
    assert 3 in one.wide


def test_thousands_of_channels_are_measured_like_few():
    rng = np.random.default_rng(6)
    weight = (rng.standard_normal((64, 4096)) * rng.lognormal(0, 0.2, 4096)).astype(np.float32)
    weight[:, 1234] *= 100
    model = matmul(weight)
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    assert found.widths.shape == (4096,)
    assert found.wide[0] == 1234
    alone = weight_channels(single := matmul(weight[:, :1]), single.nodes[0])
    assert alone is not None
    assert found.per_channel_db[0] == pytest.approx(alone.per_channel_db[0])


def test_a_weight_without_output_channels_has_options_with_one_scale_only():
    table = np.random.default_rng(8).standard_normal((16, 4)).astype(np.float32)
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (int64[batch] ids, float[batch, 4] x) => (float[batch, 4] y)
    {
        [embed] e = Gather (table, ids)
        [add] y = Add (e, x)
    }
    """
    model = load(from_text(text, table=table).SerializeToString())
    embed = next(node for node in model.nodes if node.op_type == "Gather")
    assert weight_channels(model, embed) is None
    options = weight_options(model, embed)
    assert [(option.qtype, option.per_channel) for option in options] == [(t, False) for t in TYPES]
    rows = table.reshape(1, -1)
    for option in options:
        assert option.sqnr_db == pytest.approx(
            loop_sqnr_db(rows, 0, option.qtype, per_channel=False)
        )


def test_a_node_without_a_weight_has_no_options():
    model = load(conv_relu().SerializeToString())
    relu = next(node for node in model.nodes if node.op_type == "Relu")
    assert weight_options(model, relu) == ()
