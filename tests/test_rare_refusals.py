"""Sentences that no other test provokes: files that cannot be read, and models nobody exports."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, parser

import quant
from analysis.recovery.trail import TrailFile
from analysis.study.journal import Journal
from app.workspace.opening import open_model
from quant.errors import DataError, ModelError
from quant.io.lines import append_line
from quant.model.inline import inline
from quant.model.serialize import serialized, to_bytes
from quant.opening import loading
from quant.params.ranges import tensor_stats
from tests.models import conv_relu, from_text, images


def net(graph, **arrays):
    return from_text(f'<ir_version: 8, opset_import: ["" : 17]> {graph}', **arrays)


def two_inputs(shape="N, 4"):
    return quant.load(
        net(f"net (float[{shape}] a, float[{shape}] b) => (float[{shape}] y) {{ y = Add (a, b) }}")
        .SerializeToString()
    )  # fmt: skip


def refused(kind, words, call, *arguments, **options):
    with pytest.raises(kind, match=words) as raised:
        call(*arguments, **options)
    assert "\n" not in str(raised.value)


def test_a_trail_or_journal_that_is_a_folder(tmp_path):
    refused(DataError, "the trail of a recovery, found no", TrailFile, path=tmp_path, about={})
    refused(DataError, "the state of an analysis, found no file", Journal, tmp_path, {})


def test_no_path_of_a_model_at_all():
    refused(ModelError, "the path of a float .onnx file, found none", open_model, "  ")


@pytest.mark.parametrize("path", ["a\0b.onnx", "x" * 5000])
def test_a_path_that_no_file_can_have(path):
    refused(ModelError, "cannot be read|no such file", quant.load, path)


def test_an_input_that_no_array_can_feed():
    model = net("net (float[N, 4] x) => (float[N, 4] y) { y = Relu (x) }")
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    model.graph.input.append(helper.make_value_info("rest", kind))
    model.graph.node.append(helper.make_node("SequenceLength", ["rest"], ["count"]))
    model.graph.output.append(helper.make_tensor_value_info("count", TensorProto.INT64, []))
    loaded = quant.load(model.SerializeToString())
    data = {"x": np.zeros((2, 4), np.float32), "rest": np.zeros((2, 4), np.float32)}
    refused(DataError, "which no array holds", quant.open_data, data, loaded)


def test_a_batch_axis_that_the_data_does_not_have():
    data = {name: np.zeros((3, 4), np.float32) for name in "ab"}
    refused(DataError, "no such axis", quant.open_data, data, two_inputs(), batch_axes={"a": 2})
    refused(
        DataError, "did you mean 'a'", quant.open_data, data, two_inputs(), batch_axes={"aa": 0}
    )


def test_one_array_for_two_inputs(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros((3, 4), np.float32))
    refused(DataError, "feeds one input, but the model has 2", quant.open_data,
            tmp_path / "one.npy", two_inputs())  # fmt: skip


def test_a_folder_of_which_some_files_have_labels(tmp_path):
    zeros = np.zeros((2, 4), np.float32)
    np.savez(tmp_path / "a.npz", a=zeros, b=zeros, labels=np.zeros(2, np.int64))
    np.savez(tmp_path / "b.npz", a=zeros, b=zeros)
    refused(
        DataError, "some files of the folder have labels", quant.open_data, tmp_path, two_inputs()
    )


def test_data_that_goes_away_while_it_is_opened(tmp_path, monkeypatch):
    path = tmp_path / "data.npz"
    np.savez(path, a=np.zeros((2, 4), np.float32), b=np.zeros((2, 4), np.float32))

    def gone(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hashlib.file_digest", gone)
    data = quant.open_data(path, two_inputs())
    refused(DataError, "the file cannot be read", lambda: data.digest)


def test_a_function_that_calls_itself():
    text = """
    <ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    net (float[N, 4] x) => (float[N, 4] y) { y = local.f (x) }
    <opset_import: ["" : 17, "local" : 1], domain: "local">
    f (a) => (b) { c = Relu (a) b = local.f (c) }
    """
    model = parser.parse_model(text)
    refused(ModelError, "not a valid ONNX model: Cycle", quant.load, model.SerializeToString())
    graph = ir.from_proto(model)
    refused(ModelError, "the function f calls itself", inline, graph, "net")


def test_weights_that_cannot_be_read_or_shrink(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    onnx.save(
        conv_relu(channels=64), path, save_as_external_data=True, location="w", size_threshold=0
    )
    real = Path.open

    def shrinking(self, *arguments, **options):
        if self.name == "w":
            os.truncate(self, 0)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", shrinking)
    refused(ModelError, "became shorter while it was read", quant.load, path)

    def locked(self, *arguments, **options):
        if self.name == "w":
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", real)
    onnx.save(
        conv_relu(channels=64), path, save_as_external_data=True, location="w", size_threshold=0
    )
    monkeypatch.setattr(Path, "open", locked)
    refused(ModelError, "check its permissions", quant.load, path)


def test_a_state_that_cannot_be_fed_back():
    fixed = net(
        "net (float[4, 8] x, float[4, 8] s) => (float[4, 8] y) { y = Add (x, s) }",
    )
    zeros = {"x": np.zeros((8, 8), np.float32)}
    refused(DataError, "takes 4 samples at once", quant.open_sequence,
            zeros, quant.load(fixed.SerializeToString()), {"y": "s"})  # fmt: skip
    free = net("net (float[N, 8] x, float s) => (float[N, 8] y) { y = Add (x, s) }")
    free.graph.input[1].type.tensor_type.ClearField("shape")
    refused(DataError, "cannot begin with zeros", quant.open_sequence,
            zeros, quant.load(free.SerializeToString()), {"y": "s"})  # fmt: skip


def test_a_file_that_neither_passes_nor_runs():
    model = net("net (float[N, 4] x) => (float[N, 4] y) { h = Relu (x) y = Relu (h) }")
    model.graph.node[0].op_type = "Rectify"
    refused(ModelError, "not a valid ONNX model", quant.load, model.SerializeToString())


def test_a_tensor_without_statistics():
    model = quant.load(conv_relu().SerializeToString())
    calibration = quant.calibrate(model, quant.open_data(images(), model))
    refused(DataError, "has no statistics", tensor_stats, calibration, "nowhere")


def test_a_model_that_fits_into_no_file():
    class TooLarge:
        def SerializeToString(self, deterministic):  # noqa: N802
            raise ValueError("exceeds 2GiB")

    refused(ModelError, "net: expected at most 2 GB", serialized, TooLarge(), "net")


@pytest.mark.parametrize(
    ("thrown", "words"),
    [
        (
            RuntimeError("odd"),
            r"one that cannot \(RuntimeError: odd\); check that ONNX Runtime",
        ),
        (MemoryError(), "does not fit in memory while it is prepared"),
    ],
)
def test_whatever_a_library_throws_while_a_model_is_prepared(monkeypatch, thrown, words):
    def prepare(graph, name):
        raise thrown

    monkeypatch.setattr(loading, "prepare", prepare)
    refused(ModelError, words, loading.load, conv_relu().SerializeToString())


def test_a_line_of_a_trail_that_holds_no_result(tmp_path):
    path = tmp_path / "trail.jsonl"
    TrailFile(path=path, about={})
    append_line(path, {"key": "a"})
    refused(DataError, "a result in line 2, found something else", TrailFile, path=path, about={})


def test_a_state_whose_name_no_file_can_have(tmp_path):
    path = tmp_path / ("x" * 300)
    refused(DataError, "the state of an analysis cannot be read", Journal, path, {})


def test_a_model_that_takes_more_samples_at_once_than_fit_anywhere():
    model = conv_relu()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2**31 - 1
    loaded = quant.load(model.SerializeToString())
    words = "takes 2,147,483,647 samples of 'image' at once"
    refused(DataError, words, quant.open_data, images(), loaded)


def test_a_name_that_is_no_utf8():
    content = conv_relu().SerializeToString().replace(b"conv1", b"conv\xff")
    refused(ModelError, "names in UTF-8, found another", quant.load, content)


def test_a_graph_that_cannot_be_written_again(monkeypatch):
    model = quant.load(conv_relu().SerializeToString())

    def to_proto(graph):
        raise RuntimeError from ValueError("odd")

    monkeypatch.setattr(ir, "to_proto", to_proto)
    refused(ModelError, r"cannot be written again \(ValueError: odd\)", to_bytes, model.graph)
