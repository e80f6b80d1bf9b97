"""The weights of a layer in a real browser: they draw, and a click on a type takes effect."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e

LAYER = "/blocks/b2/depthwise/conv/Conv"
PATIENCE = 90_000


def test_channels_are_drawn_with_their_outliers_and_a_type_is_chosen_by_a_click(
    page: Page, start_app: Callable[..., App]
):
    page.goto(start_app().address)
    table = page.locator(".ql-table-box").first
    expect(table).to_be_visible(timeout=PATIENCE)
    page.get_by_placeholder("Search layers").fill(LAYER)
    expect(page.get_by_text("1 layer, 22 filtered out")).to_be_visible()
    table.locator(f'[data-row="{LAYER}"]').click()
    page.get_by_role("radio", name="Weights").click()
    expect(page.get_by_text("2 wide outliers of 256 channels")).to_be_visible()
    plots = page.locator(".js-plotly-plot")
    expect(plots).to_have_count(2)
    expect(plots.first.locator(".hm image")).to_have_count(1)
    expect(plots.first.locator(".scatterlayer path.point")).to_have_count(2)
    one, many = (page.locator(f"[class*=st-key-layer-weight-int8-{k}]") for k in ("False", "True"))
    chosen = "button[data-testid=stBaseButton-primary]"
    expect(one.locator(chosen).first).to_be_visible()
    many.get_by_role("button").click()
    expect(many.locator(chosen).first).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Set for .+: per channel\."))).to_be_visible()
    page.get_by_role("button", name="Undo").first.click()
    expect(one.locator(chosen).first).to_be_visible()
