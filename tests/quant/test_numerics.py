import functools
import math

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from quant.numerics import dequantize_linear, fake_quantize, params_from_range, quantize_linear
from quant.types import PerChannel, PerTensor, QType, QuantParams, QuantSpec
from tests.hypothesis_profile import examples

CODES = [q for q in QType if q is not QType.INT32]
TINY = float(np.finfo(np.float32).tiny)
FLOATS = st.one_of(
    st.floats(width=32, allow_nan=False),
    st.floats(-300, 300, width=32),
    st.integers(-600, 600).map(lambda k: k / 2),
    st.sampled_from([np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -0.0]),
)
SCALES = st.one_of(
    st.floats(TINY, float(np.float32(1e30)), width=32),
    st.floats(2**-10, 4, width=32),
    st.sampled_from([1.0, 0.5, 2.0**-126, 3.0e38]),
)


@functools.cache
def onnxruntime_session(qtype: QType, axis: int | None) -> ort.InferenceSession:
    """x, scale, zero_point -> codes (as int32) and real numbers, by ONNX Runtime."""
    linear = {} if axis is None else {"axis": axis}
    shape = [] if axis is None else ["c"]
    nodes = [
        helper.make_node("Cast", ["zp32"], ["zp"], to=qtype.onnx_type),
        helper.make_node("QuantizeLinear", ["x", "scale", "zp"], ["q"], **linear),
        helper.make_node("DequantizeLinear", ["q", "scale", "zp"], ["real"], **linear),
        helper.make_node("Cast", ["q"], ["codes"], to=TensorProto.INT32),
    ]
    dims = [None] if axis is None else [None, None, None]
    graph = helper.make_graph(
        nodes,
        "linear",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, dims),
            helper.make_tensor_value_info("scale", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("zp32", TensorProto.INT32, shape),
        ],
        [
            helper.make_tensor_value_info("codes", TensorProto.INT32, dims),
            helper.make_tensor_value_info("real", TensorProto.FLOAT, dims),
        ],
    )
    return session(graph)


def session(graph: onnx.GraphProto) -> ort.InferenceSession:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


@functools.cache
def bias_session() -> ort.InferenceSession:
    """int32 codes, scale -> real numbers, by ONNX Runtime."""
    graph = helper.make_graph(
        [helper.make_node("DequantizeLinear", ["q", "scale"], ["real"])],
        "bias",
        [
            helper.make_tensor_value_info("q", TensorProto.INT32, [None]),
            helper.make_tensor_value_info("scale", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info("real", TensorProto.FLOAT, [None])],
    )
    return session(graph)


def assert_equals_onnxruntime(x, params, axis):
    if params.spec.qtype.bits == 4:  # its four-bit kernel wraps at 2**31 steps
        limit = min(1e9 * float(params.scale.min()), 3e38)
        x = np.clip(x, -limit, limit, dtype=np.float32)
    codes, real = onnxruntime_session(params.spec.qtype, axis).run(
        None, {"x": x, "scale": params.scale, "zp32": params.zero_point}
    )
    q = quantize_linear(x, params)
    assert q.dtype == params.spec.qtype.dtype
    np.testing.assert_array_equal(q.astype(np.int32), codes)
    for mine in (dequantize_linear(q, params), fake_quantize(x, params)):
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine.view(np.int32), real.view(np.int32))


@pytest.mark.parametrize("qtype", CODES)
@given(x=hnp.arrays(np.float32, st.integers(1, 40), elements=FLOATS), scale=SCALES, data=st.data())
@examples(60)
def test_per_tensor_equals_onnxruntime_bit_for_bit(qtype, x, scale, data):
    zero_point = data.draw(st.integers(qtype.qmin, qtype.qmax))
    spec = QuantSpec(qtype, symmetric=False)
    params = QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32), spec)
    assert_equals_onnxruntime(x, params, None)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("qtype", CODES)
@given(seed=st.integers(0, 2**32 - 1), shape=st.tuples(*[st.integers(1, 5)] * 3))
@examples(15)
def test_per_axis_equals_onnxruntime_bit_for_bit(qtype, axis, seed, shape):
    rng = np.random.default_rng(seed)
    channels = shape[axis]
    spec = QuantSpec(qtype, symmetric=False, granularity=PerChannel(axis))
    params = QuantParams(
        np.exp(rng.normal(-2, 3, channels)).astype(np.float32),
        rng.integers(qtype.qmin, qtype.qmax + 1, channels).astype(np.int32),
        spec,
    )
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4)).astype(np.float32)
    x.flat[0] = rng.choice([np.inf, -np.inf, 0, 3e38])
    assert_equals_onnxruntime(x, params, axis)


@given(
    q=hnp.arrays(np.int32, st.integers(1, 40), elements=st.integers(-(2**31), 2**31 - 1)),
    scale=SCALES,
)
@examples(60)
def test_int32_dequantizes_as_onnxruntime_bit_for_bit(q, scale):
    params = QuantParams(
        np.asarray(scale, np.float32), np.asarray(0, np.int32), QuantSpec(QType.INT32, True)
    )
    (real,) = bias_session().run(None, {"q": q, "scale": params.scale})
    with np.errstate(over="ignore"):
        mine = dequantize_linear(q, params)
    np.testing.assert_array_equal(mine.view(np.int32), real.view(np.int32))


@pytest.mark.parametrize("qtype", CODES)
@pytest.mark.parametrize("x", [3e9, 1e30, math.inf])
def test_huge_values_saturate_for_every_type(qtype, x):
    params = params_from_range(-1, 1, QuantSpec(qtype, symmetric=False))
    codes = quantize_linear(np.asarray([x, -x], np.float32), params).astype(np.int32)
    assert codes.tolist() == [qtype.qmax, qtype.qmin]


