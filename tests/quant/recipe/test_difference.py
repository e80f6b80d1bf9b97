"""What changed between two recipes is told, whole and in order."""

from dataclasses import replace

import pytest

from quant.calibrators import calibrator_from_json
from quant.recipe.difference import difference, in_a_line
from quant.recipe.edits import with_defaults, with_layer
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule
from quant.types import QType

MSE = calibrator_from_json({"name": "mse"})
SKIP = Rule("node", "conv1", {"skip": True})
EACH = Rule("op_type", "Conv", {"per_channel": False})


def test_defaults_say_what_they_are_and_were():
    changed = with_defaults(Recipe(), calibrator=MSE, per_channel=False, weight_type=QType.INT16)
    assert difference(Recipe(), changed) == (
        "weight type int16 instead of int8",
        "per channel no instead of yes",
        "calibrator MSE instead of MinMax",
    )


def test_rules_that_came_changed_and_went():
    layer = with_layer(Recipe(), "relu1", "Relu", "r", calibrator=MSE)
    assert difference(Recipe(), layer) == ("relu1: calibrator MSE",)
    ranged = with_layer(layer, "relu1", "Relu", "r", range=(-1.0, 2.5), skip=True)
    assert difference(layer, ranged) == ("relu1: range -1 to 2.5", "relu1: skip yes")
    one = layer.without("node", "relu1", "calibrator").with_rule(EACH)
    assert difference(layer, one) == ("op type Conv: per channel no", "relu1: no rule")
    assert difference(ranged, layer) == (
        "relu1: range no longer set",
        "relu1: skip no longer set",
    )


def test_passes_and_repairs_by_their_names():
    plain = Recipe(passes=("a",), repairs=("bias_correction",))
    assert difference(plain, replace(plain, passes=(), repairs=("x", "bias_correction"))) == (
        "without pass a",
        "with repair x",
    )
    both = replace(plain, repairs=("x", "y"))
    assert difference(both, replace(both, repairs=("y", "x"))) == ("each repair in another order",)


def test_the_order_of_rules_counts():
    first, second = Recipe(rules=(SKIP, EACH)), Recipe(rules=(EACH, SKIP))
    assert difference(first, second) == ("the order of the rules",)


def test_a_name_is_no_difference():
    assert difference(Recipe("a", rules=(SKIP,)), Recipe("b", rules=(SKIP,))) == ()


@pytest.mark.parametrize("before", preset_names())
@pytest.mark.parametrize("after", preset_names())
def test_presets_differ_where_their_content_does(before: str, after: str):
    same = preset(before).content_key == preset(after).content_key
    assert (difference(preset(before), preset(after)) == ()) == same


def test_a_line_counts_what_it_leaves_out():
    assert in_a_line(()) == ""
    assert in_a_line(("a", "b", "c")) == "a; b; c"
    assert in_a_line(("a", "b", "c", "d", "e")) == "a; b; c; 2 more"
