"""Everything that is read from outside, with sound files of each kind and the road they take."""

import contextlib
import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

import quant
from analysis.errors.output_scores import OutputScores
from analysis.errors.tensor_error import ErrorStats
from analysis.recovery.trail import TrailFile
from analysis.study.journal import Journal
from analysis.study.keys import StudyKey
from analysis.study.sweeping import EFFECTS
from analysis.sweep.unit_effects import UnitEffect
from app.cli.entry import main
from app.cli.parser import COMMANDS
from tests.models import conv_relu, from_text, images
from tests.nets import convnet, weight
from tests.quant.operators.subjects import node_tests

SAMPLES: Final = 2
_TYPES: Final = {"FLOAT": np.float32, "BOOL": np.bool_, "INT64": np.int64, "INT32": np.int32}


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        form: What the file is, for :func:`tests.fuzz.mutate.mutated`.
        seeds: Sound files.
        read: Reads a file in a folder of its own, and goes on with what it holds.
        name: What the file is called there.
    """

    form: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    name: str


@functools.cache
def _model() -> quant.Model:
    return quant.load(conv_relu().SerializeToString())


@functools.cache
def _calibration() -> quant.Calibration:
    return quant.calibrate(_model(), quant.open_data(images(), _model()))


def _through(path: Path) -> None:
    """From a model to an int8 one, on random data of the shapes it asks for."""
    model = quant.load(path)
    data = _data_for(model)
    if data is None:
        return
    calibration = quant.calibrate(model, quant.open_data(data, model))
    quant.quantize(model, calibration, quant.preset("recommended")).save(
        path.with_name("int8.onnx")
    )


def _data_for(model: quant.Model) -> dict[str, np.ndarray] | None:
    """Random samples; None where an input is too large for it or of a type that has none."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for info in model.inputs:
        shape = [size if isinstance(size, int) else 3 for size in (info.shape or ())]
        shape[:1] = [SAMPLES]
        if (
            np.prod(np.maximum(shape, 1), dtype=float) > 1e6
            or min(shape, default=1) < 0
            or info.dtype not in _TYPES
        ):
            return None
        values = rng.standard_normal(shape) if info.dtype == "FLOAT" else rng.integers(0, 2, shape)
        arrays[info.name] = values.astype(_TYPES[info.dtype])
    return arrays


def _models() -> list[bytes]:
    branch = """
        <ir_version: 8, opset_import: ["": 17]>
        net (float[N, 4] x, bool c) => (float[N, 4] y) {
            h = MatMul(x, W)
            b = If(c) <
                then_branch = t () => (float[N, 4] p) { p = Relu(h) },
                else_branch = e () => (float[N, 4] q) { q = MatMul(h, V) }
            >
            y = Softmax(b)
        }"""
    called = """
        <ir_version: 8, opset_import: ["": 17, "f": 1]>
        net (float[N, 4] x) => (float[N, 4] y) { h = MatMul(x, W) y = f.twice(h) }
        <opset_import: ["": 17], domain: "f">
        twice (a) => (b) { t = Relu(a) b = Add(t, t) }"""
    norm = """
        <ir_version: 8, opset_import: ["": 17]>
        net (float[N, 3, 4] x) => (float[N, 3, 4] y) {
            n = LayerNormalization <axis = -1> (x, S, B)
            h = MatMul(n, W)
            g = Gelu <approximate = "tanh"> (h)
            a = Add(g, x)
            y = Sigmoid(a)
        }""".replace('"": 17', '"": 20')
    w, v = weight(4, 4), weight(4, 4, seed=6)
    return [
        conv_relu().SerializeToString(),
        convnet(),
        from_text(branch, W=w, V=v).SerializeToString(),
        from_text(called, W=w).SerializeToString(),
        from_text(
            norm, W=w, S=np.ones(4, np.float32), B=np.zeros(4, np.float32)
        ).SerializeToString(),
    ]


def _operators() -> list[bytes]:
    """ONNX's own node tests: one small model of every operator."""
    return [subject.model.SerializeToString() for subject in node_tests()[::2]]


WEIGHTS: Final = "weights.bin"


def _external() -> list[bytes]:
    """Models whose weights lie in a file beside them."""
    model = conv_relu()
    at = 0
    for tensor in model.graph.initializer:
        size = len(tensor.raw_data) or numpy_helper.to_array(tensor).nbytes
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", at), ("length", size)):
            tensor.external_data.add(key=key, value=str(value))
        at += size
    return [model.SerializeToString()]


def _with_weights(path: Path) -> None:
    path.with_name(WEIGHTS).write_bytes(np.linspace(-1, 1, 4096, dtype=np.float32).tobytes())
    _through(path)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _data_files() -> list[bytes]:
    found = []
    with _folder() as folder:
        for save in (np.savez, np.savez_compressed):
            save(folder / "data.npz", **images(), labels=np.arange(8) % 2)
            found.append((folder / "data.npz").read_bytes())
    return found


def _arrays() -> list[bytes]:
    found = []
    with _folder() as folder:
        for dtype in (">f4", "<f4"):
            np.save(folder / "data.npy", images()["image"].astype(dtype))
            found.append((folder / "data.npy").read_bytes())
    return found


