"""Faults planted one at a time in healthy models, and what the findings make of each.

``python -m tests.analysis.findings.planted`` prints both tables.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from onnx import helper

from analysis.compare import compare
from analysis.error import ErrorAccumulator
from analysis.findings import Evidence, Finding, find
from analysis.outside import outside_ranges
from analysis.sensitivity import sensitivity
from analysis.slices import slice_errors
from quant import Recipe, Rule, calibrate, open_data, preset, quantize
from quant.calibrate import Calibration
from quant.calibrators import calibrator_from_json
from quant.model import Model
from quant.quantize import QuantizedModel
from quant.runtime import Session
from quant.types import QType
from tests.analysis.findings.nets import Arrays, Net, data, net

RESNET, MOBILENET, SPAM = "fmnist_resnet", "fmnist_mobilenet", "spam_transformer"
FIRST = "/blocks/b1/first/conv/Conv"
SECOND = "/blocks/b1/second/conv/Conv"
BETWEEN = "/blocks/b1/relu1/Relu_output_0"
W1, B1 = "blocks.b1.first.conv.weight", "blocks.b1.first.conv.weight_bias"
W2, B2 = "blocks.b1.second.conv.weight", "blocks.b1.second.conv.weight_bias"


@dataclass(frozen=True, eq=False)
class Case:
    """A model with its data and recipe, healthy or not.

    Attributes:
        sample: The sample it comes from, whose evaluation data it is measured on.
        build: Makes the float model.
        recipe: The recipe.
        calibration_data: Arrays to calibrate on; None for the sample's.
        more: Makes more evidence from the case.
        measure: Makes the sqnr_db that counts; the worst output by default.
    """

    sample: str
    build: Callable[[], Net]
    recipe: Recipe
    calibration_data: Arrays | None = None
    more: Callable[["Case"], Mapping[str, Any]] = lambda case: {}
    measure: Callable[["Case", QuantizedModel], float] | None = None

    @cached_property
    def model(self) -> Model:
        return self.build().model()

    @cached_property
    def calibration(self) -> Calibration:
        arrays = self.calibration_data or data(self.sample, "calibration")
        return calibrate(self.model, open_data(arrays, self.model))

    @cached_property
    def quantized(self) -> QuantizedModel:
        return quantize(self.model, self.calibration, self.recipe)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return find(Evidence(self.quantized, self.calibration, **self.more(self)))

    def sqnr_db(self, recipe: Recipe | None = None) -> float:
        """What the outputs have left, under another recipe if one is given."""
        made = self.quantized if recipe is None else self.under(recipe)
        if self.measure is not None:
            return self.measure(self, made)
        arrays = open_data(data(self.sample, "evaluation"), self.model)
        found = compare(self.model, made, arrays, tensors="outputs")
        return min(error.sqnr_db for error in found.outputs.values())

    def under(self, recipe: Recipe) -> QuantizedModel:
        return quantize(self.model, self.calibration, recipe)


@dataclass(frozen=True, eq=False)
class Planted:
    """One fault.

    Attributes:
        name: What was done.
        kind: The kind of finding that must name it.
        where: The node or tensor that it must name; empty where the fault is everywhere.
        healthy: The case without the fault.
        faulty: The case with it.
        words: What to do, where no recipe can mend it; empty where a fix must.
    """

    name: str
    kind: str
    where: str
    healthy: Case
    faulty: Case
    words: str = ""

    @property
    def ranks(self) -> tuple[int | None, int | None]:
        """The rank of the right finding among its kind and among all, from 1; None if missing."""
        same = [f for f in self.faulty.findings if f.kind == self.kind]
        right = [f for f in same if not self.where or self.where in {f.node, f.tensor}]
        if not right:
            return None, None
        return same.index(right[0]) + 1, self.faulty.findings.index(right[0]) + 1

    @property
    def finding(self) -> Finding:
        """The first finding of the kind."""
        return next(f for f in self.faulty.findings if f.kind == self.kind)


PLANTED: list[Callable[[], Planted]] = []


def planted(make: Callable[[], Planted]) -> Callable[[], Planted]:
    """Decorator: one more fault, made once."""
    made = cache(make)
    PLANTED.append(made)
    return made


def plain() -> Net:
    return net(RESNET)


def resnet(**changes: Any) -> Case:
    """The healthy residual network."""
    return replace(Case(RESNET, plain, preset("recommended")), **changes)


HEALTHY = cache(resnet)


def minmax(recipe: Recipe, **settings: Any) -> Recipe:
    """A recipe with observed ranges and other defaults."""
    calibrator = calibrator_from_json({"name": "minmax"})
    return replace(recipe, defaults=replace(recipe.defaults, calibrator=calibrator, **settings))


def even_mobilenet() -> Net:
    """The depthwise network with each channel's scale shared evenly between its two weights."""
    found = net(MOBILENET)
    for block in range(5):
        before, after = (f"blocks.b{block}.{part}.conv" for part in ("expand", "depthwise"))
        rows, kernels = found[f"{before}.weight"], found[f"{after}.weight"]
        wide = [np.abs(a).max(axis=(1, 2, 3)) for a in (rows, kernels)]
        scale_channels(found, before, after, np.sqrt(wide[1] / wide[0]))
    return found


