from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import quant
from quant.ablation import activations_only, weights_only
from quant.numerics import dequantize_linear
from quant.passes.qdq_graph import quantized_graph
from quant.runtime.session import InferenceSession
from sample_models import samples
from tests import nets

SAMPLES = {sample.name: sample for sample in samples()}
RECIPES = ("recommended", "onnxruntime-default", "tensorrt")


@pytest.fixture(scope="module", params=sorted(SAMPLES))
def model_and_calibration(request):
    sample = SAMPLES[request.param]
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.calibration_path, model)
    return model, quant.calibrate(model, data, samples=16), data


@pytest.fixture(params=RECIPES)
def whole(request, model_and_calibration):
    model, calibration, _ = model_and_calibration
    return quant.quantize(model, calibration, quant.preset(request.param))


def parts(whole):
    """Weights only, and activations only."""
    recipes = weights_only(whole.recipe), activations_only(whole.recipe)
    return [whole.with_recipe(recipe) for recipe in recipes]


def chosen(quantized):
    """The weights, operands and biases before the scales of channels are folded into them."""
    return {
        (item.node, item.index): (item.codes, item.params.scale, item.params.zero_point)
        for item in quantized.draft.constants
    }


def of_channels(quantized):
    """Tensor -> the scale and zero point of each of its channels, where they have their own."""
    return {n: (p.scale, p.zero_point) for n, p in quantized.draft.channels.items()}


def seen(quantized, item):
    """A constant as its integers give it, with the factors of what it multiplies."""
    node = quantized.plan.nodes[item.node].node
    if node.weight is not None and item.index == node.weight.index and node.data:
        return quantized.draft.seen_weight(node, item)
    return dequantize_linear(item.codes, item.params)


def stored(quantized):
    """Name of each integer initializer that is dequantized -> its codes, scale and zero point."""
    graph = onnx.load_model_from_string(quantized.to_bytes()).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    return {
        node.input[0]: tuple(arrays[name] for name in node.input)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }


def pairs(quantized):
    """What each QuantizeLinear reads -> its scale and zero point."""
    graph = onnx.load_model_from_string(quantized.to_bytes()).graph
    arrays = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    return {
        node.input[0]: tuple(arrays[name] for name in node.input[1:])
        for node in graph.node
        if node.op_type == "QuantizeLinear"
    }


def equal(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(x, y) for k in a for x, y in zip(a[k], b[k], strict=True)
    )


def test_every_quantized_tensor_of_the_whole_is_in_one_half_and_one_only(whole):
    weights, activations = parts(whole)
    assert equal(chosen(weights), chosen(whole))
    assert equal(of_channels(activations), of_channels(whole))
    factors = {name: [found.values] for name, found in whole.draft.factors.items()}
    for part in (weights, activations):
        assert equal({n: [f.values] for n, f in part.draft.factors.items()}, factors)
    if not whole.draft.channels and not factors:
        assert equal(stored(weights), stored(whole))
        assert equal(pairs(activations), pairs(whole))
    read = [{name.replace("_divided", "_raw") for name in pairs(q)} for q in (activations, whole)]
    assert read[0] == read[1]
    assert not pairs(weights)
    assert not stored(activations)
    assert stored(whole)
    assert pairs(whole)


def test_weights_and_activations_put_together_again_are_the_whole(whole):
    weights, activations = parts(whole)
    made = quantized_graph(
        replace(weights.draft, plan=activations.plan, channels=activations.draft.channels),
        activations.params,
        frozenset(n for n, v in activations.activations.items() if v.dropped),
    )
    assert ir.to_proto(made.graph).SerializeToString(deterministic=True) == whole.to_bytes()


def test_weights_only_computes_what_the_float_graph_does_with_dequantized_constants(
    model_and_calibration, whole
):
    model, _, data = model_and_calibration
    proto = onnx.load_model_from_string(model.to_bytes())
    nodes = {node.name: node for node in proto.graph.node}
    items = (*whole.constants, *whole.draft.tables.values())
    stored = [(c.node, c.index, seen(whole, c)) for c in items]
    changed = [(c.node, c.index, c.values) for c in whole.draft.floats]
    assert not whole.draft.shifts
    for number, (node, index, values) in enumerate(stored + changed):
        name = f"brute_{number}"
        array = np.asarray(values, np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        inputs = nodes[node].input
        inputs.extend([name] * (index - len(inputs) + 1))
        inputs[index] = name
    feeds = next(data.batches(4))
    expected = InferenceSession(proto.SerializeToString(), level="basic").run(feeds.feeds)
    found = InferenceSession(parts(whole)[0].to_bytes(), level="basic").run(feeds.feeds)
    for name, array in expected.items():
        scale = np.abs(array).max()
        # A bias is rounded in other steps where its weight takes factors in.
        assert np.abs(found[name] - array).max() <= (1e-4 if whole.draft.factors else 1e-5) * scale


def test_a_half_is_an_ordinary_model_that_every_level_runs():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(6)}, model)
    whole = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    for part in parts(whole):
        onnx.checker.check_model(onnx.load_model_from_string(part.to_bytes()), full_check=True)
        assert {check.level for check in part.verify()} == {"all", "extended", "basic", "disabled"}


def test_a_clamp_that_the_whole_drops_is_kept_where_no_quantization_clamps():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(6)}, model)
    whole = quant.quantize(model, quant.calibrate(model, data), quant.preset("everything"))
    dropped = {name for name, verdict in whole.activations.items() if verdict.dropped}
    assert dropped
    kinds = [
        [node.name for node in onnx.load_model_from_string(part.to_bytes()).graph.node]
        for part in parts(whole)
    ]
    assert dropped <= set(kinds[0])
    assert not dropped & set(kinds[1])
