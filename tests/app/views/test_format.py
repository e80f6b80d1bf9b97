import pytest

from app.views.shared.format import as_text, number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-7.3e-07, "−7.3×10⁻⁷"),
        (-10000.0, "−1×10⁴"),
        (-9976.5, "−9976"),
        (0.5533, "0.5533"),
        (0.0, "0"),
        (None, "–"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert number(value) == text


def test_a_share_that_rounds_to_nothing_is_less_than_the_last_digit():
    assert percent(0.0, 3) == "0.000 %"
    assert percent(3e-7, 3) == "<0.001 %"
    assert percent(0.12345) == "12.35 %"
    assert percent(None) == "–"


def test_a_name_is_text_whatever_markdown_it_holds():
    assert as_text("![m](http://host/x.png)") == "\\!\\[m\\](http\N{WORD JOINER}\\://host/x.png)"
    assert as_text("a@b.c www.d.e") == "a\N{WORD JOINER}@b.c www\N{WORD JOINER}.d.e"
    assert as_text(":material/key:") == "\\:\N{WORD JOINER}material/key\\:"
    assert as_text("- x") == r"\- x"
    assert as_text(":red[a]") == r"\:red\[a\]"
    assert as_text("conv1") == "conv1"
