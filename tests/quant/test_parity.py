"""With equal ranges and settings, outputs are as close to float as ONNX Runtime's own tool's.

``python -m tests.bench.parity`` prints both for these models and for two third-party ones.
"""

import pytest

import sample_models
from tests.bench.parity import SETTINGS, compare, study
from tests.bench.subjects import sample

ROUNDING_DB = 0.3
"""Scales of both tools differ in the last bit, so that values which fall on the edge between two
codes may round either way; over a deep net that moves the noise by a few per cent, both ways."""


SAMPLE_RESULTS = 300


@pytest.fixture(scope="module", params=[found.name for found in sample_models.samples()])
def calibrated(request):
    return study(sample(request.param), samples=64, evaluated=SAMPLE_RESULTS, level="disabled")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.label)
def test_outputs_are_as_close_to_float_as_those_of_quantize_static(calibrated, setting):
    found = compare(calibrated, setting)
    assert found.ours.sqnr_db >= found.theirs.sqnr_db - ROUNDING_DB
    assert found.ours.top1 >= found.theirs.top1 - 2 / SAMPLE_RESULTS
