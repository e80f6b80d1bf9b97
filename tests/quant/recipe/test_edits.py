import pytest

from quant.calibrators import calibrator_from_json
from quant.errors import RecipeError
from quant.recipe.edits import (
    preset_of,
    with_bulk,
    with_defaults,
    with_everywhere,
    with_layer,
    with_shared,
    without_layer,
)
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule
from quant.types import QType

MSE = calibrator_from_json({"name": "mse"})
KL = calibrator_from_json({"name": "kl"})


def layer(recipe: Recipe, **values: object) -> Recipe:
    return with_layer(recipe, "relu1", "Relu", "r", **values)


def settings(recipe: Recipe):
    return recipe.tensor_settings("r", "relu1", "Relu")[0]


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_recognised_until_it_is_changed(name: str):
    recipe = preset(name)
    assert preset_of(recipe) == name
    assert preset_of(with_defaults(recipe, weight_type=QType.INT16)) == ""
    assert preset_of(recipe.with_rule(Rule("op_type", "Conv", {"skip": True}))) == ""


def test_an_edit_of_a_layer_is_a_rule_for_its_node():
    recipe = layer(Recipe(), skip=True)
    assert recipe.rules == (Rule("node", "relu1", {"skip": True}),)


def test_a_layer_set_back_to_what_holds_anyway_needs_no_rule():
    assert layer(layer(Recipe(), skip=True), skip=False).rules == ()


def test_a_layer_can_differ_from_a_rule_for_its_type():
    recipe = layer(Recipe().with_rule(Rule("op_type", "Relu", {"skip": True})), skip=False)
    assert settings(recipe).skip is False


def test_a_calibrator_takes_the_place_of_a_fixed_range():
    recipe = layer(layer(Recipe(), range=(0.0, 3.0)), calibrator=MSE)
    assert settings(recipe).range is None
    assert settings(recipe).calibrator == MSE


def test_a_calibrator_takes_the_place_of_a_range_that_a_broader_rule_fixed():
    recipe = Recipe().with_rule(Rule("op_type", "Relu", {"range": (0.0, 3.0)}))
    assert settings(layer(recipe, calibrator=MSE)).range is None


def test_an_edit_of_a_layer_wins_over_a_rule_for_its_tensor():
    recipe = Recipe().with_rule(Rule("tensor", "r", {"calibrator": MSE}))
    minmax = calibrator_from_json({"name": "minmax"})
    assert settings(layer(recipe, calibrator=minmax)).calibrator == minmax


def test_reset_takes_back_one_setting_or_all_of_a_layer():
    recipe = layer(layer(Recipe(), skip=True), range=(0.0, 3.0))
    assert settings(without_layer(recipe, "relu1", "r", "range")).skip
    assert without_layer(recipe, "relu1", "r").rules == ()


def test_a_bulk_edit_wins_over_earlier_rules():
    recipe = with_bulk(layer(Recipe(), skip=True), "pattern", "relu.*", {"skip": False})
    assert settings(recipe).skip is False


def test_a_calibrator_for_the_whole_model_leaves_no_other_and_no_fixed_range():
    recipe = layer(Recipe(), range=(0.0, 3.0), skip=True)
    recipe = with_bulk(
        recipe, "op_type", "Conv", {"calibrator": calibrator_from_json({"name": "kl"})}
    )
    everywhere = with_everywhere(recipe, MSE)
    assert everywhere.defaults.calibrator == MSE
    assert everywhere.rules == (Rule("node", "relu1", {"skip": True}),)


def test_a_bulk_edit_needs_something_to_change():
    with pytest.raises(RecipeError, match="at least one setting"):
        with_bulk(Recipe(), "op_type", "Conv", {})


RELU, POOL = ("relu1", "Relu", "r"), ("pool", "MaxPool", "p")


def test_a_range_for_tensors_that_share_a_scale_takes_the_place_of_every_other():
    recipe = Recipe().with_rule(Rule("tensor", "p", {"range": (0.0, 1.0), "calibrator": KL}))
    found = with_shared(recipe, RELU, [POOL], range=(0.0, 2.0))
    assert found.tensor_settings("p", "pool", "MaxPool")[0].range is None
    assert found.tensor_settings("p", "pool", "MaxPool")[0].calibrator == KL
    assert settings(found).range == (0.0, 2.0)


def test_a_range_that_a_broader_rule_fixes_for_another_member_is_freed_by_a_rule():
    recipe = Recipe().with_rule(Rule("op_type", "MaxPool", {"range": (0.0, 1.0)}))
    found = with_shared(recipe, RELU, [POOL], calibrator=MSE)
    assert found.tensor_settings("p", "pool", "MaxPool")[0].range is None
    assert with_shared(recipe, RELU, [POOL], skip=True).rules[0] == recipe.rules[0]


def test_a_type_for_tensors_that_share_a_scale_leaves_no_other_type():
    recipe = Recipe().with_rule(Rule("tensor", "p", {"activation_type": QType.INT16}))
    found = with_shared(recipe, RELU, [POOL], activation_type=QType.INT8)
    assert found.rules == (Rule("node", "relu1", {"activation_type": QType.INT8}),)


def test_without_anything_shared_it_is_an_edit_of_the_layer():
    assert with_shared(Recipe(), RELU, [], range=(0.0, 2.0)) == layer(Recipe(), range=(0.0, 2.0))
