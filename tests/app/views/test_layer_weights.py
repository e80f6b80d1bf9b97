"""The weight of a layer: a click on a type writes it into the recipe."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session import user_session
from app.session.start_options import StartOptions, set_start_options
from quant.types import QType
from tests.app.screen import named, project, select_row, tables
from tests.app.views.test_views import healthy, started, texts, until
from tests.models import from_text, images


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A net of two convolutions; one channel of the first is far wider than the others."""
    folder = tmp_path_factory.mktemp("net")
    rng = np.random.default_rng(7)
    wide = rng.standard_normal((8, 3, 3, 3))
    wide[5] *= 60
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[batch, 3, 8, 8] image) => (float[batch, 2, 6, 6] out)
    {
        [conv1] c = Conv <kernel_shape = [3, 3]> (image, w1)
        [conv2] out = Conv <kernel_shape = [1, 1]> (c, w2)
    }
    """
    weights = {"w1": wide, "w2": rng.standard_normal((2, 8, 1, 1))}
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    (folder / "net.onnx").write_bytes(from_text(text, **arrays).SerializeToString())
    np.savez(folder / "data.npz", **images(8))
    return folder / "net.onnx", folder / "data.npz"


@pytest.fixture
def weights(files: tuple[Path, Path]):
    """The page with the weight of the first convolution in view."""
    user_session.forget()
    set_start_options(StartOptions(str(files[0]), str(files[1])))
    app = started()
    until(app, lambda: bool(tables(app)))
    select_row(app, "conv1")
    app.session_state["layer view"] = "Weights"
    yield app.run()
    user_session.forget()
    set_start_options(StartOptions())


def settings(app: AppTest):
    return project(app).recipe.settings("conv1", "Conv")[0]


def test_outliers_are_listed_and_every_type_has_its_predicted_sqnr_and_its_size(weights: AppTest):
    healthy(weights)
    assert "1 wide outlier of 8 channels" in texts(weights)
    listed = next(d.value for d in weights.dataframe if "kind" in d.value)
    assert listed["channel"].tolist() == [5]
    labels = [b.label for b in weights.button if (b.key or "").startswith("layer weight ")]
    assert len(labels) == 6
    assert all(label.count("dB · ") == 1 and label.endswith("bytes") for label in labels)


def test_a_click_on_a_type_changes_the_layer_and_can_be_undone(weights: AppTest):
    before = project(weights).recipe
    named(weights.button, "layer weight int16 True").click().run()
    healthy(weights)
    assert settings(weights).weight_type is QType.INT16
    assert settings(weights).per_channel
    assert project(weights).recipe.settings("conv2", "Conv")[0].weight_type is QType.INT8
    weights.button(key="undo").click().run()
    assert project(weights).recipe == before
