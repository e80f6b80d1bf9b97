"""Which pictures a folder has, of which classes, and what is read of odd files."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quant.data.images.folder import image_folder, is_image_folder
from quant.data.images.reading import read_picture
from quant.errors import DataError
from tests.quant.data.images.record_resizes import picture

IMAGE = Image.fromarray(picture())


def put(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        IMAGE.save(file)
    return folder


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path: Path):
    found = image_folder(put(tmp_path, "dog/b.png", "dog/a.png", "cat/z.png"))
    assert [file.name for file in found.files] == ["z.png", "a.png", "b.png"]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1]
    assert found.classes == ("cat", "dog")
    assert "0 cat, 1 dog" in found.notes[0]


def test_a_list_of_classes_numbers_them(tmp_path: Path):
    put(tmp_path, "dog/a.png", "cat/z.png")
    (tmp_path / "classes.txt").write_text("bird\ndog\ncat\n")
    found = image_folder(tmp_path)
    assert found.labels is not None
    assert found.labels.tolist() == [2, 1]
    assert found.classes == ("bird", "dog", "cat")
    assert not found.notes
    (tmp_path / "classes.txt").write_text("bird\ndogs\ncat\n")
    with pytest.raises(DataError, match=r"no class 'dog' \(did you mean 'dogs'"):
        image_folder(tmp_path)


def test_classes_that_are_numbers_are_those(tmp_path: Path):
    found = image_folder(put(tmp_path, "7/a.png", "281/b.png"))
    assert found.labels is not None
    assert sorted(found.labels.tolist()) == [7, 281]
    assert not found.classes


def test_a_table_tells_the_class_of_each(tmp_path: Path):
    put(tmp_path, "a.png", "b.png", "more/c.png")
    (tmp_path / "labels.csv").write_text("file,label\nb.png,3\nmore/c.png,1\n")
    found = image_folder(tmp_path)
    assert [file.name for file in found.files] == ["b.png", "c.png"]
    assert found.labels is not None
    assert found.labels.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.png", "line 1: expected file,label"),
        ("a.png,1\nz.png,2\n", "line 2: there is no file 'z.png'"),
        ("../out.png,1\n", "outside the folder"),
        ("\n\n", "found none"),
    ],
)
def test_a_table_that_is_wrong_is_refused_by_its_line(tmp_path: Path, text: str, words: str):
    put(tmp_path, "out.png", "in/a.png")
    (tmp_path / "in" / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        image_folder(tmp_path / "in")


def test_pictures_without_classes_and_one_picture(tmp_path: Path):
    put(tmp_path, "b.jpg", "a.PNG", ".hidden.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = image_folder(tmp_path)
    assert [file.name for file in found.files] == ["a.PNG", "b.jpg"]
    assert found.labels is None
    assert image_folder(tmp_path / "b.jpg").files == (tmp_path / "b.jpg",)


def test_pictures_beside_classes_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="1 picture beside folders of pictures such as 'cat'"):
        image_folder(put(tmp_path, "a.png", "cat/b.png"))


def test_only_what_holds_pictures_is_a_folder_of_them(tmp_path: Path):
    assert not is_image_folder(tmp_path)
    assert not is_image_folder(tmp_path / "nothing")
    np.savez(tmp_path / "a.npz", x=np.zeros(1))
    assert not is_image_folder(tmp_path)
    assert is_image_folder(put(tmp_path, "class/a.png"))


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    IMAGE.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(np.asarray(read_picture(tmp_path / "a.png")), np.rot90(picture(), -1))


def test_other_modes_become_levels_of_eight_bits(tmp_path: Path):
    levels = picture()[..., 0]
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.array_equal(np.asarray(read_picture(tmp_path / "deep.png")), levels)
    clear = np.dstack([picture(), np.full(levels.shape, 9, np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert np.array_equal(np.asarray(read_picture(tmp_path / "clear.png")), picture())
    IMAGE.convert("CMYK").save(tmp_path / "print.jpg", quality=100)
    ink = read_picture(tmp_path / "print.jpg")
    assert ink.mode == "RGB"
    assert np.abs(np.asarray(ink).astype(int) - picture()).mean() < 12
    Image.fromarray(levels > 99).save(tmp_path / "bits.png")
    assert np.array_equal(np.asarray(read_picture(tmp_path / "bits.png")), 255 * (levels > 99))
    frames = [Image.fromarray(levels), Image.fromarray(255 - levels)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert np.array_equal(np.asarray(read_picture(tmp_path / "moving.gif").convert("L")), levels)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "huge"])
def test_a_damaged_picture_is_refused_by_its_name(tmp_path: Path, damage: str):
    file = tmp_path / "broken.jpg"
    IMAGE.save(file)
    content = file.read_bytes()
    header = content[: len(content) // 2]
    if damage == "huge":
        png = tmp_path / "huge.png"
        IMAGE.save(png)
        bytes_ = bytearray(png.read_bytes())
        bytes_[16:24] = (60_000).to_bytes(4, "big") * 2
        file = png
        content = bytes(bytes_)
    else:
        content = {"cut": header, "empty": b"", "text": b"not a picture"}[damage]
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(file.name)}: the picture") as caught:
        read_picture(file)
    assert "\n" not in str(caught.value)
