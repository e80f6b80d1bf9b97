"""Constants behind a Conv join its weight and bias; the model computes what the file does."""

import numpy as np
import pytest

import quant
from quant.runtime.session import InferenceSession
from tests.nets import network, weight

RNG = np.random.default_rng(8)
X = RNG.standard_normal((3, 4, 5, 7)).astype(np.float32)


def factors(*shape):
    """Numbers that no division loses much on."""
    return RNG.uniform(0.5, 2, shape).astype(np.float32)


def loaded(body, **constants):
    """The prepared model, which computes what the file does."""
    text = f"(float[N, 4, H, W] x) => (float[N, C, P, Q] y) {{ {body} }}"
    content = network(text, **constants)
    model = quant.load(content)
    expected = InferenceSession(content, level="disabled").run({"x": X})["y"]
    found = InferenceSession(model.to_bytes(), level="disabled").run({"x": X})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    return model


def operators(model):
    return [node.op_type for node in model.nodes]


@pytest.mark.parametrize(
    "operator", ["Add (c, k)", "Add (k, c)", "Sub (c, k)", "Mul (k, c)", "Div (c, k)"]
)
@pytest.mark.parametrize("shape", [(1, 6, 1, 1), (6, 1, 1), (1, 1, 1), (1,), ()])
@pytest.mark.parametrize("bias", [", b", ""])
def test_a_constant_of_each_channel_joins_a_conv(operator, shape, bias):
    model = loaded(
        f"c = Conv <pads = [1, 1, 1, 1]> (x, w{bias}) y = {operator}",
        w=weight(6, 4, 3, 3), b=weight(6), k=factors(*shape),
    )  # fmt: skip
    assert operators(model) == ["Conv"]
    assert "1 node was joined to the Conv before, as its factor or bias." in model.notes
    assert not any("removed" in note for note in model.notes)


@pytest.mark.parametrize("operator", ["Add (c, k)", "Mul (c, k)"])
def test_the_channels_of_a_grouped_transposed_conv(operator):
    model = loaded(
        f"c = ConvTranspose <group = 2, strides = [2, 2]> (x, w) y = {operator}",
        w=weight(4, 3, 2, 2), k=factors(6, 1, 1),
    )  # fmt: skip
    assert operators(model) == ["ConvTranspose"]


def test_a_chain_and_the_norm_behind_it_become_one_conv():
    model = loaded(
        """c = Conv (x, w) a = Mul (c, k) s = Add (a, k) e = Identity (s)
        n = BatchNormalization (e, k1, k1, k1, k1) y = Relu (n)""",
        w=weight(6, 4, 3, 3), k=factors(1, 6, 1, 1), k1=factors(6),
    )  # fmt: skip
    assert operators(model) == ["Conv", "Relu"]


def test_the_node_that_is_gone_leads_to_the_conv():
    model = loaded(
        "c = Conv (x, w) s = Add (c, k) y = Relu (s)", w=weight(6, 4, 3, 3), k=factors(6, 1, 1)
    )
    (conv,) = (node for node in model.nodes if node.op_type == "Conv")
    assert conv.outputs == ("s",)
    assert conv.name in model.renamed.values()


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("c = Conv (x, w) r = Relu (c) a = Add (c, k) y = Mul (a, r)", "Add"),
        ("c = Conv (x, w) y = Sub (k, c)", "Sub"),
        ("c = Conv (x, w) y = Div (k, c)", "Div"),
        ("c = Conv (x, w) y = Add (c, row)", "Add"),
        ("c = Conv (x, w) y = Add (c, field)", "Add"),
        ("c = Conv (x, w) y = Add (c, batch)", "Add"),
        ("c = Conv (x, w) y = Add (c, deep)", "Add"),
        ("c = Conv (x, w) d = ReduceMean <axes = [2, 3]> (c) y = Mul (c, d)", "Mul"),
        ("c = Conv (x, w) y = Add (c, c)", "Add"),
        ("v = Add (w, w) c = Conv (x, v) t = Sigmoid (c) y = Add (t, k)", "Add"),
        ("c = Conv (x, w) y = Div (c, none)", "Div"),
    ],
)  # fmt: skip
def test_what_is_more_than_a_constant_of_each_channel_stays(body, kept):
    text = f"(float[N, 4, H, W] x) => (float[N, C, P, Q] y) {{ {body} }}"
    constants = {"w": weight(6, 4, 3, 3), "k": factors(6, 1, 1), "row": factors(5)}
    constants |= {"field": factors(3, 5), "batch": factors(3, 1, 1, 1)}
    constants |= {"deep": factors(1, 1, 6, 1, 1), "none": np.zeros((6, 1, 1), np.float32)}
    words = body.replace(",", " ").replace(")", " ").replace("(", " ").split()
    used = {name: array for name, array in constants.items() if name in words}
    assert kept in operators(quant.load(network(text, **used)))


def test_two_convs_that_share_a_weight_keep_it_apart():
    model = loaded(
        "a = Conv (x, w) b = Conv (x, w) c = Mul (b, k) y = Add (a, c)",
        w=weight(6, 4, 3, 3), k=factors(6, 1, 1) + 3,
    )  # fmt: skip
    assert operators(model) == ["Conv", "Conv", "Add"]


def test_a_bias_behind_a_conv_does_not_cost_accuracy():
    """A bias in an Add, as some converters write it, gives the int8 model of one in the Conv."""
    constants = {"w": weight(6, 4, 3, 3), "w2": weight(4, 6, 3, 3, seed=6)}
    body = "r = Relu (s) y = Conv (r, w2)"
    signature = "(float[N, 4, H, W] x) => (float[N, 4, P, Q] y)"
    beside = quant.load(network(
        f"{signature} {{ c = Conv (x, w) s = Add (c, k) {body} }}",
        k=5 * weight(1, 6, 1, 1), **constants,
    ))  # fmt: skip
    inside = quant.load(network(
        f"{signature} {{ s = Conv (x, w, b) {body} }}",
        b=5 * weight(1, 6, 1, 1).reshape(-1), **constants,
    ))  # fmt: skip
    found = []
    for model in (beside, inside):
        x = np.random.default_rng(1).standard_normal((4, 4, 9, 9)).astype(np.float32)
        calibration = quant.calibrate(model, quant.open_data({"x": x}, model))
        int8 = quant.quantize(model, calibration, quant.preset("recommended"))
        found.append(InferenceSession(int8.to_bytes(), level="all").run({"x": x})["y"])
    np.testing.assert_array_equal(*found)