ENDS = st.floats(-1e38, 1e38, allow_subnormal=True)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("qtype", CODES)
@given(a=st.one_of(ENDS, st.floats(-10, 10), st.floats(-1e-37, 1e-37)), b=ENDS | st.floats(-1, 1))
@examples(50)
def test_range_is_covered_within_half_a_step_and_zero_is_exact(qtype, symmetric, a, b):
    low, high = min(a, b), max(a, b)
    params = params_from_range(low, high, QuantSpec(qtype, symmetric))
    rmin, rmax = params.representable
    step = float(params.scale)
    assert step >= TINY
    slack = step * (0.5 + qtype.levels * 1e-6)
    assert rmin <= min(low, 0) + slack
    assert rmax >= max(high, 0) - slack
    assert fake_quantize(np.zeros(1, np.float32), params)[0] == 0
    ends = np.asarray([low, high], np.float32)
    assert np.isfinite(fake_quantize(ends, params)).all()


@pytest.mark.parametrize("qtype", CODES)
def test_no_code_of_the_widest_float32_range_is_infinite(qtype):
    largest = float(np.finfo(np.float32).max)
    for low, high in [(-largest, largest), (0, largest), (-largest, 0), (-largest, 1)]:
        for symmetric in (True, False):
            params = params_from_range(low, high, QuantSpec(qtype, symmetric))
            codes = np.asarray([qtype.qmin, qtype.qmax], np.int32)
            assert np.isfinite(dequantize_linear(codes, params)).all()


@pytest.mark.parametrize("qtype", CODES)
def test_range_from_zero_puts_zero_on_the_lowest_code(qtype):
    for high in (1e-3, 0.3, 6.0, 1e30):
        asymmetric = params_from_range(0.0, high, QuantSpec(qtype, symmetric=False))
        assert asymmetric.zero_point == qtype.qmin
        offset = params_from_range(0.9 * high, high, QuantSpec(qtype, symmetric=False))
        assert (offset.scale, offset.zero_point) == (asymmetric.scale, asymmetric.zero_point)


def test_symmetric_maps_the_larger_end_to_the_greatest_code():
    for qtype in (QType.INT4, QType.INT8, QType.INT16):
        params = params_from_range(-2.0, 1.0, QuantSpec(qtype, symmetric=True))
        assert params.zero_point == 0
        codes = quantize_linear(np.asarray([-2, 2], np.float32), params).astype(np.int32)
        assert codes.tolist() == [-qtype.qmax, qtype.qmax]


def test_symmetric_unsigned_uses_every_level_for_one_sided_data_only():
    spec = QuantSpec(QType.UINT8, symmetric=True)
    one_sided = params_from_range(0.0, 51.0, spec)
    assert (one_sided.zero_point, one_sided.scale) == (0, np.float32(0.2))
    two_sided = params_from_range(-25.4, 3.0, spec)
    assert (two_sided.zero_point, two_sided.scale) == (128, np.float32(0.2))


def test_degenerate_range_has_scale_one():
    for qtype in CODES:
        for symmetric in (True, False):
            assert params_from_range(0, 0, QuantSpec(qtype, symmetric)).scale == 1


def test_channels_are_computed_one_by_one():
    spec = QuantSpec(QType.UINT8, symmetric=True, granularity=PerChannel(0))
    params = params_from_range([-1.0, 0.0, 0.0], [1.0, 2.0, 0.0], spec)
    for k, ends in enumerate([(-1.0, 1.0), (0.0, 2.0), (0.0, 0.0)]):
        alone = params_from_range(*ends, QuantSpec(QType.UINT8, symmetric=True))
        assert (params.scale[k], params.zero_point[k]) == (alone.scale, alone.zero_point)


def test_narrow_range_leaves_out_the_lowest_code():
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=PerTensor(), narrow_range=True)
    params = params_from_range(-1, 1, spec)
    assert quantize_linear(np.asarray([-9.0], np.float32), params)[0] == -127


def test_int32_codes_are_computed_in_double_precision():
    params = QuantParams(
        np.asarray(1e-6, np.float32), np.asarray(0, np.int32), QuantSpec(QType.INT32, True)
    )
    x = np.asarray([1.2345678, -1e9, np.inf], np.float32)
    expected = [round(float(x[0]) / float(params.scale)), -(2**31), 2**31 - 1]
    assert quantize_linear(x, params).tolist() == expected
    assert fake_quantize(x, params)[0] == pytest.approx(x[0], rel=1e-6)


def test_a_range_upside_down_or_not_finite_is_refused():
    for low, high in [(1, -1), (0, math.nan), (-math.inf, 0)]:
        with pytest.raises(ValueError, match="finite ends"):
            params_from_range(low, high, QuantSpec(QType.INT8, symmetric=True))


def test_channels_that_do_not_fit_are_refused():
    spec = QuantSpec(QType.INT8, symmetric=True, granularity=PerChannel(1))
    params = params_from_range([-1, -1], [1, 1], spec)
    with pytest.raises(ValueError, match="3 channels"):
        quantize_linear(np.zeros((1, 3), np.float32), params)
    with pytest.raises(ValueError, match="outside"):
        fake_quantize(np.zeros(2, np.float32), params)
    with pytest.raises(ValueError, match="3 channels"):
        dequantize_linear(np.zeros((1, 3), np.int8), params)
