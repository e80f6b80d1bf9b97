"""What findings are made from: the noise budget, gains, slices, and what lies outside ranges."""

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.errors.axis_slices import slice_errors
from analysis.errors.out_of_range import out_of_range
from analysis.errors.tensor_error import ErrorStats
from analysis.findings import REGISTRY, SEVERITIES, Measurements, find_causes, register
from analysis.findings.few_samples import last_growth
from analysis.findings.finding import severity_of
from analysis.findings.saturation import cpu_flags, mean_excess, pair_sums
from analysis.findings.sensitive_nodes import sqnr_drops
from analysis.noise.budget import Noise, tensor, weight
from quant import QType, Recipe, Rule, calibrate, load, open_data, preset, quantize
from quant.error_model.channels import passed_back, passed_on
from quant.errors import Cancelled
from quant.pipeline import QuantizedModel
from quant.runtime.session import InferenceSession
from tests.nets import convnet, images, network
from tests.nets import weight as random_weight


@pytest.fixture(scope="module")
def made() -> Measurements:
    model = load(convnet())
    calibration = calibrate(model, open_data({"x": images(8)}, model))
    return Measurements(quantize(model, calibration, preset("everything")), calibration)


def test_a_kind_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        register("clipping")(lambda evidence: [])


def test_severity_follows_the_gain():
    assert [severity_of(db) for db in (12, 5, 1)] == list(SEVERITIES)


def test_findings_are_sorted_and_fixes_change_the_recipe(made: Measurements):
    recipe = made.recipe.with_rule(Rule("tensor", "x", {"range": (-0.1, 0.1)}))
    evidence = Measurements(
        quantize(made.quantized.float_model, made.calibration, recipe), made.calibration
    )
    found = find_causes(evidence)
    order = [SEVERITIES.index(f.severity) for f in found]
    assert order == sorted(order)
    assert found[0].kind == "clipping"
    assert found[0].tensor == "x"
    for item in found:
        assert item.kind in REGISTRY
        assert item.evidence.endswith(".")
        assert item.fix is None or item.fix.recipe.content_key != recipe.content_key


def test_what_was_mended_is_not_found_again(made: Measurements):
    model, calibration = made.quantized.float_model, made.calibration
    recipe = made.recipe.with_rule(Rule("tensor", "x", {"range": (-0.1, 0.1)}))
    for _ in range(6):
        found = [
            f
            for f in find_causes(Measurements(quantize(model, calibration, recipe), calibration))
            if f.fix
        ]
        if not found:
            break
        assert found[0].fix is not None
        recipe = found[0].fix.recipe
    assert not found


def test_sixteen_bits_leave_the_noise_of_the_rest(made: Measurements):
    noise = made.noise
    name = max((i for i in noise.shares if i.kind == "tensor"), key=noise.shares.__getitem__).name
    part = noise.part(tensor(name))
    assert noise.gain_db({tensor(name): 0.0}) == pytest.approx(-10 * math.log10(1 - part))
    assert noise.gain_db({}) == 0


def test_measured_units_have_the_share_that_was_measured(made: Measurements):
    class UnitEffect:
        nodes = ("conv2",)
        sqnr_db = 17.0

    before = made.noise.shares
    after = Noise(made.quantized, made.calibration, {"conv2": UnitEffect()}).shares
    own = [weight("conv2"), tensor("r1"), tensor("c2")]
    own = [item for item in own if item in before]
    assert sum(after[item] for item in own) == pytest.approx(10**-1.7)
    untouched = set(before) - set(own)
    assert all(after[item] == before[item] for item in untouched)


def test_gains_are_the_transpose_of_what_a_weight_passes_on():
    rng = np.random.default_rng(0)
    squares, powers, gains = rng.random((6, 2)), rng.random(4), rng.random(6)
    assert gains @ passed_on(squares, powers) == pytest.approx(
        passed_back(squares, gains, 4) @ powers
    )
    # Two groups: outputs 0 to 2 read inputs 0 and 1, the others 2 and 3.
    assert passed_on(squares, powers)[4] == pytest.approx(squares[4] @ powers[2:])


def linear(rng: np.random.Generator) -> bytes:
    text = "(float[N, 3, 6, 6] x) => (float[N, 2, 6, 6] y) { y = Conv (x, w) }"
    return network(text, w=rng.standard_normal((2, 3, 1, 1)).astype(np.float32))


