"""What the graph component is sent, and the colours of its nodes."""

import json
import math
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.graph.layout import graph_layout
from analysis.graph.model_graph import ModelGraph
from app.components import graph as component
from app.components.graph import Drawing, NodeLook, Paint
from app.views.graph.colouring import COLOURINGS, paint

LAYOUT = graph_layout(3, [(0, 1), (1, 2)])
GRAPH = ModelGraph(("x", "conv", "relu"), ("Input", "Conv", "Relu"), ("", "", "y"), LAYOUT)


def looks(values: dict[str, float], name: str) -> tuple[list[NodeLook], list[tuple[float, str]]]:
    found = paint(COLOURINGS[name], GRAPH, {}, values)
    return list(found.looks), list(found.ticks)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    state: dict[str, Any] = {}

    def mount(*, data: dict[str, Any], on_want_change: Any, **_: Any) -> Any:
        messages.append({**data, "want": on_want_change})
        return SimpleNamespace(open=None)

    monkeypatch.setattr(component, "_component", mount)
    monkeypatch.setattr(component, "st", SimpleNamespace(session_state=state))
    return messages


def test_the_drawing_is_sent_once_and_again_when_the_browser_wants_it(sent: list[dict[str, Any]]):
    drawing, empty = Drawing(GRAPH), Paint("", (), ())
    for _ in range(3):
        component.graph(drawing, empty, "", key="g", on_select=print)
    assert [message["topology"] is not None for message in sent] == [True, False, False]
    sent[-1]["want"]()
    component.graph(drawing, empty, "", key="g", on_select=print)
    assert json.loads(sent[-1]["topology"])["names"] == ["x", "conv", "relu"]
    assert {message["digest"] for message in sent} == {drawing.digest}


@pytest.mark.parametrize("name", ["local", "cumulative", "sensitivity"])
def test_the_lowest_sqnr_is_the_worst_and_says_its_decibels(name: str):
    nodes, ticks = looks({"x": 60.0, "conv": 12.25, "relu": 36.125}, name)
    assert [node.place for node in nodes] == [0.0, 1.0, 0.5]
    assert [node.text for node in nodes] == ["60.0 dB", "12.2 dB", "36.1 dB"]
    assert (ticks[0], ticks[-1]) == ((0.0, "60.0 dB"), (1.0, "12.2 dB"))


def test_the_greatest_benefit_and_clip_rate_are_the_most_marked():
    nodes, ticks = looks({"x": -0.5, "conv": 3.5}, "benefit")
    assert [node.place for node in nodes] == [0.0, 1.0, None]
    assert nodes[2].text == "–"
    nodes, ticks = looks({"x": 0.0, "conv": 0.01, "relu": 0.1}, "clip")
    assert [node.place for node in nodes] == [0.0, pytest.approx(0.75), 1.0]
    assert ticks[-1] == (1.0, "10.00 %")


def test_equal_infinite_or_no_numbers_have_a_place_too():
    nodes, ticks = looks({"x": math.inf, "conv": 20.0, "relu": -math.inf}, "local")
    assert nodes[0].text == "equal"
    assert ticks == [(0.5, "20.0 dB")]
    assert looks({}, "local")[1] == []
    assert looks({"x": 0.0}, "clip")[1] == [(0.5, "0.000 %")]
