"""The report in a real browser without a network: figures, sorting, light and dark."""

import numpy as np
import pytest
from playwright.sync_api import expect

import quant
from analysis.metrics import METRICS
from analysis.report import report_html
from analysis.study.analysis import analyze
from tests import nets

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    model = quant.load(nets.convnet())
    data = quant.open_data({"x": nets.images(12), "labels": np.arange(12) % 4}, model)
    calibration = quant.calibrate(model, data)
    quantized = quant.quantize(model, calibration, quant.preset("recommended"))
    found = analyze(quantized, calibration, data, metric=METRICS["top1"])
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(found), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def report(context, page, address):
    context.set_offline(True)
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_figures_and_pictures_are_drawn_without_a_network(report):
    expect(report.locator("[data-figure=depth] .main-svg").first).to_be_visible()
    expect(report.locator("[data-figure=units] .main-svg").first).to_be_visible()
    widths = report.eval_on_selector_all(".sample img", "all => all.map(i => i.naturalWidth)")
    assert widths == [12] * 8


def test_a_press_on_a_heading_sorts_and_another_turns_it_round(report):
    table = report.locator("table.sortable").last
    heading = table.locator("th", has_text="Cumulative").filter(has_text="sqnr").first
    column = heading.evaluate("th => th.cellIndex")

    def values():
        rows = table.locator("tbody tr").evaluate_all(
            "(rows, i) => rows.map(row => row.cells[i].dataset.value)", column
        )
        known = [float(v) for v in rows if v]
        assert rows == [v for v in rows if v] + [v for v in rows if not v]
        return known

    heading.locator("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    up = values()
    assert up == sorted(up)
    assert len(set(up)) > 3
    heading.locator("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert values() == sorted(up, reverse=True)


def test_the_figures_follow_the_ground(report):
    text = report.locator("[data-figure=depth] .xtick text").first
    light = text.evaluate("t => getComputedStyle(t).fill")
    report.emulate_media(color_scheme="dark")
    expect(text).not_to_have_css("fill", light)
    ground = report.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(16, 22, 30)"
