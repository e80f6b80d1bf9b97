"""Whatever is clicked in a real browser, the recipe and its history are what was asked for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.app.use.plain_model import Json
from tests.app.views.test_views import classifier
from tests.e2e.conftest import ROOT, WAIT_MS, App
from tests.e2e.use.person import Person
from tests.e2e.use.tab import Tab
from tests.e2e.use.telling_server import FORGOTTEN, LAUNCH, TOLD
from tests.models import images

pytestmark = pytest.mark.e2e

STEPS = 10


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A server that tells the project, with a small model open."""
    folder = tmp_path_factory.mktemp("use")
    (folder / "net.onnx").write_bytes(classifier())
    np.savez(folder / "data.npz", **images(8), labels=np.arange(8) % 2)
    files = str(folder / "net.onnx"), str(folder / "data.npz")
    app = App(ROOT / "app" / "main.py", folder, *files, launch=LAUNCH)
    yield app
    app.stop()
    assert "Traceback" not in app.log.read_text()


Play = Callable[[int], int]


@pytest.fixture(scope="module")
def play(app: App, browser: Browser) -> Iterator[Play]:
    """Plays the sequence of a seed, in one tab or in two; returns how many clicks were refused."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 2600}, reduced_motion="reduce", accept_downloads=True
    )
    context.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    tabs: list[Tab] = []

    first = context.new_page()
    first.goto(app.address)
    first.wait_for_url(f"{app.base}/layers")
    first.close()

    def told() -> Json:
        return json.loads(app.asked(TOLD).body)

    def played(seed: int) -> int:
        while len(tabs) < 1 + seed % 2:
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            tabs.append(Tab(page, f"{app.base}/layers"))
        for tab in tabs:
            tab.close()
        app.asked(FORGOTTEN)
        person = Person(tabs[: 1 + seed % 2], told, seed)
        person.play(STEPS)
        assert downloaded(tabs[0]) == person.model.recipe, person.story()
        assert not errors, "\n".join([person.story(), *errors])
        return person.refused

    yield played
    context.close()


def downloaded(tab: Tab) -> Json:
    """The recipe as the Export page hands it out."""
    tab.page.bring_to_front()
    tab.go("export")
    with tab.page.expect_download() as started:
        tab.page.get_by_role("button", name="Download recipe").click()
    return json.loads(Path(started.value.path()).read_text())


SLOW = [pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 2)]


@pytest.mark.parametrize("seed", [1, *SLOW])
def test_the_recipe_and_its_history_are_what_was_asked_for(play: Play, seed: int):
    play(seed)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(10))
def test_nor_in_a_hundred_sequences_is_anything_else_written(play: Play, batch: int):
    refused = sum(play(seed) for seed in range(1000 + 10 * batch, 1010 + 10 * batch))
    assert refused > 0
