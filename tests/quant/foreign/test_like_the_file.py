"""Files of ONNX Runtime's quantizer: what is read of them, and the recipe that does the same."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import quant
from quant.errors import ModelError
from quant.foreign.as_recipe import recipe_of
from quant.foreign.doubts import doubts
from quant.foreign.matching import Match, matched
from quant.foreign.reading import read_int8
from quant.pipeline import QuantizedModel
from tests.models import from_text
from tests.quant.foreign.made import KINDS, SAMPLE, SAMPLES, made


@pytest.fixture(scope="module")
def model() -> quant.Model:
    return quant.load(SAMPLE.model_path)


@pytest.fixture(scope="module")
def data(model: quant.Model) -> quant.Dataset:
    return quant.open_data(SAMPLE.calibration_path, model)


@pytest.fixture(scope="module")
def calibration(model: quant.Model, data: quant.Dataset) -> quant.Calibration:
    return quant.calibrate(model, data, samples=SAMPLES)


@pytest.fixture(scope="module", params=KINDS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    return made(folder / f"{request.param}.onnx", **KINDS[request.param])


@pytest.fixture(scope="module")
def match(file: Path, model: quant.Model) -> Match:
    return matched(read_int8(file), model)


@pytest.fixture(scope="module")
def ours(match: Match, model: quant.Model, calibration: quant.Calibration) -> QuantizedModel:
    return quant.quantize(model, calibration, recipe_of(match).recipe)


def test_every_tensor_that_the_file_rounds_is_one_of_the_model(match: Match):
    assert match.unmatched == ()
    assert len(match.activations) > 20


def test_weights_are_those_of_the_model_but_for_rounding(match: Match):
    checked = 0
    for node in match.model.nodes:
        codes = match.weight(node)
        if codes is None or node.weight is None:
            continue
        real = match.model.constant(node.weight.name)
        step = codes.scale.max()
        assert np.abs(codes.real - real).max() <= 0.51 * step
        checked += 1
    assert checked > 8


def test_scales_and_zero_points_are_equal_to_the_last_bit(match: Match, ours: QuantizedModel):
    checked = 0
    for name, codes in match.activations.items():
        if name in ours.params:
            params = ours.params[name]
            assert (float(params.scale), int(params.zero_point)) == (
                float(codes.scale),
                int(codes.zero_point),
            ), name
            checked += 1
    assert checked > 20


def test_outputs_are_within_a_step_of_the_files(
    match: Match, ours: QuantizedModel, file: Path, data: quant.Dataset, tmp_path: Path
):
    plain = ort.SessionOptions()
    plain.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    (tmp_path / "ours.onnx").write_bytes(ours.to_bytes())
    sessions = [ort.InferenceSession(str(p), plain) for p in (file, tmp_path / "ours.onnx")]
    output = match.model.outputs[0].name
    step = float(match.activations[output].scale)
    far = [
        np.abs(np.subtract(*(session.run([output], sample)[0] for session in sessions))).max()
        for sample in data.samples(SAMPLES)
    ]
    assert np.median(far) <= 1.01 * step
    assert max(far) <= (1.01 if "on codes" not in file.name else 3.01) * step


def test_nothing_in_an_honest_file_is_doubted(match: Match, calibration: quant.Calibration):
    assert doubts(match, calibration) == ()
    assert recipe_of(match).notes == ()


# ---- files with a fault


def edited(file: Path, change) -> bytes:
    """The file with its constants changed by ``change(arrays, graph)``."""
    proto = onnx.load(file)
    arrays = {t.name: np.array(numpy_helper.to_array(t)) for t in proto.graph.initializer}
    change(arrays, proto.graph)
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name], tensor.name))
    return proto.SerializeToString()


CONV = "/blocks/b2/depthwise/conv/Conv"


def weight_of(graph: onnx.GraphProto, node: str, place: int = 1) -> onnx.NodeProto:
    """The DequantizeLinear that gives a constant operand of a node."""
    name = next(n for n in graph.node if n.name == node).input[place]
    return next(n for n in graph.node if name in n.output)


def wrong_scale(arrays, graph):
    arrays[weight_of(graph, CONV).input[1]] *= 3


def threshold(arrays, graph):
    arrays[weight_of(graph, CONV).input[1]] *= 127


def bias_scale(arrays, graph):
    arrays[weight_of(graph, CONV, 2).input[1]] *= 8


def other_weights(arrays, graph):
    name = weight_of(graph, CONV).input[0]
    arrays[name] = arrays[name][::-1].copy()


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (wrong_scale, "weight", "is 3.01 times as large"),
        (threshold, "weight", "a threshold was taken for a scale"),
        (bias_scale, "bias scale", "is 8 times the product"),
        (other_weights, "weight", "holds other numbers"),
    ],
)
def test_a_fault_of_a_weight_is_named_with_its_node(
    change, kind: str, words: str, model: quant.Model, tmp_path: Path
):
    file = edited(made(tmp_path / "int8.onnx"), change)
    found = doubts(matched(read_int8(file), model))
    assert found
    assert (found[0].node, found[0].kind) == (CONV, kind)
    assert words in found[0].text


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("scale", "range", "looks like a threshold"),
        ("zero point", "zero point", "its codes stand for"),
    ],
)
def test_a_fault_of_an_activation_is_named_with_its_tensor(  # noqa: PLR0917
    what: str,
    kind: str,
    words: str,
    model: quant.Model,
    calibration: quant.Calibration,
    tmp_path: Path,
):
    tensor = next(n for n in model.nodes if n.name == CONV).inputs[0]
    proto = onnx.load(made(tmp_path / "int8.onnx"))
    quantizers = {n.input[0]: n for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    name = tensor if tensor in quantizers else model.producers[tensor].inputs[0]

    def change(arrays, _):
        _, scale, zero = quantizers[name].input
        if what == "scale":
            arrays[scale] *= 127
        else:
            arrays[zero] = (arrays[zero].astype(int) + 128).astype(np.int8)

    found = doubts(matched(read_int8(edited(tmp_path / "int8.onnx", change)), model), calibration)
    assert (found[0].node, found[0].kind) == (tensor, kind)
    assert words in found[0].text


# ---- faults of the graph, in a network whose weights are square


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with square weights, and data for it."""
    rng = np.random.default_rng(3)
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 3, 8, 8] image) => (float[1, 8] scores)
    {
        [conv1] c = Conv <kernel_shape = [3, 3]> (image, w1)
        [relu1] r = Relu (c)
        [conv2] d = Conv <kernel_shape = [1, 1]> (r, w2)
        [pool] p = GlobalAveragePool (d)
        [flat] f = Flatten (p)
        [gemm] scores = Gemm (f, w3)
    }
    """
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 8, 1, 1), "w3": (8, 8)}
    spread = np.geomspace(0.2, 5, 8).reshape(8, 1, 1, 1)
    arrays = {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    arrays["w2"] = (arrays["w2"] * spread).astype(np.float32)
    folder = tmp_path_factory.mktemp("square")
    onnx.save(from_text(text, **arrays), folder / "net.onnx")
    np.savez(folder / "data.npz", image=rng.normal(size=(16, 3, 8, 8)).astype(np.float32))
    return folder


def of_square(square: Path, change, **how) -> tuple[tuple[str, str], ...]:
    """Node and kind of what is doubted in a changed file of the square network."""
    int8 = made(square / "int8.onnx", square / "net.onnx", square / "data.npz", **how)
    model = quant.load(square / "net.onnx")
    data = quant.open_data(square / "data.npz", model)
    file = matched(read_int8(edited(int8, change)), model)
    return tuple((d.node, d.kind) for d in doubts(file, quant.calibrate(model, data)))


def unchanged(arrays, graph):
    """Nothing is wrong."""


def relu_dropped(arrays, graph):
    relu = next(n for n in graph.node if n.op_type == "Relu")
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == relu.output[0]:
                node.input[place] = relu.input[0]
    graph.node.remove(relu)


def axis_turned(arrays, graph):
    next(a for a in weight_of(graph, "conv2").attribute if a.name == "axis").i = 1


def transposed(arrays, graph):
    name = weight_of(graph, "gemm").input[0]
    arrays[name] = arrays[name].T.copy()


SYMMETRIC = {"extra_options": {"ActivationSymmetric": True}}


@pytest.mark.parametrize(
    ("change", "how", "wanted"),
    [
        (unchanged, {}, ()),
        (unchanged, {"per_channel": True}, ()),
        (unchanged, SYMMETRIC, ()),
        (relu_dropped, SYMMETRIC, (("relu1", "activation"),)),
        (axis_turned, {"per_channel": True}, (("conv2", "channel axis"),)),
        (transposed, {}, (("gemm", "weight"),)),
    ],
)
def test_a_fault_of_the_graph_is_named(square: Path, change, how, wanted):
    assert of_square(square, change, **how) == wanted


def test_a_float_file_is_refused_in_a_sentence(model: quant.Model):
    with pytest.raises(ModelError, match="expected an int8 model with QuantizeLinear"):
        read_int8(SAMPLE.model_path)
    assert model.name


# ---- files that are damaged or odd


def scale_of_nothing(arrays, graph):
    arrays[weight_of(graph, CONV).input[1]] *= 0


def scale_that_is_no_number(arrays, graph):
    arrays[weight_of(graph, CONV).input[1]] *= np.nan


def quantizer_without_scale(arrays, graph):
    node = next(n for n in graph.node if n.op_type == "QuantizeLinear")
    del node.input[1:]


def axis_of_other_channels(arrays, graph):
    node = weight_of(graph, CONV)
    arrays[node.input[1]] = np.repeat(arrays[node.input[1]], 5)
    arrays[node.input[2]] = np.repeat(arrays[node.input[2]], 5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (scale_of_nothing, "expected positive scales"),
        (scale_that_is_no_number, "expected positive scales"),
        (quantizer_without_scale, "whose scales can be read"),
        (axis_of_other_channels, "expected a scale for each of"),
    ],
)
def test_what_no_scale_can_be_is_refused_in_a_sentence(change, words: str, tmp_path: Path):
    file = edited(made(tmp_path / "int8.onnx"), change)
    with pytest.raises(ModelError, match=words) as caught:
        read_int8(file)
    assert "\n" not in str(caught.value)


def test_half_a_file_and_noise_in_it_are_refused_or_read(tmp_path: Path, model: quant.Model):
    content = made(tmp_path / "int8.onnx").read_bytes()
    rng = np.random.default_rng(5)
    outcomes = set()
    for place in rng.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 0x5A
        for data in (bytes(damaged), content[:place]):
            try:
                match = matched(read_int8(data), model)
                doubts(match)
                outcomes.add("read")
            except quant.QuantError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}
