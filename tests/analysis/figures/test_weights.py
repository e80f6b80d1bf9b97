import numpy as np
import pytest

from analysis.figures.weight_strip import CELLS, weight_strip_figure
from analysis.figures.weights import weights_figure
from analysis.ranges.weight_channels import WeightChannels, weight_channels
from quant.opening.loading import load
from tests.models import from_text


def channels(weight: np.ndarray) -> WeightChannels:
    """Those of a MatMul's weight, whose columns are the channels."""
    rows, columns = weight.shape
    text = f"""
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[1, {rows}] x) => (float[1, {columns}] y) {{ [m] y = MatMul (x, w) }}
    """
    model = load(from_text(text, w=weight.astype(np.float32)).SerializeToString())
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    return found


@pytest.fixture
def uneven() -> WeightChannels:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 40))
    weight[:, 7] *= 100
    weight[:, 20] *= 1e-4
    weight[:, 30] = 0
    return channels(weight)


FIGURES = [weight_strip_figure, weights_figure]


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    "weight",
    [
        np.zeros((3, 4)),
        np.ones((1, 1)),
        np.full((2, 3), -0.5),
        np.array([[1e-30, 1e30, 0.0]]),
        np.random.default_rng(1).standard_normal((2, 4096)),
    ],
    ids=["zeros", "one channel", "negative", "sixty decades", "4096 channels"],
)
def test_awkward_weights_give_a_figure(figure, mode, weight):
    made = figure(channels(weight), title="w", mode=mode)
    assert made.data
    assert made.to_json()


@pytest.mark.parametrize("figure", FIGURES)
def test_outliers_and_dead_channels_differ_by_their_marks_too(figure, uneven):
    marks = [t for t in figure(uneven).data if t.type == "scatter" and t.mode == "markers"]
    assert len({mark.marker.symbol for mark in marks}) == 3
    named = [mark.customdata[:, 0].tolist() for mark in marks]
    assert named == [[7], [20], [30]]


def test_every_channel_of_a_small_weight_has_its_own_colour(uneven):
    strip = weight_strip_figure(uneven).data[0]
    assert np.allclose(np.delete(10.0 ** strip.z[0], 30), np.delete(uneven.widths, 30), rtol=1e-4)
    assert np.isnan(strip.z[0][30])


def test_a_colour_for_many_channels_is_that_of_the_widest():
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.5, 1, (1, 2 * CELLS + 1))
    weight[0, 777] = 50
    found = channels(weight)
    strip = weight_strip_figure(found).data[0]
    each = int(strip.dx)
    assert strip.z.shape[1] <= CELLS
    assert strip.customdata[0, 777 // each, 0] == 777
    for cell, number in enumerate(strip.customdata[0, :, 0].astype(int)):
        mine = found.widths[cell * each : (cell + 1) * each]
        assert found.widths[number] == mine.max()


def test_the_lines_are_sorted_and_show_the_two_errors_of_each_channel(uneven):
    figure = weights_figure(uneven)
    widths = next(t for t in figure.data if t.name == "max |w|")
    assert (np.diff(widths.y[np.isfinite(widths.y)]) <= 0).all()
    one = next(t for t in figure.data if t.name == "one scale for the weight")
    order = one.customdata[:, 0].astype(int)
    assert sorted(order.tolist()) == list(range(40))
    shown = np.isfinite(one.y)
    assert np.allclose(one.y[shown], uneven.per_tensor_db[order][shown], atol=1e-4)


def test_the_two_legends_and_the_title_have_room_of_their_own(uneven):
    layout = weights_figure(uneven, title="blocks.0.weight").layout
    assert layout.margin.t >= 50
    assert layout.yaxis2.domain[1] == layout.legend2.y
    assert layout.yaxis.domain[0] - layout.yaxis2.domain[1] > 0.1
