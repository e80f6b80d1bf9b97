"""The table of layers: what is seen first, keys, sorting, marks, and long names."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e

PATIENCE = 90_000
TABLE = ".st-key-layers_table"


@pytest.fixture
def layers(page: Page, start_app: Callable[..., App]) -> Page:
    page.goto(start_app().address)
    page.get_by_role("link", name="Layers", exact=True).click(timeout=PATIENCE)
    expect(page.locator(f"{TABLE} [data-chosen]")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("[data-drawn]")).to_be_visible()
    return page


def chosen(page: Page) -> str:
    return page.locator(f"{TABLE} [data-chosen]").get_attribute("data-row") or ""


def names(page: Page) -> list[str]:
    lines = page.locator(f"{TABLE} [data-row]")
    return [line.get_attribute("data-row") or "" for line in lines.all()]


def to_top(page: Page) -> None:
    """Scroll to the first row; those far below are not drawn then."""
    page.locator(f"{TABLE} .ql-table-box").evaluate("box => { box.scrollTop = 0 }")
    page.wait_for_timeout(100)


def test_the_row_that_the_pane_shows_is_in_sight_and_marked(layers: Page):
    line = layers.locator(f"{TABLE} [data-chosen]")
    assert line.get_attribute("aria-selected") == "true"
    expect(line).to_be_in_viewport()
    box = layers.locator(f"{TABLE} .ql-table-box")
    inside = "(line) => { const b = line.closest('.ql-table-box').getBoundingClientRect(); "
    inside += (
        "const r = line.getBoundingClientRect(); return r.top >= b.top && r.bottom <= b.bottom }"
    )
    assert line.evaluate(inside)
    assert box.get_attribute("aria-activedescendant") == line.get_attribute("id")


def test_keys_walk_the_rows_and_the_pane_follows(layers: Page):
    box = layers.locator(f"{TABLE} .ql-table-box")
    box.focus()
    layers.keyboard.press("Home")
    assert chosen(layers) == names(layers)[0]
    layers.keyboard.press("ArrowDown")
    layers.keyboard.press("ArrowDown")
    wanted = names(layers)[2]
    assert chosen(layers) == wanted
    shown = layers.locator(".st-key-layers_table").page.locator("strong", has_text=wanted[-12:])
    expect(shown.first).to_be_visible()
    layers.keyboard.press("End")
    last = chosen(layers)
    expect(layers.locator(f'{TABLE} [data-row="{last}"]')).to_be_visible()
    layers.keyboard.press("ArrowDown")
    assert chosen(layers) == last
    layers.keyboard.press("ArrowUp")
    assert chosen(layers) != last


def test_the_address_names_the_layer_and_leads_back_to_it(layers: Page):
    to_top(layers)
    row = layers.locator(f"{TABLE} [data-row]").nth(3)
    wanted = row.get_attribute("data-row") or ""
    row.click()
    expect(layers).to_have_url(re.compile(rf"/layers\?layer={re.escape(quote(wanted, safe=''))}$"))
    layers.reload()
    expect(layers.locator(f'{TABLE} [data-row="{wanted}"][data-chosen]')).to_be_visible(
        timeout=PATIENCE
    )


def test_a_heading_sorts_down_and_up_and_not_at_all(layers: Page):
    to_top(layers)
    given = names(layers)
    heading = layers.locator(f"{TABLE} thead").get_by_role("button", name=re.compile("^Local dB"))

    def values() -> list[float]:
        cells = layers.locator(f"{TABLE} tbody [data-row] td:nth-child(2)").all_inner_texts()
        return [float(text.replace("−", "-")) for text in cells if text != "–"]

    heading.click()
    assert values() == sorted(values())
    assert len(set(values())) > 3
    heading.click()
    assert values() == sorted(values(), reverse=True)
    heading.click()
    to_top(layers)
    assert names(layers)[:5] == given[:5]


def test_marked_layers_are_changed_together_and_taken_back_by_one_step(layers: Page):
    box = layers.locator(f"{TABLE} .ql-table-box")
    to_top(layers)
    first, second = (layers.locator(f"{TABLE} [data-row]").nth(i) for i in (2, 4))
    two = [first.get_attribute("data-row"), second.get_attribute("data-row")]
    first.click()
    layers.locator(f'{TABLE} [data-row="{two[1]}"]').click(modifiers=["Control"])
    expect(layers.get_by_text("2 marked for Bulk edit")).to_be_visible()
    layers.get_by_role("button", name="Bulk edit").click()
    expect(layers.get_by_text(re.compile("^Matches 2 layers"))).to_be_visible()
    layers.locator("[class*=st-key-bulk-Skip]").get_by_role("combobox").click()
    layers.get_by_role("option", name="yes").click()
    layers.get_by_role("button", name="Change 2 layers").click()
    layers.keyboard.press("Escape")
    for name in two:
        expect(layers.locator(f'{TABLE} [data-row="{name}"]')).to_contain_text("skipped")
    box.focus()
    layers.keyboard.press("Control+z")
    for name in two:
        expect(layers.locator(f'{TABLE} [data-row="{name}"]')).not_to_contain_text("skipped")


def test_a_long_name_keeps_both_ends_and_is_copied_whole(layers: Page):
    layers.context.grant_permissions(["clipboard-read", "clipboard-write"])
    layers.set_viewport_size({"width": 820, "height": 800})
    line = layers.locator(f"{TABLE} [data-chosen]")
    name = chosen(layers)
    assert line.locator("th").get_attribute("title") == name
    line.hover()
    line.get_by_role("button", name=f"Copy {name}").click()
    expect(layers.locator(f"{TABLE} .ql-table-said")).to_have_text(f"Copied {name}")
    assert layers.evaluate("navigator.clipboard.readText()") == name


def test_a_search_without_a_match_says_so_and_keeps_the_layer(layers: Page):
    name = chosen(layers)
    layers.get_by_placeholder("Search layers").fill("no such layer")
    expect(layers.locator(TABLE).get_by_text("No layer matches the filters.")).to_be_visible()
    layers.get_by_placeholder("Search layers").fill("")
    expect(layers.locator(f'{TABLE} [data-row="{name}"][data-chosen]')).to_be_visible()
