import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

import quant
from quant.numerics import quantize_linear
from quant.passes import PASSES
from tests import models


@pytest.fixture(scope="module")
def case():
    model = quant.load(models.conv_relu().SerializeToString())
    return model, quant.calibrate(model, quant.open_data(models.images(), model))


def nodes_of(case, recipe, op_type):
    graph = onnx.load_model_from_string(quant.quantize(*case, recipe).to_bytes()).graph
    return [node for node in graph.node if node.op_type == op_type]


def test_every_pass_says_in_a_line_what_it_does():
    assert "describe_scales" in PASSES
    assert PASSES.summaries().keys() == set(PASSES)
    assert all(text.endswith(".") for text in PASSES.summaries().values())


def test_a_recipe_without_passes_is_the_text_it_was_and_with_them_it_is_read_again():
    plain = quant.preset("everything")
    assert "passes" not in plain.to_json()
    asked = replace(plain, passes=("describe_scales",))
    assert json.loads(asked.dumps())["passes"] == ["describe_scales"]
    assert quant.Recipe.loads(asked.dumps()) == asked
    assert asked.content_key != plain.content_key


def test_described_nodes_name_their_scale_and_the_ends_of_their_codes(case):
    recipe = replace(quant.preset("everything"), passes=("describe_scales",))
    params = quant.quantize(*case, recipe).params
    nodes = nodes_of(case, recipe, "QuantizeLinear")
    assert len(nodes) == len(params)
    for node in nodes:
        found = params[node.name.removesuffix("_QuantizeLinear")]
        facts = {entry.key: entry.value for entry in node.metadata_props}
        assert float(facts["quantlens.scale"]) == pytest.approx(float(found.scale), rel=1e-5)
        assert int(facts["quantlens.zero_point"]) == int(found.zero_point)
        low, high = map(float, facts["quantlens.range"].split(" to "))
        ends = quantize_linear(np.array([low, high], np.float32), found)
        assert ends.tolist() == [found.spec.qmin, found.spec.qmax]


def test_a_pass_changes_nothing_where_no_recipe_asks(case):
    assert all(
        not node.metadata_props
        for node in nodes_of(case, quant.preset("everything"), "QuantizeLinear")
    )


def test_an_unknown_pass_is_named(case):
    recipe = replace(quant.Recipe(), passes=("describe_scale",))
    message = r"pass: unknown name 'describe_scale' \(did you mean 'describe_scales'\?\)"
    with pytest.raises(quant.RecipeError, match=message):
        quant.quantize(*case, recipe)
    with pytest.raises(quant.RecipeError, match="recipe: passes: expected a list, found "):
        quant.Recipe.from_json({"version": 1, "passes": {"a": 1}})
