"""Float and int8 against outputs of another runtime: by plain NumPy, and a planted difference."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import quant
import sample_models
from analysis.errors.reference import against_reference
from quant.errors import DataError

SAMPLE = sample_models.find("fmnist_mobilenet")


@pytest.fixture(scope="module")
def inputs():
    model = quant.load(SAMPLE.model_path)
    data = quant.open_data({"image": np.load(SAMPLE.evaluation_path)["image"][:12]}, model)
    calibration = quant.calibrate(model, data, samples=8)
    return model, data, quant.quantize(model, calibration, quant.preset("everything"))


def tensors(model: quant.Model, data: quant.Dataset, names: list[str]) -> dict[str, np.ndarray]:
    """What ONNX Runtime gives without any optimization, as another runtime might."""
    proto = onnx.load_model_from_string(model.to_bytes())
    outputs = {value.name for value in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in outputs)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rows = [session.run(names, sample) for sample in data.samples()]
    return {n: np.concatenate([row[at] for row in rows]) for at, n in enumerate(names)}


def test_the_same_model_is_the_same_and_int8_is_as_far_as_numpy_says(inputs):
    model, data, quantized = inputs
    given = tensors(model, data, ["logits"])
    found = against_reference(model, quantized, data, quant.open_data(given))
    assert found.samples == 12
    assert found.of_float["logits"].sqnr_db > 90
    assert found.first_far == ""
    session = ort.InferenceSession(quantized.to_bytes(), providers=["CPUExecutionProvider"])
    int8 = np.concatenate([session.run(["logits"], sample)[0] for sample in data.samples()])
    noise = np.square(given["logits"] - int8, dtype=np.float64).sum()
    wanted = 10 * np.log10(np.square(given["logits"], dtype=np.float64).sum() / noise)
    assert found.of_int8["logits"].sqnr_db == pytest.approx(wanted, abs=1.0)


def test_the_first_tensor_that_differs_is_named(inputs):
    model, data, quantized = inputs
    names = [node.outputs[0] for node in model.nodes][:9]
    given = tensors(model, data, [*names, "logits"])
    for name in (*names[4:], "logits"):
        given[name] = given[name] * 1.25
    found = against_reference(model, quantized, data, quant.open_data(given))
    assert found.first_far == names[4]
    assert found.producers[found.first_far] == model.nodes[4].name
    assert list(found.of_float) == [*names, "logits"]


def test_strangers_shapes_and_too_few_samples_are_named(inputs):
    model, data, quantized = inputs
    given = tensors(model, data, ["logits"])
    with pytest.raises(DataError, match=r"'logit', is a tensor of .*logits"):
        against_reference(model, quantized, data, quant.open_data({"logit": given["logits"]}))
    few = quant.open_data({"logits": given["logits"][:3]})
    with pytest.raises(DataError, match="expected 12 samples as in the data, found 3"):
        against_reference(model, quantized, data, few)
    wrong = {"logits": given["logits"][:, :3], "other": given["logits"]}
    found = against_reference(model, quantized, data, quant.open_data(wrong))
    assert not found.of_float
    assert sorted(text.partition(":")[0] for text in found.left_out) == ["logits", "other"]
