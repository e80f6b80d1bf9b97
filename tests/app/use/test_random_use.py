"""Whatever is clicked, the recipe and its history are what was asked for and nothing else."""

from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session import user_session
from app.session.start_options import StartOptions, set_start_options
from tests.app.screen import tables
from tests.app.use.player import Player
from tests.app.views.test_views import classifier, started, until
from tests.models import images

STEPS = 7


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A small model that opens calibrated."""
    folder = tmp_path_factory.mktemp("net")
    (folder / "net.onnx").write_bytes(classifier())
    np.savez(folder / "data.npz", **images(8), labels=np.arange(8) % 2)
    set_start_options(StartOptions(str(folder / "net.onnx"), str(folder / "data.npz")))
    user_session.forget()
    opened()
    yield
    user_session.forget()
    set_start_options(StartOptions())


def opened() -> AppTest:
    app = started()
    return until(app, lambda: bool(tables(app)))


def played(seed: int) -> int:
    user_session.forget()
    return Player(opened, tabs=1 + seed % 2, seed=seed).play(STEPS)


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("seed", range(60))
def test_the_recipe_and_its_history_are_what_was_asked_for(seed: int):
    played(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("batch", range(20))
def test_nor_in_two_thousand_sequences_is_anything_else_written(batch: int):
    refused = sum(played(seed) for seed in range(1000 + 100 * batch, 1100 + 100 * batch))
    assert refused > 0
