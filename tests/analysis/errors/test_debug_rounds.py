"""MindSpore Lite's debug reports: its columns, its definitions, by plain NumPy on tapped runs."""

import csv
import io

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import quant
import sample_models
from analysis.errors.debug_rounds import debug_reports
from quant.io.tables import table_csv
from tests.models import conv_relu, images

COLUMNS = (
    "NodeName",
    "NodeType",
    "TensorName",
    "InOutFlag",
    "DataTypeFlag",
    "TensorTypeFlag",
    "Min",
    "Q1",
    "Median",
    "Q3",
    "Max",
    "Mean",
    "Var",
    "Sparsity",
    "Clip",
    "CosineSimilarity",
)
PARAMETERS = (
    "NodeName",
    "NodeType",
    "TensorName",
    "ElementsNum",
    "Dims",
    "Scale",
    "ZeroPoint",
    "Bits",
    "CorrectionVar",
    "CorrectionMean",
)


@pytest.fixture(scope="module")
def quantized():
    sample = sample_models.find("fmnist_mobilenet")
    model = quant.load(sample.model_path)
    data = quant.open_data(sample.evaluation_path, model)
    calibration = quant.calibrate(model, data, samples=8)
    return quant.quantize(model, calibration, quant.preset("everything")), data


def read(rows):
    return list(csv.reader(io.StringIO(table_csv(rows))))


def test_columns_are_those_that_mindspore_writes(quantized):
    reports = debug_reports(*quantized, rounds=2)
    assert len(reports.rounds) == 2
    head, *rows = read(reports.rounds[0])
    assert head == ["", *COLUMNS]
    assert [row[0] for row in rows] == [str(at) for at in range(len(rows))]
    assert [row[5] for row in rows] == ["Origin", "Dequant"] * (len(rows) // 2)
    assert read(reports.parameters)[0] == list(PARAMETERS)
    head, *rows = read(reports.outputs)
    assert head == ["Round", "TensorName", "CosineSimilarity"]
    assert [row[0] for row in rows] == ["0", "1"]


def test_numbers_are_those_of_the_tapped_models(quantized):
    model, data = quantized
    row, dequant = next(
        (a, b)
        for a, b in zip(*[iter(debug_reports(model, data, rounds=1).rounds[0])] * 2, strict=True)
        if a["InOutFlag"] == "Output" and b["Clip"]
    )
    name = row["TensorName"]
    feeds = next(data.samples())
    arrays = []
    for content, tensor in (
        (model.float_model.to_bytes(), name),
        (model.tapped_bytes(), model.tensor_map[name]),
    ):
        proto = onnx.load_model_from_string(content)
        proto.graph.output.append(onnx.ValueInfoProto(name=tensor))
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session = ort.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        arrays.append(np.float64(session.run([tensor], feeds)[0]).reshape(-1))
    for written, values in zip((row, dequant), arrays, strict=True):
        ordered = np.sort(values)
        assert written["Q1"] == ordered[int(0.25 * len(ordered))]
        assert written["Median"] == ordered[int(0.5 * len(ordered))]
        assert written["Q3"] == ordered[int(0.75 * len(ordered))]
        assert written["Var"] == pytest.approx(np.std(values))
        assert written["Sparsity"] == np.mean(values == 0)
    origin, found = arrays
    outside = (origin > found.max()) | (origin < found.min())
    assert dequant["Clip"] == outside.mean() > 0
    cosine = origin @ found / np.linalg.norm(origin) / np.linalg.norm(found)
    assert dequant["CosineSimilarity"] == pytest.approx(cosine)


def test_a_row_a_channel_with_what_gives_its_deviation_back(quantized):
    model, data = quantized
    item = next(i for i in model.constants if i.codes.ndim == 4 and i.params.scale.size > 1)
    rows = [
        r for r in debug_reports(model, data, rounds=1).parameters if r["TensorName"] == item.name
    ]
    assert len(rows) == item.params.scale.size
    weight = model.float_model.constant(item.name)
    for at, row in enumerate(rows):
        seen = item.codes[at].astype(np.float64) * float(item.params.scale[at])
        assert row["Scale"] == item.params.scale[at]
        assert row["CorrectionVar"] == pytest.approx(weight[at].std() / seen.std(), rel=1e-5)
        wanted = weight[at].mean() - seen.mean() * row["CorrectionVar"]
        assert row["CorrectionMean"] == pytest.approx(wanted, abs=1e-6)
        assert row["ElementsNum"] == weight.size


def test_silence_is_alike_and_has_no_angle_with_anything():
    model = quant.load(conv_relu().SerializeToString())
    silent = quant.open_data({name: np.zeros_like(a) for name, a in images().items()}, model)
    calibration = quant.calibrate(model, quant.open_data(images(), model))
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    rows = debug_reports(quantized, silent, rounds=1).rounds[0]
    first = [row for row in rows if row["TensorName"] == model.inputs[0].name]
    assert [row["CosineSimilarity"] for row in first] == [1.0, 1.0]
    assert [row["Sparsity"] for row in first] == [1.0, 1.0]
