import numpy as np
import pytest

from analysis.metrics import MetricAccumulator, MetricError, metric_from_file

GOOD = """
import numpy as np
higher_is_better = False
label = "Wrong"
unit = "%"

def metric(outputs, labels):
    return np.mean(outputs["y"].argmax(axis=1) != labels)
"""

RNG = np.random.default_rng(5)
SCORES = {"y": RNG.standard_normal((40, 10)).astype(np.float32)}
LABELS = RNG.integers(0, 10, 40)


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return written


def test_a_file_is_a_metric_and_nothing_is_left_beside_it(write, tmp_path):
    metric = metric_from_file(write(GOOD))
    assert (metric.name, metric.label, metric.unit) == ("mine", "Wrong", "%")
    assert not metric.higher_is_better
    expected = np.mean(SCORES["y"].argmax(axis=1) != LABELS)
    assert metric(SCORES, LABELS) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_the_key_follows_the_content(write):
    first, again = metric_from_file(write(GOOD)), metric_from_file(write(GOOD))
    assert first.key == again.key
    assert metric_from_file(write(GOOD + "\n")).key != first.key


def test_it_sees_all_samples_at_once_and_as_many_labels(write):
    text = "higher_is_better = True\ndef metric(o, l): return o['y'].shape[0] * 100 + len(l)"
    accumulator = MetricAccumulator(metric_from_file(write(text)), LABELS)
    for start in (0, 7, 14):
        batch = {"y": SCORES["y"][start : start + 7]}
        accumulator.add(batch, batch)
    assert accumulator.result() == 2121


def test_it_is_given_none_where_there_are_no_labels(write):
    text = "higher_is_better = True\ndef metric(outputs, labels): return labels is None"
    assert metric_from_file(write(text))(SCORES, None) == 1


BAD_FILES = {
    "no function": ("higher_is_better = True", r"expected a function metric.* found none"),
    "no direction": ("def metric(o, l): return 0", "higher_is_better = True or False, found none"),
    "direction of another type": (
        "higher_is_better = 'yes'\ndef metric(o, l): return 0",
        "found 'yes'",
    ),
    "not Python": ("x = 1\ndef metric(:", "SyntaxError.* in line 2"),
    "raises when run": ("x = 1\n\nraise OSError('gone')", "raised OSError: gone in line 3"),
    "exits": ("import sys\nsys.exit(3)", "raised SystemExit: 3 in line 2"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_metric_is_one_sentence(write, name):
    text, words = BAD_FILES[name]
    with pytest.raises(MetricError, match=words) as caught:
        metric_from_file(write(text))
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(MetricError, match=r"none\.py: expected a Python file .*no such file"):
        metric_from_file(tmp_path / "none.py")


BAD_RESULTS = {
    "raises": ("1 / 0", "raised ZeroDivisionError: division by zero in line 2"),
    "nothing": ("None", "must return a finite number, found None"),
    "text": ("'0.5'", "found '0.5'"),
    "not a number": ("float('nan')", "found nan"),
    "an array": ("o['y'][0]", "found array"),
}


@pytest.mark.parametrize("name", BAD_RESULTS)
def test_a_function_that_gives_no_number_is_one_sentence(write, name):
    text, words = BAD_RESULTS[name]
    metric = metric_from_file(write(f"higher_is_better = True\ndef metric(o, l): return {text}"))
    with pytest.raises(MetricError, match=words) as caught:
        metric(SCORES, LABELS)
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_outputs_of_several_shapes_cannot_be_joined(write):
    accumulator = MetricAccumulator(metric_from_file(write(GOOD)), LABELS)
    for size in (3, 4):
        batch = {"y": np.zeros((1, size), np.float32)}
        accumulator.add(batch, batch)
    with pytest.raises(MetricError, match=r"one shape for all, found \(1, 3\), \(1, 4\)"):
        accumulator.result()
