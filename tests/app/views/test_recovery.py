"""The Recover panel of Overview: it searches, tells, and what it found is adopted and undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import quant
from app.jobs import JOBS
from app.session import user_session
from app.session.start_options import StartOptions, set_start_options
from app.tasks import recovery
from app.workspace.workspace import Workspace, workspace_of
from quant.errors import Cancelled
from tests.app.screen import named, project, put_recipe
from tests.app.views.fresh import fresh_overview
from tests.app.views.test_views import texts, until


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    user_session.forget()
    yield
    user_session.forget()
    set_start_options(StartOptions())


@pytest.fixture
def opened(tmp_path: Path) -> AppTest:
    """The Overview page of a model that no other test has recovered."""
    return fresh_overview(tmp_path)


def workspace(app: AppTest) -> Workspace:
    found = workspace_of(project(app))
    assert found is not None
    return found


def recovered(app: AppTest) -> AppTest:
    app.button(key="recovery start").click().run()
    until(app, lambda: recovery.recovered(workspace(app)) is not None)
    return app.run()


def test_what_was_found_is_adopted_and_undone(opened: AppTest):
    put_recipe(quant.preset("onnxruntime-default"))
    opened.run()
    opened.text_input(key="recovery target").set_value("200 dB").run()
    app = recovered(opened)
    found = recovery.recovered(workspace(app))
    assert found is not None
    assert "not reached" in texts(app)
    shown = next(frame for frame in app.dataframe if "share" in frame.value.columns)
    assert list(shown.value["sqnr"]) == [point.sqnr_db for point in found.points]
    before = project(app).recipe
    app.button(key="recovery adopt").click().run()
    recipe = found.recipes[found.point.name]
    assert project(app).recipe == recipe
    assert app.button(key="recovery adopt").disabled
    named(app.button, "undo").click().run()
    assert project(app).recipe == before
    assert recovery.recovered(workspace(app)) is found  # it stays, whatever the recipe is


def test_a_target_that_cannot_be_read_gets_a_sentence_and_no_search(opened: AppTest):
    opened.text_input(key="recovery target").set_value("better").run()
    assert opened.button(key="recovery start").disabled
    assert "expected a form such as '30 dB'" in texts(opened)
    assert recovery.recovery_job(workspace(opened)) is None


def test_a_cancelled_search_says_so_and_what_was_tried_stays(
    opened: AppTest, monkeypatch: pytest.MonkeyPatch
):
    def stopped(*_: object, progress: object, **__: object) -> None:
        raise Cancelled("stopped")

    monkeypatch.setattr(recovery, "recover", stopped)
    opened.button(key="recovery start").click().run()
    until(opened, lambda: (job := recovery.recovery_job(workspace(opened))) and not job.running)
    opened.run()
    assert "Recovery was cancelled" in texts(opened)
    assert not opened.button(key="recovery start").disabled
    job = recovery.recovery_job(workspace(opened))
    assert job is not None
    JOBS.forget(job.key)
