"""Every planted fault is named first, its fix gives back what was lost, and health is silent."""

from collections.abc import Callable

import pytest

from analysis.errors.axis_slices import slice_errors
from analysis.errors.out_of_range import out_of_range
from analysis.findings import REGISTRY, Measurements, find_causes
from quant import open_data, preset
from tests.analysis.findings.cases import (
    HEALTHY,
    MOBILENET,
    Case,
    Planted,
    by_mse,
    measured_alone,
    transformer,
)
from tests.analysis.findings.faults_in_data import outlier_image
from tests.analysis.findings.faults_in_outputs import joined_outputs
from tests.analysis.findings.faults_in_recipes import fixed_range
from tests.analysis.findings.faults_in_weights import large_bias, weight_channel
from tests.analysis.findings.nets import data, net
from tests.analysis.findings.planted import PLANTED

Make = Callable[[], Planted]
QUICK = (weight_channel, outlier_image, fixed_range, joined_outputs)
REST = tuple(make for make in PLANTED if make not in QUICK)
HARMLESS = {"dead_channels", "bias_overflow"}
"""Kinds that say of themselves that they cost nothing here."""


def name(make: Make) -> str:
    return make.__name__


def test_every_kind_of_finding_was_planted():
    assert {make().kind for make in PLANTED} == set(REGISTRY)


@pytest.mark.parametrize("make", PLANTED, ids=name)
def test_the_finding_names_the_right_place_first(make: Make):
    item = make()
    of_kind, overall = item.ranks
    assert of_kind == 1
    above = [f for f in item.faulty.findings if f.severity != "info"]
    if item.kind in HARMLESS:
        assert not above
    else:
        assert overall == 1
        assert above


@pytest.mark.parametrize("make", PLANTED, ids=name)
def test_without_the_fault_nothing_is_above_info(make: Make):
    assert [f for f in make().healthy.findings if f.severity != "info"] == []


def recovered(item: Planted) -> float:
    """The share of the lost sqnr_db that the fix gives back."""
    fix = item.finding.fix
    assert fix is not None
    healthy, before = item.healthy.sqnr_db(), item.faulty.sqnr_db()
    return (item.faulty.sqnr_db(fix.recipe) - before) / (healthy - before)


@pytest.mark.parametrize("make", QUICK, ids=name)
def test_the_fix_recovers_at_least_half(make: Make):
    assert recovered(make()) >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("make", REST, ids=name)
def test_every_fix_recovers_at_least_half_or_words_say_what_to_do(make: Make):
    item = make()
    if item.words:
        assert item.finding.fix is None
        assert len(item.finding.evidence) > 40
    else:
        assert recovered(item) >= 0.5


def test_a_bias_that_hardly_matters_gets_no_fix():
    assert large_bias().finding.fix is None


@pytest.mark.parametrize(
    "case",
    [HEALTHY(), transformer(), Case(MOBILENET, lambda: net(MOBILENET), preset("everything"))],
    ids=lambda case: case.sample,
)
def test_healthy_samples_have_nothing_above_info_with_all_evidence(case: Case):
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    evidence = Measurements(
        case.quantized,
        case.calibration,
        slices=slice_errors(case.quantized, arrays),
        outside=out_of_range(case.quantized, arrays),
        cpu_flags=frozenset({"avx2", "avx512_vnni"}),
    )
    assert [f for f in find_causes(evidence) if f.severity != "info"] == []


def test_measured_sensitivity_brings_what_the_estimate_holds_too_small_to_the_top():
    case = Case(MOBILENET, lambda: net(MOBILENET), by_mse())
    evidence = Measurements(case.quantized, case.calibration, **measured_alone(case))
    first = next(f for f in find_causes(evidence) if f.kind == "channel_ranges")
    assert first.tensor == "/blocks/b0/act1/Relu_output_0"
    assert first.fix is not None
    assert case.sqnr_db(first.fix.recipe) - case.sqnr_db() >= 6
