import io
import json
import threading
import time
import zipfile
from importlib import import_module

import numpy as np
import onnx
import pytest

from quant.data.opening import open_data
from quant.errors import Cancelled, DataError
from quant.opening.loading import load
from quant.runtime.session import InferenceSession
from quant.statistics.calibration import Calibration
from quant.statistics.calibration_file import checksum
from quant.statistics.collect import calibrate
from quant.statistics.observe import HIGH, LOW
from quant.statistics.sample_histogram import SIDE_BINS
from tests import nets

calibrate_module = import_module("quant.statistics.collect")


@pytest.fixture(scope="module")
def model():
    return load(nets.convnet())


@pytest.fixture(scope="module")
def x():
    return nets.images(11)


@pytest.fixture(scope="module")
def calibration(model, x):
    return calibrate(model, open_data({"x": x}))


@pytest.fixture
def batches_of(monkeypatch):
    """Make every calibration run batches of a given size."""

    def force(size):
        monkeypatch.setattr(calibrate_module, "batch_size", lambda *_: (size, 1 << 20))

    return force


def whole(model, x):
    """Every calibrated tensor over all samples, sample by sample."""
    taps = [n for n in model.calibration_targets if n != "x"]
    session = InferenceSession(model.to_bytes(), taps=taps)
    runs = [session.run({"x": x[i : i + 1]}) for i in range(len(x))]
    return {"x": x, **{n: np.concatenate([r[n] for r in runs]) for n in taps}}


