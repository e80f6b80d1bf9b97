"""Pictures of every page for the README: ``python -m tests.e2e.screenshots docs/images``.

Each page at 1280 and 1920 pixels wide, light and dark, after the recipe was measured twice: as
ONNX Runtime does it by default, and with what the page suggests. Then the pane of four kinds of
tensor, and the tensors ranked by how much the tools disagree.
"""

import argparse
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.e2e import pane_demo
from tests.e2e.conftest import ROOT, browsing

SIZES = {1280: 900, 1920: 1080}
PANE_PX = 1500
"""Height of a window that holds the whole pane."""
PATIENCE = 120_000
OVERVIEW_PX = 2420


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "images")
    parser.add_argument("--only", choices=("pages", "pane"), help="take no others")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.only != "pane":
        _pages(folder)
        _overviews(folder)
    if arguments.only != "pages":
        _panes(folder)


def _pages(folder: Path) -> None:
    with browsing() as (app, browser):
        _prepare(browser, app.address)
        for width in SIZES:
            for scheme in ("light", "dark"):
                _take(browser, app.address, folder, width, scheme)


def _overviews(folder: Path) -> None:
    """Overview and Graph of the fragile sample under the default recipe, all measured."""
    with browsing() as (app, browser):
        page = _open(browser, app.address, 1280, "light")
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_text("Where the error builds up")).to_be_visible()
        page.get_by_role("button", name="Measure", exact=True).click()
        latency = page.get_by_test_id("stMetric").filter(has_text="Int8 latency")
        expect(latency.get_by_test_id("stMetricValue")).to_have_text(
            re.compile(" ms"), timeout=PATIENCE
        )
        page.locator(".st-key-ranking-start button").first.click()
        expect(page.get_by_text(re.compile("^Ranked by"))).to_be_visible(timeout=PATIENCE)
        page.close()
        for width in SIZES:
            for scheme in ("light", "dark"):
                _take_overview(browser, app.address, folder, width, scheme)


def _take_overview(browser: Browser, address: str, folder: Path, width: int, scheme: str) -> None:
    page = _open(browser, address, width, scheme)
    page.set_viewport_size({"width": width, "height": OVERVIEW_PX})
    page.get_by_role("link", name="Overview").click()
    expect(page.locator(".st-key-samples_box").locator("img")).to_have_count(8)
    expect(page.locator(".st-key-figure-depth .js-plotly-plot .point").first).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.mouse.move(2, 300)
    page.wait_for_timeout(2500)
    page.screenshot(path=folder / f"overview-{width}-{scheme}.png")
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    page.get_by_role("link", name="Graph").click()
    page.get_by_text("Sensitivity", exact=True).first.click()
    expect(page.locator(".ql-graph-title")).to_contain_text("only this node")
    page.mouse.move(2, 300)
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"graph-{width}-{scheme}.png")
    page.close()


def _panes(folder: Path) -> None:
    """A Conv with its Relu, a Gelu, a symmetric tensor and one with an outlier; the ranking."""
    with tempfile.TemporaryDirectory() as made:
        model, data = pane_demo.write(Path(made))
        with browsing(str(model), str(data)) as (app, browser):
            page = _open(browser, app.address, 1280, "light")
            pane_demo.choose(page, pane_demo.SYMMETRIC)
            option = page.get_by_role("option", name="int8, symmetric")
            while not option.count():
                # What is computed in the background draws the page again, which closes lists.
                page.locator("[class*=st-key-layer-activation] input").click()
                page.wait_for_timeout(1000)
            option.click()
            expect(page.locator(".ql-subtitle")).to_contain_text("int8 symmetric")
            page.close()
            for width, scheme in ((1280, "light"), (1920, "dark")):
                _take_panes(browser, app.address, folder, width, scheme)


def _take_panes(browser: Browser, address: str, folder: Path, width: int, scheme: str) -> None:
    page = _open(browser, address, width, scheme)
    page.set_viewport_size({"width": width, "height": PANE_PX})
    for name, layer in pane_demo.KINDS.items():
        pane_demo.choose(page, layer)
        expect(page.locator(".ql-choices tbody tr").first).to_be_visible()
        page.mouse.move(2, 300)
        page.wait_for_timeout(500)
        page.locator(".ql-rp").screenshot(path=folder / f"pane-{name}-{width}-{scheme}.png")
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    page.get_by_text("Where tools disagree").click()
    expect(page.get_by_text(re.compile(r"^\d+ tensors\. Gap"))).to_be_visible()
    page.mouse.move(2, 300)
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / f"pane-ranking-{width}-{scheme}.png")
    page.close()


def _prepare(browser: Browser, address: str) -> None:
    """Measure the default, apply the first suggestion, measure again."""
    page = _open(browser, address, 1280, "light")
    _measure(page)
    now = page.get_by_test_id("stMetric").filter(has_text="Int8 top-1, now")
    value = now.get_by_test_id("stMetricValue")
    before = value.inner_text()
    page.locator("[class*=st-key-apply-per_channel] button").first.click()
    expect(value).not_to_have_text(before, timeout=PATIENCE)
    expect(value).to_have_text(re.compile(r"\d %"), timeout=PATIENCE)
    page.close()


def _measure(page: Page) -> None:
    page.get_by_role("button", name="Measure", exact=True).click()
    now = page.get_by_test_id("stMetric").filter(has_text="Int8 top-1, now")
    expect(now.get_by_test_id("stMetricValue")).to_have_text(re.compile(r"\d %"), timeout=PATIENCE)


def _open(browser: Browser, address: str, width: int, scheme: str) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
    return page


def _take(browser: Browser, address: str, folder: Path, width: int, scheme: str) -> None:
    page = _open(browser, address, width, scheme)
    page.wait_for_timeout(1500)
    page.mouse.move(2, 300)
    page.screenshot(path=folder / f"layers-{width}-{scheme}.png")
    page.get_by_role("link", name="Setup").click()
    expect(page.get_by_text("Range and pictures are of")).to_be_visible()
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"setup-{width}-{scheme}.png")
    page.get_by_role("link", name="Export").click()
    graph = page.frame_locator("iframe[title='The exported graph in Netron']")
    expect(graph.get_by_text("QuantizeLinear").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Passes onnx.checker")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(1000)
    path = page.get_by_role("textbox", name="Save as")
    path.fill("exports/fmnist_mobilenet.int8.onnx")
    path.press("Enter")
    expect(page.get_by_text("--out exports")).to_be_visible()
    page.wait_for_timeout(2000)
    page.screenshot(path=folder / f"export-{width}-{scheme}.png")
    page.close()


if __name__ == "__main__":
    main()
