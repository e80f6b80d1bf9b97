"""Two tabs on one project, and values that are late: what counts as an edit and what does not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session import user_session
from app.session.start_options import StartOptions, set_start_options
from quant.recipe.presets import preset
from tests.app.screen import named, project, select_row, session, tables
from tests.app.use.player import held_by
from tests.app.views.test_views import classifier, started, until
from tests.models import images


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[AppTest]:
    """A tab with a small model, calibrated."""
    (tmp_path / "net.onnx").write_bytes(classifier())
    np.savez(tmp_path / "data.npz", **images(8), labels=np.arange(8) % 2)
    set_start_options(StartOptions(str(tmp_path / "net.onnx"), str(tmp_path / "data.npz")))
    user_session.forget()
    app = started()
    yield until(app, lambda: bool(tables(app)))
    user_session.forget()
    set_start_options(StartOptions())


@pytest.mark.parametrize("row", ["image", "conv1", "relu1", "conv2", "pool"])
def test_picking_a_recipe_is_one_step_and_writes_no_rule_even_if_the_browser_answers_late(
    tab: AppTest, row: str
):
    select_row(tab, row)
    tab.run()
    for steps, name in enumerate(("recommended", "tensorrt"), start=1):
        named(tab.selectbox, "preset").select(name)
        late = held_by(tab)
        tab.run()
        tab._run(late)
        assert project(tab).recipe == preset(name)
        assert len(project(tab).past) == steps


def test_two_quick_clicks_on_a_switch_are_two_steps(tab: AppTest):
    switch = named(tab.toggle, "default per channel")
    before = switch.value
    switch.set_value(not before).run()
    named(tab.toggle, "default per channel").set_value(before).run()
    assert [r.defaults.per_channel for r in project(tab).past] == [before, not before]
    assert project(tab).recipe.defaults.per_channel == before


def test_a_tab_that_has_not_followed_cannot_write_and_says_so(tab: AppTest):
    other = started()
    named(other.selectbox, "preset").select("recommended").run()
    named(tab.toggle, "default per channel").set_value(True).run()
    assert [toast.value for toast in tab.toast] == [
        "This click changed nothing, because the project had changed in another tab; the page now "
        "shows how it stands."
    ]
    assert user_session.latest().recipe == preset("recommended")
    assert named(tab.selectbox, "preset").value == "recommended"
    named(tab.selectbox, "preset").select("tensorrt").run()
    assert not tab.toast
    assert user_session.latest().recipe == preset("tensorrt")


def test_undo_in_a_tab_that_has_not_followed_takes_nothing_back(tab: AppTest):
    named(tab.selectbox, "preset").select("tensorrt").run()
    other = started()
    named(other.selectbox, "preset").select("recommended").run()
    tab.button(key="undo").click().run()
    assert user_session.latest().recipe == preset("recommended")
    assert len(tab.toast) == 1


def test_selecting_a_row_in_one_tab_leaves_the_edit_of_another_and_its_row(tab: AppTest):
    other = started()
    select_row(other, "pool")
    other.run()
    named(other.selectbox, "preset").select("recommended").run()
    select_row(tab, "conv2")
    tab.run()
    assert project(tab).recipe == preset("recommended")
    assert [session(app).row for app in (tab, other)] == ["conv2", "pool"]


def test_what_is_measured_in_one_tab_stops_no_edit_in_another(tab: AppTest):
    other = started()
    other.button(key="measure").click().run()
    until(other, lambda: project(other).measured is not None)
    named(tab.selectbox, "preset").select("recommended").run()
    assert not tab.toast
    assert user_session.latest().recipe == preset("recommended")
    assert len(user_session.latest().measurements) == 1


def test_another_model_opened_in_one_tab_stops_an_edit_in_another(tab: AppTest, tmp_path: Path):
    (tmp_path / "other.onnx").write_bytes(classifier())
    other = started("views/setup/page.py")
    other.text_input(key="setup model").set_value(str(tmp_path / "other.onnx")).run()
    other.button(key="calibrate").click().run()
    named(tab.toggle, "default per channel").set_value(True).run()
    assert len(tab.toast) == 1
    source = user_session.latest().source
    assert source is not None
    assert source.title == "other.onnx"
    assert user_session.latest().recipe == preset("onnxruntime-default")