def scale_channels(found: Net, before: str, after: str, factors: np.ndarray) -> None:
    """Multiply what a depthwise convolution reads, and divide its kernels."""
    shape = factors.reshape(-1, 1, 1, 1)
    found[f"{before}.weight"] = found[f"{before}.weight"] * shape
    found[f"{before}.bias"] = found[f"{before}.bias"] * factors
    found[f"{after}.weight"] = found[f"{after}.weight"] / shape


def spread_channels(factors: np.ndarray) -> Net:
    """The residual network with channels between two convolutions scaled and scaled back."""
    found = plain()
    found[W1] = found[W1] * factors.reshape(-1, 1, 1, 1)
    found[B1] = found[B1] * factors
    found[W2] = found[W2] / factors.reshape(1, -1, 1, 1)
    return found


@planted
def weight_channel() -> Planted:
    def build() -> Net:
        found = even_mobilenet()
        factors = np.ones(256)
        factors[17] = 1 / 50
        scale_channels(found, "blocks.b2.expand.conv", "blocks.b2.depthwise.conv", factors)
        return found

    recipe = preset("recommended")
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

    healthy = Case(MOBILENET, even_mobilenet, preset("recommended"))
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
            "Split", ["joined"], ["part0", "part1"], name="join/Split", axis=1, num_outputs=2
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


