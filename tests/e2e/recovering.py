"""Recover as a person does: ``python -m tests.e2e.recovering MODEL CALIBRATION EVALUATION``.

Opens the app on a model and its data, presses **Recover** on Overview, watches points come, adopts
the way that was chosen, downloads its file from Export, and prints what the page promised and what
plain ONNX Runtime gets from the file.
"""

import argparse
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

import analysis
import quant
from tests.e2e.conftest import browsing

PATIENCE_MS = 300_000
POINT = ".js-plotly-plot .scatterlayer .point"


@dataclass(frozen=True)
class Filled:
    """What was seen while a search ran.

    Attributes:
        counts: How many points the picture of what was tried had, each number once.
        seconds: From the click to the outcome.
        promised_db: Output sqnr of the chosen way, in dB.
        interval_db: Its 95 % interval, in dB, as the point's own words say.
    """

    counts: tuple[int, ...]
    seconds: float
    promised_db: float
    interval_db: tuple[float, float]


def evaluate_on(page: Page, evaluation: str) -> None:
    """On Setup, measure on other data than calibrates."""
    page.get_by_role("link", name="Setup").click()
    field = page.get_by_label("Evaluation data", exact=True)
    field.fill(evaluation)
    field.press("Enter")
    page.get_by_role("button", name="Calibrate", exact=True).click()
    expect(page.get_by_text(re.compile("^Calibrated on"))).to_be_visible(timeout=PATIENCE_MS)


def recover(page: Page, target: str) -> Filled:
    """Press Recover on Overview and watch until the outcome is there."""
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_text("Where the error builds up")).to_be_visible(timeout=PATIENCE_MS)
    box = page.locator(".st-key-recovery_box")
    field = box.get_by_test_id("stTextInputField").first
    field.fill(target)
    field.press("Enter")
    box.get_by_role("button", name="Recover", exact=True).click()
    begun, counts = time.monotonic(), dict[int, None]()
    outcome = box.get_by_text(re.compile(r"^What was tried: \d+ attempts?"))
    while not outcome.is_visible() and time.monotonic() - begun < PATIENCE_MS / 1000:
        counts[box.locator(f".st-key-figure-tried {POINT}").count()] = None
        page.wait_for_timeout(200)
    seconds = time.monotonic() - begun
    expect(outcome).to_be_visible()
    points = box.locator(f".st-key-figure-pareto {POINT}")
    expect(points.first).to_be_visible(timeout=PATIENCE_MS)
    words = page.evaluate(
        "[...document.querySelectorAll('.st-key-figure-pareto .js-plotly-plot')][0].data[0]"
        ".customdata.filter((_, i) => document.querySelector('.st-key-figure-pareto "
        ".js-plotly-plot').data[0].marker.symbol[i] === 'star')[0]"
    )
    found = re.search(r"(-?[\d.]+) dB \((-?[\d.]+) to (-?[\d.]+)\)", str(words))
    assert found, words
    promised, low, high = map(float, found.groups())
    return Filled(tuple(counts), seconds, promised, (low, high))


def adopted_file(page: Page, folder: Path) -> Path:
    """Adopt the way that is offered, and download its file from Export."""
    box = page.locator(".st-key-recovery_box")
    box.get_by_role("button", name=re.compile("^Use ")).click()
    expect(box.get_by_role("button", name="In use")).to_be_disabled(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Export").click()
    button = page.get_by_role("button", name="Download model")
    expect(button).to_be_enabled(timeout=PATIENCE_MS)
    with page.expect_download() as started:
        button.click()
    target = folder / "adopted.onnx"
    shutil.copyfile(started.value.path(), target)
    return target


def worst_db(model_path: str, file: Path, data_path: str) -> float:
    """The sqnr of the worst output that plain ONNX Runtime gets from a file."""
    data = quant.open_data(data_path, quant.load(model_path))
    return analysis.compare(model_path, file, data, tensors="outputs").worst_db


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.recovering", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("calibration")
    parser.add_argument("evaluation")
    parser.add_argument("--target", default="30 dB")
    parser.add_argument("--picture", type=Path, help="where to put a picture of the outcome")
    arguments = parser.parse_args()
    with browsing(arguments.model, arguments.calibration) as (app, browser):
        page = browser.new_page(viewport={"width": 1280, "height": 2400}, accept_downloads=True)
        page.goto(app.address)
        expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE_MS)
        evaluate_on(page, arguments.evaluation)
        seen = recover(page, arguments.target)
        if arguments.picture:
            page.locator(".st-key-recovery_box").screenshot(path=arguments.picture)
        with tempfile.TemporaryDirectory() as folder:
            file = adopted_file(page, Path(folder))
            found = worst_db(arguments.model, file, arguments.evaluation)
    print(f"points seen: {', '.join(map(str, seen.counts))}; {seen.seconds:.0f} s")
    low, high = seen.interval_db
    print(
        f"the page: {seen.promised_db:.1f} dB ({low:.1f} to {high:.1f}); the file: {found:.1f} dB"
    )


if __name__ == "__main__":
    main()
