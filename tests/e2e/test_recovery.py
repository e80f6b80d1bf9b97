"""Recover in a real browser: what is tried fills in, a way is adopted, and its file is exported."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from sample_models import find
from tests.e2e.conftest import App
from tests.e2e.recovering import adopted_file, evaluate_on, recover, worst_db

pytestmark = pytest.mark.e2e

SAMPLE = find("fmnist_mobilenet")
PATIENCE = 120_000


def test_what_is_tried_fills_in_and_the_file_of_a_way_does_what_its_point_says(
    page: Page, start_app: Callable[..., App], tmp_path: Path
):
    paths = [tmp_path / "data.npz", tmp_path / "evaluation.npz"]
    with np.load(SAMPLE.evaluation_path) as found:
        for path, part in zip(paths, (slice(120), slice(120, 240)), strict=True):
            np.savez(path, **{name: found[name][part] for name in found.files})
    app = start_app(model=str(SAMPLE.model_path), data=str(paths[0]))
    page.goto(app.address)
    expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
    evaluate_on(page, str(paths[1]))
    seen = recover(page, "200 dB")
    assert seen.counts[0] <= 1
    assert len(seen.counts) >= 4  # points came one after the other
    assert max(seen.counts) >= 5
    box = page.locator(".st-key-recovery_box")
    expect(box.get_by_text(re.compile("target 200 dB not reached"))).to_be_visible(timeout=PATIENCE)
    file = adopted_file(page, tmp_path)
    assert worst_db(str(SAMPLE.model_path), file, str(paths[1])) == pytest.approx(
        seen.promised_db, abs=0.2
    )
    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("button", name=re.compile(r"^Undo")).first.click()
    expect(box.get_by_role("button", name=re.compile("^Use "))).to_be_enabled(timeout=PATIENCE)
