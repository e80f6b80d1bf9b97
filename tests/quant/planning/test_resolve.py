"""A recipe resolved on small graphs: who is quantized, who shares, who fuses."""

import numpy as np
import pytest

from quant.errors import RecipeError
from quant.opening.loading import load
from quant.planning.resolve import matching, plan
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import PerChannel, PerTensor, QType
from tests.models import conv_relu, from_text

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'


def model_of(body: str, **initializers):
    return load(from_text(HEAD + body, **initializers).SerializeToString())


def skipping(*nodes: str) -> Recipe:
    return Recipe(rules=tuple(Rule("node", name, {"skip": True}) for name in nodes))


def test_a_relu_fuses_into_the_conv_before_it():
    found = plan(load(conv_relu().SerializeToString()), Recipe())
    assert found.nodes["relu1"].fused_into == "conv1"
    assert list(found.tensors) == ["image", "r", "out"]


def test_a_relu_told_never_to_fuse_leaves_both_tensors_quantized():
    rule = Rule("op_type", "Relu", {"fuse_activation": "never"})
    found = plan(load(conv_relu().SerializeToString()), Recipe(rules=(rule,)))
    assert list(found.tensors) == ["image", "c", "r", "out"]


def test_a_relu_does_not_fuse_where_something_else_reads_its_input():
    model = model_of("""
    net (float[2, 4] x) => (float[2, 4] y) {
        [add] c = Add (x, x)
        [relu] r = Relu (c)
        [mul] y = Mul (c, r)
    }
    """)
    found = plan(model, Recipe())
    assert found.nodes["relu"].fused_into == ""
    assert list(found.tensors) == ["x", "c", "r", "y"]


def test_a_float_reader_of_a_float_tensor_reads_it_as_it_is():
    model = load(conv_relu().SerializeToString())
    found = plan(model, skipping("conv1", "relu1"))
    assert list(found.tensors) == ["r", "out"]
    assert not found.tensors["r"].produced
    assert found.tensors["out"].produced


def test_a_skipped_node_says_which_rule_skipped_it():
    found = plan(load(conv_relu().SerializeToString()), skipping("conv2"))
    assert found.nodes["conv2"].why == "skipped by node conv2"


def test_nodes_that_move_values_share_parameters_with_their_input():
    model = model_of(
        """
    net (float[2, 4] x) => (float[4, 2] z) {
        [relu] r = Relu (x)
        [reshape] s = Reshape (r, shape)
        [transpose] t = Transpose <perm = [1, 0, 2]> (s)
        [sigmoid] u = Sigmoid (t)
        [flat] z = Reshape (u, shape2)
    }
    """,
        shape=np.array([2, 2, 2], np.int64),
        shape2=np.array([4, 2], np.int64),
    )
    found = plan(model, Recipe())
    assert found.groups["r"].members == ("r", "s", "t")
    assert found.groups["r"].ranges_from == ("r",)
    assert found.groups["u"].members == ("u", "z")


def test_a_node_that_moves_float_values_stays_float():
    model = model_of("""
    net (float[2, 4] x) => (float[4, 2] y) {
        [transpose] t = Transpose (x)
        [relu] y = Relu (t)
    }
    """)
    found = plan(model, Recipe())
    assert found.nodes["transpose"].why == "what it moves is not quantized"
    assert list(found.tensors) == ["t", "y"]


CONCAT = """
net (float[2, 4] a, float[2, 4] b) => (float[2, 8] y) {
    [relu] ra = Relu (a)
    [sigmoid] rb = Sigmoid (b)
    [concat] y = Concat <axis = 1> (ra, rb)
}
"""


@pytest.mark.parametrize(
    ("align", "members", "sources"),
    [
        ("none", ("ra",), ("ra",)),
        ("largest", ("ra", "rb", "y"), ("ra", "rb")),
        ("output", ("ra", "rb", "y"), ("y",)),
    ],
)
def test_concat_inputs_align_as_asked(align, members, sources):
    recipe = Recipe(rules=(Rule("op_type", "Concat", {"align": align}),))
    found = plan(model_of(CONCAT), recipe)
    group = found.groups[found.tensors["ra"].group]
    assert (group.members, group.ranges_from) == (members, sources)


def test_add_aligned_to_the_largest_leaves_its_output_alone():
    body = CONCAT.replace("Concat <axis = 1>", "Add").replace("float[2, 8]", "float[2, 4]")
    recipe = Recipe(rules=(Rule("op_type", "Add", {"align": "largest"}),))
    found = plan(model_of(body), recipe)
    assert found.groups[found.tensors["ra"].group].members == ("ra", "rb")


def test_weights_are_per_channel_along_the_output_channels():
    model = load(conv_relu().SerializeToString())
    found = plan(model, Recipe(defaults=Settings(per_channel=True)))
    spec = found.nodes["conv1"].weight_spec
    assert spec is not None
    assert (spec.granularity, spec.narrow_range) == (PerChannel(0), True)
    found = plan(model, Recipe(defaults=Settings(per_channel=False)))
    spec = found.nodes["conv1"].weight_spec
    assert spec is not None
    assert spec.granularity == PerTensor()


def test_types_of_4_and_16_bits_need_opset_21():
    model = load(conv_relu().SerializeToString())
    assert plan(model, Recipe()).min_opset == 13
    assert plan(model, Recipe(defaults=Settings(weight_type=QType.INT4))).min_opset == 21
    rule = Rule("tensor", "r", {"activation_type": QType.INT16})
    assert plan(model, Recipe(rules=(rule,))).min_opset == 21


def test_the_input_has_settings_of_its_own():
    rule = Rule("op_type", "Input", {"activation_type": QType.UINT16})
    found = plan(load(conv_relu().SerializeToString()), Recipe(rules=(rule,)))
    assert found.tensors["image"].spec.qtype is QType.UINT16
    assert not found.warnings


def test_rules_that_match_nothing_are_named():
    rules = (Rule("op_type", "LSTM", {"skip": True}), Rule("pattern", "block9.*", {"skip": True}))
    warnings = plan(load(conv_relu().SerializeToString()), Recipe(rules=rules)).warnings
    assert len(warnings) == 2
    assert "op_type LSTM" in warnings[0]
    assert "block9" in warnings[1]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("node", "conv3", {"skip": True}), "did you mean 'conv"),
        (Rule("tensor", "imag", {"range": (0.0, 1.0)}), "did you mean 'image'"),
    ],
)
def test_rules_for_unknown_nodes_and_tensors_are_refused(rule, words):
    with pytest.raises(RecipeError) as caught:
        plan(load(conv_relu().SerializeToString()), Recipe(rules=(rule,)))
    assert words in str(caught.value)


def test_a_tensor_read_by_a_skipped_and_a_quantized_node_is_quantized_for_one_only():
    model = model_of("""
    net (float[2, 4] x) => (float[2, 4] a, float[2, 4] b) {
        [one] a = Sigmoid (x)
        [two] b = Tanh (x)
    }
    """)
    found = plan(model, skipping("one"))
    assert not found.tensors["x"].produced
    assert list(found.tensors) == ["x", "b"]


def test_matching_lists_nodes_and_inputs():
    model = load(conv_relu().SerializeToString())
    assert matching(model, "op_type", "Conv") == ("conv1", "conv2")
    assert matching(model, "pattern", "conv.*|image") == ("image", "conv1", "conv2")
    assert matching(model, "op_type", "Input") == ("image",)


def test_a_pattern_that_is_no_expression_is_a_sentence():
    model = load(conv_relu().SerializeToString())
    with pytest.raises(RecipeError, match="not a regular expression"):
        matching(model, "pattern", "(")
