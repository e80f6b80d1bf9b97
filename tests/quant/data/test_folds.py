"""Parts of data: together all of it, and no sample in two."""

import numpy as np
import pytest

from quant.data.folds import folds
from quant.data.opening import open_data
from quant.errors import DataError


def numbered(count, first=0):
    values = np.arange(first, first + count, dtype=np.float32)
    return {
        "x": values[:, None] * np.ones(3, np.float32),
        "labels": np.arange(first, first + count),
    }


def seen(data, size=1):
    return [int(v) for batch in data.batches(size) for v in batch.feeds["x"][:, 0]]


@pytest.mark.parametrize(("total", "count"), [(7, 2), (8, 3), (3, 3), (5, 1)])
def test_samples_are_dealt_in_turns(total, count):
    parts = folds(open_data(numbered(total)), count)
    assert [seen(part) for part in parts] == [
        list(range(part, total, count)) for part in range(count)
    ]
    assert [list(part.labels) for part in parts] == [seen(part) for part in parts]
    assert [len(part) for part in parts] == [len(seen(part)) for part in parts]


def test_turns_go_on_over_several_files(tmp_path):
    for number, (first, count) in enumerate([(0, 3), (3, 1), (4, 4)]):
        np.savez(tmp_path / f"{number}.npz", **numbered(count, first))
    parts = folds(open_data(tmp_path), 2)
    assert [seen(part) for part in parts] == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_batches_hold_the_same_samples_as_single_reads():
    (part, _) = folds(open_data(numbered(9)), 2)
    assert seen(part, 4) == seen(part) == seen(part, 2)


def test_parts_have_digests_of_their_own():
    data = open_data(numbered(6))
    a, b = folds(data, 2)
    assert len({data.digest, a.digest, b.digest}) == 3
    assert folds(data, 2)[0].digest == a.digest


def test_too_few_samples_are_refused_with_both_numbers():
    with pytest.raises(DataError, match=r"at least 3 samples .* found 2"):
        folds(open_data(numbered(2)), 3)
