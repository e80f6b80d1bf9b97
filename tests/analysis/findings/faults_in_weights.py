"""Faults in a float model's weights that leave what it computes as it was, or nearly."""

from dataclasses import replace
from typing import Any

import numpy as np
from onnx import helper

from quant import Rule
from tests.analysis.findings.cases import (
    B1,
    B2,
    BETWEEN,
    FIRST,
    HEALTHY,
    MOBILENET,
    SECOND,
    W1,
    W2,
    Case,
    Planted,
    by_mse,
    even_mobilenet,
    minmax,
    plain,
    planted,
    resnet,
    scale_channels,
    spread_channels,
)
from tests.analysis.findings.nets import Net


@planted
def weight_channel() -> Planted:
    def build() -> Net:
        found = even_mobilenet()
        factors = np.ones(256)
        factors[17] = 1 / 50
        scale_channels(found, "blocks.b2.expand.conv", "blocks.b2.depthwise.conv", factors)
        return found

    recipe = by_mse()
    recipe = replace(recipe, defaults=replace(recipe.defaults, per_channel=False))
    healthy = Case(MOBILENET, even_mobilenet, recipe)
    return Planted(
        "one depthwise kernel × 50, what it reads / 50",
        "per_channel",
        "/blocks/b2/depthwise/conv/Conv",
        healthy,
        replace(healthy, build=build),
    )


@planted
def activation_channel() -> Planted:
    def build() -> Net:
        factors = np.ones(32)
        factors[5] = 50
        return spread_channels(factors)

    return Planted(
        "one weight channel × 50, what reads it / 50",
        "activation_channels",
        BETWEEN,
        HEALTHY(),
        resnet(build=build),
    )


@planted
def uneven_channels() -> Planted:
    def build() -> Net:
        found = even_mobilenet()
        factors = np.random.default_rng(5).permutation(np.geomspace(1, 1 / 256, 96))
        scale_channels(found, "blocks.b1.expand.conv", "blocks.b1.depthwise.conv", factors)
        return found

    healthy = Case(MOBILENET, even_mobilenet, by_mse())
    return Planted(
        "channels scaled by 1 to 1/256, kernels scaled back",
        "channel_ranges",
        "/blocks/b1/act1/Relu_output_0",
        healthy,
        replace(healthy, build=build),
    )


def joined(factor: float) -> Net:
    """A convolution in two halves that are joined and taken apart again, one half scaled."""
    found = plain()
    relu = found.node("/blocks/b1/relu1/Relu")
    conv = found.node(FIRST)
    rows, bias, reads = found[W1], found[B1], found[W2]
    halves: list[Any] = []
    for index, (part, scale) in enumerate(((slice(0, 16), 1.0), (slice(16, 32), factor))):
        found[f"w1_{index}"], found[f"b1_{index}"] = rows[part] * scale, bias[part] * scale
        found[f"w2_{index}"] = reads[:, part] / scale
        halves += [
            helper.make_node(
                "Conv",
                [conv.input[0], f"w1_{index}", f"b1_{index}"],
                [f"half{index}"],
                name=f"half{index}/Conv",
                pads=[1, 1, 1, 1],
            ),
            helper.make_node(
                "Relu", [f"half{index}"], [f"half{index}_relu"], name=f"half{index}/Relu"
            ),
        ]
    found.replace(FIRST, *halves)
    found.replace(
        relu.name,
        helper.make_node(
            "Concat", ["half0_relu", "half1_relu"], ["joined"], name="join/Concat", axis=1
        ),
        helper.make_node(
            "Split",
            ["joined"],
            ["part0", "part1"],
            name="join/Split",
            axis=1,
            num_outputs=2,
        ),
    )
    found[f"{B2}_none"] = np.zeros(32)
    found.replace(
        SECOND,
        helper.make_node(
            "Conv", ["part0", "w2_0", B2], ["sum0"], name="part0/Conv", pads=[1, 1, 1, 1]
        ),
        helper.make_node(
            "Conv",
            ["part1", "w2_1", f"{B2}_none"],
            ["sum1"],
            name="part1/Conv",
            pads=[1, 1, 1, 1],
        ),
        helper.make_node("Add", ["sum0", "sum1"], [found.node(SECOND).output[0]], name="join/Add"),
    )
    return found


@planted
def mismatched_concat() -> Planted:
    return Planted(
        "one of two Concat inputs / 50, what reads it × 50",
        "mismatched_inputs",
        "join/Concat",
        resnet(build=lambda: joined(1.0)),
        resnet(build=lambda: joined(1 / 50)),
    )


def spikes() -> Net:
    """A channel that hardly ever fires and then far beyond the others; little reads it."""
    found = plain()
    rows, bias, reads = found[W1], found[B1], found[W2]
    stats = HEALTHY().calibration.tensors[BETWEEN]
    assert stats.channel_max is not None
    highest = float(stats.channel_max[5])
    factor = 100 * stats.max / (0.5 * highest)
    rows[5] *= factor
    bias[5] = (bias[5] - 0.5 * highest) * factor
    reads[:, 5] *= 1e-4
    found[W1], found[B1], found[W2] = rows, bias, reads
    return found


@planted
def rare_spikes() -> Planted:
    narrow = (0.0, float(HEALTHY().calibration.tensors[BETWEEN].max))
    recipe = minmax(by_mse())
    return Planted(
        "a channel that rarely fires, 100 × as far as others",
        "outliers",
        BETWEEN,
        resnet(build=spikes, recipe=recipe.with_rule(Rule("tensor", BETWEEN, {"range": narrow}))),
        resnet(build=spikes, recipe=recipe),
    )


def dead_row() -> Net:
    found = plain()
    rows, bias = found[W1], found[B1]
    rows[3], bias[3] = 0, 0
    found[W1], found[B1] = rows, bias
    return found


@planted
def dead_channel() -> Planted:
    return Planted(
        "a channel's weights and bias set to 0",
        "dead_channels",
        FIRST,
        HEALTHY(),
        resnet(build=dead_row),
        words="costs nothing: look whether the data covers it, or prune it",
    )


@planted
def large_bias() -> Planted:
    def build() -> Net:
        found = plain()
        rows = found[W1]
        rows[3] *= 1e-8
        found[W1] = rows
        return found

    return Planted(
        "a channel's weights × 1e-8 under its bias",
        "bias_overflow",
        FIRST,
        HEALTHY(),
        resnet(build=build),
        words="costs nothing here: the weights that are coarsened are nearly zero",
    )