def _fed(path: Path) -> None:
    data = quant.open_data(path, _model())
    for _ in data.batches(4):
        pass
    quant.calibrate(_model(), data)


def _used(path: Path) -> None:
    quant.quantize(_model(), quant.Calibration.load(path), quant.preset("recommended")).to_bytes()


def _recipes() -> list[bytes]:
    rules = [
        {"op_type": "Conv", "set": {"per_channel": True, "calibrator": {"name": "percentile"}}},
        {"node": "conv1", "set": {"skip": True}},
        {"pattern": "conv.*", "set": {"weight_type": "int8", "activation_symmetric": True}},
        {"tensor": "image", "set": {"range": [-1.0, 1.0]}},
    ]
    own = {"version": 1, "name": "mine", "rules": rules}
    names = ("recommended", "everything", "tensorrt")
    return [json.dumps(own).encode(), *(quant.preset(name).dumps().encode() for name in names)]


def _followed(path: Path) -> None:
    recipe = quant.Recipe.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    quant.quantize(_model(), _calibration(), recipe).save(path.with_name("int8.onnx"))


_ABOUT: Final = {"model": "a", "calibration": "b"}


def _journals() -> list[bytes]:
    error = ErrorStats(12.5, 0.9, 1 / 3, 2, 40)
    with _folder() as folder:
        journal = Journal(folder / "state.jsonl", _ABOUT)
        for unit in "ab":
            effect = UnitEffect(unit, (unit,), OutputScores(4, {"y": error}, 0.1, None, -1e-9))
            key = StudyKey("benefit", (*_ABOUT.items(), ("unit", unit)))
            journal.put(EFFECTS["benefit"], key, effect)
        return [(folder / "state.jsonl").read_bytes()]


def _trails() -> list[bytes]:
    with _folder() as folder:
        trail = TrailFile(path=folder / "trail.jsonl", about=_ABOUT)
        for key in "ab":
            trail.keep(key, {"x": [1, 2]}, 1.5)
        return [(folder / "trail.jsonl").read_bytes()]


def _commands() -> list[bytes]:
    model, data = "net.onnx", "data.npz"
    words = (
        ["quantize", model, "--data", data, "--out", "int8.onnx", "--preset", "recommended"],
        ["calibrate", model, "--data", data, "--out", "cal.npz", "--samples", "4"],
        ["measure", model, "int8.onnx", "--data", data, "--json"],
        ["analyze", model, "--data", data, "--errors", "local", "--out", "out"],
        ["curves", model, "--calibration", "cal.npz", "--tensor", "image"],
        ["recover", model, "--data", data, "--target", "30 dB", "--time", "0.1", "--out", "out"],
    )
    return [json.dumps(line).encode() for line in words]


def _said(path: Path) -> None:
    """Run a command, which ends with a code and a sentence whatever its words are."""
    try:
        words = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if not isinstance(words, list):
        return
    # The words come from a shell, which gives no NUL, and no other folder than this is written to.
    folder = path.parent
    own = ("net.onnx", "data.npz", "int8.onnx", "cal.npz", "out")
    texts = [str(word).replace("\0", "")[:100_000] for word in words]
    texts = [str(folder / text) if text in own else text for text in texts if "/" not in text]
    opens = not texts or texts[0] not in COMMANDS or texts[0] == "open"
    if opens and (not texts or any(letter in texts[0] for letter in "-./") or "open" in texts):
        return  # it would serve the app until somebody ends it
    (folder / "net.onnx").write_bytes(conv_relu().SerializeToString())
    np.savez(folder / "data.npz", **images(), labels=np.arange(8) % 2)
    _calibration().save(folder / "cal.npz")
    try:
        with contextlib.chdir(folder):
            code = main(texts)
    except SystemExit as stopped:
        code = stopped.code
    if code not in {0, 1, 2, None}:
        raise AssertionError(f"exit code {code}")


KINDS: Final = {
    "model": Kind("onnx", _models, _through, "net.onnx"),
    "model of one operator": Kind("onnx", _operators, _through, "net.onnx"),
    "model with outside weights": Kind("onnx", _external, _with_weights, "net.onnx"),
    "data, .npz": Kind("npz", _data_files, _fed, "data.npz"),
    "data, .npy": Kind("bytes", _arrays, _fed, "data.npy"),
    "calibration": Kind("npz", lambda: [_calibration().to_bytes()], _used, "cal.npz"),
    "recipe": Kind("json", _recipes, _followed, "recipe.json"),
    "journal": Kind("lines", _journals, lambda path: Journal(path, _ABOUT), "state.jsonl"),
    "trail": Kind("lines", _trails, lambda path: TrailFile(path=path, about=_ABOUT), "trail.jsonl"),
    "command": Kind("json", _commands, _said, "words.json"),
}


def slug(kind: str) -> str:
    """The name of a kind as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "_" for letter in kind)


_PLANTED: Final = Kind("bytes", list, lambda path: exec(path.read_text()), "planted.py")


def kind_named(name: str) -> Kind:
    """A kind, or "planted": code that does what no reader may, to see that it is noticed."""
    return _PLANTED if name == "planted" else KINDS[name]