@planted
def aligned_concat() -> Planted:
    recipe = preset("recommended").with_rule(Rule("node", "sum/Add", {"align": "none"}))
    healthy = resnet(build=shifted_add, recipe=recipe)
    faulty = preset("recommended").with_rule(Rule("node", "sum/Add", {"align": "largest"}))
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
def outlier_image() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"].copy()}
    arrays["image"][40] *= 50
    return Planted(
        "one calibration image × 50",
        "outlier_sample",
        "image",
        HEALTHY(),
        resnet(calibration_data=arrays),
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
    recipe = minmax(preset("recommended"))
    return Planted(
        "a channel that rarely fires, 100 × as far as others",
        "outliers",
        BETWEEN,
        resnet(build=spikes, recipe=recipe.with_rule(Rule("tensor", BETWEEN, {"range": narrow}))),
        resnet(build=spikes, recipe=recipe),
    )


@planted
def two_images() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"][:2]}
    return Planted(
        "calibration on 2 images",
        "few_samples",
        "",
        HEALTHY(),
        resnet(calibration_data=arrays),
        words="calibrate on more samples, until ranges no longer grow",
    )


@planted
def fixed_range() -> Planted:
    stats = HEALTHY().calibration.tensors[BETWEEN]
    recipe = preset("recommended")
    recipe = recipe.with_rule(Rule("tensor", BETWEEN, {"range": (0.0, stats.max / 20)}))
    return Planted(
        "a fixed range of a twentieth", "clipping", BETWEEN, HEALTHY(), resnet(recipe=recipe)
    )


@planted
def low_percentile() -> Planted:
    recipe = preset("recommended")
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
    recipe = preset("recommended")
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
    recipe = minmax(preset("recommended"), activation_symmetric=True)
    signed = minmax(preset("recommended"), activation_symmetric=True, activation_type=QType.INT8)
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
    recipe = minmax(preset("recommended"), activation_type=QType.INT8, fuse_activation="always")
    forced = replace(recipe, defaults=replace(recipe.defaults, activation_symmetric=True))
    return Planted(
        "symmetric ranges behind every leaky Relu",
        "forced_symmetric",
        "",
        resnet(build=leaky, recipe=recipe),
        resnet(build=leaky, recipe=forced),
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


def detector(*, join: bool) -> Net:
    """The residual network with a second head: boxes in pixels beside scores from 0 to 1."""
    found = plain()
    features = found.node("/classifier/Gemm").input[0]
    rng = np.random.default_rng(1)
    found["boxes.weight"] = rng.standard_normal((4, 96)) * 40
    found["boxes.bias"] = np.full(4, 200.0)
    names = ["boxes", "scores"]
    nodes = [
        helper.make_node(
            "Gemm", [features, "boxes.weight", "boxes.bias"], ["boxes"], name="boxes/Gemm", transB=1
        ),
        helper.make_node("Sigmoid", ["logits"], ["scores"], name="scores/Sigmoid"),
    ]
    if join:
        nodes.append(helper.make_node("Concat", names, ["found"], name="found/Concat", axis=1))
    found.graph.node.extend(nodes)
    del found.graph.output[:]
    for name, count in [("found", 14)] if join else [("boxes", 4), ("scores", 10)]:
        found.output(name, ["batch", count])
    return found


def worst_part_db(case: Case, made: QuantizedModel) -> float:
    """sqnr_db of the worse of boxes and scores, joined or not."""
    found = slice_errors(made, open_data(data(case.sample, "evaluation"), case.model))
    if "found" in found:
        return min(found["found"].part_db(0, 4), found["found"].part_db(4, 14))
    return min(found[name].whole_db for name in ("boxes", "scores"))


def measured_slices(case: Case) -> Mapping[str, Any]:
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"slices": slice_errors(case.quantized, arrays)}


@planted
def joined_outputs() -> Planted:
    healthy = resnet(build=lambda: detector(join=False), measure=worst_part_db)
    return Planted(
        "boxes and scores joined by a Concat",
        "joined_quantities",
        "found/Concat",
        healthy,
        replace(healthy, build=lambda: detector(join=True), more=measured_slices),
    )


def worst_logit_db(case: Case, made: QuantizedModel) -> float:
    found = slice_errors(made, open_data(data(case.sample, "evaluation"), case.model))
    return float(found["logits"].sqnr_db.min())


@planted
def small_logit() -> Planted:
    def build() -> Net:
        found = plain()
        rows, bias = found["classifier.weight"], found["classifier.bias"]
        rows[4], bias[4] = rows[4] / 200, bias[4] / 200
        found["classifier.weight"], found["classifier.bias"] = rows, bias
        return found

    return Planted(
        "one logit / 200",
        "uneven_output",
        "logits",
        resnet(measure=worst_logit_db),
        resnet(build=build, measure=worst_logit_db),
    )


def measured_alone(case: Case) -> Mapping[str, Any]:
    """The sensitivity of every unit."""
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"sensitivity": sensitivity(case.quantized, case.calibration, arrays, samples=32)}


@planted
def first_layer() -> Planted:
    stem = "/stem/conv/Conv"
    recipe = preset("recommended").with_rule(Rule("node", stem, {"weight_type": QType.INT4}))
    return Planted(
        "the first layer's weights in 4 bits",
        "sensitive_nodes",
        stem,
        resnet(more=measured_alone),
        resnet(recipe=recipe, more=measured_alone),
    )


def measured_outside(case: Case) -> Mapping[str, Any]:
    arrays = open_data(data(case.sample, "evaluation"), case.model)
    return {"outside": outside_ranges(case.quantized, arrays)}


@planted
def dark_images() -> Planted:
    arrays = {"image": data(RESNET, "calibration")["image"] * np.float32(0.25)}
    return Planted(
        "calibration images at a quarter of the brightness",
        "outside_range",
        "image",
        resnet(more=measured_outside),
        resnet(calibration_data=arrays, more=measured_outside),
    )


def float_masks(recipe: Recipe) -> Recipe:
    """The transformer's recipe with its attention masks in float."""
    for layer in (0, 1):
        for part in ("Add", "softmax/Softmax"):
            recipe = recipe.with_rule(
                Rule("node", f"/layers.{layer}/attention/{part}", {"skip": True})
            )
    return recipe


