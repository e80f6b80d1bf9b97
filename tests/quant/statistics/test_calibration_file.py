"""How a calibration lies in its file."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from quant.errors import DataError
from quant.statistics import calibration_file
from quant.statistics.calibration import Calibration
from quant.statistics.histogram import Histogram
from quant.statistics.range_accumulator import RangeRecords
from quant.statistics.sample_histogram import SampleHistogram
from quant.statistics.sample_sums import ExactSum, SampleSums
from quant.statistics.tensor_stats import TensorStats
from tests.quant.awkward_data import AWKWARD
from tests.quant.statistics.statistics_of import statistics_of
from tests.quant.statistics.test_merge import assert_same

OLD = Path(__file__).parents[2] / "data" / "calibration-0.1.npz"


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (TensorStats, calibration_file.TENSOR_STATS),
        (Histogram, calibration_file.HISTOGRAM),
        (SampleHistogram, calibration_file.SAMPLE_HISTOGRAM),
        (SampleSums, calibration_file.SAMPLE_SUMS),
        (ExactSum, calibration_file.EXACT_SUM),
        (RangeRecords, calibration_file.RANGE_RECORDS),
    ],
)
def test_every_field_has_a_line_in_the_table(kind, table):
    assert list(table) == [field.name for field in dataclasses.fields(kind)]


def test_awkward_statistics_are_read_back_to_the_last_bit(tmp_path):
    tensors = {
        name: dataclasses.replace(
            statistics_of(x, x[: x.size // 2 + 1]),
            name=name,
            channel_axis=1,
            channel_min=x[:2],
            channel_max=x[:2],
        )
        for name, x in AWKWARD.items()
    }
    tensors["plain"] = dataclasses.replace(statistics_of([1.0, -2.0]), name="plain", last=None)
    probe = {"x": np.arange(3, dtype=np.float32), "about": np.ones((1, 2), np.int64)}
    made = Calibration("f" * 64, tensors, 2, probe)
    made.save(tmp_path / "c.npz")
    read = Calibration.load(tmp_path / "c.npz")
    assert (read.model_fingerprint, read.samples) == (made.model_fingerprint, made.samples)
    assert set(read.tensors) == set(tensors)
    for name, stats in tensors.items():
        assert_same(read.tensors[name], stats, name)
    for name, array in probe.items():
        assert_same(read.probe[name], array, name)


def test_a_file_of_version_0_1_is_refused_in_a_sentence_that_says_to_calibrate_again():
    with pytest.raises(DataError, match="expected a calibration in format version 5") as raised:
        Calibration.load(OLD)
    said = str(raised.value)
    assert said.startswith("calibration-0.1.npz: ")
    assert said.endswith("found version 2; calibrate again")
    assert "\n" not in said
