"""quantlens picks: every tool's choice for the batches in a file."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.cli.entry import main
from quant.tool_rules import TOOL_RULES
from tests.quant.tool_rules.data.distributions import batches
from tests.quant.tool_rules.streamed import RECORDED


def call(capsys, *words: object) -> tuple[int, str, str]:
    code = main(["picks", *(str(word) for word in words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def saved(folder: Path, *arrays: np.ndarray, **named: np.ndarray) -> Path:
    np.savez(folder / "tensor.npz", *arrays, **named)
    return folder / "tensor.npz"


@pytest.mark.parametrize("name", ["gelu", "offset"])
def test_json_holds_what_the_real_tools_chose_in_their_own_terms(capsys, tmp_path, name):
    code, out, err = call(capsys, saved(tmp_path, *batches(name)), "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    for tool, choices in RECORDED[name].items():
        for key, value in choices.items():
            assert found[tool][key] == pytest.approx(value, rel=1e-5)


def test_text_has_a_line_for_every_choice(capsys, tmp_path):
    code, out, _ = call(capsys, saved(tmp_path, *batches("uniform")))
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(TOOL_RULES)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "paddle.abs_max threshold: 2.99971199" in lines
    assert "onnxruntime.minmax [rmin, rmax]: [-0.999948919, 2.99971199]" in lines


def test_batches_are_taken_in_the_order_they_are_stored(capsys, tmp_path):
    values = [np.full((1, 4), k, np.float32) for k in range(1, 12)]
    _, out, _ = call(capsys, saved(tmp_path, *values), "--json")
    assert json.loads(out)["paddle"]["ptf"] == pytest.approx(11)


def test_whole_numbers_and_doubles_are_data_too(capsys, tmp_path):
    path = saved(tmp_path, a=np.arange(9), b=np.linspace(-3, 2, 7))
    _, out, _ = call(capsys, path, "--json")
    assert json.loads(out)["onnxruntime"]["minmax"] == [-3, 8]


def test_a_tool_that_fails_on_the_data_has_no_choice_and_says_why(capsys, tmp_path):
    path = saved(tmp_path, np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32))
    _, out, _ = call(capsys, path, "--json")
    assert json.loads(out)["modelopt"]["entropy_int8"] is None
    code, out, _ = call(capsys, path)
    assert code == 0
    assert "ModelOpt fails where the first batch holds only zeros" in out


@pytest.mark.parametrize("value", [np.zeros((1, 9)), np.full((1, 1), -2.0), np.full((2, 5), 1e-30)])
def test_degenerate_tensors_give_finite_choices(capsys, tmp_path, value):
    code, out, err = call(capsys, saved(tmp_path, value), "--json")
    assert (code, err) == (0, "")
    assert "NaN" not in out
    assert "null" not in out


BAD = {
    "no arrays": ({}, "found no arrays"),
    "NaN": ({"a": np.asarray([[1.0, np.nan]])}, "'a': expected finite numbers"),
    "Inf": ({"a": np.asarray([[1.0, np.inf]])}, "'a': expected finite numbers"),
    "too large for float32": ({"a": np.asarray([1e300])}, "fit float32"),
    "objects": ({"a": np.asarray([{}], object)}, "never loaded"),
    "text": ({"a": np.asarray(["x"])}, "not numbers"),
    "no values": ({"a": np.zeros((3, 0))}, "found shape (3, 0)"),
    "no axis": ({"a": np.float32(1)}, "found shape ()"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused_in_one_sentence(capsys, tmp_path, case):
    arrays, words = BAD[case]
    code, out, err = call(capsys, saved(tmp_path, **arrays))
    assert (code, out) == (1, "")
    assert err.startswith("quantlens: tensor.npz: ")
    assert err.count("\n") == 1
    assert words in err


def test_a_file_that_is_none_is_refused_in_one_sentence(capsys, tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    (tmp_path / "one.npy").write_bytes(b"")
    for name, words in [
        ("broken.npz", "cannot be read"),
        ("one.npy", "expected a .npz file"),
        ("none.npz", "there is no such file"),
    ]:
        code, out, err = call(capsys, tmp_path / name)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert words in err
