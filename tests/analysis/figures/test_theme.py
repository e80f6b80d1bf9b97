import itertools
import re

import plotly.graph_objects as go
import pytest

from analysis.figures.theme import GROUNDS, STYLES, layout, style
from quant.calibrators import own_calibrators

BACKGROUNDS = {"light": "#ffffff", "dark": "#10161e"}


def luminance(colour):
    def linear(part):
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_colour_of_text_and_line_stands_out_from_its_ground(mode):
    background = BACKGROUNDS[mode]
    for name, kind in STYLES.items():
        assert contrast(kind.colour(mode), background) >= 4, name
    ground = GROUNDS[mode]
    for colour in (ground.text, ground.muted, ground.accent):
        assert contrast(colour, background) >= 4.5
    assert contrast(ground.line, background) >= 3


def test_no_two_series_differ_in_colour_alone():
    looks = [(kind.dash, kind.symbol) for kind in STYLES.values()]
    assert len(set(looks)) == len(looks)
    curves = [STYLES[name].dash for name in ("kl", "symmetric_kl", "js", "mse")]
    assert len(set(curves)) == 4


def test_no_two_series_have_the_same_colour():
    for mode in ("light", "dark"):
        colours = [kind.colour(mode) for kind in STYLES.values()] + [GROUNDS[mode].accent]
        assert all(a != b for a, b in itertools.combinations(colours, 2))


def test_every_calibrator_has_a_style_of_its_own():
    assert set(own_calibrators()) <= set(STYLES)


def test_an_unknown_series_always_gets_the_same_style():
    assert style("of another tool") == style("of another tool")
    assert re.fullmatch("#[0-9a-f]{6}", style("of another tool").light)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_layout_is_one_that_plotly_accepts(mode):
    figure = go.Figure(layout=layout(mode, height=300, x_title="x", y_title="y"))
    assert figure.layout.height == 300
