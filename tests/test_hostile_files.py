"""Damaged and hostile files end in a sentence, soon and without filling the memory."""

import io
import json
import struct
import tracemalloc

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import quant
from analysis.study.journal import Journal
from quant.data import npy
from quant.errors import DataError, QuantError, RecipeError
from tests.models import conv_relu, images


def numpy_file(header: bytes) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(64)


HEADERS = {
    "a key of bytes": b"{b'descr':'<f4','fortran_order':False,'shape':(2,)}\n",
    "nested": b"[" * 5000 + b"\n",
    "a call": b"{'descr':open('x'),'fortran_order':False,'shape':(2,)}\n",
    "no shape": b"{'descr':'<f4','fortran_order':False}\n",
    "a huge number": b"{'descr':'<f4','fortran_order':False,'shape':(" + b"9" * 4000 + b",)}\n",
    "no text": bytes(range(256)),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_of_another_kind(tmp_path, kind):
    path = tmp_path / "data.npy"
    path.write_bytes(numpy_file(HEADERS[kind]))
    with pytest.raises(DataError) as raised:
        quant.open_data(path)
    assert "\n" not in str(raised.value)


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "data.npy"
    path.write_bytes(b"\x93NUMPY\2\0" + struct.pack("<I", (1 << 32) - 1) + b" " * 1000)
    with pytest.raises(DataError, match="a header of 4,294,967,295 bytes"):
        quant.open_data(path)


def test_what_unpacks_a_thousandfold_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "_LARGE_BYTES", 1 << 16)
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.zeros((100, 10_000), np.float32))
    with pytest.raises(DataError, match="more than 200 times as many"):
        quant.open_data(path)
    np.savez(path, x=np.zeros((100, 10_000), np.float32))
    assert len(quant.open_data(path)) == 100


def test_labels_that_are_not_as_many_are_not_read(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x=np.zeros((2, 3), np.float32), labels=np.zeros(1000, np.int64))
    with pytest.raises(DataError, match="x: 2, labels: 1000"):
        quant.open_data(path)


@pytest.fixture(scope="module")
def calibration():
    model = quant.load(conv_relu().SerializeToString())
    return quant.calibrate(model, quant.open_data(images(), model))


def test_a_calibration_with_any_bytes_written_over_ends_in_a_sentence(calibration, tmp_path):
    path = tmp_path / "good.npz"
    calibration.save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(8)
    damaged = tmp_path / "damaged.npz"
    sentences, named = [], 0
    for _ in range(400):
        content = bytearray(good)
        for at in rng.integers(0, len(good), rng.integers(1, 5)):
            content[at] = rng.integers(256)
        damaged.write_bytes(content)
        try:
            # Bytes that mean nothing may have changed, such as the date of a member.
            assert quant.Calibration.load(damaged).digest == calibration.digest
        except DataError as error:
            sentences.append(str(error))
            named += "its array" in str(error)
    assert named > 300
    assert not any("\n" in sentence for sentence in sentences)


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999", "-1", str(1 << 70), '"many"', "[]"])
def test_a_calibration_with_another_number_in_it(calibration, tmp_path, value):
    path = tmp_path / "good.npz"
    calibration.save(path)
    arrays = dict(np.load(io.BytesIO(path.read_bytes())))
    about = arrays["about"].tobytes().replace(b'"zeros": 0', b'"zeros": ' + value.encode(), 1)
    np.savez(tmp_path / "odd.npz", **{**arrays, "about": np.frombuffer(about, np.uint8)})
    with pytest.raises(DataError):
        quant.Calibration.load(tmp_path / "odd.npz")


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"version":1,"about":[]}',
        '{"version":1,"about":3}',
        "[" * 100_000,
        "null",
        "1" * 5000,
    ],
)
def test_a_journal_that_is_none(tmp_path, line):
    path = tmp_path / "state.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(QuantError) as raised:
        Journal(path, {"model": "a"})
    assert "\n" not in str(raised.value)


def test_half_a_character_in_a_recipe():
    with pytest.raises(RecipeError, match="half of a character"):
        quant.Recipe.loads(json.dumps({"version": 1, "name": "\ud800"}))


@pytest.mark.parametrize("data", ["x" * 300 + ".npz", "a\0b.npz", "/" * 5000])
def test_a_path_that_no_data_can_have(data):
    with pytest.raises(DataError):
        quant.open_data(data)


def test_constants_that_grow_out_of_a_few_bytes_are_not_folded():
    nodes = [helper.make_node("Expand", ["k", "p"], [f"e{i}"]) for i in range(20)]
    nodes += [helper.make_node("Add", [f"s{i}", f"e{i}"], [f"s{i + 1}"]) for i in range(20)]
    forms = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["a"]) for n in ("s0", "s20")]
    constants = [
        numpy_helper.from_array(np.array([8 << 20], np.int64), "p"),
        numpy_helper.from_array(np.ones(1, np.float32), "k"),
    ]
    graph = helper.make_graph(nodes, "g", forms[:1], forms[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    tracemalloc.start()
    quant.load(model.SerializeToString())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20


def rule_of(pattern):
    rules = [{"pattern": pattern, "set": {}}]
    return quant.Recipe.loads(json.dumps({"version": 1, "rules": rules})).rules[0]


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(x+x+)+y", r"(.*a){20}", r"((a+)(b?))+c\2"])
def test_a_pattern_that_tries_every_way_ends(pattern):
    assert not rule_of(pattern).matches_node("a" * 60 + "!", "Conv")


def test_a_pattern_without_end_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("quant.recipe.recipe._MATCH_SECONDS", 0.05)
    with pytest.raises(RecipeError, match="takes too long"):
        rule_of(r"(a|aa)+$").matches_node("a" * 60 + "!", "Conv")
