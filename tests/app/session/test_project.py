from dataclasses import replace

import pytest

from app.session.project import (
    EDITS_KEPT,
    MEASUREMENTS_KEPT,
    Measurement,
    Project,
    Source,
    StaleEdit,
    changed,
    compare_and_set,
    edited,
    opened,
    redone,
    replaced,
    undone,
    with_baseline,
    with_measurement,
)
from quant.calibrators import calibrator_from_json
from quant.recipe.edits import with_defaults
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe, Rule

SOURCE = Source("net", "net.onnx", "data.npz", "data.npz")


def skipping(project: Project, node: str) -> Project:
    return edited(project, project.recipe.with_rule(Rule("node", node, {"skip": True})))


def measurement(recipe: Recipe, key: str = "k", top1: float = 0.9) -> Measurement:
    return Measurement(recipe, key, 100, 0.95, top1, 0.9, 20.0)


def test_a_project_starts_with_what_onnx_runtime_does_by_default():
    assert Project().recipe == preset("onnxruntime-default")


def test_undo_takes_back_one_edit_and_redo_makes_it_again():
    first = Project()
    second = skipping(first, "a")
    third = skipping(second, "b")
    assert undone(third).recipe == second.recipe
    assert undone(undone(third)).recipe == first.recipe
    assert redone(undone(third)).recipe == third.recipe
    assert redone(redone(undone(undone(third)))).recipe == third.recipe


def test_undo_and_redo_without_an_edit_change_nothing():
    assert undone(Project()) == Project()
    assert redone(Project()) == Project()


def test_a_new_edit_forgets_what_was_undone():
    project = skipping(undone(skipping(Project(), "a")), "b")
    assert project.future == ()
    assert redone(project) == project


def test_an_edit_that_asks_for_the_same_is_no_edit():
    project = Project()
    assert edited(project, project.recipe) is project


def test_only_so_many_edits_can_be_taken_back():
    project = Project()
    for index in range(EDITS_KEPT + 5):
        project = skipping(project, f"n{index}")
    assert len(project.past) == EDITS_KEPT


def test_results_are_stale_after_an_edit_and_fresh_again_after_undo():
    project = with_measurement(Project(), measurement(Project().recipe))
    assert project.measured is not None
    changed = skipping(project, "a")
    assert changed.measured is None
    assert changed.latest == project.latest
    assert undone(changed).measured == project.measured


def test_a_recipe_that_only_has_another_name_is_measured_already():
    project = with_measurement(Project(), measurement(Project().recipe))
    assert edited(project, replace(project.recipe, name="mine")).measured is not None


def test_measuring_the_same_again_replaces_the_result():
    recipe = Project().recipe
    project = with_measurement(Project(), measurement(recipe, top1=0.5))
    project = with_measurement(project, measurement(recipe, top1=0.6))
    assert [m.int8_top1 for m in project.measurements] == [0.6]


def test_only_the_latest_measurements_are_kept():
    project = Project()
    for index in range(MEASUREMENTS_KEPT + 3):
        project = with_measurement(project, measurement(project.recipe, key=str(index)))
    assert len(project.measurements) == MEASUREMENTS_KEPT
    assert project.measurements[-1].key == str(MEASUREMENTS_KEPT + 2)


def test_the_baseline_is_what_was_measured_first_and_outlives_the_others():
    first = Project().recipe
    project = with_measurement(Project(), measurement(first, key="first"))
    for index in range(MEASUREMENTS_KEPT + 3):
        other = skipping(project, f"n{index}").recipe
        project = with_measurement(project, measurement(other, key=str(index)))
    assert len(project.measurements) == MEASUREMENTS_KEPT
    assert project.baseline is not None
    assert project.baseline.recipe == first
    again = with_measurement(project, measurement(first, top1=0.9, key="first"))
    assert again.baseline is not None
    assert again.baseline.int8_top1 == 0.9


def test_any_measured_recipe_can_be_the_baseline_and_undo_leaves_it():
    project = with_measurement(Project(), measurement(Project().recipe, key="first"))
    other = skipping(project, "n")
    other = with_measurement(other, measurement(other.recipe, key="second"))
    pinned = with_baseline(other, other.measurements[1])
    assert pinned.baseline == other.measurements[1]
    assert undone(pinned).baseline == other.measurements[1]
    assert opened(pinned, SOURCE, None).baseline is None


def test_other_data_for_the_same_model_keeps_the_recipe_and_its_history():
    project = skipping(opened(Project(), SOURCE, None), "a")
    project = with_measurement(project, measurement(project.recipe))
    moved = opened(project, replace(SOURCE, calibration="other.npz"), 16)
    assert (moved.recipe, moved.past, moved.samples) == (project.recipe, project.past, 16)
    assert moved.measurements == ()


def test_opening_what_is_open_keeps_what_was_measured():
    project = opened(Project(), SOURCE, 16)
    project = with_measurement(project, measurement(project.recipe))
    assert opened(project, SOURCE, 16) == project


def test_another_model_drops_rules_that_name_the_nodes_of_the_first():
    project = skipping(opened(Project(), SOURCE, None), "a")
    other = opened(project, replace(SOURCE, model="other.onnx"), None)
    assert other.recipe.rules == ()
    assert other.past == ()


def test_another_model_keeps_defaults_that_were_chosen():
    minmax = calibrator_from_json({"name": "minmax"})
    recipe = with_defaults(preset("recommended"), calibrator=minmax)
    project = replace(opened(Project(), SOURCE, None), recipe=recipe)
    assert opened(project, replace(SOURCE, model="other.onnx"), None).recipe == recipe


def test_a_project_holds_no_arrays():
    project = with_measurement(skipping(Project(), "a"), measurement(Project().recipe))
    assert hash(project)


def test_the_revision_grows_with_what_is_asked_for_and_not_with_what_comes_of_it():
    first = Project()
    second = changed(first, lambda p: skipping(p, "a"))
    third = changed(second, undone)
    assert [p.revision for p in (first, second, third)] == [0, 1, 2]
    done = changed(third, lambda p: with_measurement(p, measurement(p.recipe)))
    assert done.revision == third.revision
    assert changed(done, lambda p: opened(p, SOURCE, None)).revision == done.revision + 1


def test_a_change_that_asks_for_the_same_is_no_change():
    project = Project()
    assert changed(project, undone) is project
    assert changed(project, lambda p: edited(p, p.recipe)) is project


def test_a_change_is_made_only_of_the_revision_that_it_was_decided_on():
    first = Project()
    second = compare_and_set(first, 0, lambda p: skipping(p, "a"))
    assert second.recipe.rules == (Rule("node", "a", {"skip": True}),)
    with pytest.raises(StaleEdit, match="changed in another tab"):
        compare_and_set(second, 0, undone)
    assert compare_and_set(second, 1, undone).recipe == first.recipe


def test_a_recipe_made_from_an_older_one_does_not_take_its_place():
    project = compare_and_set(Project(), 0, lambda p: skipping(p, "a"))
    with pytest.raises(StaleEdit, match="changed since the button was drawn"):
        replaced(project, preset("recommended"), 0)
    assert replaced(project, preset("recommended"), 1).recipe == preset("recommended")