def transformer(**changes: Any) -> Case:
    """The healthy transformer."""
    case = Case(SPAM, lambda: net(SPAM), float_masks(preset("recommended")))
    return replace(case, **changes)


@planted
def attention_mask() -> Planted:
    return Planted(
        "a mask of -10,000 added to attention scores in int8",
        "softmax_input",
        "/layers.1/attention/Add_output_0",
        transformer(),
        transformer(recipe=preset("recommended")),
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
    recipe = float_masks(preset("recommended"))
    healthy = recipe.with_rule(Rule("op_type", "LayerNormalization", {"skip": True}))
    healthy = healthy.with_rule(Rule("op_type", "Add", {"activation_type": QType.UINT16}))
    return Planted(
        "LayerNormalization on 8 bits of a loud residual stream",
        "float_functions",
        "",
        transformer(build=loud_channel, recipe=healthy),
        transformer(build=loud_channel, recipe=recipe),
    )


def flags(*names: str) -> Callable[[Case], Mapping[str, Any]]:
    """A processor with AVX2, and these."""
    return lambda case: {"cpu_flags": frozenset({"sse2", "avx", "avx2", "fma", *names})}


@planted
def no_vnni() -> Planted:
    def build() -> Net:
        found = plain()
        name = "stem.conv.weight"
        found[name] = np.sign(found[name]) * np.abs(found[name]).mean()
        return found

    return Planted(
        "weights of one size, on a processor without VNNI",
        "saturation",
        "/stem/conv/Conv",
        resnet(build=build, more=flags("avx_vnni")),
        resnet(build=build, more=flags()),
        words="compare on a processor with VNNI, or give the weights 7 bits",
    )


def against_reference(factor: float) -> Callable[[Case], Mapping[str, Any]]:
    """The float model against outputs recorded with other preprocessing."""

    def more(case: Case) -> Mapping[str, Any]:
        session = Session(case.model.to_bytes())
        image = data(case.sample, "evaluation")["image"]
        error = ErrorAccumulator()
        recorded = session.run({"image": image * np.float32(factor)})["logits"]
        error.add(recorded, session.run({"image": image})["logits"])
        return {"reference": {"logits": error.result()}}

    return more


@planted
def other_reference() -> Planted:
    return Planted(
        "reference outputs of images twice as bright",
        "reference_differs",
        "logits",
        resnet(more=against_reference(1.0)),
        resnet(more=against_reference(2.0)),
        words="mend the conversion or the preprocessing first",
    )


def rank_table() -> str:
    """Planted fault -> rank of the right finding."""
    lines = [f"{'planted':52} {'finding':20} {'of kind':>7} {'of all':>6}  severity  first of all"]
    for make in PLANTED:
        item = make()
        kind, overall = item.ranks
        first = item.faulty.findings[0] if item.faulty.findings else None
        severity = item.finding.severity if kind else "-"
        worst = [f.kind for f in item.healthy.findings if f.severity != "info"]
        lines.append(
            f"{item.name:52} {item.kind:20} {kind or '-':>7} {overall or '-':>6}  {severity:8}  "
            f"{first.kind if first else '-'}{'  HEALTHY: ' + ', '.join(worst) if worst else ''}"
        )
    return "\n".join(lines)


def fix_table() -> str:
    """Planted fault -> output sqnr_db without it, with it, and after the fix."""
    lines = [f"{'planted':52} {'healthy':>8} {'before':>8} {'after':>8} {'recovered':>9}  fix"]
    for make in PLANTED:
        item = make()
        healthy, before = item.healthy.sqnr_db(), item.faulty.sqnr_db()
        finding = next((f for f in item.faulty.findings if f.kind == item.kind), None)
        row = f"{item.name:52} {healthy:8.1f} {before:8.1f}"
        if finding is None or finding.fix is None:
            lines.append(f"{row} {'':8} {'':9}  {item.words or 'NOT FOUND'}")
            continue
        after = item.faulty.sqnr_db(finding.fix.recipe)
        share = (after - before) / (healthy - before) if healthy > before else float("nan")
        lines.append(f"{row} {after:8.1f} {100 * share:7.0f} %  {finding.fix.label}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(rank_table())
    print()
    print(fix_table())
