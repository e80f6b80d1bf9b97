"""What is left out of names that look all the same, and that they stay apart."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.short_names import cut_middle, end_parts, short_names

PARTS = st.text("ab/_.", min_size=0, max_size=12)


def test_the_start_that_most_names_share_is_left_out():
    names = ["data", *(f"net0_features_block{i}_conv_fwd" for i in range(6)), "net0_output"]
    assert short_names(names) == {
        "data": "data",
        **{f"net0_features_block{i}_conv_fwd": f"…block{i}_conv_fwd" for i in range(6)},
        "net0_output": "net0_output",
    }


def test_only_whole_parts_are_left_out():
    names = [f"/model/layer{i}/Conv" for i in range(5)]
    assert [*short_names(names).values()] == [f"…layer{i}/Conv" for i in range(5)]


def test_a_start_that_a_third_of_the_names_lacks_stays():
    names = [*(f"left/conv{i}" for i in range(6)), *(f"right/conv{i}" for i in range(3))]
    assert [*short_names(names).values()] == names


def test_a_few_names_and_none_are_shown_whole():
    assert short_names([]) == {}
    assert [*short_names(["a/b", "a/c"]).values()] == ["a/b", "a/c"]


@given(st.lists(PARTS, unique=True, max_size=12))
def test_names_that_differ_are_shown_differently_and_end_as_they_are(names: list[str]):
    found = short_names(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(name.endswith(text.removeprefix("…")) for name, text in found.items())


@given(st.text(max_size=40), st.integers(3, 40))
def test_a_text_that_is_cut_keeps_both_ends_and_has_as_much_as_there_is_room_for(
    text: str, most: int
):
    found = cut_middle(text, most)
    assert found == text if len(text) <= most else len(found) == most
    head, _, tail = found.partition("…") if len(text) > most else (text, "", "")
    assert text.startswith(head)
    assert text.endswith(tail)


def test_parts_of_the_end_are_kept_whole_where_they_fit():
    name = "net_features_linearbottleneck10_relu1_fwd"
    assert end_parts(name, 32) == "…linearbottleneck10_relu1_fwd"
    assert end_parts(name, 20) == "…relu1_fwd"
    assert end_parts("x" * 40, 8) == "…" + "x" * 7
    assert end_parts("short", 8) == "short"
