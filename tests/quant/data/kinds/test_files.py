"""Raw numbers, tensors of ONNX, tables, several places, a Python file: fed as they are stored."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper
from PIL import Image

import quant
from quant.data.opening import match_inputs
from quant.data.python_file import open_python
from quant.errors import DataError
from tests.quant.data.kinds.nets import encoder, taking, two_inputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 3, 4)).astype(np.float32)


def fed(data: quant.Dataset) -> dict[str, np.ndarray]:
    return dict(next(data.batches(len(data))).feeds)


def put_tensor(path: Path, array: np.ndarray, name: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def test_raw_files_are_samples_of_the_inputs_type_and_shape(tmp_path: Path):
    (tmp_path / "b.bin").write_bytes(X[2:].tobytes())
    (tmp_path / "a.bin").write_bytes(X[:2].tobytes())
    data = quant.open_data(tmp_path, taking("float", "N", 3, 4))
    assert np.array_equal(fed(data)["x"], X)
    parts = [batch.feeds["x"] for batch in data.batches(2)]
    assert np.array_equal(np.concatenate(parts), X)
    one = quant.open_data(tmp_path / "a.bin", taking("float", "N", 3, 4))
    assert len(one) == 2


def test_raw_files_of_another_size_or_shape_are_refused(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(X.tobytes()[:-3])
    with pytest.raises(DataError, match="expected samples of 48 bytes"):
        quant.open_data(tmp_path, taking("float", "N", 3, 4))
    with pytest.raises(DataError, match=r"a\.bin does not tell its shape"):
        quant.open_data(tmp_path, taking("float", "N", "C", 4))
    with pytest.raises(DataError, match="neither type nor shape"):
        quant.open_data(tmp_path)


def test_tensors_of_onnx_by_name_or_by_number(tmp_path: Path):
    image, extra = RNG.normal(size=(2, 3, 4, 4)), RNG.normal(size=(2, 2))
    for at in (10, 9):
        folder = tmp_path / f"test_data_set_{at}"
        put_tensor(folder / "input_0.pb", (image + at).astype(np.float32))
        put_tensor(folder / "input_1.pb", (extra + at).astype(np.float32))
        put_tensor(folder / "output_0.pb", np.zeros(1, np.float32))
    data = quant.open_data(tmp_path, two_inputs())
    feeds = fed(data)
    assert len(data) == 4
    assert np.array_equal(feeds["image"][:2], (image + 9).astype(np.float32))
    assert np.array_equal(feeds["extra"][2:], (extra + 10).astype(np.float32))
    swapped = tmp_path / "swapped"
    put_tensor(swapped / "input_0.pb", extra.astype(np.float32), "extra")
    put_tensor(swapped / "input_1.pb", image.astype(np.float32), "image")
    assert np.array_equal(
        fed(quant.open_data(swapped, two_inputs()))["extra"], extra.astype(np.float32)
    )


def test_a_whole_input_is_a_sample_where_nothing_counts_them(tmp_path: Path):
    put_tensor(tmp_path / "input_0.pb", np.float32(2.0))
    data = quant.open_data(tmp_path, taking("float"))
    assert len(data) == 1
    assert data.probe["x"] == np.float32(2.0)


def test_damaged_and_missing_tensors_are_named(tmp_path: Path):
    put_tensor(tmp_path / "input_0.pb", X, "image")
    with pytest.raises(DataError, match=r"found none for 'extra'; add input_1\.pb"):
        quant.open_data(tmp_path, two_inputs())
    (tmp_path / "input_0.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(DataError, match=r"input_0\.pb"):
        quant.open_data(tmp_path, two_inputs())
    put_tensor(tmp_path / "input_0.pb", X)
    put_tensor(tmp_path / "input_7.pb", X, "other")
    with pytest.raises(DataError, match="found 'other'"):
        quant.open_data(tmp_path, taking("float", "N", 3, 4))


def test_columns_of_a_table_feed_the_inputs_they_are_called_after(tmp_path: Path):
    table = pa.table(
        {
            "image": RNG.normal(size=(7, 3, 4, 4)).tolist(),
            "extra": RNG.normal(size=(7, 2)).tolist(),
            "label": list(range(7)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    data = quant.open_data(tmp_path, two_inputs())
    feeds = fed(data)
    assert data.labels is not None
    assert data.labels.tolist() == list(range(7))
    wanted = np.array(table["image"].to_pylist(), np.float32)
    assert np.array_equal(feeds["image"], wanted)
    saved = tmp_path / "saved" / "train"
    saved.mkdir(parents=True)
    with pa.ipc.new_stream(saved / "data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table)
    again = fed(quant.open_data(tmp_path / "saved", two_inputs()))
    assert np.array_equal(again["image"], wanted)
    assert np.array_equal(again["extra"], feeds["extra"])


def test_pictures_in_a_table_are_fed_as_those_in_a_folder(tmp_path: Path):
    pictures = [RNG.integers(0, 256, (9, 9, 3), np.uint8) for _ in range(3)]
    contents = []
    for at, levels in enumerate(pictures):
        stream = io.BytesIO()
        Image.fromarray(levels).save(stream, "png")
        contents.append(stream.getvalue())
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / f"{at}.png").write_bytes(stream.getvalue())
    table = pa.table({"image": [{"bytes": c, "path": "x"} for c in contents], "label": [2, 0, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    model = taking("float", "N", 3, 6, 6)
    found = quant.open_data(tmp_path / "a.parquet", model, preprocessing="zero-to-one")
    wanted = quant.open_data(tmp_path / "folder", model, preprocessing="zero-to-one")
    assert np.array_equal(fed(found)["x"], fed(wanted)["x"])
    assert found.labels is not None
    assert found.labels.tolist() == [2, 0, 1]
    table = pa.table({"image": ["no bytes"]})
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(DataError, match="record 1: expected the bytes of a picture"):
        quant.open_data(tmp_path / "b.parquet", model, preprocessing="zero-to-one")


def test_a_damaged_table_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(DataError, match=r"a\.parquet: the table cannot be read"):
        quant.open_data(tmp_path, encoder())
    (tmp_path / "a.parquet").unlink()
    (tmp_path / "a.arrow").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"a\.arrow: the table cannot be read"):
        quant.open_data(tmp_path, encoder())


def test_each_input_from_a_place_of_its_own(tmp_path: Path):
    for at, name in enumerate(("dog/a.png", "cat/b.png")):
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (at * 255, 0, 0)).save(tmp_path / "pictures" / name)
    extra = RNG.normal(size=(2, 2)).astype(np.float32)
    (tmp_path / "extra.bin").write_bytes(extra.tobytes())
    text = f"image:{tmp_path / 'pictures'},extra:{tmp_path / 'extra.bin'}"
    data = quant.open_data(text, two_inputs(), preprocessing="zero-to-one")
    feeds = fed(data)
    assert np.array_equal(feeds["extra"], extra)
    assert feeds["image"][:, 0, 0, 0].tolist() == [1.0, 0.0]
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1]
    assert data.classes == ("cat", "dog")
    (tmp_path / "extra.bin").write_bytes(extra[:1].tobytes())
    with pytest.raises(DataError, match="as many samples, found image: 2 samples, extra: 1 sample"):
        quant.open_data(text, two_inputs(), preprocessing="zero-to-one")
    with pytest.raises(DataError, match="extra"):
        quant.open_data(text.split(",", maxsplit=1)[0], two_inputs(), preprocessing="zero-to-one")


def test_a_python_file_yields_samples_anew_for_each_pass(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "def samples():\n"
        "    for at in range(4):\n"
        "        yield {'x': np.full((3, 4), at, np.float32), 'labels': at % 2}\n"
    )
    model = taking("float", "N", 3, 4)
    data = match_inputs(open_python(path), model.inputs)
    assert len(data) == 4
    assert data.labels is not None
    assert data.labels.tolist() == [0, 1, 0, 1]
    for _ in range(2):
        assert fed(data)["x"][:, 0, 0].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"expected \.npz"):
        quant.open_data(path, model)  # only the command line runs programs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "expected a function samples"),
        ("raise SystemExit(3)", "it failed .SystemExit: 3"),
        ("def samples():\n    yield from ()", "yields no sample"),
        ("def samples():\n    yield 3", "it failed .TypeError"),
        ("def samples():\n    yield {'x': [1.0]}\n    yield {'x': [1.0, 2.0]}", "sample 2"),
        ("def samples():\n    yield {'x': 1, 'labels': 1}\n    yield {'x': 1}", "all or none"),
        ("def samples(", "it failed .SyntaxError"),
    ],
)
def test_a_python_file_that_fails_is_one_sentence(tmp_path: Path, text: str, words: str):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(DataError, match=words) as raised:
        open_python(path)
    assert "\n" not in str(raised.value)


def test_a_folder_of_arrays_stays_one_whatever_else_lies_in_it(tmp_path: Path):
    np.savez(tmp_path / "a.npz", x=X)
    (tmp_path / "weights.bin").write_bytes(b"123")
    (tmp_path / "sound.wav").write_bytes(b"RIFF")
    data = quant.open_data(tmp_path, taking("float", "N", 3, 4))
    assert np.array_equal(fed(data)["x"], X)
