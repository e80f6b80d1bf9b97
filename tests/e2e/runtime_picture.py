"""The README's picture of what runs: ``python -m tests.e2e.runtime_picture MODEL DATA PICTURE``."""

import argparse

from playwright.sync_api import expect

from tests.e2e.conftest import browsing

PATIENCE = 120_000


def main() -> None:
    """Look at what runs under the first recipe, and take the graph in its colours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("picture")
    options = parser.parse_args()
    with browsing(options.model, options.data) as (app, browser):
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(app.entrance)
        expect(page.get_by_text("Where the error builds up")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("link", name="Runtime", exact=True).click()
        expect(page.get_by_text("Node by node")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("link", name="Graph", exact=True).click()
        page.get_by_test_id("stButtonGroup").get_by_text("Runtime").click()
        expect(page.get_by_text("integers flow")).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(2000)
        page.screenshot(path=options.picture)


if __name__ == "__main__":
    main()
