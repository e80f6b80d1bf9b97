"""The command line: same results as Python, and bad input in one sentence with nothing written."""

import csv
import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import quant
from app.cli.entry import main
from tests.models import conv_relu, from_text, images
from tests.quant.data.images.record_resizes import picture
from tests.quant.foreign.made import SAMPLE, made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a float model and data for it."""
    onnx.save(conv_relu(), tmp_path / "net.onnx")
    labels = np.zeros(8, np.int64)
    np.savez(tmp_path / "data.npz", **images(), labels=labels)
    return tmp_path


def call(capsys, *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refusal(capsys, *words: object) -> str:
    """The one line on stderr of a command that must fail."""
    code, out, err = call(capsys, *words)
    assert code == 1
    assert out == ""
    assert err.startswith("quantlens: ")
    assert err.count("\n") == 1
    return err


def quantize(capsys, folder: Path, *words: object) -> tuple[int, str, str]:
    return call(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz", *words,
        "--out", folder / "out.onnx",
    )  # fmt: skip


def test_the_road_from_float_to_measured_int8(capsys, folder):
    model, data, calibration = folder / "net.onnx", folder / "data.npz", folder / "cal.npz"
    code, out, _ = call(capsys, "calibrate", model, "--data", data, "--out", calibration, "--json")
    assert code == 0
    assert json.loads(out)["samples"] == 8
    int8 = folder / "int8.onnx"
    code, out, _ = call(
        capsys, "quantize", model, "--calibration", calibration, "--out", int8, "--json"
    )
    assert code == 0
    report = json.loads(out)
    assert report["quantized_nodes"] == 3
    assert [check["level"] for check in report["checks"]] == [
        "all",
        "extended",
        "basic",
        "disabled",
    ]
    table = folder / "errors.csv"
    code, out, _ = call(capsys, "measure", model, int8, "--data", data, "--csv", table, "--json")
    assert code == 0
    assert json.loads(out)["outputs"]["out"]["sqnr_db"] > 20
    rows = csv.DictReader(table.read_text().splitlines())
    assert {row["tensor"] for row in rows if float(row["sqnr_db"]) > 20} == {"r", "out"}


def test_measuring_a_model_against_itself_finds_no_difference(capsys, folder):
    model = folder / "net.onnx"
    code, out, _ = call(capsys, "measure", model, model, "--data", folder / "data.npz")
    assert code == 0
    assert "sqnr equal" in out


def test_quantizing_again_with_the_written_recipe_gives_the_same_bytes(capsys, folder):
    assert quantize(capsys, folder, "--preset", "tensorrt")[0] == 0
    first = (folder / "out.onnx").read_bytes()
    recipe = folder / "out.recipe.json"
    (folder / "kept.json").write_bytes(recipe.read_bytes())
    assert quantize(capsys, folder, "--recipe", folder / "kept.json")[0] == 0
    assert (folder / "out.onnx").read_bytes() == first
    assert recipe.read_bytes() == (folder / "kept.json").read_bytes()


def test_the_command_line_and_python_write_the_same_bytes(capsys, folder):
    assert quantize(capsys, folder)[0] == 0
    model = quant.load(folder / "net.onnx")
    calibration = quant.calibrate(model, quant.open_data(folder / "data.npz"))
    made = quant.quantize(model, calibration, quant.preset("recommended"))
    assert made.to_bytes() == (folder / "out.onnx").read_bytes()


def test_curves_names_the_best_threshold_of_each(capsys, folder):
    calibration = folder / "cal.npz"
    call(capsys, "calibrate", folder / "net.onnx", "--data", folder / "data.npz",
         "--out", calibration)  # fmt: skip
    words = ["curves", folder / "net.onnx", "--calibration", calibration, "--tensor", "r"]
    code, out, _ = call(capsys, *words, "--csv", folder / "curves.csv", "--json")
    assert code == 0
    report = json.loads(out)
    assert set(report["best"]) == {"kl", "symmetric_kl", "js", "mse"}
    assert all(0 < best <= report["max"] * 1.001 for best in report["best"].values())
    assert (folder / "curves.csv").read_text().startswith("curve,threshold,cost")
    words[-1] = "rr"
    assert "did you mean 'r'?" in refusal(capsys, *words)


def test_a_rule_that_matches_nothing_is_a_warning_that_names_it(capsys, folder):
    recipe = quant.preset("recommended").with_rule(quant.Rule("op_type", "LSTM", {"skip": True}))
    (folder / "recipe.json").write_text(recipe.dumps())
    code, _, err = quantize(capsys, folder, "--recipe", folder / "recipe.json")
    assert code == 0
    assert "warning: The rule for op_type LSTM matches nothing" in err


def test_wrong_usage_exits_with_2(capsys):
    for words in (["quantize"], ["measure", "a.onnx"], ["calibrate", "m.onnx", "--samples", "0"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
    assert "--data" in capsys.readouterr().err


def test_the_command_line_does_not_import_streamlit(folder):
    script = (
        "import sys; from app.cli.entry import main; "
        f"main(['calibrate', r'{folder / 'net.onnx'}', '--data', r'{folder / 'data.npz'}', "
        f"'--out', r'{folder / 'cal.npz'}']); "
        "assert not {'streamlit', 'plotly', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# Bad input: one sentence, exit code 1, nothing written.


def replace_data(folder: Path, **arrays: np.ndarray) -> None:
    np.savez(folder / "data.npz", **arrays)


def with_value(value: float) -> np.ndarray:
    array = images()["image"].copy()
    array[5, 1, 2, 3] = value
    return array


BAD_DATA = {
    "another name": ({"picture": images()["image"]}, ["image", "picture"]),
    "another shape": ({"image": np.zeros((4, 3, 8), np.float32)}, ["image", "(1, 3, 8)"]),
    "other channels": ({"image": np.zeros((4, 1, 8, 8), np.float32)}, ["image"]),
    "another type": ({"image": np.zeros((4, 3, 8, 8), np.int32)}, ["image", "int32"]),
    "no samples": ({"image": np.zeros((0, 3, 8, 8), np.float32)}, ["data.npz"]),
    "NaN": ({"image": with_value(np.nan)}, ["image", "sample 5"]),
    "Inf": ({"image": with_value(np.inf)}, ["image", "sample 5"]),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_does_not_fit_is_refused(capsys, folder, name):
    arrays, words = BAD_DATA[name]
    replace_data(folder, **arrays)
    before = sorted(folder.iterdir())
    message = refusal(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz",
        "--out", folder / "out.onnx",
    )  # fmt: skip
    for word in words:
        assert word in message
    assert sorted(folder.iterdir()) == before


def test_an_activation_without_a_number_names_the_tensor_and_the_sample(capsys, folder):
    model = from_text(
        """
        <ir_version: 8, opset_import: ["" : 17]>
        net (float[batch, 3, 8, 8] image) => (float[batch, 3, 8, 8] out) {
            odd = Sqrt (image)
            out = Relu (odd)
        }
        """
    )
    onnx.save(model, folder / "net.onnx")
    array = np.full((8, 3, 8, 8), 0.5, np.float32)
    array[6] = -2
    replace_data(folder, image=array)
    message = refusal(
        capsys, "calibrate", folder / "net.onnx", "--data", folder / "data.npz",
        "--out", folder / "cal.npz",
    )  # fmt: skip
    assert "odd" in message
    assert "sample 6" in message
    assert not (folder / "cal.npz").exists()


BAD_MODELS = {
    "no ONNX file": (b"hello", "expected an ONNX model"),
    "truncated": (conv_relu().SerializeToString()[:400], "cut short"),
    "nothing to quantize": (
        from_text(
            '<ir_version: 8, opset_import: ["" : 17]> net (int64[4] x) => (int64[4] y) '
            "{ y = Add (x, x) }"
        ).SerializeToString(),
        "nothing to quantize",
    ),
    "quantized already": (
        from_text(
            '<ir_version: 8, opset_import: ["" : 17]> net (float[4] x) => (float[4] y) '
            "{ q = QuantizeLinear (x, s, z) y = DequantizeLinear (q, s, z) }",
            s=np.float32(1),
            z=np.uint8(0),
        ).SerializeToString(),
        "quantized already",
    ),
}


@pytest.mark.parametrize("name", BAD_MODELS)
def test_models_that_cannot_be_quantized_are_refused(capsys, folder, name):
    content, words = BAD_MODELS[name]
    (folder / "bad.onnx").write_bytes(content)
    before = sorted(folder.iterdir())
    message = refusal(
        capsys, "quantize", folder / "bad.onnx", "--data", folder / "data.npz",
        "--out", folder / "out.onnx",
    )  # fmt: skip
    assert "bad.onnx" in message or "bad:" in message
    assert words in message
    assert sorted(folder.iterdir()) == before


BAD_RECIPES = {
    "unknown field": ('{"version": 1, "defaults": {"bits": 8}}', "'bits'"),
    "unknown node": (
        '{"version": 1, "rules": [{"node": "conv9", "set": {"skip": true}}]}',
        "conv9",
    ),
    "no JSON": ("skip: conv1", "expected JSON"),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_recipes_that_are_not_understood_are_refused(capsys, folder, name):
    text, words = BAD_RECIPES[name]
    (folder / "recipe.json").write_text(text)
    before = sorted(folder.iterdir())
    message = refusal(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz",
        "--recipe", folder / "recipe.json", "--out", folder / "out.onnx",
    )  # fmt: skip
    assert words in message
    assert sorted(folder.iterdir()) == before


def test_an_output_folder_that_does_not_exist_is_named(capsys, folder):
    message = refusal(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz",
        "--out", folder / "none" / "out.onnx",
    )  # fmt: skip
    assert "none" in message
    assert "folder" in message


def test_an_output_folder_that_is_not_writable_is_named(capsys, folder, monkeypatch):
    closed = folder / "closed"
    closed.mkdir(mode=0o500)
    if os.geteuid() == 0:  # root may write anywhere, so the refusal is played

        def refuse(*_args: object, **_options: object) -> str:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("tempfile.mkdtemp", refuse)
    message = refusal(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz",
        "--out", closed / "out.onnx",
    )  # fmt: skip
    assert "not writable" in message
    assert not list(closed.iterdir())


def test_a_full_disk_leaves_nothing_half_written(capsys, folder, monkeypatch):
    real = os.fsync
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(folder.iterdir())
    message = refusal(
        capsys, "quantize", folder / "net.onnx", "--data", folder / "data.npz",
        "--out", folder / "out.onnx",
    )  # fmt: skip
    assert "no space left" in message.lower()
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("command", ["calibrate", "quantize"])
def test_commands_that_measure_nothing_load_nothing_that_measures(command):
    script = f"import sys, app.cli.{command}; sys.exit('analysis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.fixture
def photos(folder: Path) -> Path:
    """Three pictures for the model, in folders of their classes."""
    for place in range(3):
        file = folder / "photos" / str(place % 2) / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(picture(), place, axis=0)).save(file)
    return folder / "photos"


def test_a_folder_of_pictures_is_data_and_the_guess_is_told(capsys, folder: Path, photos: Path):
    words = ("calibrate", folder / "net.onnx", "--data", photos, "--out", folder / "cal.npz")
    code, out, err = call(capsys, *words, "--json")
    assert code == 0
    assert json.loads(out)["samples"] == 3
    assert "note: Guessed that pictures are fed as" in err
    code, _, err = call(capsys, *words, "--preprocess", "yolo")
    assert code == 0
    assert "Guessed" not in err


def test_a_preprocessing_that_is_wrong_is_refused(capsys, folder: Path, photos: Path):
    words = ("calibrate", folder / "net.onnx", "--data", photos, "--out", folder / "cal.npz")
    assert "did you mean 'imagenet'" in refusal(capsys, *words, "--preprocess", "imagnet")
    (folder / "p.json").write_text('{"size": [8, 8], "colour": "BRG"}')
    assert "p.json: colour" in refusal(capsys, *words, "--preprocess", folder / "p.json")
    (photos / "0" / "0.png").write_bytes(b"broken")
    words = (*words, "--preprocess", "levels")
    assert "0.png: the picture cannot be read" in refusal(capsys, *words)
    assert not (folder / "cal.npz").exists()
    code, _, err = call(capsys, *words, "--skip-damaged")
    assert code == 0
    assert "note: 1 picture left out: 0.png" in err
    with pytest.raises(SystemExit):
        call(capsys, *words, "--image-size", "large")


def test_another_tools_file_is_compared_and_a_recipe_like_it_is_written(capsys, tmp_path: Path):
    int8 = made(tmp_path / "int8.onnx")
    words = ("compare", SAMPLE.model_path, int8, "--data", SAMPLE.calibration_path)
    words = (*words, "--samples", "16", "--out", tmp_path / "out")
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert re.search(r"matched: (\d+) of \1 rounded tensors", out)
    file, like = map(float, re.findall(r"sqnr ([\d.]+) dB, the recipe like it ([\d.]+) dB", out)[0])
    assert abs(file - like) < 0.5
    assert "sqnr falls most at /" in out
    recipe = tmp_path / "out" / "recipe.json"
    assert quant.Recipe.loads(recipe.read_text()).name == "like int8.onnx"
    with (tmp_path / "out" / "tensors.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) > 20
    assert {"tensor", "rmin", "rmax", "sqnr_db", "fall_db"} <= rows[0].keys()
    code, out, _ = call(capsys, *words[:-2], "--json")
    assert code == 0
    assert json.loads(out)["doubts"] == []


def test_a_float_model_is_no_file_to_compare(capsys):
    said = refusal(
        capsys, "compare", SAMPLE.model_path, SAMPLE.model_path, "--data", SAMPLE.calibration_path
    )
    assert "expected an int8 model with QuantizeLinear or QLinear operators" in said


def test_parameters_are_written_for_another_tool(capsys, folder: Path):
    words = ("convert", folder / "net.onnx", "--data", folder / "data.npz", "--to", "tensorrt")
    code, out, err = call(capsys, *words, "--out", folder / "net.cache")
    assert code == 0
    assert "TensorRT calibration cache" in out
    assert "become symmetric" in err
    assert (folder / "net.cache").read_text().startswith("TRT-")
    with pytest.raises(SystemExit):
        call(capsys, *words[:-1], "tensorflow", "--out", folder / "x")


def test_a_recipe_is_made_of_another_tools_files(capsys, folder: Path):
    cache, recipe = folder / "net.cache", folder / "like.json"
    words = ("convert", folder / "net.onnx", "--data", folder / "data.npz", "--preset", "tensorrt")
    assert call(capsys, *words, "--to", "tensorrt", "--out", cache)[0] == 0
    code, out, err = call(capsys, "import", folder / "net.onnx", cache, "--out", recipe)
    assert code == 0
    assert "the recipe like net.cache" in out
    assert "TensorRT decides by itself" in err
    code, _, _ = quantize(capsys, folder, "--recipe", recipe)
    assert code == 0
    words = ("import", folder / "net.onnx", folder / "out.onnx", "--out", recipe)
    assert call(capsys, *words)[0] == 0
    assert quant.Recipe.loads(recipe.read_text()).name == "like out.onnx"
    (folder / "odd.json").write_text("{}")
    said = refusal(capsys, "import", folder / "net.onnx", folder / "odd.json", "--out", recipe)
    assert "odd.json: expected ranges of tensors" in said


@pytest.mark.parametrize(
    ("data", "option"),
    [
        ("made.py", ("--batch-axis", "x=1")),
        ("made.py", ("--feed-back", "y=x")),
        ("made.py", ("--preprocess", "imagenet")),
        ("data.npz", ("--feed-back", "y=x", "--image-size", "8")),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(
    capsys, folder: Path, data: str, option: tuple[str, ...]
):
    (folder / "made.py").write_text("def samples():\n    raise SystemExit('was run')\n")
    words = ("quantize", folder / "net.onnx", "--data", folder / data, *option)
    said = refusal(capsys, *words, "--out", folder / "out.onnx")
    assert f"so {option[-2]} would change nothing; leave it out" in said
    assert not (folder / "out.onnx").exists()


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--time", "25s", "a number of seconds above 0"),
        ("--time", "nan", "a number of seconds above 0"),
        ("--int8-share", "90%", "a share of 0 to 1"),
        ("--int8-share", "1.5", "a share of 0 to 1"),
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_told_with_what_was_expected(
    option, value, expected, capsys
):
    with pytest.raises(SystemExit):
        main(["recover", "model.onnx", "--data", "x", "--out", "y", option, value])
    assert f"{option}: expected {expected}, found {value!r}" in capsys.readouterr().err


def test_a_count_that_is_none_is_told_with_what_was_expected(capsys):
    for value in ("0", "-1", "2.5", "many"):
        with pytest.raises(SystemExit):
            main(["calibrate", "model.onnx", "--data", "x", "--out", "y", f"--samples={value}"])
        told = f"--samples: expected a whole number of at least 1, found {value!r}"
        assert told in capsys.readouterr().err
