"""Recipes: what they resolve to, and what they refuse."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.calibrators import calibrator_from_json
from quant.calibrators.mse import Mse
from quant.errors import RecipeError
from quant.io.codec import to_json
from quant.recipe.presets import preset, preset_names
from quant.recipe.recipe import Recipe, Rule
from quant.recipe.settings import Settings
from quant.types import QType


def message_of(document) -> str:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(document)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_survives_json(name):
    recipe = preset(name)
    assert Recipe.loads(recipe.dumps()) == recipe
    assert Recipe.loads(recipe.dumps()).content_key == recipe.content_key


def test_later_rules_win_and_say_so():
    recipe = Recipe(
        rules=(
            Rule("op_type", "Conv", {"skip": True, "per_channel": False}),
            Rule("node", "conv1", {"skip": False}),
        )
    )
    settings, source = recipe.settings("conv1", "Conv")
    assert not settings.skip
    assert not settings.per_channel
    assert source == {"skip": "node conv1", "per_channel": "op_type Conv"}
    assert recipe.settings("add1", "Add") == (recipe.defaults, {})


def test_a_pattern_matches_whole_names_only():
    rule = Rule("pattern", "block1/.*", {"skip": True})
    assert rule.matches_node("block1/conv", "Conv")
    assert not rule.matches_node("x/block1/conv", "Conv")


def test_a_tensor_rule_wins_over_its_node():
    recipe = Recipe(rules=(Rule("tensor", "t", {"range": (-1.0, 2.0)}),))
    settings, source = recipe.tensor_settings("t", "conv1", "Conv")
    assert settings.range == (-1.0, 2.0)
    assert source == {"range": "tensor t"}


def test_adding_a_rule_for_the_same_target_joins_it():
    recipe = Recipe().with_rule(Rule("node", "a", {"skip": True}))
    recipe = recipe.with_rule(Rule("node", "a", {"per_channel": False}))
    assert recipe.rules == (Rule("node", "a", {"skip": True, "per_channel": False}),)
    assert recipe.without("node", "a", "skip").rules == (Rule("node", "a", {"per_channel": False}),)
    assert recipe.without("node", "a").rules == ()


def test_the_name_is_not_part_of_the_content():
    assert Recipe("one").content_key == Recipe("two").content_key
    other = Recipe(defaults=Settings(activation_type=QType.INT16))
    assert Recipe("one").content_key != other.content_key


settings = st.fixed_dictionaries(
    {},
    optional={
        "activation_type": st.sampled_from([QType.INT8, QType.UINT8, QType.INT16, QType.UINT16]),
        "activation_symmetric": st.booleans(),
        "weight_type": st.sampled_from([QType.INT4, QType.INT8, QType.INT16]),
        "per_channel": st.booleans(),
        "calibrator": st.sampled_from(["minmax", "kl", "mse", "percentile"]).map(
            lambda name: calibrator_from_json({"name": name})
        ),
        "skip": st.booleans(),
        "fuse_activation": st.sampled_from(["never", "clamps", "always"]),
        "drop_activation": st.sampled_from(["never", "lossless", "always"]),
        "align": st.sampled_from(["none", "largest", "output"]),
        "quantize_bias": st.booleans(),
        "quantize_weight": st.booleans(),
        "quantize_activation": st.booleans(),
    },
)
rules = st.builds(
    Rule, st.sampled_from(["node", "op_type"]), st.text(min_size=1, max_size=9), settings
)


@given(st.lists(rules, max_size=4), settings)
def test_any_recipe_survives_json(made, defaults):
    recipe = Recipe("made", Settings(**defaults), tuple(made))
    assert Recipe.loads(recipe.dumps()).to_json() == recipe.to_json()


def test_unknown_fields_are_named():
    base = preset("recommended").to_json()
    assert "'color'" in message_of({**base, "color": 1})
    assert "'bits'" in message_of({**base, "defaults": {"bits": 8}})
    assert "rules[0]: unknown field 'when'" in message_of({**base, "rules": [{"when": "x"}]})
    rule = {"op_type": "Conv", "set": {"skp": True}}
    assert message_of({**base, "rules": [rule]}).startswith(
        "recipe: rules[0].set: unknown field 'skp' (did you mean 'skip'?); expected one of "
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation_type": "int7"}, "found 'int7'"),
        ({"activation_type": "int32"}, "expected int8, uint8, int16 or uint16"),
        ({"weight_type": "uint8"}, "expected int4, int8 or int16"),
        ({"skip": "yes"}, "recipe: defaults.skip: expected true or false, found 'yes'; correct it"),
        ({"skip": 1}, "defaults.skip: expected true or false, found 1"),
        ({"drop_activation": "maybe"}, "expected one of never, lossless, always, found 'maybe'"),
        ({"range": [1, 2]}, "rmin <= 0 <= rmax"),
        ({"range": [0]}, "defaults.range: expected a list of 2, found [0]"),
        ({"range": [0, "1"]}, "defaults.range[1]: expected a number, found '1'"),
        ({"range": [-1, 1e39]}, "that float32 can hold, found [-1, 1e+39]"),
        ({"range": [-1, float("inf")]}, "rmin <= 0 <= rmax"),
        (
            {"calibrator": {"name": "guess"}},
            "defaults.calibrator: calibrator: unknown name 'guess'",
        ),
        (
            {"calibrator": {"name": "percentile", "options": {"p": True}}},
            "recipe: defaults.calibrator.options.p: expected a number, found True",
        ),
    ],
)
def test_wrong_values_are_named(settings, words):
    document = {**preset("recommended").to_json(), "defaults": settings}
    assert words in message_of(document)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "recipe: expected an object, found []"),
        ({"version": 2}, "expected version 1, found 2"),
        ({"version": 1, "rules": {}}, "expected a list"),
        ({"version": 1, "rules": [7]}, "recipe: rules[0]: expected an object, found 7"),
        (
            {"version": 1, "rules": [{"node": "a"}]},
            "rules[0]: expected a field 'set', found none; add",
        ),
        (
            {"version": 1, "rules": [{"node": 1, "set": {}}]},
            "rules[0].node: expected a text, found 1",
        ),
        ({"version": 1, "name": None}, "recipe: name: expected a text, found None"),
        ({"version": True}, "expected version 1, found True"),
        ({"version": 1, "passes": "a"}, "recipe: passes: expected a list, found 'a'"),
        ({"version": 1, "rules": [{"set": {}}]}, "expected exactly one of"),
        ({"version": 1, "rules": [{"node": "a", "op_type": "b", "set": {}}]}, "exactly one of"),
        ({"version": 1, "rules": [{"pattern": "(", "set": {}}]}, "not a regular expression"),
        ({"version": 1, "rules": [{"tensor": "t", "set": {"skip": True}}]}, "'skip'"),
    ],
)
def test_documents_that_are_no_recipe_are_refused(document, words):
    assert words in message_of(document)


def test_text_that_is_not_json_names_the_place():
    with pytest.raises(RecipeError, match="line 2"):
        Recipe.loads('{"version": 1,\n nonsense}', "my.recipe.json")


def test_the_written_form_is_stable():
    document = json.loads(preset("onnxruntime-default").dumps())
    assert document["defaults"]["activation_type"] == "int8"
    assert document["defaults"]["per_channel"] is False
    assert document["defaults"]["calibrator"] == {"name": "minmax", "options": {}}


def test_a_recipe_that_rounds_everything_is_the_text_it_was_before_parts_could_stay_float():
    document = json.loads(preset("recommended").dumps())
    assert not {"quantize_weight", "quantize_activation"} & set(document["defaults"])
    part = Recipe(defaults=Settings(quantize_weight=False))
    assert json.loads(part.dumps())["defaults"]["quantize_weight"] is False
    assert part.content_key != Recipe().content_key


def test_the_weighted_mse_is_read_under_its_former_name_and_written_under_its_new_one():
    former = {"name": "mse", "options": {"as_read": True}}
    calibrator = calibrator_from_json(former)
    assert calibrator == Mse(importance_weighted=True)
    assert to_json(calibrator)["options"] == {"importance_weighted": True}


FIELDS = (
    *("version", "name", "defaults", "rules", "passes", "set", "node", "pattern", "range"),
    *("calibrator", "options", "as_read", "percentile", "activation_type", "align", "skip"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_any_json_is_a_recipe_or_refused_in_one_sentence(document, versioned):
    if versioned and isinstance(document, dict):
        document["version"] = 1
    said = ""
    try:
        assert isinstance(Recipe.loads(json.dumps(document)), Recipe)
    except RecipeError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 1000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"version": ' + "9" * 5000 + "}",
        '{"version": 1, "defaults": {"range": [-1, 1' + "0" * 400 + "]}}",
        '{"version": 1, "defaults": {"range": [-1, true]}}',
        '{"version": 1, "rules": [' + "[" * 900 + "]" * 900 + "]}",
        '{"version": 1, "rules": [{"pattern": "a{99999999999}", "set": {}}]}',
        '{"version": 1, "rules": [{"pattern": "' + "(" * 9000 + '", "set": {}}]}',
        '{"version": 1, "defaults": {"' + "x" * 9000 + '": 1}}',
    ],
    ids=["depth", "digits", "overflow", "true", "nested", "repeats", "groups", "name"],
)
def test_what_breaks_readers_of_json_is_refused_in_one_sentence(text):
    with pytest.raises(RecipeError) as caught:
        Recipe.loads(text)
    assert len(str(caught.value)) < 300
