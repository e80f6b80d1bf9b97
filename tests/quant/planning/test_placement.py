"""Where integers pay: placement on patterns that are built here, each node by what it does."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from quant.opening.loading import load
from quant.planning.resolve import plan
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from tests.models import conv_relu, from_text
from tests.nets import weight

PLACED = Recipe(defaults=Settings(placement="integer_kernels"))


def planned(body: str, inputs: str, output: str, recipe: Recipe = PLACED, **weights):
    text = f'<ir_version: 8, opset_import: ["" : 17]> net ({inputs}) => ({output}) {{ {body} }}'
    return plan(load(from_text(text, **weights).SerializeToString()), recipe)


def quantized(found):
    return {name for name, item in found.nodes.items() if item.quantized}


def test_what_stands_between_two_convs_and_has_an_integer_kernel_is_quantized():
    found = planned(
        """
        [c1] a = Conv (x, w1)
        [relu] b = Relu (a)
        [pool] p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
        [c2] c = Conv (p, w2)
        [add] s = Add (c, p)
        [cat] k = Concat <axis = 1> (s, c)
        [c3] d = Conv (k, w3)
        """,
        "float[1, 32, 8, 8] x",
        "float[1, 32, 4, 4] d",
        w1=weight(32, 32, 1, 1),
        w2=weight(32, 32, 1, 1),
        w3=weight(32, 64, 1, 1),
    )
    assert quantized(found) == {"c1", "relu", "pool", "c2", "add", "cat", "c3"}
    assert list(found.tensors) == ["x", "b", "p", "c", "s", "k", "d"]


JOINED = """
    [c1] a = Conv (x, w1)
    [sigmoid] s = Sigmoid (z)
    [cat] k = Concat <axis = 1> (a, s)
    [c2] y = Conv (k, w2)
    """
TWO_INPUTS = "float[1, 32, 8, 8] x, float[1, 32, 8, 8] z"


def test_a_concat_of_integers_and_floats_for_a_conv_is_quantized_and_each_value_rounded_once():
    weights = {"w1": weight(32, 32, 1, 1), "w2": weight(32, 64, 1, 1)}
    found = planned(JOINED, TWO_INPUTS, "float[1, 32, 8, 8] y", **weights)
    assert quantized(found) == {"c1", "cat", "c2"}
    assert found.groups[found.tensors["k"].group].members == ("a", "s", "k")
    assert found.groups[found.tensors["k"].group].ranges_from == ("k",)


@pytest.mark.parametrize(
    ("more", "output"),
    [
        ("", "float[1, 64, 8, 8] k"),
        ("[t] t = ReduceMean <axes = [1], keepdims = 1> (k)", "float[1, 1, 8, 8] t"),
    ],
)
def test_a_concat_of_integers_and_floats_stays_float_where_floats_are_asked_of_it(more, output):
    weights = {"w1": weight(32, 32, 1, 1), "w2": weight(32, 64, 1, 1)}
    found = planned(JOINED + more, TWO_INPUTS, f"float[1, 32, 8, 8] y, {output}", **weights)
    assert "cat" not in quantized(found)
    assert found.nodes["cat"].why == "it reads what is computed in float"


def test_what_another_operator_reads_too_keeps_its_scale_before_a_concat():
    body = JOINED + "[c3] v = Conv (a, w1)"
    weights = {"w1": weight(32, 32, 1, 1), "w2": weight(32, 64, 1, 1)}
    found = planned(body, TWO_INPUTS, "float[1, 32, 8, 8] y, float[1, 32, 8, 8] v", **weights)
    assert found.groups[found.tensors["a"].group].members == ("a",)
    assert found.groups[found.tensors["k"].group].members == ("s", "k")


def test_concats_of_concats_share_one_scale():
    body = """
        [c1] a = Conv (x, w1)
        [c2] b = Conv (x, w2)
        [first] k = Concat <axis = 1> (a, b)
        [c3] c = Conv (x, w3)
        [second] l = Concat <axis = 1> (k, c)
        [c4] y = Conv (l, w4)
        """
    weights = {f"w{k}": k * weight(32, 32, 1, 1) for k in (1, 2, 3)} | {"w4": weight(32, 96, 1, 1)}
    found = planned(body, "float[1, 32, 8, 8] x", "float[1, 32, 8, 8] y", **weights)
    assert set(found.groups[found.tensors["l"].group].members) == {"a", "b", "k", "c", "l"}
    assert found.groups[found.tensors["l"].group].ranges_from == ("l",)


@pytest.mark.parametrize(
    ("op", "nodes"),
    [
        ("LayerNormalization", "[f] b = LayerNormalization (a, g)"),
        ("Softmax", "[f] b = Softmax (a)"),
        ("Sigmoid", "[f] b = Sigmoid (a)"),
        ("HardSwish", "[f] b = HardSwish (a)"),
        ("Div", "[f] b = Div (a, g)"),
        ("Tanh", "[f] b = Tanh (a)"),
        ("ReduceMean", "[f] b = ReduceMean <axes = [1], keepdims = 1> (a)"),
    ],
)
def test_an_operator_without_a_worthwhile_integer_kernel_stays_float_and_says_so(op, nodes):
    found = planned(
        f"""
        [m1] a = MatMul (x, w)
        {nodes}
        [m2] c = MatMul (b, w)
        """,
        "float[4, 32, 32] x",
        "float[4, N, 32] c",
        w=weight(32, 32),
        g=np.ones(32, np.float32),
    )
    assert quantized(found) == {"m1", "m2"}
    assert found.nodes["f"].why == f"{op} has no integer kernel worth its rounding"


def test_silu_written_out_between_convs_stays_float():
    found = planned(
        """
        [c1] a = Conv (x, w)
        [sigmoid] s = Sigmoid (a)
        [mul] m = Mul (a, s)
        [c2] y = Conv (m, w)
        """,
        "float[1, 32, 8, 8] x",
        "float[1, 32, 8, 8] y",
        w=weight(32, 32, 1, 1),
    )
    assert quantized(found) == {"c1", "c2"}
    assert found.nodes["mul"].why == "it reads what is computed in float"
    assert list(found.tensors) == ["x", "a", "m", "y"]


def test_squeeze_and_excite_written_out_stays_float_its_convs_too():
    found = planned(
        """
        [c1] a = Conv (x, w)
        [h1] h = HardSwish (a)
        [gap] g = GlobalAveragePool (h)
        [s1] p = Conv (g, w)
        [r] q = Relu (p)
        [s2] s = Conv (q, w)
        [gate] t = HardSigmoid (s)
        [mul] m = Mul (h, t)
        [c2] y = Conv (m, w)
        """,
        "float[1, 32, 8, 8] x",
        "float[1, 32, 8, 8] y",
        w=weight(32, 32, 1, 1),
    )
    assert quantized(found) == {"c1", "c2"}


def test_the_bias_of_a_matmul_is_added_in_float_and_its_output_is_not_rounded():
    found = planned(
        """
        [m1] a = MatMul (x, w)
        [bias] b = Add (a, v)
        [m2] c = MatMul (b, w)
        """,
        "float[4, 32] x",
        "float[4, 32] c",
        w=weight(32, 32),
        v=weight(32),
    )
    assert quantized(found) == {"m1", "m2"}
    assert list(found.tensors) == ["x", "b"]
    assert "MatMul gives floats as well" in found.float_tensors["a"].why
    assert "constant" in found.nodes["bias"].why


def test_the_matmul_before_another_is_rounded_once_between_them():
    found = planned(
        "[m1] a = MatMul (x, w) [t] b = Transpose (a) [m2] c = MatMul (b, w)",
        "float[32, 32] x",
        "float[32, 32] c",
        w=weight(32, 32),
    )
    assert quantized(found) == {"m1", "t", "m2"}
    assert found.groups["a"].members == ("a", "b")


def test_the_last_steps_to_an_output_stay_float():
    found = planned(
        "[c] a = Conv (x, w) [pool] p = GlobalAveragePool (a) [flat] y = Flatten (p)",
        "float[1, 32, 8, 8] x",
        "float[1, 32] y",
        w=weight(32, 32, 1, 1),
    )
    assert quantized(found) == {"c"}
    assert found.nodes["flat"].why == "no quantized operator reads what it gives"


def test_a_relu_that_ends_a_conv_is_quantized_whoever_reads_it():
    found = planned(
        "[c] a = Conv (x, w) [r] b = Relu (a) [y] y = Tanh (b)",
        "float[1, 32, 8, 8] x",
        "float[1, 32, 8, 8] y",
        w=weight(32, 32, 1, 1),
    )
    assert found.nodes["r"].fused_into == "c"
    assert list(found.tensors) == ["x", "b"]


@pytest.mark.parametrize(
    ("channels", "taps", "integer"), [(3, 3, False), (3, 7, True), (4, 3, True)]
)
def test_a_first_conv_of_few_products_stays_float(channels, taps, integer):
    found = planned(
        "[c1] a = Conv (x, w1) [r] b = Relu (a) [c2] y = Conv (b, w2)",
        f"float[1, {channels}, 128, 128] x",
        "float[1, 32, P, Q] y",
        w1=weight(32, channels, taps, taps),
        w2=weight(32, 32, 1, 1),
    )
    assert ("c1" in quantized(found)) == integer
    assert integer or "too few to begin with integers" in found.nodes["c1"].why


@pytest.mark.parametrize(
    ("size", "channels", "why"),
    [(16, 32, "it takes no time that matters"), (128, 16, "it is half of the work")],
)
def test_a_first_conv_of_few_products_is_quantized_where_time_is_not_spared(size, channels, why):
    found = planned(
        "[c1] a = Conv (x, w1) [r] b = Relu (a) [c2] y = Conv (b, w2)",
        f"float[1, 3, {size}, {size}] x",
        f"float[1, {channels}, P, Q] y",
        w1=weight(32, 3, 3, 3),
        w2=weight(channels, 32, 1, 1),
    )
    assert quantized(found) == {"c1", "r", "c2"}, why


def test_a_depthwise_conv_between_float_operators_stays_with_them_and_between_convs_does_not():
    body = """
        [c1] a = Conv (x, w1)
        [f1] b = {0} (a)
        [dw] c = Conv <group = 32, pads = [1, 1, 1, 1]> (b, w2)
        [f2] d = {0} (c)
        [c2] y = Conv (d, w1)
        """
    weights = {"w1": weight(32, 32, 1, 1), "w2": weight(32, 1, 3, 3)}
    shapes = "float[1, 32, 8, 8] x", "float[1, 32, 8, 8] y"
    assert quantized(planned(body.format("HardSwish"), *shapes, **weights)) == {"c1", "c2"}
    between = planned(body.format("Relu"), *shapes, **weights)
    assert quantized(between) == {"c1", "f1", "dw", "f2", "c2"}


def test_to_skip_a_node_changes_no_other():
    body = "[c1] a = Conv (x, w) [p] b = MaxPool <kernel_shape = [2, 2]> (a) [c2] y = Conv (b, w)"
    shapes = "float[1, 32, 8, 8] x", "float[1, 32, 7, 7] y"
    skipping = PLACED.with_rule(Rule("node", "c2", {"skip": True}))
    found = planned(body, *shapes, skipping, w=weight(32, 32, 1, 1))
    assert quantized(found) == {"c1", "p"}


def test_a_rule_can_quantize_one_node_wherever_it_stands():
    rule = Rule("op_type", "Softmax", {"placement": "everything"})
    found = planned(
        "[m] a = MatMul (x, w) [s] y = Softmax (a)",
        "float[4, 32] x",
        "float[4, 32] y",
        PLACED.with_rule(rule),
        w=weight(32, 32),
    )
    assert quantized(found) == {"m", "s"}
    assert list(found.tensors) == ["x", "a", "y"]


def test_a_recipe_with_a_placement_reads_back_the_same():
    assert Recipe.loads(PLACED.dumps()) == PLACED
    assert "placement" not in Recipe().dumps()


def test_a_model_in_which_it_never_begins_to_pay_is_quantized_all_the_same(
    tmp_path,
):
    onnx.save(conv_relu(), tmp_path / "net.onnx")
    made = plan(load(tmp_path / "net.onnx"), preset("recommended"))
    assert [name for name, item in made.nodes.items() if item.quantized] == [
        "conv1",
        "relu1",
        "conv2",
    ]


@pytest.mark.parametrize(
    ("channels", "integer"), [(1, False), (16, False), (47, False), (64, True)]
)
def test_a_depthwise_conv_that_floats_read_is_quantized_where_it_has_channels_enough(
    channels, integer
):
    body = """
        [c1] a = Conv (x, w)
        [dw] b = Conv <group = {0}, pads = [1, 1, 1, 1]> (a, d)
        [s] y = Sigmoid (b)
        """
    found = planned(
        body.replace("{0}", str(channels)),
        "float[1, 64, 32, 32] x",
        f"float[1, {channels}, 32, 32] y",
        w=weight(channels, 64, 1, 1),
        d=weight(channels, 1, 3, 3),
    )
    assert found.nodes["dw"].quantized == integer
    assert found.nodes["c1"].quantized
    if not integer:
        assert "a float kernel takes less time" in found.nodes["dw"].why


def test_a_depthwise_conv_of_few_channels_that_a_conv_reads_is_quantized():
    found = planned(
        """
        [c1] a = Conv (x, w)
        [dw] b = Conv <group = 16, pads = [1, 1, 1, 1]> (a, d)
        [c2] y = Conv (b, v)
        """,
        "float[1, 64, 32, 32] x",
        "float[1, 64, 32, 32] y",
        w=weight(16, 64, 1, 1),
        d=weight(16, 1, 3, 3),
        v=weight(64, 16, 1, 1),
    )
    assert quantized(found) == {"c1", "dw", "c2"}


def test_a_resize_stays_float_whatever_stands_around_it():
    found = planned(
        """
        [c1] a = Conv (x, w)
        [up] b = Resize <mode = "nearest"> (a, , scales)
        [c2] y = Conv (b, w)
        """,
        "float[1, 32, 8, 8] x",
        "float[1, 32, 16, 16] y",
        w=weight(32, 32, 1, 1),
        scales=np.array([1, 1, 2, 2], np.float32),
    )
    assert quantized(found) == {"c1", "c2"}
    assert "no integer kernel" in found.nodes["up"].why


def test_where_nothing_is_worth_quantizing_one_sentence_says_so_and_why():
    placed = planned("[s] y = Sigmoid (x)", "float[1, 8] x", "float[1, 8] y")
    assert placed.warnings == (
        "Nothing is quantized. Sigmoid 's' stays in float: Sigmoid has no integer kernel worth its "
        "rounding. A rule with placement everything quantizes a node wherever it stands.",
    )
    for recipe in (Recipe(), replace(PLACED, rules=(Rule("node", "s", {"skip": True}),))):
        assert not planned("[s] y = Sigmoid (x)", "float[1, 8] x", "float[1, 8] y", recipe).warnings
