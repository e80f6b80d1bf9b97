"""Recover in a real browser: what is tried fills in, a way is adopted, and its file is exported."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from sample_models import find
from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e

SAMPLE = find("fmnist_mobilenet")
PATIENCE = 120_000


@pytest.fixture
def app(start_app: Callable[..., App], tmp_path: Path) -> App:
    """The sample on a few of its evaluation samples."""
    path = tmp_path / "data.npz"
    with np.load(SAMPLE.evaluation_path) as found:
        np.savez(path, **{name: found[name][:400] for name in found.files})
    return start_app(model=str(SAMPLE.model_path), data=str(path))


def test_what_is_tried_fills_in_and_a_way_is_adopted_and_undone(page: Page, app: App):
    page.goto(app.address)
    expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_text("Where the error builds up")).to_be_visible(timeout=PATIENCE)
    box = page.locator(".st-key-recovery_box")
    target = box.get_by_test_id("stTextInputField").first
    target.fill("200 dB")
    target.press("Enter")
    box.get_by_role("button", name="Recover", exact=True).click()
    expect(box.get_by_text(re.compile(r"\d+ attempts?:"))).to_be_visible(timeout=PATIENCE)
    expect(box.get_by_text(re.compile("target 200 dB not reached"))).to_be_visible(timeout=PATIENCE)
    expect(box.locator(".st-key-figure-pareto .js-plotly-plot .point").first).to_be_visible()
    box.get_by_role("button", name=re.compile("^Use ")).click()
    expect(box.get_by_role("button", name="In use")).to_be_disabled(timeout=PATIENCE)
    page.get_by_role("button", name=re.compile(r"^Undo")).first.click()
    expect(box.get_by_role("button", name=re.compile("^Use "))).to_be_enabled(timeout=PATIENCE)
