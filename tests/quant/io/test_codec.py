"""Values as JSON and back: exactly, and nothing is taken for what it is not."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.errors import DataError, RecipeError
from quant.io.codec import from_json, plain, to_json
from quant.types import QType


@dataclass(frozen=True)
class Leaf:
    size: int
    share: float | None
    on: bool = True


@dataclass(frozen=True)
class Tree:
    name: str
    leaves: Mapping[str, Leaf]
    kind: Literal["oak", "elm"] = "oak"
    types: tuple[QType, ...] = ()
    ends: tuple[float, float] = (0.0, 1.0)
    tall: float = field(default=1.0, metadata={"formerly": "height"})

    def __post_init__(self):
        if self.tall < 0:
            raise RecipeError(f"tall: expected no less than 0, found {self.tall}; grow it")


@dataclass(frozen=True)
class Broken(Leaf):
    def __post_init__(self):
        raise ZeroDivisionError


numbers = st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)
trees = st.builds(
    Tree,
    st.text(),
    st.dictionaries(st.text(), st.builds(Leaf, st.integers(), st.none() | numbers, st.booleans())),
    st.sampled_from(["oak", "elm"]),
    st.lists(st.sampled_from(QType)).map(tuple),
    st.tuples(numbers, numbers),
    st.floats(0),
)


@given(trees)
def test_a_value_comes_back_exactly_through_text_that_is_json(tree):
    text = json.dumps(to_json(tree), allow_nan=False)
    again = from_json(Tree, json.loads(text), "tree")
    assert again == tree
    assert json.dumps(to_json(again)) == text


def test_what_is_no_number_comes_back_too():
    found = from_json(Leaf, json.loads(json.dumps(to_json(Leaf(1, math.nan)))), "leaf")
    assert math.isnan(found.share)


def test_the_fields_stand_in_their_order_and_infinities_are_text_or_stay():
    tree = Tree("a", {"x": Leaf(1, -math.inf)}, "elm", (QType.INT4,))
    assert json.dumps(to_json(tree)) == (
        '{"name": "a", "leaves": {"x": {"size": 1, "share": "-inf", "on": true}}, "kind": "elm", '
        '"types": ["int4"], "ends": [0.0, 1.0], "tall": 1.0}'
    )
    assert plain(tree)["leaves"]["x"]["share"] == -math.inf


def test_a_field_is_read_by_its_former_name_too():
    assert from_json(Tree, {"name": "a", "leaves": {}, "height": 3}, "tree").tall == 3


WHOLE = {"name": "a", "leaves": {"x": {"size": 1, "share": 0.5}}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 3}, "tree: name: expected a text, found 3; correct it"),
        ({"leaves": []}, "tree: leaves: expected an object, found []; correct it"),
        ({"leaves": {"x": {}}}, "tree: leaves['x']: expected a field 'size', found none; add it"),
        ({"kind": ["oak"]}, "tree: kind: expected one of oak, elm, found ['oak']; correct it"),
        ({"types": "int4"}, "tree: types: expected a list, found 'int4'; correct it"),
        ({"types": ["int4", 8]}, "tree: types[1]: expected one of int4, uint4, int8, uint8, int16"),
        ({"ends": [1, 2, 3]}, "tree: ends: expected a list of 2, found [1, 2, 3]; correct it"),
        ({"nam": 1}, "tree: unknown field 'nam' (did you mean 'name'?); expected one of ends, "),
        ({"tall": -1}, "tall: expected no less than 0, found -1; grow it"),
    ],
)
def test_what_is_not_understood_is_named_with_its_place(changes, said):
    with pytest.raises(DataError) as caught:
        from_json(Tree, {**WHOLE, **changes}, "tree")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("size", value) for value in (True, 1.0, "1", None, [1], 1e300)),
        *(("share", value) for value in (True, "0.5", "Infinity", "+inf", "INF", [], {})),
        *(("on", value) for value in (1, 0, "true", None)),
    ],
)
def test_nothing_is_taken_for_what_it_is_not(name, value):
    with pytest.raises(RecipeError, match=rf"leaf: {name}: expected .*, found "):
        from_json(Leaf, {"size": 1, "share": 0.5, name: value}, "leaf", RecipeError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*(f.name for f in (*fields(Tree), *fields(Leaf))), "height", "x"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.booleans())
def test_any_json_is_a_value_or_refused_in_one_sentence(document, whole):
    if whole and isinstance(document, dict):
        document = {**WHOLE, **document}
    said = ""
    try:
        assert isinstance(from_json(Tree, document, "tree"), Tree)
    except DataError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 300


def test_a_fault_of_ours_is_no_fault_of_the_document():
    with pytest.raises(ZeroDivisionError):
        from_json(Broken, {"size": 1, "share": None}, "leaf")


def test_a_whole_number_is_written_as_it_was_read():
    assert to_json(from_json(Leaf, {"size": 1, "share": 99}, "leaf"))["share"] == 99
    assert isinstance(from_json(Leaf, {"size": 1, "share": 99}, "leaf").share, int)


def test_importing_the_package_does_not_wait_for_the_library_below():
    code = "import sys, quant, analysis; sys.exit('cattrs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
