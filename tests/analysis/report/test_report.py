"""The report: one page that says everything, asks for nothing outside and is always the same."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import quant
from analysis.findings import Finding, Fix
from analysis.metrics import METRICS
from analysis.report import report_html
from analysis.report.documents import layer_table
from analysis.report.tables import heading
from analysis.study.analysis import analyze
from quant.io.tables import finite, table_csv
from tests import nets


@pytest.fixture(scope="module")
def analysis():
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(12), "labels": np.arange(12) % 4}, model)
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("everything"))
    return analyze(quantized, calibration, data, metric=METRICS["top1"])


@pytest.fixture(scope="module")
def page(analysis):
    return report_html(analysis)


class Elements(HTMLParser):
    """Every element with its attributes, the texts outside of scripts, and what is left open."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.texts.append(data)


def test_nothing_in_the_page_refers_to_anything_outside_and_the_browser_is_told(page):
    found = Elements(page)
    assert found.open == []
    for tag, attributes in found.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        assert tag != "script" or "src" not in attributes
        for name in ("src", "href", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    policy = [a["content"] for _, a in found.elements if "http-equiv" in a]
    assert policy[0].startswith("default-src 'none';")
    assert "connect-src" not in policy[0]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_analysis_gives_the_same_text(analysis, page):
    assert report_html(analysis) == page


def test_every_layer_and_every_number_of_the_table_is_in_the_page(analysis, page):
    rows = layer_table(analysis)
    values = {value for tag, a in Elements(page).elements if tag == "td"
              for value in [a.get("data-value")]}  # fmt: skip
    for row in rows:
        assert row["name"] in values
        for value in row.values():
            if isinstance(value, float):
                assert repr(value).replace("inf", "Infinity") in values


def test_every_error_has_its_name_and_unit_in_the_heading(analysis):
    columns = list(layer_table(analysis)[0])
    for name in columns:
        words = heading(name, analysis)
        for kind in ("local", "cumulative", "sensitivity", "benefit"):
            if name.startswith(kind):
                assert words.startswith(kind.capitalize())
        if name.endswith("_db"):
            assert "(dB)" in words
        if name.endswith("_nats"):
            assert "(nats)" in words
    assert len({heading(name, analysis) for name in columns}) == len(columns)


def test_figures_are_there_for_both_grounds(page):
    text = re.search(r'<script id="figures" type="application/json">(.*?)</script>', page).group(1)
    figures = json.loads(text)
    assert set(figures) == {"depth", "units"}
    for versions in figures.values():
        assert versions["light"]["data"]
        assert versions["light"]["layout"] != versions["dark"]["layout"]
    assert {f'data-figure="{name}"' in page for name in figures} == {True}


def test_names_and_sentences_cannot_become_markup(analysis):
    evil = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'
    finding = Finding(evil, "warning", evil, evil, evil, evil, fix=Fix(evil, quant.Recipe(evil)))
    errors = replace(
        analysis.sample_errors,
        worst=tuple(
            replace(sample, float_outputs={evil: sample.float_outputs["y"]},
                    int8_outputs={evil: sample.int8_outputs["y"]}, agrees=None)
            for sample in analysis.sample_errors.worst
        ),
    )  # fmt: skip
    quantized = replace(analysis.quantized, recipe=replace(analysis.quantized.recipe, name=evil))
    page = report_html(
        replace(analysis, findings=(finding,), sample_errors=errors, quantized=quantized)
    )
    found = Elements(page)
    assert found.open == []
    assert not [a for _, a in found.elements if "onerror" in a]
    assert len([tag for tag, _ in found.elements if tag == "script"]) == 3
    assert any(evil in text for text in found.texts)


def test_errors_that_were_not_asked_for_are_not_in_the_page(analysis):
    less = replace(analysis, errors=("local",), sensitivity=None, benefit=None, findings=())
    page = report_html(less)
    assert 'data-figure="depth"' not in page
    assert "Suspects" not in Elements(page).texts
    assert "Nothing was found." in page
    assert not [name for name in layer_table(less)[0] if name.startswith(("cumul", "sens", "ben"))]


def test_the_table_of_no_layers_is_empty_and_infinite_numbers_are_null_in_json():
    assert table_csv(()) == "\n"
    assert finite({"a": [float("inf"), 1.5], "b": float("nan")}) == {"a": [None, 1.5], "b": None}
