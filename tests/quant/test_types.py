import numpy as np
import pytest

from quant.types import PerBlock, PerChannel, PerTensor, QType, QuantParams, QuantSpec


def params(scale, zero_point, spec):
    return QuantParams(np.asarray(scale, np.float32), np.asarray(zero_point, np.int32), spec)


@pytest.mark.parametrize(
    ("qtype", "bits", "low", "high"),
    [
        (QType.INT4, 4, -8, 7),
        (QType.UINT4, 4, 0, 15),
        (QType.INT8, 8, -128, 127),
        (QType.UINT8, 8, 0, 255),
        (QType.INT16, 16, -32768, 32767),
        (QType.UINT16, 16, 0, 65535),
        (QType.INT32, 32, -(2**31), 2**31 - 1),
    ],
)
def test_codes_of_each_type(qtype, bits, low, high):
    assert (qtype.bits, qtype.qmin, qtype.qmax) == (bits, low, high)
    assert qtype.levels == high - low + 1
    assert np.asarray([low, high]).astype(qtype.dtype).astype(np.int64).tolist() == [low, high]


def test_opset_needed_is_13_for_bytes_and_21_for_the_others():
    assert {q.min_opset for q in (QType.INT8, QType.UINT8, QType.INT32)} == {13}
    assert {q.min_opset for q in (QType.INT4, QType.UINT4, QType.INT16, QType.UINT16)} == {21}


def test_narrow_range_drops_the_lowest_code_of_signed_types_only():
    assert QuantSpec(QType.INT8, True, narrow_range=True).qmin == -127
    with pytest.raises(ValueError, match="signed"):
        QuantSpec(QType.UINT8, True, narrow_range=True)


def test_int32_is_symmetric():
    with pytest.raises(ValueError, match="bias"):
        QuantSpec(QType.INT32, symmetric=False)


def test_representable_range_follows_from_scale_and_zero_point():
    low, high = params(0.5, -28, QuantSpec(QType.INT8, False)).representable
    assert (low, high) == (-50, 77.5)
    low, high = params(1.0, 0, QuantSpec(QType.INT32, True)).representable
    assert (low, high) == (-(2.0**31), 2.0**31 - 1)
    low, high = params([1, 2], [0, 1], QuantSpec(QType.UINT4, False, PerChannel(0))).representable
    assert (low.tolist(), high.tolist()) == ([0, -2], [15, 28])


@pytest.mark.parametrize(
    ("scale", "zero_point", "granularity", "message"),
    [
        (0.0, 0, PerTensor(), "positive"),
        (np.inf, 0, PerTensor(), "positive"),
        (1.0, 200, PerTensor(), "within"),
        ([1.0], [0], PerTensor(), "0 dimensions"),
        (1.0, 0, PerChannel(0), "1 dimensions"),
        ([1.0, 2.0], [0], PerChannel(0), "dimensions"),
        ([1.0], [0], PerBlock(0, 32), "per block"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(scale, zero_point, granularity, message):
    with pytest.raises(ValueError, match=message):
        params(scale, zero_point, QuantSpec(QType.INT8, False, granularity))


def test_wrong_types_and_empty_blocks_are_refused():
    with pytest.raises(ValueError, match="float32"):
        QuantParams(np.asarray(1.0), np.asarray(0, np.int32), QuantSpec(QType.INT8, True))
    with pytest.raises(ValueError, match="block_size"):
        PerBlock(0, 0)