def test_statistics_equal_those_of_the_whole_arrays(model, x, calibration):
    arrays = whole(model, x)
    assert list(calibration.tensors) == sorted(model.calibration_targets)
    assert {"x", "c1", "r1", "a", "r2", "p", "f", "y"} <= set(arrays)
    for name, a in arrays.items():
        stats = calibration.tensors[name]
        rows = np.sort(a.reshape(len(x), -1).astype(np.float64), axis=1)
        n = rows.shape[1]
        near = {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose([stats.min, stats.max], [a.min(), a.max()], **near)
        assert (stats.count, stats.samples) == (a.size, len(x))
        assert stats.zeros == np.count_nonzero(a == 0)
        expected = [
            rows[:, 0].mean(),
            rows[:, -1].mean(),
            np.abs(rows).max(axis=1).mean(),
            rows[:, int(LOW * n)].mean(),
            rows[:, int(HIGH * n)].mean(),
        ]
        found = [
            stats.mean_sample_min,
            stats.mean_sample_max,
            stats.mean_sample_abs_max,
            stats.mean_low_quantile,
            stats.mean_high_quantile,
        ]
        np.testing.assert_allclose(found, expected, **near)
        if stats.channel_axis is not None:
            others = tuple(i for i in range(a.ndim) if i != stats.channel_axis)
            np.testing.assert_allclose(stats.channel_min, a.min(axis=others), **near)
            np.testing.assert_allclose(stats.channel_max, a.max(axis=others), **near)
    assert calibration.tensors["c1"].channel_axis == 1
    assert calibration.tensors["r1"].channel_min.min() == 0
    assert np.array_equal(calibration.probe["x"], x[:1])


def brute_force_samples(a, stats):
    """What is known of single samples, from the samples themselves."""
    rows = a.reshape(len(a), -1)
    for n, found in zip(stats.growth_samples, stats.range_growth, strict=True):
        np.testing.assert_allclose(found, [rows[:n].min(), rows[:n].max()], rtol=1e-5, atol=1e-6)
    assert stats.growth_samples[-1] == len(a)
    assert stats.min_sample == int(np.argmin(rows.min(axis=1)))
    assert stats.max_sample == int(np.argmax(rows.max(axis=1)))
    assert stats.quietest.index == int(np.argmin(np.abs(rows).max(axis=1)))
    assert stats.last.index == len(a) - 1
    for counts in (stats.quietest, stats.last):
        row = rows[counts.index].astype(np.float64)
        np.testing.assert_allclose([counts.low, counts.high], [row.min(), row.max()], rtol=1e-5)
        assert counts.zeros == np.count_nonzero(row == 0)
        for side, values in ((counts.negative, -row[row < 0]), (counts.positive, row[row > 0])):
            limit = max(float(values.max(initial=0)), 1e-30)
            expected = np.histogram(values, SIDE_BINS, range=(0, limit))[0]
            # The last bit of a value may differ between batches, and with it its bin.
            assert np.abs(np.cumsum(side.astype(np.int64)) - np.cumsum(expected)).max() <= 2
            assert side.sum() == values.size


def test_what_is_known_of_single_samples_equals_a_look_at_each(model, x, calibration):
    for name, a in whole(model, x).items():
        brute_force_samples(a, calibration.tensors[name])


def test_what_is_known_of_single_samples_holds_behind_a_relu_that_only_zeros_pass():
    content = nets.network("(float[N, 3] x) => (float[N, 3] y) { y = Relu (x) }")
    x = np.asarray([[-1, -4, -2], [-3, 5, 1], [-9, -9, -9], [7, 8, 9]], np.float32)
    stats = calibrate(load(content), open_data({"x": x})).tensors
    assert (stats["x"].min_sample, stats["x"].max_sample) == (2, 3)
    assert (stats["y"].min_sample, stats["y"].max_sample) == (0, 3)
    assert (stats["x"].quietest.index, stats["y"].quietest.index) == (0, 0)
    assert stats["y"].range_growth.tolist() == [[0, 0], [0, 5], [0, 9]]
    assert stats["x"].range_growth.tolist() == [[-4, -1], [-4, 5], [-9, 9]]
    assert (stats["y"].quietest.zeros, stats["y"].quietest.abs_max) == (3, 0)
    negative = calibrate(load(content), open_data({"x": x[:1]})).tensors["y"]
    assert (negative.min_sample, negative.max_sample, negative.last.zeros) == (0, 0, 3)


def test_histograms_equal_numpys_on_the_tensors_that_ran(model, x, calibration):
    stats = calibration.tensors["x"]
    edges = stats.histogram.edges()
    assert np.array_equal(np.histogram(x.astype(np.float64), edges)[0], stats.histogram.counts())


def test_what_a_relu_gives_equals_measuring_it(model, x):
    plain = calibrate(model, open_data({"x": x}))
    measured = load(nets.convnet())
    object.__setattr__(measured, "relu_of", {})
    object.__setattr__(measured, "same_values", {})
    everything = calibrate(measured, open_data({"x": x}))
    for name in ("r1", "r2", "f"):
        a, b = plain.tensors[name], everything.tensors[name]
        if a.channel_axis is not None:
            assert a.digest == b.digest
        assert np.array_equal(a.histogram.counts(), b.histogram.counts())
        assert (a.min, a.max, a.mean_high_quantile) == (b.min, b.max, b.mean_high_quantile)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_batch_size_and_number_of_workers_gives_the_same_bytes(
    model, x, batches_of, monkeypatch, workers
):
    monkeypatch.setattr(calibrate_module, "cores", lambda: workers)
    saved = set()
    for size in (1, 3, 7, 32):
        batches_of(size)
        saved.add(calibrate(model, open_data({"x": x})).to_bytes())
    assert len(saved) == 1


def test_samples_of_different_shapes_are_calibrated_together(model, tmp_path):
    arrays = [nets.images(3, size, seed=size) for size in (8, 12, 8, 20)]
    for i, a in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", a)
    stats = calibrate(model, open_data(tmp_path)).tensors["x"]
    joined = np.concatenate([a.ravel() for a in arrays])
    assert (stats.count, stats.samples, stats.max) == (joined.size, 12, joined.max())
    lows = [s.min() for a in arrays for s in a]
    assert stats.mean_sample_min == pytest.approx(np.mean(lows, dtype=np.float64))
    assert stats.channel_min.shape == (3,)


def test_a_tensor_with_nan_names_itself_and_the_sample(x, batches_of):
    content = nets.network(
        "(float[N, 3, H, W] x) => (float[N, 3, H, W] y) { e = Log (x) \n y = Relu (e) }"
    )
    model = load(content)
    bad = np.abs(x) + 1
    bad[6, 0, 0, 0] = -1
    for size in (1, 4):
        batches_of(size)
        with pytest.raises(DataError, match="tensor 'e' holds NaN for sample 6"):
            calibrate(model, open_data({"x": bad}))


def test_a_tensor_with_infinities_has_no_statistics_and_the_others_keep_theirs(x, batches_of):
    content = nets.network(
        """(float[N, 3, H, W] x) => (float[N, 3, H, W] y, float[N, 3, H, W] z) {
            e = Exp (x)
            y = Relu (e)
            z = Relu (x)
        }"""
    )
    model = load(content)
    bad = x.copy()
    bad[6, 0, 0, 0] = 200
    whole = calibrate(model, open_data({"x": bad}))
    assert whole.infinite == {"e", "y"}
    assert set(whole.tensors) == {"x", "z"}
    for size in (1, 4):
        batches_of(size)
        assert calibrate(model, open_data({"x": bad})).to_bytes() == whole.to_bytes()
    merged = calibrate(model, open_data({"x": bad[:5]})) + calibrate(
        model, open_data({"x": bad[5:]})
    )
    assert merged.to_bytes() == whole.to_bytes()


def test_samples_that_a_model_mixes_along_the_first_axis_run_one_by_one(x):
    content = nets.network(
        """(float[N, T, C] x) => (float[M, C] y) {
            t = Transpose <perm = [1, 0, 2]> (x)
            f = Reshape (t, shape)
            m = MatMul (f, w)
            y = Relu (m)
        }""",
        shape=np.array([-1, 4]),
        w=nets.weight(4, 4),
    )
    data = np.random.default_rng(0).standard_normal((6, 5, 4)).astype(np.float32)
    data *= np.arange(1, 7, dtype=np.float32)[:, None, None]
    model = load(content)
    stats = calibrate(model, open_data({"x": data})).tensors["m"]
    w = nets.weight(4, 4)
    expected = np.mean([(sample @ w).min() for sample in data])
    assert stats.mean_sample_min == pytest.approx(expected, rel=1e-5)


def test_a_model_with_a_fixed_batch_of_one_takes_many_samples(x):
    model = load(nets.convnet(batch="1"))
    assert calibrate(model, open_data({"x": x})).tensors["y"].count == 4 * len(x)


def test_only_the_first_samples_are_used_when_asked(model, x):
    assert calibrate(model, open_data({"x": x}), samples=4).digest == (
        calibrate(model, open_data({"x": x[:4]})).digest
    )
    with pytest.raises(DataError, match="at least 1 sample"):
        calibrate(model, open_data({"x": x}), samples=0)


def test_a_saved_calibration_is_read_back_exactly(calibration, tmp_path):
    calibration.save(tmp_path / "c.npz")
    again = Calibration.load(tmp_path / "c.npz")
    assert again.digest == calibration.digest
    assert again.to_bytes() == calibration.to_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_a_tensor_that_only_one_run_saw_keeps_its_place_in_the_data():
    content = nets.network("(float[N, M] x, float[N, 4] z) => (float[N, M] y) { y = Relu (x) }")
    model = load(content)
    z = np.ones((2, 4), np.float32)
    x = np.asarray([[1, 2], [3, 4]], np.float32)
    empty, full = (calibrate(model, open_data({"x": a, "z": z})) for a in (x[:, :0], x))
    assert "x" not in empty.tensors
    behind = empty.merged(full).tensors["x"]
    assert (behind.min_sample, behind.max_sample) == (2, 3)
    assert (behind.quietest.index, behind.last.index) == (2, 3)
    assert full.merged(empty).tensors["x"].last is None


def test_a_calibration_of_another_model_is_refused(calibration, model, x):
    other = load(nets.convnet(channels=5))
    with pytest.raises(DataError, match="belongs to another model"):
        calibration.check(other)
    calibration.check(model)
    with pytest.raises(DataError, match="of one model"):
        calibration.merged(calibrate(other, open_data({"x": x})))


def rewritten(content, path, change):
    """The calibration file with one array changed by somebody who also writes checksums."""
    with np.load(content) as archive:
        arrays = change(dict(archive.items()))
    if "sums" in arrays:
        sums = {name: checksum(array) for name, array in arrays.items() if name != "sums"}
        arrays["sums"] = np.frombuffer(json.dumps(sums).encode(), np.uint8)
    np.savez(path, **arrays)


def about(arrays, **changes):
    document = {**json.loads(arrays["about"].tobytes()), **changes}
    return arrays | {"about": np.frombuffer(json.dumps(document).encode(), np.uint8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: {"x": np.zeros(3)}, "found a file of another kind"),
        (lambda a: about(a, format="x"), "another kind"),
        (lambda a: about(a, version=6), "format version 5, found version 6; calibrate again"),
        (lambda a: about(a, tensors=[]), "damaged"),
        (lambda a: about(a, tensors=7), "damaged"),
        (lambda a: a | {"about": np.zeros(4, np.uint8)}, "damaged"),
        *(
            (lambda a, name=name: a | {name: a[name][1:]}, "damaged")
            for name in ("negative", "positive_bins", "channel_min", "record_values")
        ),
        (lambda a: a | {"sample_negative": np.append(a["sample_negative"], 1)}, "damaged"),
        (lambda a: a | {"positive_bins": a["positive_bins"] | 0x8000}, "damaged"),
        (lambda a: a | {"sample_positive_bins": a["sample_positive_bins"][::-1]}, "damaged"),
        (lambda a: a | {"record_values": a["record_values"] * np.float32(np.nan)}, "damaged"),
        (lambda a: a | {"record_values": a["record_values"][::-1]}, "damaged"),
    ],
)
def test_a_foreign_or_damaged_calibration_is_one_sentence(calibration, tmp_path, change, words):
    calibration.save(tmp_path / "c.npz")
    rewritten(tmp_path / "c.npz", tmp_path / "d.npz", change)
    with pytest.raises(DataError, match=words) as raised:
        Calibration.load(tmp_path / "d.npz")
    assert "\n" not in str(raised.value)


