"""The arithmetic on each tool's own grid against what the real tools chose."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnxruntime.quantization.calibrate import HistogramCollector

from quant.tool_rules import TOOL_RULES
from tests.hypothesis_profile import examples
from tests.quant.tool_rules.data.distributions import NAMES, batches
from tests.quant.tool_rules.streamed import RECORDED, one_by_one, recorded


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_choice_is_met(name):
    found = batches(name)
    for tool, choices in RECORDED[name].items():
        for key, value in choices.items():
            pick = TOOL_RULES[f"{tool}.{key}"].exact(found).to_json()
            assert pick == pytest.approx(value, rel=1e-5), f"{tool}.{key}"


def test_nothing_recorded_is_left_out_and_what_is_not_recorded_is_known():
    known = {f"{tool}.{key}" for tool, found in RECORDED["normal"].items() for key in found}
    assert len(known) == 21
    assert set(TOOL_RULES) - known == {
        "aimet.tf_enhanced",
        "aimet.tf_enhanced_symmetric",
        "mindspore.kl",
        "mindspore.max_min",
        "mindspore.removal_outlier",
        "onnxruntime.minmax_moving_average",
        "paddle.ptf",
    }
    assert recorded("normal", TOOL_RULES["paddle.ptf"]) is None


def onnxruntime_range(method, x, bins=2048, symmetric=False):
    """What the installed tool chooses."""
    collector = HistogramCollector(method, symmetric, bins, 128, 99.999, "same")
    with contextlib.redirect_stdout(io.StringIO()):
        collector.collect({"x": x})
        low, high = collector.compute_collection_result()["x"][:2]
    return [float(low), float(high)]


AWKWARD = hnp.arrays(
    np.float32,
    st.integers(2, 60),
    elements=st.sampled_from([0.0, 0.5, -0.5, 7.0])
    | st.floats(-100, 100, width=32, allow_subnormal=False),
)


@given(x=AWKWARD)
@examples(12)
def test_the_installed_onnxruntime_chooses_the_same_for_arbitrary_data(x):
    for key, found in [
        ("entropy_default_128", onnxruntime_range("entropy", x, 128)),
        ("percentile_99.999", onnxruntime_range("percentile", x)),
        ("percentile_99.999_symmetric", onnxruntime_range("percentile", x, symmetric=True)),
    ]:
        assert TOOL_RULES[f"onnxruntime.{key}"].exact([x]).to_json() == found


@pytest.mark.parametrize("name", ["laplace", "one_outlier", "sigmoid"])
def test_the_installed_onnxruntime_finds_the_same_entropy_on_other_data(name):
    for x in (batches(name)[0][:1], batches(name)[-1][3:, :2]):
        found = onnxruntime_range("entropy", x)
        assert TOOL_RULES["onnxruntime.entropy_2048"].exact([x]).to_json() == found


@pytest.mark.parametrize("moving", [False, True])
def test_the_installed_onnxruntime_means_ranges_in_one_call(moving, tmp_path):
    import onnx
    from onnxruntime.quantization.calibrate import CalibrationDataReader, MinMaxCalibrater

    from tests.models import from_text

    model = from_text(
        '<ir_version: 8, opset_import: ["" : 17]> net (float[n, 16, 16, 16] x) => '
        "(float[n, 16, 16, 16] y) { h = Relu (x) y = Relu (h) }"
    )
    onnx.save(model, tmp_path / "net.onnx")
    found = batches("gelu")

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = [{"x": batch} for batch in found]

        def get_next(self):
            return self.left.pop(0) if self.left else None

    calibrator = MinMaxCalibrater(
        tmp_path / "net.onnx",
        augmented_model_path=str(tmp_path / "augmented.onnx"),
        moving_average=moving,
    )
    calibrator.augment_graph()
    calibrator.create_inference_session()
    calibrator.collect_data(Reader())
    low, high = calibrator.compute_data()["h"].range_value
    key = "minmax_moving_average" if moving else "minmax"
    expected = TOOL_RULES[f"onnxruntime.{key}"].exact([np.maximum(b, 0) for b in found])
    assert [float(np.squeeze(low)), float(np.squeeze(high))] == expected.to_json()


def test_what_depends_on_the_size_of_a_batch_does_so_here():
    whole = batches("normal")
    single = one_by_one(whole)
    for name in ("ppq.percentile_symmetric_int8", "mindspore.removal_outlier", "paddle.mse"):
        assert TOOL_RULES[name].exact(whole) != TOOL_RULES[name].exact(single)
    for name in ("paddle.kl", "ppq.kl_symmetric_int8", "onnxruntime.entropy_2048"):
        assert TOOL_RULES[name].exact(whole) == TOOL_RULES[name].exact(single)


def test_the_quietest_batch_decides_for_paddle():
    quiet, *rest = batches("quiet_then_loud")
    for name in ("paddle.mse", "paddle.emd"):
        threshold = TOOL_RULES[name].exact([*rest, quiet]).values[0]
        assert threshold <= np.abs(quiet).max()


def test_the_last_batch_alone_decides_for_ptf():
    found = batches("quiet_then_loud")
    assert TOOL_RULES["paddle.ptf"].exact(found) == TOOL_RULES["paddle.ptf"].exact(found[-1:])
