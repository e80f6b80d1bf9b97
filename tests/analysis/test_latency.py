import pytest

import quant
from analysis.latency import Latency, LatencyComparison, in_turns, latency, model_size
from quant.errors import Cancelled
from quant.execution.progress import Progress
from tests.models import conv_relu, images


class Clock:
    """Time that passes only where work says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.done: list[str] = []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, *seconds: float):
        """Work that takes these times in turn, the last for ever."""
        left = list(seconds)

        def run() -> None:
            self.done.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run


def test_the_models_run_in_turns_warm_up_first_and_untimed():
    clock = Clock()
    work = [clock.work("float", 9.0, 0.004), clock.work("int8", 9.0, 0.001)]
    a, b = in_turns(work, runs=3, warm_up=1, budget_s=100, clock=clock)
    assert clock.done == ["float", "int8"] * 4
    assert a.times_ms == pytest.approx([4, 4, 4])
    assert b.times_ms == pytest.approx([1, 1, 1])


def test_no_turn_begins_after_the_budget_is_spent():
    clock = Clock()
    a, b = in_turns(
        [clock.work("a", 1.0), clock.work("b", 1.0)], runs=50, warm_up=2, budget_s=9.5, clock=clock
    )
    assert a.runs == b.runs == 3  # 2 turns of warm-up and 3 turns of 2 s pass 9.5 s
    assert clock.now - 100 == 10


def test_a_model_slower_than_the_budget_is_timed_once():
    clock = Clock()
    (only,) = in_turns([clock.work("a", 60.0)], runs=50, warm_up=5, budget_s=1, clock=clock)
    assert only.times_ms == pytest.approx([60_000])
    assert clock.done == ["a", "a"]


def test_median_and_quartiles_are_those_of_the_times():
    found = Latency((5.0, 1.0, 2.0, 4.0, 100.0))
    assert (found.runs, found.min_ms, found.median_ms, found.quartiles_ms) == (5, 1, 4, (2, 5))


def test_times_say_their_median_and_not_every_run():
    quick, slow = Latency((1.0, 2.0, 3.0)), Latency((5.0, 6.0, 7.0))
    assert repr(quick) == "<Latency: median 2 ms of 3 runs>"
    shown = repr(LatencyComparison(slow, quick))
    assert shown == "<LatencyComparison: float 6 ms, int8 2 ms, int8 3.00 x as quick as float>"


def test_it_needs_a_run():
    with pytest.raises(ValueError, match="runs is 0"):
        in_turns([], runs=0)


@pytest.fixture(scope="module")
def quantized() -> quant.QuantizedModel:
    model = quant.load(conv_relu(channels=64).SerializeToString())
    calibration = quant.calibrate(model, quant.open_data(images(2)))
    return quant.quantize(model, calibration, quant.preset("everything"))


def test_both_models_are_timed_equally_often(quantized: quant.QuantizedModel):
    told: list[Progress] = []
    found = latency(quantized, runs=4, warm_up=1, progress=told.append)
    assert found.of_float.runs == found.of_int8.runs == 4
    assert found.speedup == found.of_float.median_ms / found.of_int8.median_ms
    assert all(time > 0 for time in found.of_float.times_ms + found.of_int8.times_ms)
    assert [(report.done, report.total) for report in told] == [(n, 5) for n in range(1, 6)]


def test_it_stops_where_progress_says_so(quantized: quant.QuantizedModel):
    def stop(report: Progress) -> None:
        if report.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        latency(quantized, runs=1000, progress=stop)


def test_sizes_are_those_of_the_files(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(conv_relu(channels=64).SerializeToString())
    model = quant.load(path)
    calibration = quant.calibrate(model, quant.open_data(images(2)))
    made = quant.quantize(model, calibration, quant.preset("everything"))
    found = model_size(made)
    saved = made.save(tmp_path / "int8.onnx")
    assert found.float_bytes == path.stat().st_size
    assert found.int8_bytes == saved.path.stat().st_size
    assert found.ratio == found.int8_bytes / found.float_bytes


def test_a_model_without_a_file_has_the_size_it_would_have(quantized: quant.QuantizedModel):
    assert model_size(quantized).float_bytes == len(quantized.float_model.to_bytes())
