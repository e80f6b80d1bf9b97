import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from quant.data.opening import open_data
from quant.errors import DataError
from quant.opening.loading import load
from tests import nets


@pytest.fixture(scope="module")
def model():
    return load(nets.convnet())


def gathered(data, size, limit=None):
    return list(data.batches(size, limit))


@pytest.fixture
def x():
    return nets.images(10, 4)


@pytest.mark.parametrize("size", [1, 3, 7, 32])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_source_gives_the_same_samples(tmp_path, x, size, save):
    labels = np.arange(10)
    save(tmp_path / "d.npz", x=x, labels=labels)
    folder = tmp_path / "many"
    folder.mkdir()
    for i, part in enumerate(np.split(x, [1, 2, 6])):
        save(folder / f"{i}.npz", x=part, labels=labels[:1].repeat(len(part)))
    for source in ({"x": x, "labels": labels}, tmp_path / "d.npz", folder):
        data = open_data(source)
        batches = gathered(data, size)
        assert np.array_equal(np.concatenate([b.feeds["x"] for b in batches]), x)
        assert [b.first_index for b in batches] == list(range(0, 10, size))
        assert all(len(b.feeds["x"]) == b.size <= size for b in batches)
        assert len(data) == data.length == len(data.labels) == 10
        assert data.names == ("x",)
        assert data.shapes == {"x": (1, 3, 4, 4)}
        assert data.dtypes == {"x": np.float32}
        again = np.concatenate([s["x"] for s in data.samples(4)])
        assert np.array_equal(again, x[:4])


def test_npy_files_feed_the_one_input_in_the_order_of_their_names(tmp_path, model, x):
    np.save(tmp_path / "b.npy", nets.images(2, 5))
    np.save(tmp_path / "a.npy", x.astype(">f4"))
    (tmp_path / "notes.txt").write_text("not data")
    data = open_data(tmp_path, model)
    assert [b.feeds["x"].shape for b in data.batches(8)] == [
        (8, 3, 4, 4),
        (2, 3, 4, 4),
        (2, 3, 5, 5),
    ]
    assert data.shapes == {"x": (1, 3, None, None)}
    assert np.array_equal(next(data.samples())["x"], x[:1])
    assert len(list(open_data(tmp_path / "a.npy", model).samples())) == 10


def test_a_limit_stops_between_files(tmp_path, x):
    for i in range(3):
        np.savez(tmp_path / f"{i}.npz", x=x)
    assert sum(b.size for b in open_data(tmp_path).batches(4, 13)) == 13


def test_the_digest_follows_the_content(tmp_path, x):
    digests = {open_data({"x": x * k}).digest for k in (1, 2)}
    np.savez(tmp_path / "d.npz", x=x)
    digests.add(open_data(tmp_path / "d.npz").digest)
    assert len(digests) == 3
    assert open_data({"x": x}).digest in digests


def test_memory_does_not_grow_with_the_number_of_samples(tmp_path):
    def peak(count):
        path = tmp_path / f"{count}.npz"
        np.savez_compressed(path, x=np.zeros((count, 3, 64, 64), np.float32))
        tracemalloc.start()
        for _ in open_data(path).batches(4):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(256) < 1.2 * peak(32)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.zeros((2, 3, 4, 4), np.float32)}, r"\('x'\), found 'z'"),
        ({"x": np.zeros((2, 3, 4, 4))}, r"takes float32, found float64"),
        ({"x": np.zeros((2, 1, 4, 4), np.float32)}, r"takes shape \(any, 3, any, any\)"),
        ({"x": np.zeros((2, 3, 4), np.float32)}, r"samples of shape \(1, 3, 4\)"),
        ({"x": np.zeros((0, 3, 4, 4), np.float32)}, "no sample"),
        ({"x": np.float32(1)}, r"takes shape \(any, 3, any, any\), found samples of shape \(1,\)"),
        ({}, "found none"),
        ({"x": np.array([object()])}, "expected numbers"),
        ({"x": np.zeros((2, 3, 4, 4), np.float32), "labels": np.zeros(3, int)}, "as many samples"),
        ({"x": np.zeros((2, 3, 4, 4), np.float32), "labels": np.zeros(2)}, "one integer"),
    ],
)
def test_data_that_does_not_fit_the_model_is_one_sentence(model, arrays, words):
    with pytest.raises(DataError, match=words) as raised:
        open_data(arrays, model)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("size", [1, 4])
def test_a_non_finite_input_names_the_input_and_the_sample(x, value, size):
    x[7, 1, 2, 3] = value
    with pytest.raises(DataError, match="input 'x': sample 7 holds NaN or Inf"):
        list(open_data({"x": x}).batches(size))


def test_minus_infinity_feeds_a_mask(x):
    x[7, 1, 2, 3] = -np.inf
    (batch,) = open_data({"x": x}).batches(len(x))
    assert np.array_equal(batch.feeds["x"], x)


def crafted(shape, body=b"", dtype="<f4"):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def archive(content, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as z:
        z.writestr("x.npy", content)
    return buffer.getvalue()


def pickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], object), allow_pickle=True)
    return buffer.getvalue()


GOOD = crafted((2, 3), b"\0" * 24)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("d.npz", b"", "cannot be read"),
        ("d.npz", b"PK\x03\x04 nonsense", "not a zip"),
        ("d.npz", archive(GOOD)[:-30], "not a zip"),
        ("d.npz", archive(b"junk"), "magic"),
        ("d.npz", archive(crafted((10**9, 10**6))), "claims"),
        ("d.npz", archive(crafted((1, 2**29), b"\0" * 2**21)), "takes|claims"),
        ("d.npz", archive(crafted((-1, 3))), "shape"),
        ("d.npz", archive(crafted("[" * 5000)), "cannot be read"),
        ("d.npz", archive(pickled()), "never loaded"),
        ("d.npz", archive(GOOD, zipfile.ZIP_LZMA), "packed"),
        ("d.npy", GOOD[:-4], "claims"),
        ("d.npy", crafted((2,), b"\0" * 8, "<M8[s]"), "neither numbers nor strings"),
        ("d.npy", pickled(), "never loaded"),
        ("d.csv", b"1 2 3", "expected .npz, .npy"),
    ],
)
def test_a_damaged_or_hostile_file_is_one_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        list(open_data(path).samples())
    assert "\n" not in str(raised.value)


def test_an_array_cut_short_inside_the_archive_is_found_while_reading(tmp_path):
    content = bytearray(archive(crafted((400,), bytes(range(160)) * 10), zipfile.ZIP_STORED))
    content[200] ^= 255
    (tmp_path / "d.npz").write_bytes(bytes(content))
    with pytest.raises(DataError, match="CRC"):
        list(open_data(tmp_path / "d.npz").samples())


@pytest.mark.parametrize(
    ("names", "words"),
    [((), "found neither"), (("a.npz", "b.npy"), "found both kinds"), (("a.npz", "b.npz"), "rank")],
)
def test_a_folder_holds_one_kind_of_data(tmp_path, names, words):
    for i, name in enumerate(names):
        array = np.zeros((1,) * (i + 1), np.float32)
        if name.endswith("npz"):
            np.savez(tmp_path / name, x=array)
        else:
            np.save(tmp_path / name, array)
    with pytest.raises(DataError, match=words):
        open_data(tmp_path)
