"""From a folder of photos and another tool's int8 file to a fixed model and a file for TensorRT."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sample_models import find
from tests.e2e.conftest import App
from tests.quant.foreign.made import made

pytestmark = pytest.mark.e2e

SAMPLE = find("fmnist_mobilenet")
PHOTOS = 60
PATIENCE = 120_000


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pictures of the evaluation data, each in the folder of its class."""
    with np.load(SAMPLE.evaluation_path) as found:
        images, labels = found["image"][:PHOTOS], found["labels"][:PHOTOS]
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        file = tmp_path / "photos" / str(label) / f"{place:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(255 * image[0]).astype(np.uint8)).save(file)
    return tmp_path / "photos"


def pick(page: Page, box: str, option: str) -> None:
    """Choose from a list; one that opens while the page still moves closes, so a person repeats."""
    wanted = page.get_by_role("option", name=option)
    for _ in range(10):
        page.get_by_role("combobox", name=box).click()
        page.wait_for_timeout(300)
        if wanted.is_visible():
            break
    wanted.click()


def test_photos_are_fed_measured_fixed_and_exported(
    page: Page, start_app: Callable[..., App], photos: Path, tmp_path: Path
):
    int8 = made(tmp_path / "theirs.onnx")
    page.goto(start_app(model=str(SAMPLE.model_path), data=str(photos)).address)
    page.get_by_role("link", name="Setup", exact=True).click(timeout=PATIENCE)
    page.get_by_role("button", name="Try each").click(timeout=PATIENCE)
    tried = page.get_by_text(re.compile("^Right answers of the float model on"))
    expect(tried).to_be_visible(timeout=PATIENCE)
    rates = dict(re.findall(r"([a-z-]+) (\d+) %", tried.inner_text()))
    assert int(rates["zero-to-one"]) == max(map(int, rates.values()))
    page.get_by_role("combobox", name="Pictures are fed as").click()
    page.get_by_role("option", name=re.compile("^zero-to-one")).click()
    expect(page.get_by_text("Stretched to the size, levels divided by 255")).to_be_visible()
    path = page.get_by_role("textbox", name="Int8 model or settings of another tool")
    path.fill(str(int8))
    path.press("Enter")
    expect(page.get_by_text("23 of 23 rounded tensors found in the float model.")).to_be_visible()
    page.get_by_role("button", name="Calibrate", exact=True).click()
    expect(page.get_by_text(f"Calibrated on {PHOTOS} samples.")).to_be_visible(timeout=PATIENCE)

    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("combobox", name="Recipe").first).to_have_value("like theirs.onnx")
    page.get_by_role("button", name="Measure", exact=True).click()
    lost = page.get_by_text(re.compile(r"output sqnr of [\d.]+ dB")).first
    expect(lost).to_be_visible(timeout=PATIENCE)
    first = page.locator(".st-key-finding-0")
    expect(first).to_contain_text("tried: ", timeout=PATIENCE)
    before = float(re.findall(r"sqnr of ([\d.]+) dB", lost.inner_text())[0])
    first.locator("[class*=st-key-apply] button").first.click()
    expect(lost).not_to_contain_text(f"{before} dB", timeout=PATIENCE)
    assert float(re.findall(r"sqnr of ([\d.]+) dB", lost.inner_text())[0]) > before + 10
    latency = page.get_by_test_id("stMetric").filter(has_text="Int8 latency")
    expect(latency).to_contain_text(" ms", timeout=PATIENCE)
    expect(page.get_by_text(re.compile("^Trying fixes"))).to_have_count(0, timeout=PATIENCE)

    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_text("Passes onnx.checker")).to_be_visible(timeout=PATIENCE)
    page.get_by_text("For other tools").click()
    pick(page, "Format", "TensorRT calibration cache")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download TensorRT calibration cache").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("TRT-")
    assert len(text.splitlines()) > 10
