"""Ablations are recipes: what is saved makes again what was run, and is what its name says."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

import quant
from analysis.errors.weights_vs_activations import weights_vs_activations
from quant.ablation import activations_only, only_unit, units, weights_only, without_unit
from quant.model.op_roles import Kind
from quant.recipe.recipe import Recipe, Rule
from tests import nets
from tests.quant.random_graphs import cases


def arrays_of(graph):
    return {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}


def graph_of(quantized):
    return onnx.load_model_from_string(quantized.to_bytes()).graph


def stored(quantized):
    """Name of each integer initializer that is dequantized -> its codes, scale and zero point."""
    graph = graph_of(quantized)
    arrays = arrays_of(graph)
    return {
        node.input[0]: [arrays[name].tolist() for name in node.input]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays
    }


def rounded(quantized):
    """What each QuantizeLinear gives -> its scale and zero point."""
    graph = graph_of(quantized)
    arrays = arrays_of(graph)
    return {
        node.output[0]: [arrays[name].tolist() for name in node.input[1:]]
        for node in graph.node
        if node.op_type == "QuantizeLinear"
    }


def again(quantized):
    """The bytes that the recipe, written and read, makes of the same model and statistics."""
    recipe = Recipe.loads(quantized.recipe.dumps())
    return quant.quantize(quantized.float_model, quantized.calibration, recipe).to_bytes()


@settings(deadline=None, max_examples=25)
@given(cases(parts=True))
def test_any_ablation_is_made_again_by_its_recipe_and_is_what_its_name_says(case):
    model = quant.load(case.content)
    calibration = quant.calibrate(model, quant.open_data(case.data, model))
    whole = quant.quantize(model, calibration, case.recipe)

    weights = whole.with_recipe(weights_only(whole.recipe))
    assert again(weights) == weights.to_bytes()
    assert not rounded(weights)
    assert not weights.plan.tensors
    assert stored(weights) == stored(whole)

    activations = whole.with_recipe(activations_only(whole.recipe))
    assert again(activations) == activations.to_bytes()
    assert not stored(activations)
    assert not activations.constants
    assert rounded(activations) == rounded(whole)

    for unit in units(whole)[:2]:
        alone = whole.with_recipe(only_unit(whole.recipe, unit))
        assert again(alone) == alone.to_bytes()
        assert {n for n, item in alone.plan.nodes.items() if item.quantized} <= set(unit.nodes)
        rest = whole.with_recipe(without_unit(whole.recipe, unit))
        assert again(rest) == rest.to_bytes()
        assert not any(rest.plan.nodes[name].quantized for name in unit.nodes)


def test_a_unit_alone_is_quantized_whatever_the_recipe_skips_elsewhere():
    model = quant.load(nets.convnet())
    calibration = quant.calibrate(model, quant.open_data({"x": nets.images(4)}, model))
    recipe = quant.preset("everything").with_rule(Rule("op_type", "Gemm", {"skip": True}))
    whole = quant.quantize(model, calibration, recipe)
    for unit in units(whole):
        nodes = whole.with_recipe(only_unit(recipe, unit)).plan.nodes
        if nodes[unit.name].node.kind is not Kind.SAME_SCALE:
            assert {n for n, item in nodes.items() if item.quantized} == set(unit.nodes)


SCRIPT = """
import hashlib, sys
import numpy as np
import quant
from tests import nets
model = quant.load(nets.convnet())
calibration = quant.calibrate(model, quant.open_data({"x": nets.images(6)}, model))
recipe = quant.Recipe.loads(open(sys.argv[1], encoding="utf-8").read())
made = quant.quantize(model, calibration, recipe)
print(hashlib.sha256(made.to_bytes()).hexdigest())
"""


@pytest.mark.parametrize("part", [weights_only, activations_only])
def test_what_is_saved_reproduces_what_was_run_in_a_fresh_process(part, tmp_path):
    model = quant.load(nets.convnet())
    calibration = quant.calibrate(model, quant.open_data({"x": nets.images(6)}, model))
    whole = quant.quantize(model, calibration, quant.preset("everything"))
    made = whole.with_recipe(part(whole.recipe))
    made.save(tmp_path / "part.onnx")
    assert (tmp_path / "part.onnx").read_bytes() == made.to_bytes()
    (recipe,) = tmp_path.glob("*.recipe.json")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(recipe)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert run.stdout.strip() == hashlib.sha256(made.to_bytes()).hexdigest()


def test_16_bit_constant_operands_alone_raise_the_opset():
    content = nets.network(
        """(float[N, 4] x) => (float[N, 4] y) {
            a = Add (x, c)
            y = MatMul (a, w)
        }""",
        c=nets.weight(4),
        w=nets.weight(4, 4),
    )
    model = quant.load(content)
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    data = quant.open_data({"x": x}, model)
    wide = quant.Settings(activation_type=quant.QType.UINT16)
    whole = quant.quantize(model, quant.calibrate(model, data), Recipe("wide", wide))
    part = whole.with_recipe(weights_only(whole.recipe))
    assert part.plan.min_opset == 21
    assert whole.float_model.graph.opset_imports[""] < 21
    assert any("raised" in note for note in part.notes)
    found = weights_vs_activations(whole, data)
    assert found.weights_only.sqnr_db > 20
    assert found.activations_only.sqnr_db > 60
