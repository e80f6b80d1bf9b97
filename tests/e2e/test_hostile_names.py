"""Names of a model are text on every page: no picture is fetched, no script runs, no style changes.

With QUANTLENS_PICTURES=FOLDER each page is kept in pictures, to be looked at.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from playwright.sync_api import Page, expect

import quant
from analysis.report import report_html
from analysis.study.analysis import analyze
from tests.e2e.conftest import App, save_as

pytestmark = pytest.mark.e2e

PATIENCE = 60_000


def hostile(name: str) -> str:
    """A name that is Markdown, HTML, TeX, an icon, a colour and a formula at once."""
    return (
        f"=1+1 ![m](http://pictures.example/{name}.png)<img src=x onerror=alert(1)> "
        f"[{name}](http://links.example) :red[{name}] $x^2$ :material/bug_report: **{name}**"
    )


def model() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    weight[0] *= 80  # so that there are findings, which name it
    x, y = hostile("input"), hostile("output")
    nodes = [
        helper.make_node("Conv", [x, hostile("weight")], [hostile("conv out")], hostile("conv")),
        helper.make_node("Relu", [hostile("conv out")], [y], hostile("relu")),
    ]
    graph = helper.make_graph(
        nodes,
        hostile("graph"),
        [helper.make_tensor_value_info(x, 1, [hostile("batch"), 3, 8, 8])],
        [helper.make_tensor_value_info(y, 1, [hostile("batch"), 8, 6, 6])],
        [numpy_helper.from_array(weight, hostile("weight"))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def is_text(page: Page, name: str) -> None:
    """Nothing on the page is an element that a name asked for."""
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    found = page.evaluate(
        """() => [...document.querySelectorAll(
                'a, img:not([src^="data:"]), .katex, [onerror], [data-testid=stIconMaterial]')]
            .map((e) => e.outerHTML)
            .filter((html) => /example|onerror|katex|bug_report/.test(html))"""
    )
    assert found == [], "\n".join(found)
    if folder := os.environ.get("QUANTLENS_PICTURES"):
        keep_pictures(page, Path(folder) / f"hostile-{name}")


def keep_pictures(page: Page, path: Path) -> None:
    """The page in both sizes and schemes."""
    usual = page.viewport_size
    for width in (1280, 1920):
        for scheme in ("dark", "light"):
            page.set_viewport_size({"width": width, "height": 1000})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(1500)
            page.screenshot(path=f"{path}-{width}-{scheme}.png", full_page=True)
    if usual:
        page.set_viewport_size(usual)


def test_names_are_text_on_every_page(page: Page, start_app: Callable[..., App], tmp_path: Path):
    folder = tmp_path / "![d](http:" / "pictures.example"
    folder.mkdir(parents=True)
    path, data, target = (folder / name for name in ("a.png).onnx", "data.npz", "int8.onnx"))
    path.write_bytes(model().SerializeToString())
    images = np.random.default_rng(1).standard_normal((16, 3, 8, 8)).astype(np.float32)
    np.savez(data, **{hostile("input"): images})
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    app = start_app(model=str(path), data=str(data))
    page.goto(app.address)
    expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
    is_text(page, "layers")
    page.get_by_text("Where tools disagree", exact=True).click()
    expect(page.get_by_text(re.compile("^Show ")).first).to_be_visible(timeout=PATIENCE)
    is_text(page, "disagreement")
    for words in ("Bulk edit", "More"):
        page.get_by_role("button", name=words, exact=True).click()
        expect(page.get_by_test_id("stPopoverBody")).to_be_visible()
        is_text(page, words)
        page.keyboard.press("Escape")

    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page.get_by_text(re.compile("output sqnr")).last).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(re.compile(r"^Sample \d+")).first).to_be_visible(timeout=PATIENCE)
    is_text(page, "overview")
    page.get_by_role("button", name="Rank layers").click()
    expect(page.get_by_text("Ranked by").first).to_be_visible(timeout=PATIENCE)
    is_text(page, "ranked")
    page.get_by_role("button", name="Recover").click()
    expect(page.get_by_text("Accuracy against").first).to_be_visible(timeout=PATIENCE)
    is_text(page, "recovered")
    page.get_by_role("link", name="Graph", exact=True).click()
    expect(page.get_by_text("Open the layer to change it")).to_be_visible(timeout=PATIENCE)
    is_text(page, "graph")
    page.get_by_role("link", name="Export", exact=True).click()
    save_as(page, target)
    expect(page.get_by_text("Wrote").first).to_be_visible(timeout=PATIENCE)
    is_text(page, "export")
    save_as(page, folder / "none ![m](http://pictures.example/e.png)" / "x.onnx")
    expect(page.get_by_text("its folder does not exist").first).to_be_visible(timeout=PATIENCE)
    is_text(page, "error")
    page.get_by_role("link", name="Setup", exact=True).click()
    expect(page.get_by_text("pictures.example").first).to_be_visible(timeout=PATIENCE)
    is_text(page, "setup")
    assert dialogs == []


def test_names_are_text_in_the_report(page: Page, tmp_path: Path):
    net = quant.load(model().SerializeToString())
    images = np.random.default_rng(1).standard_normal((16, 3, 8, 8)).astype(np.float32)
    data = quant.open_data({hostile("input"): images}, net)
    calibration = quant.calibrate(net, data)
    quantized = quant.quantize(net, calibration, quant.preset("recommended"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    path = tmp_path / "report.html"
    path.write_text(report_html(analyze(quantized, calibration, data)), encoding="utf-8")
    page.goto(path.as_uri())
    expect(page.locator(".main-svg").first).to_be_visible()
    expect(page.get_by_text("pictures.example").first).to_be_visible()
    is_text(page, "report")
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