def test_the_noise_of_one_linear_layer_is_what_is_measured():
    rng = np.random.default_rng(4)
    model = load(linear(rng))
    arrays = {"x": rng.standard_normal((32, 3, 6, 6)).astype(np.float32)}
    calibration = calibrate(model, open_data(arrays, model))
    quantized = quantize(model, calibration, preset("everything"))
    reference, test = (InferenceSession(m.to_bytes()).run(arrays)["y"] for m in (model, quantized))
    axes = (0, 2, 3)
    measured = np.mean(np.square(test - reference).mean(axes) / np.square(reference).mean(axes))
    assert 10 * math.log10(Measurements(quantized, calibration).noise.total / measured) == (
        pytest.approx(0, abs=2)
    )


def test_pairs_of_weights_that_overflow_int16_are_counted_like_by_hand():
    codes = np.array([[100, 60, -100, 60], [1, 2, 127, 127]], np.int8)
    assert pair_sums(codes, 0).tolist() == [[160, 0], [3, 254]]
    excess = mean_excess(np.eye(256)[255])
    assert excess[160] == (160 * 255 - 32767) ** 2
    assert excess[128] == 0
    assert mean_excess(np.eye(256)[100])[254] == 0


def test_images_have_their_channels_as_neighbours():
    codes = np.zeros((1, 2, 1, 2), np.int8)
    codes[0, :, 0, 0] = 70
    assert pair_sums(codes, 0).tolist() == [[140, 0]]


