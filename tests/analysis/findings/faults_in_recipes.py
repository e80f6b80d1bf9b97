"""Faults in a recipe."""

from dataclasses import replace

import numpy as np
from onnx import helper

from quant import Rule
from quant.calibrators import calibrator_from_json
from quant.types import QType
from tests.analysis.findings.cases import (
    B2,
    BETWEEN,
    HEALTHY,
    SPAM,
    W2,
    Planted,
    by_mse,
    float_masks,
    measured_alone,
    minmax,
    plain,
    planted,
    resnet,
    transformer,
)
from tests.analysis.findings.nets import Net, net


@planted
def aligned_concat() -> Planted:
    recipe = by_mse().with_rule(Rule("node", "sum/Add", {"align": "none"}))
    healthy = resnet(build=shifted_add, recipe=recipe)
    faulty = by_mse().with_rule(Rule("node", "sum/Add", {"align": "largest"}))
    return Planted(
        "Add inputs of different range aligned to the largest",
        "mismatched_inputs",
        "sum/Add",
        healthy,
        replace(healthy, recipe=faulty),
    )


def shifted_add() -> Net:
    """An Add whose narrow input another layer reads too, which needs its resolution."""
    found = plain()
    add = found.node("/blocks/b1/Add")
    narrow, factor = add.input[0], 1 / 50
    found[W2], found[B2] = found[W2] * factor, found[B2] * factor
    eye = np.eye(32).reshape(32, 32, 1, 1) / factor
    found["widen"], found["shrink"] = eye, eye * factor * 0.99
    found.replace(
        add.name,
        helper.make_node("Conv", [narrow, "widen"], ["wide"], name="widen/Conv"),
        helper.make_node("Add", [narrow, add.input[1]], ["both"], name="sum/Add"),
        helper.make_node("Add", ["both", "wide"], [add.output[0]], name=add.name),
    )
    return found


@planted
def fixed_range() -> Planted:
    stats = HEALTHY().calibration.tensors[BETWEEN]
    recipe = by_mse()
    recipe = recipe.with_rule(Rule("tensor", BETWEEN, {"range": (0.0, stats.max / 20)}))
    return Planted(
        "a fixed range of a twentieth", "clipping", BETWEEN, HEALTHY(), resnet(recipe=recipe)
    )


@planted
def low_percentile() -> Planted:
    recipe = by_mse()
    calibrator = calibrator_from_json({"name": "percentile", "options": {"p": 95.0}})
    recipe = replace(recipe, defaults=replace(recipe.defaults, calibrator=calibrator))
    return Planted(
        "every range at the 95th percentile",
        "clipping",
        "",
        HEALTHY(),
        resnet(recipe=recipe),
    )


@planted
def dropped_relu() -> Planted:
    stats = HEALTHY().calibration.tensors[BETWEEN]
    recipe = by_mse()
    recipe = recipe.with_rule(Rule("tensor", BETWEEN, {"range": (-stats.max / 4, stats.max)}))
    dropped = recipe.with_rule(Rule("node", "/blocks/b1/relu1/Relu", {"drop_activation": "always"}))
    return Planted(
        "a Relu dropped under a range that holds negatives",
        "dropped_activation",
        "/blocks/b1/relu1/Relu",
        resnet(recipe=recipe),
        resnet(recipe=dropped),
    )


@planted
def signed_relu() -> Planted:
    recipe = minmax(by_mse(), activation_symmetric=True)
    signed = minmax(by_mse(), activation_symmetric=True, activation_type=QType.INT8)
    return Planted(
        "symmetric int8 behind every Relu",
        "one_sided",
        "",
        resnet(recipe=recipe),
        resnet(recipe=signed),
    )


def leaky() -> Net:
    """The residual network with leaky rectifiers, so that activations lean to one side."""
    found = plain()
    for node in found.graph.node:
        if node.op_type == "Relu":
            node.op_type = "LeakyRelu"
            node.attribute.append(helper.make_attribute("alpha", 0.02))
    return found


@planted
def leaning() -> Planted:
    recipe = minmax(by_mse(), activation_type=QType.INT8, fuse_activation="always")
    forced = replace(recipe, defaults=replace(recipe.defaults, activation_symmetric=True))
    return Planted(
        "symmetric ranges behind every leaky Relu",
        "forced_symmetric",
        "",
        resnet(build=leaky, recipe=recipe),
        resnet(build=leaky, recipe=forced),
    )


@planted
def first_layer() -> Planted:
    stem = "/stem/conv/Conv"
    recipe = by_mse().with_rule(Rule("node", stem, {"weight_type": QType.INT4}))
    return Planted(
        "the first layer's weights in 4 bits",
        "sensitive_nodes",
        stem,
        resnet(more=measured_alone),
        resnet(recipe=recipe, more=measured_alone),
    )


def small_mask() -> Net:
    """The transformer with a mask of -300, too small to be told from scores by its size."""
    found = net(SPAM)
    found["/Constant_2_output_0"] = np.asarray(-300, np.float32)
    return found


@planted
def attention_mask() -> Planted:
    return Planted(
        "a mask of -300 in the range of attention scores",
        "softmax_input",
        "/layers.1/attention/Add_output_0",
        transformer(build=small_mask),
        transformer(build=small_mask, recipe=minmax(by_mse())),
    )


def loud_channel() -> Net:
    """The transformer with one loud channel in its residual stream, which every norm leaves out."""
    found = net(SPAM)
    position = found["position"]
    position[..., 7] += 40
    found["position"] = position
    for name in ("layers.0.norm1", "layers.0.norm2", "layers.1.norm1", "layers.1.norm2", "norm"):
        scale = 15 * found[f"{name}.weight"]
        scale[7] = 0
        found[f"{name}.weight"] = scale
    return found


@planted
def norms() -> Planted:
    recipe = float_masks(by_mse())
    healthy = recipe.with_rule(Rule("op_type", "LayerNormalization", {"skip": True}))
    healthy = healthy.with_rule(Rule("op_type", "Add", {"activation_type": QType.UINT16}))
    return Planted(
        "LayerNormalization on 8 bits of a loud residual stream",
        "float_functions",
        "",
        transformer(build=loud_channel, recipe=healthy),
        transformer(build=loud_channel, recipe=recipe),
    )
