"""Another tool's choice as a calibrator: every rule keeps what every calibrator promises."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.calibrators import (
    REGISTRY,
    Tool,
    calibrator_from_json,
    calibrator_named,
    calibrator_names,
    own_calibrators,
)
from quant.errors import RecipeError
from quant.io.codec import to_json
from quant.tool_rules import TOOL_RULES
from tests.hypothesis_profile import examples
from tests.quant.awkward_data import AWKWARD
from tests.quant.calibrators.test_contract import SPECS, assert_sane
from tests.quant.statistics.statistics_of import statistics_of

NAMES = list(TOOL_RULES)
SPEC = SPECS["uint8"]
NOT_SCALED = {
    # A least range of 0.01.
    "aimet.tf_enhanced",
    "aimet.tf_enhanced_symmetric",
}
SAMPLES = st.lists(
    hnp.arrays(
        np.float32,
        st.integers(1, 60),
        elements=st.floats(-(2.0**20), 2.0**20, width=32) | st.just(0.0),
    ),
    min_size=1,
    max_size=4,
)


def spread(seed):
    """Samples with a random mixture of scales, offset, zeros and outliers."""
    rng = np.random.default_rng(seed)
    shapes = [rng.standard_normal, lambda n: rng.laplace(size=n), lambda n: rng.gamma(2, size=n)]
    samples = []
    for _ in range(int(rng.integers(1, 6))):
        draw = shapes[rng.integers(3)]
        x = draw(3000) * rng.choice([0.5, 1, 3]) + rng.choice([0, 0, 2])
        x[rng.random(3000) < rng.choice([0, 0.5])] = 0
        x[0] *= rng.choice([1, 20])
        samples.append(x.astype(np.float32))
    return samples


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize("name", NAMES)
def test_range_of_every_rule_holds_zero_and_stays_within_the_observed(name, case):
    stats = statistics_of(AWKWARD[case])
    assert_sane(*Tool(choice=name).range(stats, SPEC), stats, SPEC)


@given(samples=SAMPLES)
@example(samples=[np.ones(1, np.float32), np.full(1, 256, np.float32)])
@examples(12)
def test_range_of_every_rule_is_sane_and_deterministic_for_arbitrary_samples(samples):
    stats, again = statistics_of(*samples), statistics_of(*samples)
    for name in NAMES:
        found = Tool(choice=name).range(stats, SPEC)
        assert_sane(*found, stats, SPEC)
        assert Tool(choice=name).range(again, SPEC) == found


@pytest.mark.parametrize("seed", range(8))
def test_range_of_every_rule_scales_with_a_power_of_two(seed):
    samples = spread(seed)
    stats = statistics_of(*samples)
    scaled = statistics_of(*(x * np.float32(8) for x in samples))
    for name in NAMES:
        if name not in NOT_SCALED:
            rmin, rmax = Tool(choice=name).range(stats, SPEC)
            found = Tool(choice=name).range(scaled, SPEC)
            assert found == pytest.approx((8 * rmin, 8 * rmax), rel=1e-6), name


@pytest.mark.parametrize("symmetric", [False, True])
@given(seed=st.integers(0, 99), a=st.floats(50, 100), b=st.floats(50, 100))
@examples(15)
def test_our_percentile_grows_with_its_share(symmetric, seed, a, b):
    spec = SPECS["int8 symmetric" if symmetric else "uint8"]
    stats = statistics_of(*spread(seed))
    narrow, wide = (REGISTRY["percentile"](p=p).range(stats, spec) for p in sorted((a, b)))
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_the_calibrator_and_its_key_gives_the_name(name):
    calibrator = calibrator_named(name)
    assert calibrator == Tool(choice=name)
    assert (calibrator.key, calibrator.title) == (name, TOOL_RULES[name].label)
    assert to_json(calibrator) == {"name": "tool", "options": {"choice": name}}
    assert calibrator_from_json(to_json(calibrator)) == calibrator


def test_our_names_give_our_calibrators():
    for name in own_calibrators():
        found = calibrator_named(name)
        assert found == REGISTRY[name]()
        assert (found.key, found.title) == (name, REGISTRY[name].label)
    assert set(calibrator_names()) - set(own_calibrators()) == {"tool"}


def test_what_no_tool_has_is_refused_in_one_sentence():
    with pytest.raises(RecipeError, match=r"unknown 'paddle.best'; choose one of .*paddle.kl"):
        Tool(choice="paddle.best")
    with pytest.raises(RecipeError, match=r"unknown name 'paddle.best' .*; choose one of .*kl"):
        calibrator_named("paddle.best")


def test_where_a_tool_fails_the_range_is_the_observed_one_and_the_reason_is_said():
    stats = replace(statistics_of(AWKWARD["normal"]), last=None)
    found = Tool(choice="paddle.ptf").find(stats)
    assert (found.rmin, found.rmax) == (stats.min, stats.max)
    assert "last sample holds no value" in found.why
    assert found.why.endswith(".")
    first_is_zero = statistics_of(np.zeros(9), AWKWARD["normal"])
    assert "only zeros" in Tool(choice="modelopt.mse_int8").find(first_is_zero).why
    assert not Tool(choice="paddle.kl").find(stats).why
