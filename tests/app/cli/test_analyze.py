"""``quantlens analyze``: three files that are the same however often it was interrupted."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

import quant
from analysis.errors.cumulative import compare
from app.cli.entry import main
from quant.ablation import units
from quant.io.one_at_a_time import alone_in
from sample_models import find
from tests.models import conv_relu, images

FILES = ("layers.csv", "findings.json", "report.html")
SAMPLE = find("fmnist_mobilenet")
OF_VERSION_0_1 = Path(__file__).parents[2] / "data" / "v0_1" / "state.jsonl"


@pytest.fixture
def folder(tmp_path):
    """A folder with a small float model and labelled data for it."""
    onnx.save(conv_relu(), tmp_path / "net.onnx")
    np.savez(tmp_path / "data.npz", **images(), labels=np.arange(8) % 2)
    return tmp_path


def call(capsys, *words):
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def analyze(capsys, folder, *words, out="out"):
    return call(
        capsys, "analyze", folder / "net.onnx", "--data", folder / "data.npz", *words,
        "--out", folder / out,
    )  # fmt: skip


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def rows(folder):
    return list(csv.DictReader((folder / "layers.csv").read_text().splitlines()))


def state(folder):
    """The units that the state holds, by kind; a line cut short counts for nothing."""
    path = folder / "state.jsonl"
    lines = path.read_text().split("\n")[1:-1] if path.exists() else []
    found = {"sensitivity": [], "benefit": []}
    for line in lines:
        document = json.loads(line)
        found[document["kind"]].append(document["unit"])
    return found


def test_every_error_stands_under_its_own_name_beside_its_layer(capsys, folder):
    code, out, _ = analyze(capsys, folder, "--metric", "cosine", "--json")
    assert code == 0
    summary = json.loads(out)
    assert summary["samples"] == 8
    assert summary["float"]["sqnr_db"] is None
    assert summary["units_measured"] == {"sensitivity": 2, "benefit": 2}
    table = rows(folder / "out")
    assert [row["name"] for row in table] == ["image", "conv1", "relu1", "conv2"]
    kinds = ("local", "cumulative", "sensitivity", "benefit")
    assert all(f"{kind}_sqnr_db" in table[0] for kind in kinds)
    assert {"clip_rate", "rmin", "rmax", "calibrator", "benefit_gain_db"} <= set(table[0])
    by_name = {row["name"]: row for row in table}
    assert float(by_name["conv1"]["sensitivity_sqnr_db"]) > 20
    assert by_name["relu1"]["sensitivity_sqnr_db"] == ""
    assert json.loads((folder / "out" / "findings.json").read_text())["samples"] == 8


def test_the_cumulative_column_is_what_a_comparison_measures(capsys, folder):
    assert analyze(capsys, folder, "--errors", "cumulative")[0] == 0
    model = quant.load(folder / "net.onnx")
    data = quant.open_data(folder / "data.npz", model)
    quantized = quant.quantize(model, quant.calibrate(model, data), quant.preset("recommended"))
    expected = compare(model, quantized, data).tensors
    found = {row["tensor"]: row["cumulative_sqnr_db"] for row in rows(folder / "out")}
    for name, error in expected.items():
        assert float(found[name]) == error.sqnr_db
    assert not any("sensitivity" in name for name in rows(folder / "out")[0])


def test_the_same_inputs_give_the_same_bytes_and_nothing_is_measured_twice(capsys, folder):
    assert analyze(capsys, folder)[0] == 0
    first = contents(folder / "out")
    assert analyze(capsys, folder, out="other")[0] == 0
    assert contents(folder / "other") == first
    _code, out, _ = analyze(capsys, folder, "--json")
    assert json.loads(out)["units_measured"] == {"sensitivity": 0, "benefit": 0}
    assert contents(folder / "out") == first


def test_two_analyses_of_one_folder_do_not_mix(capsys, folder):
    (folder / "out").mkdir()
    with alone_in(folder / "out"):
        code, out, err = analyze(capsys, folder)
    assert (code, out) == (1, "")
    assert "another run is at work in this folder" in err.splitlines()[-1]
    assert list((folder / "out").iterdir()) == []


def test_a_folder_of_version_0_1_is_refused_in_one_sentence_that_says_what_to_do(capsys, folder):
    # Of the same model: the statistics of a calibration are others since, so that what version 0.1
    # measured of each unit is not what this one would measure. The data is the same too, but each
    # version of Python packs a .npz into other bytes.
    former = OF_VERSION_0_1.read_bytes()
    assert former.count(b"\n") == 5
    (folder / "out").mkdir()
    path = folder / "out" / "state.jsonl"
    path.write_bytes(former)
    code, out, err = analyze(capsys, folder)
    assert (code, out) == (1, "")
    told = re.fullmatch(
        rf"quantlens: {re.escape(str(path))}: expected the state of this analysis, found that of "
        r"another \(of another (?P<other>.*)\); choose another folder, or delete this file "
        r"to start anew",
        err.splitlines()[-1],
    )
    assert told
    assert "calibration" in told["other"].split(", ")
    assert "model" not in told["other"].split(", ")
    assert [kept.name for kept in path.parent.iterdir()] == ["state.jsonl"]
    assert path.read_bytes() == former
    path.unlink()
    assert analyze(capsys, folder)[0] == 0


def test_a_folder_of_another_recipe_is_refused_in_one_sentence_and_left_alone(capsys, folder):
    assert analyze(capsys, folder)[0] == 0
    before = contents(folder / "out")
    code, out, err = analyze(capsys, folder, "--preset", "tensorrt")
    assert (code, out) == (1, "")
    assert "another recipe" in err
    assert "choose another folder, or delete" in err
    assert err.count("\n") == 1
    assert contents(folder / "out") == before


def test_a_metric_of_ones_own_is_in_the_table_and_ranks_the_units(capsys, folder):
    (folder / "mine.py").write_text(
        "higher_is_better = False\n"
        "def metric(outputs, labels): return float(abs(outputs['out']).sum() + labels.sum())\n"
    )
    code, out, _ = analyze(capsys, folder, "--metric", folder / "mine.py", "--json")
    assert code == 0
    summary = json.loads(out)
    assert summary["metric"]["name"] == "mine"
    assert summary["all"]["metric"] == summary["metric"]["int8"]
    assert float(rows(folder / "out")[1]["benefit_metric"]) > 4


REFUSED = {
    "no such file": (["--metric", "none.py"], "none.py: expected a Python file"),
    "no such metric": (["--metric", "top9"], "'top9' (did you mean"),
    "no such error": (["--errors", "locals"], "found 'locals' (did you mean 'local'?)"),
    "no such recipe": (["--recipe", "none.json"], "none.json: the recipe cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_one_sentence_and_no_folder_is_made(capsys, folder, name):
    words, message = REFUSED[name]
    code, out, err = analyze(capsys, folder, *words)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "out").exists()


def test_labels_that_a_metric_needs_are_asked_for_before_the_work(capsys, folder):
    np.savez(folder / "data.npz", **images())
    code, _, err = analyze(capsys, folder, "--metric", "top1")
    assert code == 1
    assert "expected an array 'labels'" in err


def test_ctrl_c_keeps_what_is_known_and_says_how_to_go_on(capsys, folder, monkeypatch):
    import app.cli.analyze as module

    class Interrupted(module._Stages):
        def __call__(self, word, progress):
            if word == "benefit":
                raise KeyboardInterrupt

    monkeypatch.setattr(module, "_Stages", Interrupted)
    code, out, err = analyze(capsys, folder)
    assert (code, out) == (130, "")
    assert "state.jsonl keeps 2 measured units, and the same command again" in err
    assert err.count("\n") == 1
    assert not (folder / "out" / "layers.csv").exists()
    monkeypatch.undo()
    code, out, _ = analyze(capsys, folder, "--json")
    assert json.loads(out)["units_measured"] == {"sensitivity": 0, "benefit": 2}


def test_killed_in_the_middle_only_the_rest_runs_and_the_result_is_the_same(capsys, tmp_path):
    model = quant.load(SAMPLE.model_path)
    calibration = quant.calibrate(model, quant.open_data(SAMPLE.calibration_path), samples=64)
    calibration.save(tmp_path / "cal.npz")
    quantized = quant.quantize(model, calibration, quant.preset("onnxruntime-default"))
    total = len(units(quantized))
    words = [
        "analyze", SAMPLE.model_path, "--data", SAMPLE.evaluation_path, "--samples", 64,
        "--calibration", tmp_path / "cal.npz", "--preset", "onnxruntime-default", "--json",
    ]  # fmt: skip

    killed = tmp_path / "killed"
    start = [sys.executable, "-c", "from app.cli.entry import main; main()"]
    command = [*start, *map(str, words), "--out", str(killed)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(state(killed)["sensitivity"]) < total // 2:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    known = state(killed)
    assert total // 2 <= len(known["sensitivity"]) < total
    assert not known["benefit"]
    assert not (killed / "layers.csv").exists()

    code, out, _ = call(capsys, *words, "--out", killed)
    assert code == 0
    assert json.loads(out)["units_measured"] == {
        "sensitivity": total - len(known["sensitivity"]),
        "benefit": total,
    }
    after = state(killed)
    assert after["sensitivity"][: len(known["sensitivity"])] == known["sensitivity"]
    assert sorted(after["sensitivity"]) == sorted(after["benefit"])
    assert len(set(after["sensitivity"])) == len(after["sensitivity"]) == total

    whole = tmp_path / "whole"
    code, out, _ = call(capsys, *words, "--out", whole)
    assert json.loads(out)["units_measured"] == {"sensitivity": total, "benefit": total}
    assert contents(killed) == contents(whole)


def test_what_came_of_a_recipe_is_told_and_in_the_report(capsys, folder):
    _, alone, _ = analyze(capsys, folder, "--json", out="alone")
    words = ("--before", "onnxruntime-default")
    code, out, _ = analyze(capsys, folder, *words)
    assert code == 0
    assert re.search(r"^since onnxruntime-default: .* dB", out, re.MULTILINE)
    assert "  changed: " in out
    assert "From recipe “onnxruntime-default”" in (folder / "out" / "report.html").read_text()
    _, again, _ = analyze(capsys, folder, *words, "--json")
    found = json.loads(again)
    assert found["before"]["recipe"] == "onnxruntime-default"
    assert found["units_measured"] == {"sensitivity": 0, "benefit": 0}
    for name in ("all", "findings", "suspects"):
        assert found[name] == json.loads(alone)[name]