def test_flags_of_the_processor_are_read_where_linux_writes_them(tmp_path: Path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor : 0\nflags : fpu avx2 avx_vnni\nflags : other\n")
    assert cpu_flags(path) == {"fpu", "avx2", "avx_vnni"}
    assert cpu_flags(tmp_path / "none") is None


def test_growth_compares_about_half_of_the_samples_with_all():
    model = load(convnet())
    for count, before in ((8, 4), (9, 4)):
        arrays = {"x": images(count)}
        stats = calibrate(model, open_data(arrays, model)).tensors["x"]
        widths = [float(np.ptp(arrays["x"][:n])) for n in (before, count)]
        assert last_growth(stats) == pytest.approx(widths[1] / widths[0] - 1, rel=1e-5)


def joined() -> QuantizedModel:
    text = """(float[N, 3, 8, 8] x) => (float[N, 5, 8, 8] y) {
        a = Conv (x, w1)
        b = Conv (x, w2)
        y = Concat <axis = 1> (a, b)
    }"""
    model = load(
        network(text, w1=100 * random_weight(2, 3, 1, 1), w2=random_weight(3, 3, 1, 1, seed=8))
    )
    data = open_data({"x": images(6, 8)}, model)
    return quantize(model, calibrate(model, data), preset("everything"))


def test_errors_of_slices_are_those_of_the_values_in_them():
    quantized = joined()
    arrays = {"x": images(6, 8, seed=2)}
    found = slice_errors(quantized, open_data(arrays, quantized.float_model))["y"]
    reference, test = (
        InferenceSession(m.to_bytes(), level="basic").run(arrays)["y"].astype(np.float64)
        for m in (quantized.float_model, quantized)
    )
    assert found.axis == 1
    assert found.parts == (("a", 0, 2), ("b", 2, 5))
    for start, end in ((0, 2), (2, 5), (0, 5)):
        ref, got = reference[:, start:end], test[:, start:end]
        expected = 10 * math.log10(np.sum(ref**2) / np.sum((ref - got) ** 2))
        assert found.part_db(start, end) == pytest.approx(expected)
    assert found.whole_db > found.part_db(2, 5) + 20
    assert found.sqnr_db.shape == (5,)


def test_what_lies_outside_is_counted_sample_by_sample():
    quantized = joined()
    arrays = {"x": images(5, 8, seed=2)}
    arrays["x"][3] *= 10
    found = out_of_range(quantized, open_data(arrays, quantized.float_model))["x"]
    low, high = (float(end) for end in quantized.params["x"].representable)
    beyond = (arrays["x"] < low * (1 + 1e-6)) | (arrays["x"] > high * (1 + 1e-6))
    assert found.shares.tolist() == pytest.approx(beyond.mean(axis=(1, 2, 3)).tolist())
    assert found.worst[0] == 3
    excess = np.maximum(np.maximum(low - arrays["x"], arrays["x"] - high), 0)
    assert found.excess == pytest.approx(np.square(excess).mean(), rel=1e-3)
    assert (found.min, found.max) == (arrays["x"].min(), arrays["x"].max())


@pytest.mark.parametrize("measure", [slice_errors, out_of_range])
def test_measurements_stop_when_they_are_told_to(measure):
    quantized = joined()

    def stop(progress: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        measure(quantized, open_data({"x": images(4, 8)}, quantized.float_model), progress=stop)


def test_a_node_and_its_fused_activation_count_as_one(made: Measurements):
    measured = {name: ErrorStats(db, 1.0, 0.0, 0.0, 1) for name, db in {"x": 50, "r1": 40}.items()}
    assert sqnr_drops(made.quantized, measured) == {"conv0": pytest.approx(10)}


def test_int16_activations_need_no_finding_of_channels():
    model = load(from_text_wide())
    data = open_data({"x": images(6, 8)}, model)
    recipe = Recipe(defaults=preset("everything").defaults)
    recipe = recipe.with_rule(Rule("pattern", ".*", {"activation_type": QType.UINT16}))
    calibration = calibrate(model, data)
    kinds = {
        f.kind for f in find_causes(Measurements(quantize(model, calibration, recipe), calibration))
    }
    assert not kinds & {"activation_channels", "channel_ranges", "mismatched_inputs"}


def from_text_wide() -> bytes:
    first = random_weight(8, 3, 1, 1)
    first[0] *= 100
    return network(
        "(float[N, 3, 8, 8] x) => (float[N, 8, 8, 8] y) { c = Conv (x, w) y = Relu (c) }", w=first
    )


AWKWARD = {
    "rows": """(float[N, 6] x) => (float[N, 4] y) {
        h = Gemm <transB = 1> (x, wt)
        y = Gemm (h, w64)
    }""",
    "concat of rows": """(float[N, 3, 8, 8] x) => (float[N, 3, 8, 8] y) {
        a = Relu (x)
        b = Sigmoid (x)
        c = Concat <axis = 0> (a, b)
        p, q = Split <axis = 0, num_outputs = 2> (c)
        y = Add (p, q)
    }""",
    "transposed": """(float[N, 3, 8, 8] x) => (float[N, 5, 10, 10] y) {
        y = ConvTranspose (x, wc)
    }""",
    "two consumers": """(float[N, 3, 8, 8] x) => (float[N, 4, 8, 8] y, float[N, M, 4] z) {
        y = Conv (x, w1)
        t = Transpose <perm = [0, 2, 3, 1]> (y)
        r = Reshape (t, shape)
        z = Softmax (r)
    }""",
    "mean": """(float[N, 3, 8, 8] x) => (float[N, 3, 1, 1] y) {
        m = Mul (x, x)
        y = GlobalAveragePool (m)
    }""",
}


@pytest.mark.parametrize("data", ["usual", "zeros", "one sample"])
@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.parametrize("name", ["recommended", "onnxruntime-default", "tensorrt"])
def test_findings_of_awkward_models_are_finite(text: str, data: str, name: str):
    weights = {
        "wt": random_weight(6, 6),
        "w64": random_weight(6, 4),
        "wc": random_weight(3, 5, 3, 3),
        "w1": random_weight(4, 3, 1, 1),
    }
    used = {key: array for key, array in weights.items() if f" {key})" in text}
    if "shape" in text:
        used["shape"] = np.array([0, -1, 4])
    model = load(network(text, opset=18, **used))
    shape = (1 if data == "one sample" else 4, *((6,) if "Gemm" in text else (3, 8, 8)))
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    arrays = open_data({"x": x * (data != "zeros")}, model)
    calibration = calibrate(model, arrays)
    quantized = quantize(model, calibration, preset(name))
    evidence = Measurements(
        quantized,
        calibration,
        slices=slice_errors(quantized, arrays),
        outside=out_of_range(quantized, arrays),
        cpu_flags=frozenset({"avx2"}),
    )
    for item in find_causes(evidence):
        assert math.isfinite(item.gain_db)
        assert all(math.isfinite(value) for value in item.numbers.values()), item
