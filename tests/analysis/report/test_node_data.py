"""Model Explorer's node data: its nodes, its form, our numbers."""

import json

import numpy as np
import onnx
import pytest

import quant
from analysis.report.node_data import node_data, node_data_files
from analysis.study.analysis import analyze
from tests.models import conv_relu, images


@pytest.fixture(scope="module")
def found():
    proto = conv_relu()
    for node in proto.graph.node:
        node.name = ""
    model = quant.load(proto.SerializeToString())
    data = quant.open_data(images(), model)
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    return proto, analyze(quantized, calibration, data, errors=("local", "cumulative"))


def test_nodes_without_names_are_called_as_the_adapter_calls_them(found):
    proto, analysis = found
    documents = node_data(analysis)
    (graph,) = documents["local sqnr, dB"]
    assert graph == proto.graph.name
    keys = list(documents["local sqnr, dB"][graph]["results"])
    assert set(keys) <= {"node", *(f"node_{at}" for at in range(1, len(proto.graph.node)))}
    assert len(set(keys)) == len(keys) > 0


def test_documents_have_the_form_that_it_reads(found):
    _, analysis = found
    for name, text in node_data_files(analysis).items():
        assert name.endswith(".json")
        (data,) = json.loads(text).values()
        assert [step["stop"] for step in data["gradient"]] == [0, 1]
        assert all(np.isfinite(item["value"]) for item in data["results"].values())
    row = next(row for row in analysis.layers if row.local is not None and row.op_type != "Input")
    values = node_data(analysis)["clip rate"]
    (document,) = values.values()
    assert row.local.clip_rate in [item["value"] for item in document["results"].values()]


def test_a_model_that_is_a_file_is_read_as_it_lies_there(found, tmp_path):
    proto, _ = found
    path = tmp_path / "m.onnx"
    for at, node in enumerate(proto.graph.node):
        node.name = f"own{at}"
    onnx.save(proto, path)
    model = quant.load(path)
    data = quant.open_data(images(), model)
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    documents = node_data(analyze(quantized, calibration, data, errors=("local",)))
    (document,) = documents["local sqnr, dB"].values()
    assert all(key.startswith("own") for key in document["results"])
