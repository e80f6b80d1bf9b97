"""What every figure is bound to, with usual and with awkward numbers."""

import importlib
import inspect
import json
import math
import pkgutil
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from analysis import figures
from analysis.errors.tensor_error import ErrorStats
from analysis.figures import CostCurve, Pick
from analysis.figures.runtime import PARTS
from analysis.figures.theme import GROUNDS
from analysis.ranges.weight_channels import WeightChannels, weight_channels
from quant import load
from quant.statistics.tensor_stats import TensorStats
from tests import nets
from tests.analysis.recovery.points import POINTS
from tests.quant.statistics.statistics_of import statistics_of


def error(sqnr_db: float) -> ErrorStats:
    return ErrorStats(sqnr_db, 1.0, 0.0, 0.0, 1)


def curve(cost: list[float]) -> CostCurve:
    thresholds = np.linspace(0, 1, len(cost))
    return CostCurve("kl", "KL", thresholds, np.array(cost), 0.5, "nats")


def channels(weight: np.ndarray) -> WeightChannels:
    model = load(nets.network("(float[N, 4] x) => (float[N, 6] y) { y = MatMul (x, w) }", w=weight))
    found = weight_channels(model, model.nodes[0])
    assert found is not None
    return found


def tensor(low: list[float], high: list[float]) -> TensorStats:
    stats = statistics_of(np.array([*low, *high], np.float32))
    ends = (np.array(low, np.float32), np.array(high, np.float32))
    return replace(stats, channel_axis=1, channel_min=ends[0], channel_max=ends[1])


USUAL = channels(np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32))
ZEROS = channels(np.zeros((4, 6), np.float32))
EDGES = np.linspace(-1, 1, 9)
CASES = {
    "depth_figure": [
        (({"a": error(40), "b": error(20)},), {"edges": [("a", "b")], "selected": "b"}),
        (({"a": error(math.inf), "b": error(-math.inf), "c": error(math.nan)},), {}),
        (({},), {"edges": []}),
    ],
    "divergence_figure": [
        (([curve([3.0, 1.0, 2.0])],), {"chosen": 0.5, "limits": (0.0, 1.0)}),
        (([curve([math.inf, 0.0, math.nan]), curve([0.0] * 3)],), {}),
        (([],), {}),
    ],
    "histogram_figure": [
        (
            (EDGES, np.arange(8.0)),
            {"chosen": (-0.5, 0.5), "picks": [Pick("kl", "KL", -0.2, 0.2)]},
        ),
        ((EDGES, np.zeros(8)), {"log": False}),
        ((np.array([0.0, 1e-38]), np.array([1e12])), {}),
    ],
    "pareto_figure": [
        ((POINTS,), {"target_db": 30.0}),
        (([],), {}),
    ],
    "tensor_channels_figure": [
        ((tensor([-1.0, -4.0, 0.0], [2.0, 3.0, 0.5]),), {"chosen": (-3.0, 3.0)}),
        ((tensor([0.0, 0.0], [0.0, 0.0]),), {}),
        ((statistics_of(np.ones(3)),), {}),
    ],
    "time_figure": [
        (({"Int8": dict.fromkeys(PARTS, 0.5), "Float": dict.fromkeys(PARTS, 1.0)},), {}),
        (({"Float": {**dict.fromkeys(PARTS, 0.0), "Nodes in float": 3.0}},), {}),
        (({},), {}),
    ],
    "units_figure": [
        ((["u", "v"], {"u": 12.0, "v": 30.0}, {"u": 3.0}), {}),
        ((["u", "v"], {"u": math.inf}, {"v": -math.inf}), {}),
        (([], {}, {}), {}),
    ],
    "weight_strip_figure": [((USUAL,), {}), ((ZEROS,), {})],
    "weights_figure": [((USUAL,), {}), ((ZEROS,), {})],
}
EVERY = [
    pytest.param(name, *case, id=f"{name} {number}")
    for name, cases in CASES.items()
    for number, case in enumerate(cases)
]


def test_every_figure_of_the_folder_is_offered_and_is_drawn_here():
    defined = {
        name
        for module in pkgutil.iter_modules(figures.__path__)
        for name in vars(importlib.import_module(f"analysis.figures.{module.name}"))
        if name.endswith("_figure") and not name.startswith("_")
    }
    assert defined == {name for name in figures.__all__ if name.endswith("_figure")} == set(CASES)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("name", "arguments", "options"), EVERY)
def test_a_figure_is_the_same_each_time_and_plain_json(name, arguments, options, mode):
    make = getattr(figures, name)
    figure = make(*arguments, title="Its title", mode=mode, **options)
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text == "Its title"
    assert figure.layout.font.color == GROUNDS[mode].text
    text = figure.to_json()
    json.loads(text, parse_constant=pytest.fail)
    assert text == make(*arguments, title="Its title", mode=mode, **options).to_json()


@pytest.mark.parametrize(("name", "arguments", "options"), EVERY)
def test_a_figure_holds_arrays_of_float32_and_grows_by_its_title_alone(name, arguments, options):
    make = getattr(figures, name)
    figure = make(*arguments, **options)
    for trace in figure.data:
        for axis in (trace.x, trace.y):
            assert axis is None or axis.dtype == np.float32
    titled = make(*arguments, title="Its title", **options)
    assert titled.layout.margin.t == figure.layout.margin.t + 24
    assert titled.layout.height == figure.layout.height


@pytest.mark.parametrize("name", CASES)
def test_a_figure_takes_a_title_and_a_ground_and_says_what_it_shows(name):
    make = getattr(figures, name)
    parameters = inspect.signature(make).parameters
    for option, default in (("title", ""), ("mode", "light")):
        assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[option].default == default
    text = inspect.getdoc(make) or ""
    assert all(f"    {parameter}:" in text for parameter in parameters)
    assert "Returns:" in text
