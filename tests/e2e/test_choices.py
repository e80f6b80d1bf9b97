"""What every tool would choose, on the real page: marks, table, taking a row and giving it back.

The numbers on the page are compared with what Python says of the recipe that Save has written.
"""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from analysis.ranges.candidates import range_candidates
from app.session.project import FIRST_PRESET
from quant.data.opening import open_data
from quant.error_model.local_error import local_error
from quant.opening.loading import load
from quant.pipeline import quantize
from quant.recipe.presets import preset
from quant.recipe.recipe import Recipe
from quant.statistics.collect import calibrate
from tests.e2e import pane_demo
from tests.e2e.conftest import App, until
from tests.e2e.shown import number

pytestmark = pytest.mark.e2e
PATIENCE = 90_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The files of the demo, and Python's own calibration of them."""
    path, data = pane_demo.write(tmp_path_factory.mktemp("pane"))
    model = load(path)
    return SimpleNamespace(
        path=path, data=data, model=model, calibration=calibrate(model, open_data(data, model))
    )


class Pane:
    """The Layers page of the demo."""

    def __init__(self, page: Page, app: App, demo: SimpleNamespace, folder: Path) -> None:
        self.page, self.demo, self.folder = page, demo, folder
        self.saved = 0
        page.goto(app.address)
        expect(page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
        self.upper = page.get_by_role("slider", name="Upper end of the range")
        self.lower = page.get_by_role("slider", name="Lower end of the range")
        self.box = page.get_by_label("Upper end of the range").and_(page.locator("input"))
        self.table = page.locator(".ql-choices table")
        self.undo = page.locator(".st-key-undo button").first
        self.source = page.locator(".ql-source")

    def choose(self, layer: str) -> None:
        pane_demo.choose(self.page, layer)
        expect(self.table.locator("tbody tr").first).to_be_visible()

    def row(self, name: str):
        return self.table.locator(f'tr[data-row="{name}"]')

    def take(self, name: str, scope: str) -> None:
        self.table.locator(f'[data-id="{scope}/{name}"]').click()

    def in_use(self) -> str | None:
        return self.table.locator("tr[aria-current]").get_attribute("data-row")

    def readouts(self) -> dict[str, str]:
        cells = self.page.locator("dd[data-read]")
        return dict(cells.evaluate_all("all => all.map(e => [e.dataset.read, e.textContent])"))

    def recipe(self) -> Recipe:
        """The recipe of the page, as Save writes it."""
        self.saved += 1
        target = self.folder / f"{self.saved}.onnx"
        self.page.get_by_role("link", name="Export").click()
        path = self.page.get_by_role("textbox", name="Save as")
        path.fill(str(target))
        path.press("Enter")
        expect(self.page.get_by_text(f"--out {target}")).to_be_visible(timeout=PATIENCE)
        save = self.page.get_by_role("button", name="Save", exact=True)
        expect(save).to_be_enabled(timeout=PATIENCE)
        save.click()
        expect(self.page.get_by_text(f"Wrote {target}")).to_be_visible(timeout=PATIENCE)
        self.page.get_by_role("link", name="Layers").click()
        expect(self.page.locator("[data-drawn]")).to_be_visible(timeout=PATIENCE)
        return Recipe.loads(target.with_suffix(".recipe.json").read_text())

    def expected(self, recipe: Recipe, tensor: str):
        """What Python says of a tensor under a recipe: the error and the parameters."""
        quantized = quantize(self.demo.model, self.demo.calibration, recipe)
        params = quantized.params[tensor]
        return local_error(self.demo.calibration.tensors[tensor], params), params

    def expect_numbers(self, shown: dict[str, str], recipe: Recipe, tensor: str) -> None:
        """Every number that was shown is Python's, as exactly as three digits can say it."""
        error, params = self.expected(recipe, tensor)
        for name, value in (
            ("clipping", error.clipping_mse),
            ("rounding", error.rounding_mse),
            ("sqnr", error.sqnr_db),
            ("step", float(params.scale)),
        ):
            assert number(shown[name]) == pytest.approx(value, rel=5.1e-3), name
        assert number(shown["clipRate"]) == pytest.approx(100 * error.clip_rate, rel=0.05)
        assert number(shown["zeroPoint"]) == int(params.zero_point)


@pytest.fixture
def pane(page: Page, start_app: Callable[..., App], demo: SimpleNamespace, tmp_path: Path) -> Pane:
    app = start_app(model=str(demo.path), data=str(demo.data))
    pane = Pane(page, app, demo, tmp_path)
    found = re.search(r"\d+", pane.undo.inner_text())
    for left in range(int(found.group()) - 1 if found else -1, -1, -1):
        pane.undo.click()
        expect(pane.undo).to_have_text(re.compile(rf"Undo \({left}\)" if left else r"Undo(?! \()"))
    return pane


def test_the_numbers_of_a_drag_are_those_of_the_recipe_it_writes(pane: Pane):
    pane.choose(pane_demo.GELU)
    box = pane.upper.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    pane.page.mouse.move(x, y)
    pane.page.mouse.down()
    pane.page.mouse.move(x - 150, y, steps=15)
    during = pane.readouts()
    pane.page.mouse.up()
    expect(pane.source).to_have_text("set for this layer")
    assert pane.readouts() == during
    recipe = pane.recipe()
    assert recipe.rules[0].set["range"] is not None
    pane.expect_numbers(during, recipe, "gelu_output")
    expect(pane.page.locator('[data-read="sqnr"]')).to_have_text(during["sqnr"])
    assert pane.readouts() == during


def test_keys_and_typed_numbers_write_what_they_show(pane: Pane):
    pane.choose(pane_demo.RELU)
    pane.box.fill("3.125")
    pane.box.press("Enter")
    expect(pane.source).to_have_text("set for this layer")
    pane.upper.focus()
    for _ in range(3):
        pane.page.keyboard.press("ArrowLeft")
    shown = pane.readouts()
    pane.page.keyboard.press("Enter")
    expect(pane.undo).to_have_text(re.compile(r"\(2\)"))
    recipe = pane.recipe()
    low, high = recipe.rules[0].set["range"]
    assert low == 0
    assert 3.0 < high < 3.125
    pane.expect_numbers(shown, recipe, "relu_output")


def test_a_row_is_taken_for_every_layer_of_the_type_and_given_back(pane: Pane):
    pane.choose(pane_demo.RELU)
    before = pane.in_use()
    pane.take("paddle.kl", "op_type")
    expect(pane.row("paddle.kl")).to_have_attribute("aria-current", "true")
    expect(pane.page.locator(".ql-note-line")).to_contain_text("all 2 Relu layers")
    pane.choose("read")
    assert pane.in_use() == "paddle.kl"
    shown = pane.readouts()
    recipe = pane.recipe()
    assert [rule.label for rule in recipe.rules] == ["op_type Relu"]
    assert recipe.rules[0].set["calibrator"].key == "paddle.kl"
    pane.expect_numbers(shown, recipe, "read_relu_output")
    pane.undo.click()
    expect(pane.row(str(before))).to_have_attribute("aria-current", "true")
    pane.choose(pane_demo.RELU)
    assert pane.in_use() == before


def test_a_row_is_taken_for_one_tensor_and_given_back_under_the_table(pane: Pane):
    pane.choose(pane_demo.GELU)
    pane.take("mse", "tensor")
    expect(pane.row("mse")).to_have_attribute("aria-current", "true")
    expect(pane.row("mse")).to_contain_text("in use")
    pane.page.locator(".ql-note-line button").click()
    expect(pane.row("minmax")).to_have_attribute("aria-current", "true")
    expect(pane.undo).to_be_disabled()


def test_a_row_taken_for_the_whole_model_leaves_no_other_choice_in_the_rules(pane: Pane):
    pane.choose(pane_demo.GELU)
    pane.take("kl", "tensor")
    expect(pane.row("kl")).to_have_attribute("aria-current", "true")
    pane.take("js", "model")
    expect(pane.row("js")).to_have_attribute("aria-current", "true")
    recipe = pane.recipe()
    assert recipe.rules == ()
    assert recipe.defaults.calibrator.key == "js"


def test_the_table_lists_what_python_computes_and_says_why_a_row_is_empty(pane: Pane):
    pane.choose(pane_demo.GELU)
    quantized = quantize(pane.demo.model, pane.demo.calibration, preset(FIRST_PRESET))
    rows = range_candidates(quantized, "gelu_output")
    expect(pane.table.locator("tbody tr")).to_have_count(len(rows))
    for row in rows:
        text = pane.row(row.name).inner_text()
        if row.local is None:
            assert row.why in text
        else:
            cells = text.split("\t")
            assert number(cells[3]) == pytest.approx(row.local.sqnr_db, abs=0.006)
            assert number(cells[4]) == pytest.approx(row.weighted_sqnr_db, abs=0.006)
    best = max((r for r in rows if r.local), key=lambda r: r.rated_db or 0)
    expect(pane.table.locator("tbody tr").first.locator(".ql-best")).to_contain_text("★")
    assert pane.table.locator("tbody tr").first.get_attribute("data-row") == best.name


def test_a_column_is_sorted_by_a_click_and_back_by_another(pane: Pane):
    pane.choose(pane_demo.GELU)
    head = pane.table.get_by_role("columnheader", name=re.compile("Clip rate"))
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    cells = pane.table.locator("tbody tr td:nth-child(3)")

    def rates() -> list[float]:
        return [number(text) for text in cells.all_inner_texts() if "<" not in text]

    assert rates() == sorted(rates())
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert rates() == sorted(rates(), reverse=True)


def test_the_marks_of_a_tool_are_shown_on_demand_and_stay_so_after_a_reload(pane: Pane):
    pane.choose(pane_demo.GELU)
    chip = pane.page.locator('.ql-picks [data-name="PPQ"]')
    label = pane.page.locator(".ql-labels button", has_text="PPQ")
    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(label).to_have_count(0)
    pane.page.locator('.ql-picks [data-name="QuantLens"]').click()
    pane.page.locator('.ql-picks [data-name="ONNX Runtime"]').click()
    chip.click()
    expect(label.first).to_be_visible()
    pane.page.reload()
    expect(chip).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    expect(label.first).to_be_visible(timeout=PATIENCE)


def test_what_a_rule_does_is_read_under_its_row(pane: Pane):
    pane.choose(pane_demo.GELU)
    name = pane.table.locator('[data-id="about/paddle.kl"]')
    name.click()
    expect(name).to_have_attribute("aria-expanded", "true")
    expect(pane.table.locator(".ql-details")).to_contain_text("Bins start at min|x|")


def test_a_layer_that_stays_in_float_keeps_the_plots_and_offers_nothing(pane: Pane):
    pane.choose(pane_demo.GELU)
    height = pane.page.locator(".ql-rp").evaluate("e => e.clientHeight")
    pane.page.evaluate("window.plot_ = document.querySelector('.ql-hist .ql-gd')")
    pane_demo.choose(pane.page, "head")
    pane.page.get_by_role("switch", name="Skip").locator("xpath=ancestor::label").click()
    expect(pane.page.get_by_text("there is nothing to choose")).to_be_visible()
    expect(pane.upper).to_be_hidden()
    expect(pane.box).to_be_disabled()
    assert pane.page.evaluate("window.plot_ === document.querySelector('.ql-hist .ql-gd')")
    assert pane.page.locator(".ql-rp").evaluate("e => e.clientHeight") == height


def test_the_ranking_leads_to_the_layer(pane: Pane):
    pane.choose(pane_demo.SYMMETRIC)
    pane.page.get_by_text("Where tools disagree").click()
    expect(pane.page.get_by_text(re.compile(r"^\d+ tensors\. Gap"))).to_be_visible()
    drawn = pane.page.locator("[data-drawn]")
    rows = pane.page.locator(".st-key-disagreement-table [data-row]")
    for row in (0, 1):
        before = drawn.get_attribute("data-drawn")
        rows.nth(row).click()
        expect(drawn).not_to_have_attribute("data-drawn", str(before))
    pane.page.get_by_role("radio", name="Layers", exact=True).click()


@pytest.mark.bench
def test_times_of_a_drag_are_printed(pane: Pane):
    pane.choose(pane_demo.GELU)
    expect(pane.row("paddle.kl")).to_be_visible()
    page = pane.page
    page.evaluate("""() => {
        performance.clearMeasures();
        window.frames_ = [];
        let last = performance.now();
        const step = (now) => {
            frames_.push(now - last);
            last = now;
            requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    }""")
    box = pane.upper.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("frames_.length = 0")
    for i in range(120):
        page.mouse.move(x - 1.5 * i, y)
    frames = page.evaluate("[...frames_]")
    read = "name => performance.getEntriesByName('quantlens:' + name).map(e => e.duration)"
    steps = page.evaluate(read, "drag")
    page.mouse.up()
    for count in range(1, 7):
        until(page, f"({read})('commit').length >= {count}")
        pane.upper.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
    for words, times, aim in (
        ("drag step: clip rate, errors, sqnr, step, codes", steps, 16),
        ("frame while dragging", frames, 16.7),
        ("commit -> Python -> back", page.evaluate(read, "commit"), 250),
    ):
        ordered = sorted(times)
        print(
            f"{words}: median {ordered[len(ordered) // 2]:.1f} ms, worst {ordered[-1]:.1f} ms of "
            f"{len(ordered)} (aim: {aim} ms)"
        )


def test_the_legend_says_so_where_a_choice_searches_each_end_by_itself(pane: Pane):
    caption = pane.page.locator(".ql-legend .ql-caption")
    pane.choose(pane_demo.GELU)
    expect(caption).to_have_text("Least cost, one |x| for both ends")
    expect(pane.page.locator('.ql-legend [data-name="kl"]')).to_have_attribute(
        "title", re.compile("with one threshold for both ends. Choosing each end by itself")
    )
    pane.choose(pane_demo.RELU)
    expect(caption).to_have_text("Least cost")


def test_the_weighted_column_names_the_consumers(pane: Pane):
    pane.choose(pane_demo.SYMMETRIC)
    head = pane.table.get_by_role("columnheader", name=re.compile("Weighted"))
    expect(head.get_by_role("button")).to_have_attribute("title", re.compile("^Behind Tanh: "))
    cells = pane.row("minmax").inner_text().split("\t")
    assert number(cells[3]) != number(cells[4])
    expect(pane.page.locator(".ql-note-line")).to_contain_text("SQNR, weighted")
