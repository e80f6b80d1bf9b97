"""Random small models whose tensors share scales, and random recipes for them."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from quant.calibrators import calibrator_from_json
from quant.opening.loading import load
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType
from tests.models import model_of

CHANNELS = 4
SHAPE = [1, CHANNELS, 4, 4]
OPS = ("Relu", "Sigmoid", "Conv", "MaxPool", "Reshape", "Transpose", "Add", "AddConstant", "Concat")
MOVES = frozenset({"Identity", "MaxPool", "Reshape", "Transpose"})
"""Operators whose output shares the scale of their input."""


@dataclass(frozen=True)
class Case:
    """A model with data, and a recipe for it."""

    content: bytes = field(repr=False)
    data: dict[str, np.ndarray] = field(repr=False)
    recipe: Recipe


def _nodes(steps: list[tuple[str, int, int]]):
    """Nodes n0, n1, ... that give t0, t1, ... from earlier tensors, and their constants."""
    rng = np.random.default_rng(len(steps))
    known, nodes, constants = ["x"], [], [numpy_helper.from_array(np.int64(SHAPE), "shape")]
    for number, (op, first, second) in enumerate(steps):
        a, b = known[first % len(known)], known[second % len(known)]
        name, out = f"n{number}", f"t{number}"

        def constant(kind: str, *shape: int, name=name) -> str:
            array = rng.standard_normal(shape).astype(np.float32)
            constants.append(numpy_helper.from_array(array, f"{name}_{kind}"))
            return f"{name}_{kind}"

        def node(op: str, inputs: list[str], outputs: list[str], name=name, **attributes) -> None:
            nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))

        match op:
            case "Conv":
                inputs = [a, constant("w", CHANNELS, CHANNELS, 1, 1), constant("b", CHANNELS)]
                node("Conv", inputs, [out], kernel_shape=[1, 1])
            case "MaxPool":
                node("MaxPool", [a], [out], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            case "Reshape":
                node("Reshape", [a, "shape"], [out])
            case "Transpose":
                node("Transpose", [a], [out], perm=[0, 1, 3, 2])
            case "Add":
                node("Add", [a, b], [out])
            case "AddConstant":
                node("Add", [a, constant("c", CHANNELS, 1, 1)], [out])
            case "Concat":
                node("Concat", [a, b], [f"{out}_all"], axis=1)
                weight = constant("w", CHANNELS, 2 * CHANNELS, 1, 1)
                node("Conv", [f"{out}_all", weight], [out], name=f"{name}_mix", kernel_shape=[1, 1])
            case _:
                node(op, [a], [out])
        known.append(out)
    return nodes, constants, known


FIXED = st.sampled_from([(0.0, 1.5), (-0.5, 2.0), (-3.0, 3.0), None])
TYPES = st.sampled_from([QType.UINT8, QType.INT8, QType.UINT16])
CALIBRATORS = st.sampled_from(["minmax", "percentile"]).map(
    lambda name: calibrator_from_json({"name": name})
)
TENSOR_VALUES = {
    "range": FIXED,
    "activation_type": TYPES,
    "activation_symmetric": st.booleans(),
    "calibrator": CALIBRATORS,
}
NODE_VALUES = {
    **TENSOR_VALUES,
    "skip": st.sampled_from([False, False, True]),
    "align": st.sampled_from(["none", "largest", "output"]),
    "weight_type": st.sampled_from([QType.INT8, QType.INT4]),
    "per_channel": st.booleans(),
    "quantize_bias": st.booleans(),
    "drop_activation": st.sampled_from(["never", "lossless", "always"]),
}


def _some(values) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries({}, optional=values).filter(bool)


@st.composite
def cases(draw, parts: bool = False) -> Case:
    """A model of up to nine steps with a recipe of up to five rules.

    Args:
        draw: From Hypothesis.
        parts: Whether rules may leave weights or activations in float.
    """
    index = st.integers(0, 20)
    step = st.tuples(st.sampled_from(OPS), index, index)
    steps = [("Sigmoid", 0, 0), *draw(st.lists(step, max_size=8))]
    nodes, constants, known = _nodes(steps)
    read = {name for node in nodes for name in node.input}
    outputs = {name: SHAPE for name in known[1:] if name not in read}
    content = model_of(nodes, {"x": SHAPE}, outputs, constants).SerializeToString()
    model = load(content)
    also = {"quantize_activation": st.booleans()} if parts else {}
    weights = {"quantize_weight": st.booleans()} if parts else {}
    node_values = _some({**NODE_VALUES, **also, **weights})
    names = st.sampled_from([node.name for node in model.nodes])
    kinds = st.sampled_from(sorted({node.op_type for node in model.nodes} | {"Input"}))
    rule = st.one_of(
        st.builds(Rule, st.just("node"), names, node_values),
        st.builds(Rule, st.just("op_type"), kinds, node_values),
        st.builds(Rule, st.just("pattern"), st.sampled_from([".*", "n[02468]"]), node_values),
        st.builds(
            Rule,
            st.just("tensor"),
            st.sampled_from(list(model.tensors)),
            _some({**TENSOR_VALUES, **also}),
        ),
    )
    rules = draw(st.lists(rule, max_size=5))
    align = draw(st.sampled_from(["none", "largest", "output"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    data = {"x": (rng.standard_normal((4, *SHAPE[1:])) * 2).astype(np.float32)}
    return Case(content, data, Recipe("random", Settings(align=align), tuple(rules)))
