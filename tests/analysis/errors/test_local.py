"""The measured local error of each unit equals that of the unit computed by itself."""

import math

import numpy as np
import onnx
import pytest

import quant
from analysis.errors.local import local_errors
from analysis.errors.local_graph import local_graph
from analysis.errors.tensor_error import ErrorAccumulator
from quant.ablation import only_unit, units
from quant.numerics import fake_quantize
from quant.recipe.recipe import Rule
from quant.runtime.session import InferenceSession
from sample_models import samples
from tests import nets
from tests.models import from_text


def of(model, data, recipe, count):
    calibration = quant.calibrate(model, data, samples=count)
    return quant.quantize(model, calibration, recipe), calibration


def tapped(content, names, feeds):
    session = InferenceSession(content, taps=names, level="basic", integer_kernels=False)
    return session.run(feeds)


def brute_force(quantized, calibration, data, count):
    """For each unit the whole model with only it quantized, looked at where the unit ends."""
    model = quantized.float_model
    nodes = {node.name: node for node in model.nodes}
    batch = next(data.batches(count))
    found = {}
    for unit in units(quantized):
        alone = quantized.with_recipe(only_unit(quantized.recipe, unit))
        for node in unit.nodes:
            for tensor in model.float_outputs(nodes[node]):
                if tensor in alone.plan.tensors and alone.plan.tensors[tensor].produced:
                    seen = alone.tensor_map[tensor]
                    test = tapped(alone.to_bytes(), (seen,), batch.feeds)[seen]
                    expected = tapped(model.to_bytes(), (tensor,), batch.feeds)[tensor]
                    error = ErrorAccumulator()
                    error.add(expected, test)
                    found[tensor] = error.result()
    return found


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_every_unit_of_the_samples_equals_the_model_with_only_it_quantized(sample):
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.evaluation_path, model)
    quantized, calibration = of(model, data, quant.preset("onnxruntime-default"), 6)
    found = local_errors(quantized, data, samples=6)
    expected = brute_force(quantized, calibration, data, 6)
    assert len(expected) > 15
    for tensor, error in expected.items():
        if not math.isfinite(error.sqnr_db):
            assert found[tensor].sqnr_db > 100
            continue
        # A value on the edge between two codes may fall to either side.
        assert found[tensor].sqnr_db == pytest.approx(error.sqnr_db, abs=0.2)
        assert found[tensor].cosine == pytest.approx(error.cosine, abs=1e-3)


@pytest.fixture(scope="module")
def skipping():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(7)}, model)
    skipped = model.producers["c2"].name
    recipe = quant.preset("everything").with_rule(Rule("node", skipped, {"skip": True}))
    return of(model, data, recipe, 7)[0], data


def test_a_tensor_that_no_unit_computes_has_the_error_of_quantizing_it(skipping):
    quantized, data = skipping
    found = local_errors(quantized, data)
    batch = next(data.batches(7))
    values = tapped(quantized.float_model.to_bytes(), ("c2",), batch.feeds)
    for name, array in (("x", batch.feeds["x"]), ("c2", values["c2"])):
        error = ErrorAccumulator()
        error.add(array, fake_quantize(array, quantized.params[name]))
        assert found[name].sqnr_db == pytest.approx(error.result().sqnr_db, abs=1e-3)
        assert found[name].max_abs == pytest.approx(error.result().max_abs, rel=1e-4)


def test_every_quantized_tensor_is_measured_in_order(skipping):
    quantized, data = skipping
    found = local_errors(quantized, data)
    assert list(found) == list(quantized.plan.tensors)
    assert {error.count % 7 for error in found.values()} == {0}


def test_the_graph_is_valid_and_its_outputs_are_those_of_the_float_model(skipping):
    quantized, data = skipping
    content, _ = local_graph(quantized)
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    batch = next(data.batches(7))
    expected = InferenceSession(quantized.float_model.to_bytes()).run(batch.feeds)["y"]
    assert np.allclose(InferenceSession(content).run(batch.feeds)["y"], expected, atol=1e-5)


def test_types_that_need_a_later_opset_are_measured_too():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(4)}, model)
    wide = quant.preset("everything").with_rule(
        Rule("pattern", ".*", {"activation_type": quant.QType.UINT16})
    )
    narrow = local_errors(of(model, data, quant.preset("everything"), 4)[0], data)
    found = local_errors(of(model, data, wide, 4)[0], data)
    assert all(found[name].sqnr_db >= error.sqnr_db - 0.5 for name, error in narrow.items())


def test_what_stands_beside_branches_with_weights_in_8_bits_is_measured_too():
    rng = np.random.default_rng(5)
    text = """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 32] x, bool left) => (float[N, 32] y) {
            [m] a = MatMul (x, w)
            [r] b = Relu (a)
            [n] c = MatMul (b, w)
            [i] y = If (left) <
                then_branch = one () => (float[N, 32] t) { t = MatMul (c, v) },
                else_branch = two () => (float[N, 32] e) { d = MatMul (b, u) e = Relu (d) }>
        }"""
    weights = {name: rng.normal(0, 0.2, (32, 32)).astype(np.float32) for name in "wvu"}
    model = quant.load(from_text(text, **weights).SerializeToString())
    arrays = {"x": rng.normal(size=(8, 32)).astype(np.float32), "left": np.array([True, False] * 4)}
    data = quant.open_data(arrays, model)
    quantized, _ = of(model, data, quant.preset("recommended"), 8)
    assert any("of 2 MatMul are stored in 8 bits" in note for note in quantized.notes)
    content, _ = local_graph(quantized)
    feeds = next(data.batches(1)).feeds
    taps = ("local/c", "local/y")
    found = InferenceSession(content, taps=taps, level="basic", integer_kernels=False).run(feeds)
    graph = onnx.load_model_from_string(content).graph
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    expected = found["local/c"] @ (stored["local/v_quantized"] * stored["local/v_scale"])
    np.testing.assert_allclose(found["local/y"], expected, rtol=1e-4, atol=1e-5)
    assert list(local_errors(quantized, data)) == list(quantized.plan.tensors)
