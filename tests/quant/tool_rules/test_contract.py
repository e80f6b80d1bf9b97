"""What every tool's choice is bound to: the calibrators' promises, where the tool keeps them.

A tool breaks some by its own rule. That is recorded here and not repaired.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.tool_rules import TOOL_RULES, ResultForm, RuleFails, RuleResult, register
from quant.tool_rules.base import ToolRule
from quant.tool_rules.onnxruntime import magnitude_percentile_range, percentile_range
from quant.tool_rules.tensorrt import percentile_amax
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD, DEGENERATE
from tests.quant.statistics.statistics_of import statistics_of

NAMES = list(TOOL_RULES)
LEAVES_ZERO_OUT = {
    # The range is the observed one; the tool's next step widens it.
    name
    for name in NAMES
    if name.startswith("onnxruntime.")
}
EXCEEDS = {
    # Half a bin more than what is kept, or a whole number of steps.
    "mindspore.kl": 1.001,
    "ppq.mse_symmetric_int8": 1.14,
    "ppq.mse_asymmetric_uint8": 1.27,
    "ppq.minmax_symmetric_int8": 1.01,
    "ppq.percentile_symmetric_int8": 1.01,
    "ppq.minmax_asymmetric_uint8": 1.01,
    "ppq.percentile_asymmetric_uint8": 1.01,
    "ppq.kl_symmetric_int8": 1.001,
    "aimet.tf_enhanced": 1.02,
    "aimet.tf_enhanced_symmetric": 1.02,
    # The range of a histogram of one single value is widened by NumPy.
    "paddle.hist": 1.001,
}
UPSIDE_DOWN = {
    # The upper end falls to the lower edge of its bin, the lower end is cut to the observed.
    "onnxruntime.percentile_99.999",
    "onnxruntime.percentile_99.999_symmetric",
}
NOT_SCALED = {
    # A least scale of 1e-7, a least range of 0.01, bins filled with 1e-7.
    name
    for name in NAMES
    if name.startswith("aimet.")
}
MASK = "mask of the least float32"
OVERFLOWING = {
    "aimet.tf_enhanced",
    "aimet.tf_enhanced_symmetric",
    "onnxruntime.entropy_default_128",
    "onnxruntime.entropy_2048",
    "onnxruntime.percentile_99.999",
    "paddle.emd",
    "ppq.kl_symmetric_int8",
    "ppq.mse_symmetric_int8",
    "ppq.mse_asymmetric_uint8",
    "modelopt.entropy_int8",
    "modelopt.mse_int8",
    "modelopt.percentile_99.99",
}
FAILING = {
    *((name, MASK) for name in OVERFLOWING),
    # NumPy or float32 give up on values of 1e-41, and on the squares of 1e30.
    ("paddle.emd", "huge"),
    *((name, "subnormal") for name in ("aimet.tf_enhanced", "aimet.tf_enhanced_symmetric")),
    *((name, "subnormal") for name in UPSIDE_DOWN | {"onnxruntime.entropy_2048"}),
}
DATA = hnp.arrays(
    np.float32, st.integers(200, 400), elements=st.floats(-64, 64, width=32) | st.just(0.0)
)


def outcome(choose):
    """What is chosen, or the reason why nothing is."""
    try:
        return choose()
    except RuleFails as reason:
        return reason


def exact(name, *batches):
    return TOOL_RULES[name].exact([np.asarray(b, np.float32).reshape(1, -1) for b in batches])


@pytest.mark.parametrize("name", NAMES)
@given(x=DATA)
@examples(6)
def test_range_is_sane_and_deterministic(name, x):
    found = exact(name, x, x[::2])
    assert exact(name, x, x[::2]) == found
    low, high = found.range()
    assert np.isfinite([low, high]).all()
    assert low <= high or name in UPSIDE_DOWN
    if name not in LEAVES_ZERO_OUT:
        assert low <= 0 <= high
    largest = float(np.abs(x).max()) or 1.0
    if largest > 0.1:  # below that AIMET's least range and NumPy's least width rule
        assert max(-low, high) <= largest * EXCEEDS.get(name, 1 + 1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_SCALED])
@pytest.mark.parametrize("case", ["normal", "after relu", "gelu", "offset", "one outlier"])
def test_range_scales_with_a_power_of_two(name, case):
    x = AWKWARD[case]
    low, high = exact(name, x, x[:500]).range()
    found = exact(name, 4 * x, 4 * x[:500]).range()
    assert found == pytest.approx((4 * low, 4 * high), rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_data_gives_numbers_or_a_reason(name, case):
    if (name, case) in FAILING:
        with pytest.raises(RuleFails, match=r"cannot divide|overflow"):
            exact(name, AWKWARD[case])
        return
    low, high = exact(name, AWKWARD[case]).range()
    assert np.isfinite([low, high]).all()
    assert low <= high or name in UPSIDE_DOWN


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("name", NAMES)
def test_degenerate_data_gives_a_finite_range_or_a_sentence(name, case):
    rule, x = TOOL_RULES[name], DEGENERATE[case]
    for choose in (lambda: exact(name, x), lambda: rule.streamed(statistics_of(x))):
        found = outcome(choose)
        if isinstance(found, RuleFails):
            assert str(found)[0].isupper()
            assert "\n" not in str(found)
        else:
            assert np.isfinite(found.range()).all()


@pytest.mark.parametrize("case", ["offset", "constant"])
@pytest.mark.parametrize("name", ["paddle.kl", "modelopt.entropy_int8"])
def test_data_away_from_zero_is_clipped_whole_by_the_tools_that_do_so(name, case):
    if (name, case) == ("paddle.kl", "constant"):
        return  # NumPy widens the range of a single value, which hides the fault
    x = AWKWARD[case]
    assert exact(name, x).values[0] <= x.min()


def test_entropy_with_its_defaults_is_the_observed_range():
    for x in (x for case, x in AWKWARD.items() if case != MASK):
        found = exact("onnxruntime.entropy_default_128", x)
        assert found.to_json() == exact("onnxruntime.minmax", x).to_json()


@given(x=DATA, a=st.floats(50, 100), b=st.floats(50, 100))
@examples(20)
def test_percentiles_grow(x, a, b):
    small, large = sorted((a, b))
    from_batches = {
        key: TOOL_RULES[key].from_batches([x]) for key in NAMES if "percentile_99" in key
    }
    narrow, wide = (
        percentile_range(from_batches["onnxruntime.percentile_99.999"], p) for p in (a, b)
    )
    if a > b:
        narrow, wide = wide, narrow
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]
    grid = from_batches["onnxruntime.percentile_99.999_symmetric"]
    assert magnitude_percentile_range(grid, small)[1] <= magnitude_percentile_range(grid, large)[1]
    grid = from_batches["modelopt.percentile_99.99"]
    assert percentile_amax(grid, small) <= percentile_amax(grid, large)


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name):
    choice = TOOL_RULES[name]
    assert choice.name == name
    assert choice.label
    assert choice.summary.endswith(".")


def test_a_name_is_registered_once():
    class Twin(ToolRule[float]):
        tool = "paddle"
        key = "kl"

    with pytest.raises(ValueError, match=r"'paddle.kl' is registered already"):
        register(Twin)


def test_a_pick_knows_its_range():
    assert RuleResult(ResultForm.RANGE, (-1.0, 2.0)).range() == (-1, 2)
    assert RuleResult(ResultForm.AMAX, (3.0,)).range() == (-3, 3)
    assert RuleResult(ResultForm.SCALE_OFFSET, (0.5, 0.0), (-128, 127)).range() == (-64, 63.5)
    assert RuleResult(ResultForm.SCALE_OFFSET, (0.5, 10.0), (0, 255)).range() == (-5, 122.5)
    assert RuleResult(ResultForm.THRESHOLD, (3.0,)).to_json() == 3.0


def test_a_grid_that_outgrows_all_bounds_is_refused_with_a_reason():
    with pytest.raises(RuleFails, match="bins here, more than the 131,072"):
        exact("modelopt.mse_int8", np.full(9, 1e-6), np.ones(9))
    with pytest.raises(RuleFails, match="only zeros"):
        exact("modelopt.mse_int8", np.zeros(9), np.ones(9))
