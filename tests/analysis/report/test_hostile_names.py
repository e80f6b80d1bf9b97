"""Names from files are text: whatever they hold, the page has the same elements."""

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import onnx
import pytest

import quant
from analysis.findings import Finding, Fix
from analysis.metrics.top import Top1
from analysis.report import report_html
from analysis.study.analysis import analyze
from tests import nets

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "{{7*7}}{% raw %}{# gone #}",
    "</title></style></script><!--",
    "&lt;b&gt;&amp;",
)


class Elements(HTMLParser):
    """How often each element stands there with which attributes, and every text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements[(tag, *(name for name, _ in attrs))] += 1
        self.texts += [value for _, value in attrs if value]

    def handle_data(self, data):
        self.texts.append(data)


def page_of(ending: str) -> str:
    """The page of an analysis in which every name and sentence ends alike."""
    model = onnx.load_model_from_string(nets.convnet())
    graph = model.graph
    graph.name += ending
    for node in graph.node:
        node.name += ending
        node.input[:] = [name + ending for name in node.input]
        node.output[:] = [name + ending for name in node.output]
    for value in (*graph.initializer, *graph.input, *graph.output):
        value.name += ending
    loaded = quant.load(model.SerializeToString())
    data = quant.open_data({f"x{ending}": nets.images(12), "labels": np.arange(12) % 4}, loaded)
    calibration = quant.calibrate(loaded, data)
    recipe = replace(quant.preset("everything"), name=f"recipe{ending}")
    quantized = quant.quantize(loaded, calibration, recipe)
    metric = type("Named", (Top1,), {"label": f"metric{ending}", "unit": f"unit{ending}"})()
    found = analyze(quantized, calibration, data, metric=metric)
    finding = Finding(
        f"kind{ending}", "warning", f"title{ending}", f"node{ending}", f"tensor{ending}",
        f"evidence{ending}", fix=Fix(f"label{ending}", quant.Recipe(f"fix{ending}")),
    )  # fmt: skip
    without_rows = tuple(
        replace(sample, agrees=None) if place % 2 else sample
        for place, sample in enumerate(found.sample_errors.worst)
    )
    return report_html(
        replace(
            found,
            findings=(finding,),
            sample_errors=replace(found.sample_errors, worst=without_rows),
        )
    )


@pytest.fixture(scope="module")
def tame():
    return Elements(page_of("_"))


@pytest.mark.parametrize("ending", HOSTILE)
def test_a_name_stays_the_text_it_is(ending, tame):
    page = page_of(ending)
    found = Elements(page)
    assert found.elements == tame.elements
    together = "\n".join(found.texts)
    for name in ("recipe", "title", "evidence", "label", "metric", "unit", "conv0", "r1", "y"):
        assert f"{name}{ending}" in together
    assert page.count("<script") - page.count("<script>") == 1
