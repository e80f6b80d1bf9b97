"""The Runtime page, and the graph in its colours: what integers do as the model really runs."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from sample_models import find
from tests.e2e.conftest import App, until

pytestmark = pytest.mark.e2e

SAMPLE = find("fmnist_mobilenet")
PATIENCE = 120_000
CODES = "document.querySelector('.ql-graph-world .ql-graph-codes').getAttribute('d')"
"""The lines of the edges along which integers flow."""


def value(page: Page, label: str) -> str:
    card = page.get_by_test_id("stMetric").filter(has_text=label)
    return card.get_by_test_id("stMetricValue").inner_text()


def test_what_runs_is_seen_and_follows_the_recipe(page: Page, start_app: Callable[..., App]):
    page.goto(start_app(model=str(SAMPLE.model_path), data=str(SAMPLE.calibration_path)).entrance)
    expect(page.get_by_text("Where the error builds up")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Runtime", exact=True).click()
    expect(page.get_by_text("Node by node")).to_be_visible(timeout=PATIENCE)
    assert float(value(page, "Multiply-adds on integers").split()[0]) > 50
    first = int(value(page, "Conversions left"))
    assert first >= 2
    assert re.fullmatch(r"[\d.]+ of [\d.]+ ms", value(page, "Time, int8 to float"))
    expect(page.get_by_text(re.compile(r"^\d+ nodes\."))).to_be_visible()
    page.get_by_role("link", name="Graph", exact=True).click()
    page.get_by_test_id("stButtonGroup").get_by_text("Runtime").click()
    expect(page.get_by_text("integers flow")).to_be_visible()
    until(page, f"({CODES} || '').length > 20")
    page.get_by_test_id("stButtonGroup").get_by_text("Local error").click()
    expect(page.get_by_text("integers flow")).to_be_hidden()
    until(page, f"!{CODES}")
