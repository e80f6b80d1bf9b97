"""What runs, counted by hand on small models whose fusions are known, and against their files."""

import numpy as np
import onnxruntime as ort
import pytest

import quant
import sample_models
from analysis.runtime.flow import flow
from analysis.runtime.multiply_adds import as_run, multiply_adds
from analysis.runtime.truth import runtime_truth
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.runtime.profiling import profile
from quant.types import QType
from tests.models import from_text

RNG = np.random.default_rng(0)


def chain(middle: str = "Sigmoid") -> quant.Model:
    """Conv, Relu, an operator, Conv: 3 to 8 to 4 channels over 6 x 6 places."""
    text = f"""
        <ir_version: 9, opset_import: ["" : 17]>
        g (float[1,3,6,6] x) => (float[1,4,4,4] y) {{
            a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x, w)
            b = Relu(a)
            c = {middle}(b)
            y = Conv<kernel_shape = [3, 3]>(c, v)
        }}"""
    weights = {
        "w": RNG.normal(size=(8, 3, 3, 3)).astype(np.float32),
        "v": RNG.normal(size=(4, 8, 3, 3)).astype(np.float32),
    }
    proto = from_text(text, **weights)
    for node, name in zip(proto.graph.node, ("first", "relu", "middle", "last"), strict=True):
        node.name = name
    return quant.load(proto.SerializeToString())


def quantized(model: quant.Model, recipe: Recipe | None = None) -> quant.QuantizedModel:
    x = RNG.normal(size=(8, *model.inputs[0].shape[1:])).astype(np.float32)
    data = quant.open_data({"x": x}, model)
    settings = Settings(activation_type=QType.UINT8, placement="everything")
    return quant.quantize(model, quant.calibrate(model, data), recipe or Recipe("r", settings))


def looked(model: quant.QuantizedModel, runs: int = 0):
    return runtime_truth(model, runs=runs)


def by_name(truth):
    return {row.name: row for row in truth.rows}


def test_a_chain_of_kernels_has_a_conversion_at_each_end_only():
    truth = looked(quantized(chain()))
    rows = by_name(truth)
    assert rows["first"].runs == rows["last"].runs == rows["middle"].runs == "integers"
    assert rows["first"].kernel == "QLinearConv"
    assert rows["middle"].kernel == "QLinearSigmoid"
    assert rows["relu"].runs == "inside"
    assert truth.integer_share == 1.0
    assert [(c.to_codes, c.before, c.after) for c in truth.conversions] == [
        (True, "input", ("QLinearConv",)),
        (False, "QLinearConv", ("output",)),
    ]
    assert truth.edge_types["x", "first"] == "uint8"
    assert truth.edge_types["middle", "last"] == "uint8"
    assert not truth.broken_promises


def test_an_operator_without_integer_kernel_is_an_island_with_two_shores():
    truth = looked(quantized(chain("Tanh")))
    rows = by_name(truth)
    assert rows["middle"].runs == "float"
    assert rows["middle"] in truth.broken_promises
    assert rows["middle"].why == "ONNX Runtime's CPU provider has no integer kernel for Tanh."
    inner = [c for c in truth.conversions if "Tanh" in {c.before, *c.after}]
    assert [(c.to_codes, c.before, c.after) for c in inner] == [
        (False, "QLinearConv", ("Tanh",)),
        (True, "Tanh", ("QLinearConv",)),
    ]
    assert truth.edge_types["middle", "last"] == "uint8"
    assert [t for (_, node), t in truth.edge_types.items() if node == "middle"] == ["float"]


def test_what_the_recipe_leaves_in_float_says_the_recipes_reason():
    recipe = Recipe("r", Settings(), (Rule("node", "last", {"skip": True}),))
    rows = by_name(looked(quantized(chain(), recipe)))
    assert rows["last"].runs == "float"
    assert not rows["last"].asked
    assert rows["last"].why.endswith(".")
    first = rows["first"].multiply_adds
    assert first == 8 * 6 * 6 * 3 * 9
    assert rows["last"].multiply_adds == 4 * 4 * 4 * 8 * 9
    truth = looked(quantized(chain(), recipe))
    assert truth.integer_share == pytest.approx(first / (first + rows["last"].multiply_adds))


def test_16_bit_activations_have_no_integer_kernel():
    recipe = Recipe("r", Settings(activation_type=QType.UINT16))
    rows = by_name(looked(quantized(chain(), recipe)))
    assert rows["first"].runs == "float"
    assert "16 bits" in rows["first"].why


@pytest.mark.parametrize("name", ["fmnist_mobilenet", "fmnist_resnet", "spam_transformer"])
def test_the_share_is_that_of_the_kernels_in_the_optimized_graph(name):
    sample = sample_models.find(name)
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.evaluation_path, model)
    calibration = quant.calibrate(model, data, samples=8)
    for preset in ("recommended", "everything"):
        found = quant.quantize(model, calibration, quant.preset(preset))
        truth = looked(found)
        total = multiply_adds(model, found.probe).total
        assert truth.integer_share * total == pytest.approx(
            as_run(found).integer_multiply_adds, rel=0.05
        )
        kernels = {row.kernel for row in truth.rows if row.runs == "integers"}
        assert all("Dequantize" not in kernel for kernel in kernels)


def test_times_and_the_frameworks_own_make_up_the_run():
    truth = looked(quantized(chain()), runs=5)
    assert truth.times is not None
    for times in (truth.times.of_float, truth.times.of_int8):
        parts = (
            sum(times.of_node.values())
            + times.conversions
            + times.rearranging
            + times.other
            + times.framework
        )
        assert parts == pytest.approx(times.run)
        assert times.run > 0
    assert set(truth.times.of_float.of_node) >= {"first", "last"}
    assert "relu" not in truth.times.of_float.of_node  # it is inside of the Conv
    assert truth.times.of_float.conversions == 0
    assert truth.times.of_int8.conversions > 0
    assert by_name(truth)["first"].lost_us is not None
    assert "integers" in truth._repr_html_()


def test_a_profile_has_the_nodes_of_the_session():
    model = quantized(chain("Tanh"))
    found = profile(model.to_bytes(), model.probe, runs=2)
    kinds = {node.op_type for node in found.nodes}
    assert {"QLinearConv", "Tanh"} <= kinds
    conv = next(node for node in found.nodes if node.op_type == "QLinearConv")
    assert "uint8" in conv.reads
    assert found.runs == 2


def test_every_node_of_a_file_is_covered_by_what_gives_the_same():
    content = quantized(chain()).to_bytes()
    found = flow(content)
    outputs = {value.name for value in found.file.output}
    assert {node.name for node in found.file.node} == set(found.covered)
    assert outputs == {
        name for node in found.running.node for name in node.output if name in outputs
    }
    assert ort.InferenceSession(content, providers=["CPUExecutionProvider"]).get_outputs()
