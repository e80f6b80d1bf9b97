"""A folder of pictures on Setup: how it is fed, what is shown of it, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.session.start_options import StartOptions, set_start_options
from app.workspace.opening import open_source
from tests.app.screen import plain, project, tables
from tests.app.views.test_views import classifier, fresh, healthy, started, texts, until
from tests.quant.data.images.record_resizes import picture

__all__ = ["fresh"]

SETUP = "views/setup/page.py"


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """A model and six pictures of two classes."""
    (tmp_path / "net.onnx").write_bytes(classifier())
    for place in range(6):
        file = tmp_path / "photos" / ("cat", "dog")[place % 2] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(picture(), 5 * place, axis=0)).save(file)
    return tmp_path / "net.onnx", tmp_path / "photos"


@pytest.fixture
def opened(pictures: tuple[Path, Path]) -> AppTest:
    set_start_options(StartOptions(*map(str, pictures)))
    app = started()
    until(app, lambda: bool(tables(app)))
    return app.switch_page(SETUP).run()


def preset_box(app: AppTest):
    return next(box for box in app.selectbox if box.label == "Pictures are fed as")


def test_the_guess_is_shown_and_is_what_was_calibrated(opened: AppTest):
    healthy(opened)
    said = texts(opened)
    assert "Guessed that pictures are fed as" in said
    assert "Calibrated on 6 samples." in [item.value for item in opened.success]
    assert project(opened).source is not None
    assert project(opened).source.preprocessing is None  # pyright: ignore[reportOptionalMemberAccess]
    assert "numbered in the order of their names (0 cat, 1 dog)" in said


def test_another_preset_is_calibrated_with_and_its_data_is_what_the_preset_makes(opened: AppTest):
    preset_box(opened).select("minus-one-to-one").run()
    healthy(opened)
    assert not opened.success
    opened.button(key="calibrate").click().run()
    until(opened, lambda: bool(opened.success))
    source = project(opened).source
    assert source is not None
    assert source.preprocessing is not None
    assert source.preprocessing.mean == (1.0,)
    data = open_source(source).data
    found = next(data.samples())["image"]
    first = Image.open(min(Path(source.calibration).rglob("*.png")))
    assert found.tobytes() == source.preprocessing.sample(first)[None].tobytes()


def test_a_detail_that_is_changed_counts_and_one_that_is_wrong_is_told(opened: AppTest):
    mean = next(box for box in opened.text_input if box.label == "Mean, taken off")
    mean.set_value("0.5").run()
    healthy(opened)
    mean = next(box for box in opened.text_input if box.label == "Mean, taken off")
    mean.set_value("half").run()
    assert not opened.exception
    assert "expected numbers such as" in opened.error[0].value


def test_every_preset_is_tried_on_pictures_with_classes(opened: AppTest):
    opened.button(key="setup try presets").click().run()
    until(opened, lambda: any("Right answers" in c.value for c in opened.caption))
    healthy(opened)
    said = next(c.value for c in opened.caption if "Right answers" in c.value)
    assert "on 6 pictures" in said
    assert "imagenet" in said


def test_a_damaged_picture_is_named_and_can_be_left_out(pictures: tuple[Path, Path]):
    model, folder = pictures
    (folder / "dog" / "1.png").write_bytes(b"broken")
    set_start_options(StartOptions(str(model), str(folder)))
    app = started(SETUP)
    assert not app.exception
    assert any("1.png: the picture cannot be read" in plain(e.value) for e in app.error)
    app.checkbox(key="setup skip damaged").check().run()
    app.button(key="calibrate").click().run()
    until(app, lambda: bool(app.success))
    assert "Calibrated on 5 samples." in [item.value for item in app.success]
    assert "1 picture left out" in texts(app)
