from dataclasses import replace

import pytest

from app.session import user_session
from app.session.user_session import (
    EDITS_KEPT,
    MEASUREMENTS_KEPT,
    Measurement,
    Source,
    UserSession,
    edited,
    opened,
    redone,
    undone,
    with_measurement,
)
from quant.calibrators import calibrator_from_json
from quant.recipe.edits import with_defaults
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe, Rule

SOURCE = Source("net", "net.onnx", "data.npz", "data.npz")


def skipping(session: UserSession, node: str) -> UserSession:
    return edited(session, session.recipe.with_rule(Rule("node", node, {"skip": True})))


def measurement(recipe: Recipe, key: str = "k", top1: float = 0.9) -> Measurement:
    return Measurement(recipe, key, 100, 0.95, top1, 0.9, 20.0)


def test_a_session_starts_with_what_onnx_runtime_does_by_default():
    assert UserSession().recipe == preset("onnxruntime-default")


def test_undo_takes_back_one_edit_and_redo_makes_it_again():
    first = UserSession()
    second = skipping(first, "a")
    third = skipping(second, "b")
    assert undone(third).recipe == second.recipe
    assert undone(undone(third)).recipe == first.recipe
    assert redone(undone(third)).recipe == third.recipe
    assert redone(redone(undone(undone(third)))).recipe == third.recipe


def test_undo_and_redo_without_an_edit_change_nothing():
    assert undone(UserSession()) == UserSession()
    assert redone(UserSession()) == UserSession()


def test_a_new_edit_forgets_what_was_undone():
    session = skipping(undone(skipping(UserSession(), "a")), "b")
    assert session.future == ()
    assert redone(session) == session


def test_an_edit_that_asks_for_the_same_is_no_edit():
    session = UserSession()
    assert edited(session, session.recipe) is session


def test_only_so_many_edits_can_be_taken_back():
    session = UserSession()
    for index in range(EDITS_KEPT + 5):
        session = skipping(session, f"n{index}")
    assert len(session.past) == EDITS_KEPT


def test_results_are_stale_after_an_edit_and_fresh_again_after_undo():
    session = with_measurement(UserSession(), measurement(UserSession().recipe))
    assert session.measured is not None
    changed = skipping(session, "a")
    assert changed.measured is None
    assert changed.latest == session.latest
    assert undone(changed).measured == session.measured


def test_a_recipe_that_only_has_another_name_is_measured_already():
    session = with_measurement(UserSession(), measurement(UserSession().recipe))
    assert edited(session, replace(session.recipe, name="mine")).measured is not None


def test_measuring_the_same_again_replaces_the_result():
    recipe = UserSession().recipe
    session = with_measurement(UserSession(), measurement(recipe, top1=0.5))
    session = with_measurement(session, measurement(recipe, top1=0.6))
    assert [m.int8_top1 for m in session.measurements] == [0.6]


def test_only_the_latest_measurements_are_kept():
    session = UserSession()
    for index in range(MEASUREMENTS_KEPT + 3):
        session = with_measurement(session, measurement(session.recipe, key=str(index)))
    assert len(session.measurements) == MEASUREMENTS_KEPT
    assert session.measurements[-1].key == str(MEASUREMENTS_KEPT + 2)


def test_other_data_for_the_same_model_keeps_the_recipe_and_its_history():
    session = skipping(opened(UserSession(), SOURCE, None), "a")
    session = with_measurement(session, measurement(session.recipe))
    moved = opened(session, replace(SOURCE, calibration="other.npz"), 16)
    assert (moved.recipe, moved.past, moved.samples) == (session.recipe, session.past, 16)
    assert moved.measurements == ()


def test_opening_what_is_open_keeps_what_was_measured():
    session = opened(UserSession(), SOURCE, 16)
    session = with_measurement(session, measurement(session.recipe))
    assert opened(session, SOURCE, 16) == session


def test_another_model_drops_rules_that_name_the_nodes_of_the_first():
    session = skipping(opened(UserSession(), SOURCE, None), "a")
    other = opened(session, replace(SOURCE, model="other.onnx"), None)
    assert other.recipe.rules == ()
    assert other.past == ()


def test_another_model_keeps_defaults_that_were_chosen():
    minmax = calibrator_from_json({"name": "minmax"})
    recipe = with_defaults(preset("recommended"), calibrator=minmax)
    session = replace(opened(UserSession(), SOURCE, None), recipe=recipe)
    assert opened(session, replace(SOURCE, model="other.onnx"), None).recipe == recipe


def test_a_session_holds_no_arrays():
    session = with_measurement(skipping(UserSession(), "a"), measurement(UserSession().recipe))
    assert hash(session)


@pytest.fixture(autouse=True)
def fresh():
    yield
    user_session.forget()
