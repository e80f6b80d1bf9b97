"""Reading untrusted model files."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import external_data_helper

from quant import calibrate, open_data, preset, quantize
from quant.errors import ModelError
from quant.opening.loading import load
from tests.models import conv_relu, from_text, images


def with_external_data(folder, location="weights.bin"):
    model = conv_relu(channels=64)
    onnx.save(
        model,
        folder / "net.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    if location != "weights.bin":
        model = onnx.load(folder / "net.onnx", load_external_data=False)
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = location
        (folder / "net.onnx").write_bytes(model.SerializeToString())
    return folder / "net.onnx"


def refusal(source) -> str:
    with pytest.raises(ModelError) as caught:
        load(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path):
    path = tmp_path / "photo.onnx"
    path.write_bytes(b"\x89PNG\r\n" + bytes(100))
    assert "photo.onnx: expected an ONNX model" in refusal(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    assert "expected an ONNX model" in refusal(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    content = conv_relu().SerializeToString()
    path = tmp_path / "cut.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    assert "cut.onnx" in refusal(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.onnx")
    assert "found a folder" in refusal(tmp_path)


def test_a_model_without_quantizable_nodes_is_refused():
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (int64[4] x) => (int64[4] y) { y = Add (x, x) }
    """
    assert "nothing to quantize" in refusal(from_text(text).SerializeToString())


def test_a_quantized_model_is_refused():
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[4] x) => (float[4] y) {
        q = QuantizeLinear (x, s, z)
        y = DequantizeLinear (q, s, z)
    }
    """
    model = from_text(text, s=np.float32(0.1), z=np.uint8(3))
    assert "quantized already" in refusal(model.SerializeToString())


def test_external_data_beside_the_model_is_read(tmp_path):
    path = with_external_data(tmp_path)
    inside = load(conv_relu(channels=64).SerializeToString())
    beside = load(path)
    assert [n.name for n in beside.nodes] == [n.name for n in inside.nodes]
    assert beside.to_bytes() == inside.to_bytes()


def test_external_data_counts_in_the_fingerprint(tmp_path):
    path = with_external_data(tmp_path)
    before = load(path).fingerprint
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "weights.bin").write_bytes(bytes(data))
    assert load(path).fingerprint != before


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "sub/../../secret.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(1 << 16))
    folder = tmp_path / "model"
    folder.mkdir()
    message = refusal(with_external_data(folder, location))
    assert "outside" in message
    assert location in message


def test_external_data_behind_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path = with_external_data(folder)
    (folder / "weights.bin").rename(tmp_path / "secret.bin")
    (folder / "weights.bin").symlink_to(tmp_path / "secret.bin")
    assert "outside" in refusal(path)


def test_missing_or_short_external_data_is_refused(tmp_path):
    path = with_external_data(tmp_path)
    data = tmp_path / "weights.bin"
    data.write_bytes(data.read_bytes()[:-8])
    assert "cut short" in refusal(path)
    data.unlink()
    assert "cannot be read" in refusal(path)


def test_bytes_that_need_external_data_ask_for_the_path(tmp_path):
    path = with_external_data(tmp_path)
    assert "by its path" in refusal(path.read_bytes())


def test_loading_leaves_the_folder_as_it_was(tmp_path):
    path = with_external_data(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    load(path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert external_data_helper.uses_external_data(
        onnx.load(path, load_external_data=False).graph.initializer[0]
    )


def test_a_model_with_external_data_is_exported_with_external_data(tmp_path):
    model = load(with_external_data(tmp_path))
    calibration = calibrate(model, open_data(images()))
    made = quantize(model, calibration, preset("everything"))
    report = made.save(tmp_path / "out.onnx")
    beside = tmp_path / "out.onnx.data"
    assert report.size_bytes == (tmp_path / "out.onnx").stat().st_size + beside.stat().st_size
    assert "out.onnx.data" in (tmp_path / "out.onnx").read_bytes().decode("latin-1")
    session = ort.InferenceSession(tmp_path / "out.onnx", providers=["CPUExecutionProvider"])
    inside = ort.InferenceSession(made.to_bytes(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, images())[0], inside.run(None, images())[0])
