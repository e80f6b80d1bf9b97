"""Folders of pictures as data for a model: what is fed, guessed, left out and told."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import quant
from quant.data.images.guess import guessed
from quant.data.images.preprocessing import Preprocessing
from quant.data.images.presets import preset_named
from quant.errors import DataError
from tests.quant.data.images.record_resizes import picture


def net(
    scale: float = 0.1,
    *,
    classes: int = 10,
    channels: int = 3,
    side: int | str = 16,
    before: tuple[str, float] | None = None,
    channels_last: bool = False,
) -> quant.Model:
    """A Conv of filters of norm ``scale`` or more, a mean, and a Gemm."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(4, channels, 3, 3))
    weight *= scale / np.sqrt((weight**2).sum((1, 2, 3), keepdims=True))
    shape = [1, side, side, channels] if channels_last else [1, channels, side, side]
    nodes, name = [], "x"
    if channels_last:
        nodes.append(helper.make_node("Transpose", [name], ["t"], "turn", perm=[0, 3, 1, 2]))
        name = "t"
    constants = {"w": weight, "g": rng.normal(size=(4, classes))}
    if before is not None:
        constants["c"] = np.array(before[1])
        nodes.append(helper.make_node(before[0], [name, "c"], ["n"], "norm"))
        name = "n"
    nodes += [
        helper.make_node("Conv", [name, "w"], ["y"], "conv"),
        helper.make_node("GlobalAveragePool", ["y"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "g"], ["scores"], "gemm"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return quant.load(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )


def folder(path: Path, count: int = 5) -> Path:
    for place in range(count):
        file = path / str(place % 2) / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(picture(), 3 * place, axis=1)).save(file)
    return path


def test_the_model_is_fed_what_the_preprocessing_makes_of_each_picture(tmp_path: Path):
    model = net()
    wanted = preset_named("imagenet").of((16, 16))
    data = quant.open_data(folder(tmp_path), model, preprocessing=wanted)
    assert data.names == ("x",)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    session = ort.InferenceSession(model.to_bytes())
    files = sorted(tmp_path.rglob("*.png"))
    for file, sample in zip(files, data.samples(), strict=True):
        byhand = wanted.sample(Image.open(file))[None]
        assert sample["x"].tobytes() == byhand.tobytes()
        assert np.array_equal(*(session.run(None, {"x": x})[0] for x in (sample["x"], byhand)))
    again = [batch.feeds["x"] for batch in data.batches(2)]
    assert np.array_equal(np.concatenate(again), np.concatenate([s["x"] for s in data.samples()]))


def test_a_folder_is_calibrated_and_measured_like_its_arrays(tmp_path: Path):
    model = net()
    data = quant.open_data(folder(tmp_path / "pictures"), model)
    np.savez(tmp_path / "a.npz", x=np.concatenate([s["x"] for s in data.samples()]))
    arrays = quant.open_data(tmp_path / "a.npz", model)
    one, other = (quant.calibrate(model, found) for found in (data, arrays))
    assert one.tensors.keys() == other.tensors.keys()
    for name, stats in one.tensors.items():
        assert (stats.min, stats.max, stats.count) == (
            other.tensors[name].min,
            other.tensors[name].max,
            other.tensors[name].count,
        )


def test_the_digest_is_of_pictures_preprocessing_and_classes(tmp_path: Path):
    model = net()
    path = folder(tmp_path)
    found = [
        quant.open_data(path, model, preprocessing=name).digest for name in ("imagenet", "levels")
    ]
    assert found[0] == quant.open_data(path, model, preprocessing="imagenet").digest
    (path / "0" / "0.png").rename(path / "1" / "0.png")
    found.append(quant.open_data(path, model, preprocessing="levels").digest)
    Image.fromarray(255 - picture()).save(path / "1" / "0.png")
    found.append(quant.open_data(path, model, preprocessing="levels").digest)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("model", "preset", "why"),
    [
        (net(0.01), "levels", "as small as for values of 0 to 255"),
        (net(1.0), "imagenet-whole", "about −2 to 2"),
        (net(1.0, classes=1000), "imagenet", "about −2 to 2"),
        (net(1.0, classes=1000, channels_last=True), "minus-one-to-one", "about −2 to 2"),
        (net(30.0), "zero-to-one", "as large as for values of 0 to 1"),
        (net(before=("Div", 255.0)), "levels", "normalises 0 to 255 itself"),
        (net(before=("Sub", 0.5)), "zero-to-one", "normalises 0 to 1 itself"),
    ],
)
def test_the_preprocessing_is_guessed_from_the_model_and_told(
    model: quant.Model, preset: str, why: str, tmp_path: Path
):
    found = guessed(model)
    assert (found.preset, found.preprocessing.size) == (preset, (16, 16))
    assert why in found.why
    data = quant.open_data(folder(tmp_path), model)
    assert found.note in data.notes
    assert next(data.samples())["x"].shape == (1, *found.preprocessing.shape)


def test_the_size_is_the_models_or_what_is_asked_for(tmp_path: Path):
    path = folder(tmp_path)
    open_ = net(side="side")
    assert quant.open_data(path, open_).shapes["x"] == (1, 3, 224, 224)
    assert quant.open_data(path, open_, image_size=(32, 48)).shapes["x"] == (1, 3, 32, 48)
    with pytest.raises(DataError, match="takes pictures of 16x16, found 48x32"):
        quant.open_data(path, net(), image_size=(32, 48))


def test_a_grey_model_gets_grey_pictures(tmp_path: Path):
    data = quant.open_data(folder(tmp_path), net(channels=1), preprocessing="zero-to-one")
    levels = np.asarray(Image.open(tmp_path / "0" / "0.png").convert("L").resize((16, 16), 2))
    found = next(data.samples())["x"]
    assert np.array_equal(found[0, 0], levels.astype(np.float32) / np.float32(255))


def test_damaged_pictures_are_refused_or_left_out_and_named(tmp_path: Path):
    path = folder(tmp_path)
    (path / "0" / "2.png").write_bytes(b"broken")
    model = net()
    data = quant.open_data(path, model)
    with pytest.raises(DataError, match=r"^2\.png: the picture cannot be read"):
        list(data.samples())
    data = quant.open_data(path, model, skip_damaged=True)
    assert data.labels is not None
    assert (len(list(data.samples())), data.labels.tolist()) == (4, [0, 0, 1, 1])
    assert any(note.startswith("1 picture left out: 2.png") for note in data.notes)


def test_what_takes_no_picture_is_refused_in_a_sentence(tmp_path: Path):
    path = folder(tmp_path)
    with pytest.raises(DataError, match="give the model that it is for"):
        quant.open_data(path)
    two = onnx.load_model_from_string(net().to_bytes())
    two.graph.input.append(helper.make_tensor_value_info("k", TensorProto.FLOAT, [1, 10]))
    two.graph.node[-1].output[0] = "s"
    two.graph.node.append(helper.make_node("Add", ["s", "k"], ["scores"], "add"))
    with pytest.raises(DataError, match=r"the model has 2 \('x', 'k'\); say which data"):
        quant.open_data(path, quant.load(two.SerializeToString()))
    with pytest.raises(DataError, match=r"input 'x' takes shape .* found samples of shape"):
        quant.open_data(path, net(), preprocessing=Preprocessing((8, 8)))