def test_a_calibration_cut_short_or_missing_is_one_sentence(calibration, tmp_path):
    (tmp_path / "c.npz").write_bytes(calibration.to_bytes()[:-100])
    for name in ("c.npz", "none.npz"):
        with pytest.raises(DataError):
            Calibration.load(tmp_path / name)


def test_equal_calibrations_are_saved_as_equal_bytes_whenever(calibration, tmp_path):
    with zipfile.ZipFile(io.BytesIO(calibration.to_bytes())) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_progress_counts_samples_to_the_total(model, x, batches_of):
    batches_of(4)
    reports = []
    calibrate(model, open_data({"x": x}), progress=reports.append)
    done = [r.done for r in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 11)
    assert {r.total for r in reports} == {11}


def test_cancelling_stops_within_a_second_and_leaves_no_thread(x, monkeypatch):
    """One run takes several seconds here; it is ended in its middle."""
    content = nets.network(
        """(float[N, 3, H, W] x) => (float[N, 3, H, W] y) {
            r = Relu (x)
            y = Loop (times, go, r) <body = step (int64 i, bool a, float[N, 3, H, W] v)
                => (bool b, float[N, 3, H, W] u) { b = Identity (a) \n u = Cos (v) }>
        }""",
        times=np.array(10**7),
        go=np.array(True),
    )
    model = load(content)
    before = threading.active_count()
    asked = []

    def cancel(progress):
        if progress.seconds > 0.5:
            asked.append(time.monotonic())
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        calibrate(model, open_data({"x": x}), progress=cancel)
    assert time.monotonic() - asked[0] < 1
    assert threading.active_count() <= before


def test_a_tensor_without_values_is_left_out():
    content = nets.network(
        """(float[N, 4] x, float[N, M] z) => (float[N, K] y) {
            r = LeakyRelu (z)
            y = Concat <axis = 1> (x, r)
        }"""
    )
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    found = calibrate(load(content), open_data({"x": x, "z": x[:, :0]})).tensors
    assert set(found) == {"x", "y"}


def test_the_models_used_here_are_valid():
    for content in (nets.convnet(), nets.convnet(batch="1")):
        onnx.checker.check_model(onnx.load_model_from_string(content))
