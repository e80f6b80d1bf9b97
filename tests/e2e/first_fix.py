"""The first button: ``python -m tests.e2e.first_fix MODEL DATA [--picture FILE]``.

Opens the app on a model and its data under ONNX Runtime's default recipe, measures, presses the
first fix that Overview offers, and prints what was promised, what came, and how long it took.
"""

import argparse
import re
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import browsing

PATIENCE_MS = 300_000
LOST = re.compile("output sqnr of ([\N{MINUS SIGN}\\d.]+) dB")


def told(page: Page) -> tuple[str, str]:
    """The line that says what is lost, and the output sqnr in it, in dB as it is written."""
    line = page.get_by_text(LOST).first
    expect(line).to_be_visible(timeout=PATIENCE_MS)
    text = line.inner_text()
    found = LOST.search(text)
    assert found
    return text, found.group(1)


def main() -> None:
    """Print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.first_fix", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--picture", type=Path, help="where to put a picture of what came")
    arguments = parser.parse_args()
    with browsing(arguments.model, arguments.data) as (app, browser):
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(app.address)
        page.get_by_role("link", name="Overview", exact=True).click(timeout=PATIENCE_MS)
        expect(page.get_by_text("Where the error builds up")).to_be_visible(timeout=PATIENCE_MS)
        begun = time.monotonic()
        page.get_by_role("button", name="Measure", exact=True).click()
        first = page.locator(".st-key-finding-0")
        expect(first).to_contain_text("tried: ", timeout=PATIENCE_MS)
        line, before = told(page)
        print(line)
        print(f"the first fix: {' '.join(first.inner_text().split())}")
        first.locator("[class*=st-key-apply] button").first.click()
        line_now = page.get_by_text(LOST).first
        expect(line_now).not_to_contain_text(f"{before} dB", timeout=PATIENCE_MS)
        line, after = told(page)
        print(f"after one click: {line}")
        print(f"{before} -> {after} dB in {time.monotonic() - begun:.0f} s")
        if arguments.picture:
            latency = page.get_by_test_id("stMetric").filter(has_text="Int8 latency")
            expect(latency).to_contain_text(" ms", timeout=PATIENCE_MS)
            expect(page.get_by_text(re.compile("^Trying fixes"))).to_have_count(
                0, timeout=PATIENCE_MS
            )
            page.mouse.move(2, 300)
            page.wait_for_timeout(2000)
            page.screenshot(path=arguments.picture)


if __name__ == "__main__":
    main()
