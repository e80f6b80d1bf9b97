"""Contrast, names and roles on every page, in both themes, as axe-core sees them."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sample_models import find
from tests.e2e.conftest import WAIT_MS, App

pytestmark = pytest.mark.e2e

SAMPLE = find("fmnist_mobilenet")

READY = {
    "Setup": "Calibration data",
    "Layers": re.compile(r"^\d+ layers"),
    "Graph": re.compile("^Local sqnr in dB"),
    "Runtime": "Conversions that are left",
    "Export": "What will be written",
    "Help": "What it answers",
}
"""What stands on each page once it is drawn."""


def lasting(page: Page) -> list[str]:
    """The faults of a page at rest: what is drawn anew fades for a moment."""
    found = faults(page)
    for _ in range(20):
        if not found:
            break
        page.wait_for_timeout(500)
        found = faults(page)
    return found


def faults(page: Page) -> list[str]:
    """What is serious or worse, with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_no_page_has_a_serious_fault(start_app: Callable[..., App], browser: Browser, scheme: str):
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    # An app of its own: what other tests find unmeasured stays so.
    app = start_app(model=str(SAMPLE.model_path), data=str(SAMPLE.calibration_path))
    page.goto(app.entrance)
    measure = page.get_by_role("button", name="Measure", exact=True)
    expect(page.get_by_text("Where the error builds up")).to_be_visible()
    if measure.is_enabled():
        measure.click()
    expect(page.get_by_text(re.compile("^Int8 (changes|leaves)"))).to_be_visible()
    expect(page.locator(".st-key-finding-0")).to_contain_text("tried: ")
    assert lasting(page) == []
    for name, text in READY.items():
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_text(text).first).to_be_visible()
        assert lasting(page) == [], name
    context.close()
