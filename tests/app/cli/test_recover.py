"""``quantlens recover``: five files in a folder, and the same again after an interruption."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest

import quant
from app.cli.entry import main
from quant.runtime.session import InferenceSession
from tests.models import conv_relu, images

FILES = {"int8.onnx", "int8.recipe.json", "pareto.csv", "recovery.json", "report.html"}


@pytest.fixture
def folder(tmp_path):
    """A folder with a small float model and labelled data for it."""
    onnx.save(conv_relu(), tmp_path / "net.onnx")
    np.savez(tmp_path / "data.npz", **images(), labels=np.arange(8) % 2)
    return tmp_path


def words(folder, *more, out="out"):
    return [
        "recover", folder / "net.onnx", "--data", folder / "data.npz", *more, "--out", folder / out
    ]  # fmt: skip


def call(capsys, *given):
    code = main([str(word) for word in given])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_five_files_are_written_and_the_summary_is_theirs(capsys, folder):
    code, out, _ = call(capsys, *words(folder, "--target", "5 dB", "--json"))
    assert code == 0
    values = json.loads(out)
    assert {path.name for path in (folder / "out").iterdir()} == {*FILES, "trail.jsonl"}
    assert values["reached"]
    written = json.loads((folder / "out" / "recovery.json").read_text())
    assert written == {key: value for key, value in values.items() if key != "files"}
    rows = list(csv.DictReader((folder / "out" / "pareto.csv").read_text().splitlines()))
    assert [row["name"] for row in rows if row["chosen"] == "True"] == [written["chosen"]]
    recipe = quant.Recipe.loads((folder / "out" / "int8.recipe.json").read_text())
    assert recipe.to_json() == written["recipes"][written["chosen"]]
    InferenceSession((folder / "out" / "int8.onnx").read_bytes())


def test_the_text_names_target_result_and_files(capsys, folder):
    code, out, _ = call(capsys, *words(folder, "--target", "200 dB"))
    assert code == 0
    assert "target 200 dB: not reached on 2 samples that chose nothing" in out
    assert "int8.onnx" in out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--target", "good"), "target: expected a form such as '30 dB'"),
        (("--ignore", "nothing"), "ignored output: expected an output of"),
        (("--recipe", "a.json", "--preset", "tensorrt"), "expected --recipe or --preset"),
    ],
)
def test_bad_words_get_a_sentence(capsys, folder, given, message):
    code, _, err = call(capsys, *words(folder, *given))
    assert code == 1
    assert message in err
    assert err.count("\n") == 1


def test_killed_and_run_again_gives_the_same_bytes(capsys, folder):
    target = ("--target", "200 dB", "--time", "100000")
    assert call(capsys, *words(folder, *target, out="whole"))[0] == 0
    script = "from app.cli.entry import main; import sys; sys.exit(main(sys.argv[1:]))"
    given = [str(word) for word in words(folder, *target, out="cut")]
    running = subprocess.Popen([sys.executable, "-c", script, *given], env=os.environ.copy())
    trail = folder / "cut" / "trail.jsonl"
    while running.poll() is None and (not trail.exists() or trail.read_text().count("\n") < 4):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert call(capsys, *words(folder, *target, out="cut"))[0] == 0
    for name in ("int8.onnx", "int8.recipe.json"):
        assert (folder / "cut" / name).read_bytes() == (folder / "whole" / name).read_bytes()
